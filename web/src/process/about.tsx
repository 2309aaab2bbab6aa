// SPDX-License-Identifier: MIT
import type { Domain, Process } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { formatSpan } from '../format/time';
import { capital, liveOf, residentOf, stateWord } from '../format/words';
import { Ago } from '../ui/ago';
import { Fact, Facts } from '../ui/facts';
import { Tests } from '../ui/tests';

const AGENT_WORDS: Readonly<Record<string, string>> = {
  attributing: 'Looks for the line',
  overhead_s_total: 'Overhead so far',
  reentrant: 'Calls from inside itself',
  skipped_flushes: 'Reports skipped',
};

const METHOD_WORDS: Readonly<Record<string, string>> = {
  exact: 'counted exactly',
  usable: 'counted by usable size',
  sampled: 'estimated from samples',
};

function valueWords(name: string, value: unknown): string {
  if (typeof value === 'number') {
    if (/_s(_total)?$/.test(name)) return value < 10 ? `${value.toFixed(3)} s` : formatSpan(value);
    return /bytes/.test(name) ? formatBytes(value) : formatCount(value);
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const nameWords = (name: string): string =>
  AGENT_WORDS[name] ?? capital(name.replace(/_(bytes|total|ms)$/, '').replace(/_/g, ' '));

/** The agent's own figures, whatever this daemon's version reports of them. */
function AgentFacts(props: { agent: Readonly<Record<string, unknown>> }) {
  const rows = Object.entries(props.agent).filter(([, value]) => value !== null && value !== '');
  if (rows.length === 0) return null;
  return (
    <>
      <h3>Agent</h3>
      <Facts>
        {rows.map(([name, value]) => (
          <Fact key={name} name={nameWords(name)}>
            {valueWords(name, value)}
          </Fact>
        ))}
      </Facts>
    </>
  );
}

const DOMAIN_WORDS: Readonly<Record<string, string>> = {
  native: 'malloc',
  python: 'Python objects',
  mmap: 'Mapped by the program',
};

function DomainFacts(props: { domains: Readonly<Record<string, Domain>> }) {
  const rows = Object.entries(props.domains);
  if (rows.length === 0) return null;
  return (
    <>
      <h3>Where the live bytes are</h3>
      <Facts>
        {rows.map(([name, domain]) => (
          <Fact key={name} name={DOMAIN_WORDS[name] ?? capital(name)}>
            {formatBytes(domain.live_bytes)} in {formatCount(domain.live_count)}{' '}
            <span class="faint">{METHOD_WORDS[domain.method] ?? domain.method}</span>
          </Fact>
        ))}
      </Facts>
    </>
  );
}

function limitWords(process: Process): string {
  if (!process.limit_bytes) return 'none';
  const source = process.limit_source ? ` (${process.limit_source})` : '';
  return formatBytes(process.limit_bytes) + source;
}

export function About(props: { process: Process }) {
  const { process } = props;
  return (
    <>
      <Facts>
        <Fact name="Executable"><code>{process.exe}</code></Fact>
        {process.argv0 && process.argv0 !== process.exe && <Fact name="Started as"><code>{process.argv0}</code></Fact>}
        <Fact name="Pid">{process.pid}</Fact>
        <Fact name="State">{stateWord(process.state)}</Fact>
        <Fact name="Started"><Ago ms={process.started_ms} full /></Fact>
        <Fact name="Runtime">{process.runtime}</Fact>
        <Fact name="Live">{formatBytes(liveOf(process))}</Fact>
        <Fact name="Resident">{formatBytes(residentOf(process))}</Fact>
        {process.pss_bytes ? <Fact name="Proportional share">{formatBytes(process.pss_bytes)}</Fact> : null}
        <Fact name="Limit">{limitWords(process)}</Fact>
        <Fact name="One sample per">{formatBytes(process.sample_period_bytes)}</Fact>
        {process.profile && <Fact name="Profile">{process.profile}</Fact>}
        {Object.entries(process.labels ?? {}).map(([name, value]) => (
          <Fact key={name} name={name}>{value}</Fact>
        ))}
      </Facts>
      {(process.tests ?? []).length > 0 && (
        <>
          <h3>Tests behind the verdict</h3>
          <Tests tests={process.tests ?? []} />
        </>
      )}
      {process.reason ? <p class="remark">The agent has switched something off: {process.reason}</p> : null}
      {process.domains && <DomainFacts domains={process.domains} />}
      {process.agent && <AgentFacts agent={process.agent} />}
    </>
  );
}
