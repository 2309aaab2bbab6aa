// SPDX-License-Identifier: MIT
import { useMemo, useState } from 'preact/hooks';
import type { Process } from '../api/types';
import { formatBytes } from '../format/bytes';
import { hasEnded } from '../format/words';
import { useParam } from '../router';
import { Tabs } from '../ui/tabs';
import { Canvas } from './canvas';
import type { View } from './canvas';
import { ChartTable } from './chart-table';
import { toColumns, without } from './data';
import type { ChartData, Columns } from './data';
import { Legend, useHidden } from './legend';
import type { Way } from './overlay';
import { chartSummary } from './summary';
import { useSeries } from './use-series';

const MINUTE_MS = 60_000;

interface Range {
  value: string;
  label: string;
  ms: number;
  everyMs: number;
}

const RANGES: readonly [Range, ...Range[]] = [
  { value: '15m', label: '15 min', ms: 15 * MINUTE_MS, everyMs: 2000 },
  { value: '1h', label: '1 h', ms: 60 * MINUTE_MS, everyMs: 5000 },
  { value: '6h', label: '6 h', ms: 360 * MINUTE_MS, everyMs: 15000 },
];

const VIEWS = [
  { value: 'chart', label: 'Chart' },
  { value: 'table', label: 'Table' },
];

const AHEAD = [
  { value: 'near', label: 'Data' },
  { value: 'limit', label: 'To the limit' },
];

/** Room at the right where the dashed line shows the way, as a part of the range. */
const ROOM_AHEAD = 0.12;

/** A limit further away is told in words: drawn, it would flatten everything else. */
const AHEAD_MAX_MS = 30 * 24 * 60 * MINUTE_MS;

/** A young process fills the chart: no empty stretch before its first measurement. */
function startMs(columns: Columns, endMs: number, rangeMs: number): number {
  const first = (columns.x[0] ?? 0) * 1000;
  return Math.max(endMs - rangeMs, Math.min(first, endMs - MINUTE_MS));
}

function lastMs(columns: Columns): number {
  return (columns.x.at(-1) ?? Date.now() / 1000) * 1000;
}

/** What the daemon measures the way to the limit from: what is resident, if that is known. */
function levelNow(columns: Columns): number | null {
  const known = (column: Columns['rss']) => column.findLast((bytes) => bytes != null);
  return known(columns.rss) ?? known(columns.live) ?? null;
}

/** The daemon's forecast as a line. It begins where the measurements end: counted back from a limit
 * that is days away, the last digit of the growth would move it by megabytes. */
function wayOf(process: Process, columns: Columns, limitBytes: number | null, endMs: number): Way | null {
  const span = process.time_to_limit_s;
  const fromBytes = levelNow(columns);
  if (!span || span.estimate === null || limitBytes === null || fromBytes === null || hasEnded(process)) return null;
  return {
    fromMs: endMs,
    fromBytes,
    toMs: endMs + span.estimate * 1000,
    toBytes: limitBytes,
    earliestMs: endMs + (span.lower ?? span.estimate) * 1000,
    latestMs: span.upper === null ? null : endMs + span.upper * 1000,
  };
}

/** How high the dashed line is by then: it has to be in sight. */
function wayAt(way: Way | null, atMs: number): number {
  if (!way) return 0;
  const share = Math.min(1, (atMs - way.fromMs) / (way.toMs - way.fromMs));
  return way.fromBytes + (way.toBytes - way.fromBytes) * share;
}

function viewOf(process: Process, data: ChartData, columns: Columns, rangeMs: number, ahead: boolean): View {
  const fit = data.live?.fit ?? data.rss?.fit ?? null;
  const limitBytes = data.rss?.limit_bytes ?? data.live?.limit_bytes ?? null;
  const endMs = lastMs(columns);
  const fromMs = startMs(columns, endMs, rangeMs);
  const way = wayOf(process, columns, limitBytes, endMs);
  let toMs = endMs + (way ? (endMs - fromMs) * ROOM_AHEAD : 0);
  if (ahead && way) toMs = endMs + Math.min((way.latestMs ?? way.toMs) - endMs, AHEAD_MAX_MS) * 1.05;
  const overlay = { fit, way, limitBytes, limitText: limitBytes === null ? '' : `Limit ${formatBytes(limitBytes)}` };
  return { columns, overlay, x: [fromMs / 1000, toMs / 1000], yMost: ahead ? (limitBytes ?? 0) : wayAt(way, toMs) };
}

export function ChartPanel({ process }: { process: Process }) {
  const [rangeName] = useParam('range', RANGES[0].value);
  const [mode] = useParam('view', 'chart');
  const [ahead] = useParam('ahead', 'near');
  const [hidden] = useHidden();
  const [cursor, setCursor] = useState<number | null>(null);
  const range = RANGES.find((one) => one.value === rangeName) ?? RANGES[0];
  const { data, error } = useSeries(process.id, range.ms, range.everyMs);

  const shown = useMemo(() => {
    if (!data) return null;
    const columns = toColumns(data);
    const whole = viewOf(process, data, columns, range.ms, ahead === 'limit');
    // The dashed line may start at the hidden one: it must not stretch the scale to there.
    const yMost = hidden !== null && ahead !== 'limit' ? 0 : whole.yMost;
    const view = { ...whole, yMost, columns: without(columns, hidden) };
    return { columns, view, summary: chartSummary(process, data, columns, range.ms) };
  }, [data, range, ahead, hidden, process.time_to_limit_s, process.state]);

  return (
    <section class="panel">
      <h2 class="unseen">Memory over time</h2>
      <div class="chart-bar">
        <Tabs name="range" label="Range" choices={RANGES} small />
        {shown?.view.overlay.limitBytes != null && <Tabs name="ahead" label="Reach" choices={AHEAD} small />}
        <Tabs name="view" label="Shown as" choices={VIEWS} small />
      </div>
      {shown === null && <p class="waiting chart-waiting">{error ? error.message : 'Asking leakd …'}</p>}
      {shown !== null && mode === 'table' && <ChartTable columns={shown.columns} />}
      {shown !== null && mode !== 'table' && (
        <>
          <Legend
            columns={shown.columns}
            index={cursor}
            hasFit={shown.view.overlay.fit !== null}
            limitBytes={shown.view.overlay.limitBytes}
          />
          <Canvas view={shown.view} summary={shown.summary} onCursor={setCursor} />
        </>
      )}
      {shown !== null && <p class="chart-summary">{shown.summary}</p>}
    </section>
  );
}
