// SPDX-License-Identifier: MIT
import { api } from '../api/client';
import type { Fit, Process, Series } from '../api/types';
import { formatGrowth } from '../format/bytes';
import { formatClock, formatSpan } from '../format/time';
import { Estimate } from '../ui/estimate';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';
import { RANGES } from './window';
import type { Range } from './window';

const REFRESH_MS = 60_000;
const WINDOWS = RANGES.filter((range) => range.value !== '15m');

/** So many that a process of a few hours still has some in the window of a day. */
const STEPS = 256;

/** A young process has the same measurements in the longer windows. */
const COVERED_SHARE = 0.9;

interface Row {
  range: Range;
  series: Series;
}

async function ask(id: string, name: string, signal: AbortSignal): Promise<readonly Row[]> {
  const toMs = Date.now();
  return Promise.all(
    WINDOWS.map(async (range) => ({
      range,
      series: await api.series(id, { name, fromMs: toMs - range.ms, toMs, stepMs: Math.ceil(range.ms / STEPS) }, signal),
    })),
  );
}

function Line({ fit, note }: { fit: Fit; note: string }) {
  return (
    <>
      <td class="right"><Estimate value={formatGrowth(fit.growth_bytes_per_s)} /></td>
      <td>
        {formatSpan((fit.to_ms - fit.from_ms) / 1000)}
        <span class="sub">{note}</span>
      </td>
    </>
  );
}

function WindowRow({ range, series }: Row) {
  const fit = series.window_fit;
  const isWhole = fit != null && fit.to_ms - fit.from_ms >= COVERED_SHARE * range.ms;
  return (
    <tr>
      <th scope="row">{range.label}</th>
      {fit ? (
        <Line fit={fit} note={isWhole ? 'all of it' : 'nothing older is known'} />
      ) : (
        <td colSpan={2} class="faint">No line: {series.window_fit_missing ?? 'this leakd fits none'}</td>
      )}
    </tr>
  );
}

/** The plain line of each window, and the one that the verdict rests on. */
export function Fits({ process, verdictFit }: { process: Process; verdictFit: Fit | null }) {
  const isResident = process.verdict === 'fragmentation';
  const name = isResident ? 'rss_bytes' : 'live_bytes';
  const { data, error } = useFetch(`fits ${process.id} ${name}`, REFRESH_MS, (signal) => ask(process.id, name, signal));
  if (!data) return <Missing error={error} what="fits" />;
  return (
    <div class="fits">
      <div class="scroll" tabIndex={0} role="region" aria-label="Fits side by side">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Window</th>
              <th scope="col" class="right">Slope of the line <span class="faint">95 %</span></th>
              <th scope="col">Measured in it</th>
            </tr>
          </thead>
          <tbody>
            {data.map((row) => (
              <WindowRow key={row.range.value} {...row} />
            ))}
            {verdictFit && (
              <tr>
                <th scope="row">The verdict’s</th>
                <Line fit={verdictFit} note={`${formatClock(verdictFit.from_ms)} to ${formatClock(verdictFit.to_ms)}`} />
              </tr>
            )}
          </tbody>
        </table>
      </div>
      <p class="chart-summary">
        The straight line through the lowest {isResident ? 'resident' : 'live'} bytes of each window, whatever is in it:
        the warm-up, the load, the course of a day. The verdict rests on a window that leakd chose and on more tests.
      </p>
    </div>
  );
}
