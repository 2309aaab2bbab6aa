import { useMemo, useState } from 'preact/hooks';
import type { Process } from '../api/types';
import { formatBytes } from '../format/bytes';
import { useParam } from '../router';
import { Tabs } from '../ui/tabs';
import { Canvas } from './canvas';
import type { View } from './canvas';
import { ChartTable } from './chart-table';
import { fitAt, fitMeets, toColumns } from './data';
import type { ChartData, Columns } from './data';
import { Legend } from './legend';
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

/** A limit beyond so many ranges is told in words: drawn, it would flatten everything else. */
const AHEAD_MAX_MS = 14 * 24 * 60 * MINUTE_MS;

function viewOf(data: ChartData, columns: Columns, rangeMs: number, endMs: number, ahead: boolean): View {
  const fit = data.live?.fit ?? data.rss?.fit ?? null;
  const limitBytes = data.rss?.limit_bytes ?? data.live?.limit_bytes ?? null;
  const meets = fit && limitBytes ? fitMeets(fit, limitBytes) : null;
  const fromMs = startMs(columns, endMs, rangeMs);
  let toMs = endMs + (fit ? (endMs - fromMs) * ROOM_AHEAD : 0);
  let yMost = fit ? fitAt(fit, toMs).line : 0;
  if (ahead && limitBytes !== null) {
    yMost = limitBytes;
    if (meets !== null && meets > endMs && meets < endMs + AHEAD_MAX_MS) toMs = endMs + (meets - endMs) * 1.08;
  }
  const overlay = { fit, limitBytes, limitText: limitBytes ? `Limit ${formatBytes(limitBytes)}` : '' };
  return { columns, overlay, x: [fromMs / 1000, toMs / 1000], yMost };
}

/** A young process fills the chart: no empty stretch before its first measurement. */
function startMs(columns: Columns, endMs: number, rangeMs: number): number {
  const first = (columns.x[0] ?? 0) * 1000;
  return Math.max(endMs - rangeMs, Math.min(first, endMs - MINUTE_MS));
}

function lastMs(columns: Columns): number {
  return (columns.x.at(-1) ?? Date.now() / 1000) * 1000;
}

export function ChartPanel(props: { process: Process }) {
  const [rangeName] = useParam('range', RANGES[0].value);
  const [mode] = useParam('view', 'chart');
  const [ahead] = useParam('ahead', 'near');
  const [cursor, setCursor] = useState<number | null>(null);
  const range = RANGES.find((one) => one.value === rangeName) ?? RANGES[0];
  const { data, error } = useSeries(props.process.id, range.ms, range.everyMs);

  const shown = useMemo(() => {
    if (!data) return null;
    const columns = toColumns(data);
    const view = viewOf(data, columns, range.ms, lastMs(columns), ahead === 'limit');
    return { columns, view, summary: chartSummary(data, columns, range.ms) };
  }, [data, range, ahead]);

  return (
    <section class="panel chart-panel" aria-label="Memory over time">
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
