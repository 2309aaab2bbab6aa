// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import type { Status } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { formatSpan } from '../format/time';
import { capital, hasEnded } from '../format/words';
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Ago } from '../ui/ago';
import { Copyable } from '../ui/copyable';
import { Fact, Facts } from '../ui/facts';
import { Sparkline } from '../ui/sparkline';
import { Agents, dropsOf } from './agents';
import { ownMemory } from './own-memory';
import { Receivers } from './receivers';
import { numberOf, part, storageProblem, textOf } from './status';

type Tree = Readonly<Record<string, unknown>>;

/** Whatever a daemon tells in a part of its status, by its own names. */
function Told({ tree, known }: { tree: Tree; known: readonly string[] }) {
  const rows = Object.entries(tree).filter(([name, value]) => !known.includes(name) && (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'));
  return (
    <>
      {rows.map(([name, value]) => (
        <Fact key={name} name={capital(name.replace(/_(bytes|total|ms|s|seconds)$/, '').replace(/_/g, ' '))}>
          {typeof value !== 'number' ? String(value) : /bytes/.test(name) ? formatBytes(value) : /_ms$/.test(name) ? <Ago ms={value} /> : /_s$|seconds/.test(name) ? formatSpan(value) : formatCount(value)}
        </Fact>
      ))}
    </>
  );
}

function Panel(props: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel">
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

function OwnMemory({ status }: { status: Status }) {
  const values = ownMemory();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const cpu = numberOf(status, 'cpu_seconds_total');
  const started = numberOf(status, 'started_ms');
  const now = numberOf(status, 'now_ms');
  return (
    <>
      <Sparkline values={values} large />
      <p class="chart-summary">
        {values.length > 1
          ? `Since this page was opened leakd's resident memory was between ${formatBytes(low)} and ${formatBytes(high)}; it is ${formatBytes(values.at(-1))} now.`
          : `leakd holds ${formatBytes(numberOf(status, 'rss_bytes'))}; the line begins in ten seconds.`}
        {cpu !== null && started !== null && now !== null && now > started ? ` It used ${((100_000 * cpu) / (now - started)).toFixed(2)} % of one processor since it started.` : ''}
      </p>
      <Facts>
        {numberOf(status, 'store_bytes') !== null && <Fact name="Held for processes, sites and names">{formatBytes(numberOf(status, 'store_bytes'))}</Fact>}
        <Told tree={part(status, 'self')} known={['rss_bytes']} />
      </Facts>
    </>
  );
}

function headlineOf(status: Status, agents: number, drops: number): string {
  const problem = storageProblem(status);
  if (problem) return `Nothing is stored at the moment: ${problem}.`;
  const who = agents === 0 ? 'No agent is connected' : agents === 1 ? 'One agent is connected' : `${agents} agents are connected`;
  return drops === 0 ? `${who}; nothing was dropped.` : `${who}; they dropped ${formatCount(drops)} samples, names or reports.`;
}

export function HealthPage() {
  const status = useCell(world, (now) => now.status);
  const processes = useCell(world, (now) => now.processes);
  const loaded = useCell(world, (now) => now.loaded);
  useTitle('Health · leakd');
  if (!loaded) return <p class="waiting">Asking leakd …</p>;
  const living = [...processes.values()].filter((process) => !hasEnded(process));
  const storage = part(status, 'storage');
  const started = numberOf(status, 'started_ms');
  return (
    <>
      <h1 class="headline">{headlineOf(status, numberOf(status, 'agents_connected') ?? living.length, living.reduce((sum, one) => sum + dropsOf(one), 0))}</h1>
      <Facts>
        <Fact name="Version">{textOf(status, 'version') ?? '–'}</Fact>
        {textOf(status, 'host') && <Fact name="Host">{textOf(status, 'host')}</Fact>}
        {started !== null && <Fact name="Started"><Ago ms={started} full /></Fact>}
        <Fact name="Frames heard">{formatCount(numberOf(status, 'frames_total'))}</Fact>
        <Fact name="Unreadable frames">{formatCount(numberOf(status, 'bad_frames_total'))}</Fact>
        <Fact name="Refused connections">{formatCount(numberOf(status, 'refused_connections_total'))}</Fact>
        <Fact name="Pages that listen">{formatCount(numberOf(status, 'event_clients'))}</Fact>
      </Facts>
      <Panel title="leakd’s own memory"><OwnMemory status={status} /></Panel>
      <Panel title="Agents"><Agents processes={living} /></Panel>
      <Panel title="Receivers">
        <Receivers />
        <h3>Notices</h3>
        <Facts><Told tree={part(status, 'notices')} known={[]} /></Facts>
      </Panel>
      <Panel title="Storage">
        {storageProblem(status) && <p class="remark" role="alert">{storageProblem(status)}</p>}
        <Facts><Told tree={storage} known={['problem']} /></Facts>
      </Panel>
      <Panel title="More">
        <p>On the host, this checks the set-up of leakd, of its socket and of the units it watches:</p>
        <Copyable text="leakctl doctor" label="the command" />
        <p class="exports"><a href="/metrics">Metrics for Prometheus</a> · <a href="/api/v1/openapi.json">The API</a> · <a href="/api/v1/status">This page as JSON</a></p>
      </Panel>
    </>
  );
}
