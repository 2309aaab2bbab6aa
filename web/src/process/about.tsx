import type { Process } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { capital, stateWord } from '../format/words';
import { Ago } from '../ui/ago';
import { Fact, Facts } from '../ui/facts';

function valueWords(name: string, value: unknown): string {
  if (typeof value === 'number') return name.endsWith('bytes') ? formatBytes(value) : formatCount(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value || '–' : JSON.stringify(value);
}

const nameWords = (name: string): string => capital(name.replace(/_(bytes|total|ms)$/, '').replace(/_/g, ' '));

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

export function About(props: { process: Process }) {
  const { process } = props;
  const labels = Object.entries(process.labels ?? {});
  return (
    <>
      <Facts>
        <Fact name="Executable"><code>{process.exe}</code></Fact>
        <Fact name="Pid">{process.pid}</Fact>
        <Fact name="State">{stateWord(process.state)}</Fact>
        <Fact name="Started"><Ago ms={process.started_ms} full /></Fact>
        <Fact name="Runtime">{process.runtime}</Fact>
        <Fact name="Live">{formatBytes(process.live_bytes)}</Fact>
        <Fact name="Resident">{formatBytes(process.rss_bytes)}</Fact>
        <Fact name="Limit">{process.limit_bytes ? formatBytes(process.limit_bytes) : 'none'}</Fact>
        <Fact name="One sample per">{formatBytes(process.sample_period_bytes)}</Fact>
        {labels.map(([name, value]) => (
          <Fact key={name} name={name}>{value}</Fact>
        ))}
      </Facts>
      {process.reason ? <p class="remark">The agent has switched something off: {process.reason}</p> : null}
      {process.agent && <AgentFacts agent={process.agent} />}
    </>
  );
}
