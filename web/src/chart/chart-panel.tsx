// SPDX-License-Identifier: MIT
import { useMemo, useState } from 'preact/hooks';
import type { Process } from '../api/types';
import { setParams, useParam } from '../router';
import { announce } from '../ui/announcer';
import { lazy } from '../ui/lazy';
import { Canvas } from './canvas';
import { ChartBar } from './chart-bar';
import { ChartTable } from './chart-table';
import { toColumns } from './data';
import type { ChartData } from './data';
import { Legend, useHidden } from './legend';
import { Marks } from './marks';
import { RangeBar } from './range-bar';
import { addRange, useRanges } from './ranges';
import { chartSummary } from './summary';
import { useMarks } from './use-marks';
import { useSeries } from './use-series';
import { viewOf } from './view';
import type { Scale } from './view';
import { useWindow } from './window';

const Fits = lazy((later) => later.Fits);

const SCALES: readonly Scale[] = ['near', 'zero', 'limit'];

function select(fromMs: number, toMs: number): void {
  addRange({ fromMs, toMs });
  announce('Range chosen');
}

/** The lines of several windows, asked for only while they are unfolded. */
function FitsPart({ process, data }: { process: Process; data: ChartData }) {
  const [fits] = useParam('fits', '');
  const isOpen = fits === 'open';
  return (
    <>
      <button class="disclose-line fits-button" type="button" aria-expanded={isOpen} onClick={() => setParams({ fits: isOpen ? null : 'open' })}>
        Fits of 1 h, 6 h, 24 h and 7 d side by side
      </button>
      {isOpen && <Fits process={process} verdictFit={data.live?.fit ?? data.rss?.fit ?? null} />}
    </>
  );
}

export function ChartPanel({ process }: { process: Process }) {
  const window = useWindow();
  const ranges = useRanges();
  const [mode] = useParam('view', 'chart');
  const [scaleName] = useParam('ahead', 'near');
  const [hidden] = useHidden();
  const [cursor, setCursor] = useState<number | null>(null);
  const scale = SCALES.find((name) => name === scaleName) ?? 'near';
  const { data, error } = useSeries(process.id, window, process.domains?.['python'] !== undefined);

  const { marks, refresh } = useMarks(process);
  const columns = useMemo(() => (data ? toColumns(data) : null), [data]);
  const [chosenA, chosenB] = [ranges.a, ranges.b].map((span) => span && `${span.fromMs} ${span.toMs}`);
  const shown = useMemo(() => {
    if (!data || !columns) return null;
    const view = viewOf(process, data, columns, { window, scale, hidden, ranges, marks });
    return { columns, view, summary: chartSummary(process, data, columns, window.ms, window.fixed) };
  }, [columns, window.fixed?.fromMs, window.fixed?.toMs, scale, hidden, chosenA, chosenB, process.time_to_limit_s, process.state, marks]);

  return (
    <section class="panel">
      <h2 class="unseen">Memory over time</h2>
      <ChartBar window={window} hasLimit={shown?.view.overlay.limitBytes != null} />
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
          <Canvas view={shown.view} summary={shown.summary} onCursor={setCursor} onSelect={select} />
        </>
      )}
      {shown !== null && (
        <>
          <RangeBar ranges={ranges} marks={marks} fromMs={shown.view.x[0] * 1000} toMs={(columns?.x.at(-1) ?? 0) * 1000} />
          <p class="chart-summary">{shown.summary}</p>
          {data && <FitsPart process={process} data={data} />}
          <Marks id={process.id} marks={marks} onAdded={refresh} />
        </>
      )}
    </section>
  );
}
