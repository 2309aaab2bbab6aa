// SPDX-License-Identifier: MIT
// What the chart shows, in one or two sentences: its text for those who cannot see it.

import type { Process } from '../api/types';
import { formatBytes, formatGrowth } from '../format/bytes';
import { formatClock, formatForecast, formatMoment, formatSpan } from '../format/time';
import { hasEnded } from '../format/words';
import type { ChartData, Column, Columns } from './data';

function ends(column: Column): [number, number] | null {
  const known = column.filter((value): value is number => value != null);
  const first = known[0];
  const last = known.at(-1);
  return first === undefined || last === undefined ? null : [first, last];
}

function course(name: string, column: Column): string | null {
  const found = ends(column);
  if (!found) return null;
  const [first, last] = found;
  const [from, to] = [formatBytes(first), formatBytes(last)];
  return from === to ? `${name} stayed at ${to}` : `${name} ${last > first ? 'rose' : 'fell'} from ${from} to ${to}`;
}

export function chartSummary(process: Process, data: ChartData, columns: Columns, rangeMs: number, fixed: { fromMs: number; toMs: number } | null): string {
  const when = fixed ? `From ${formatMoment(fixed.fromMs)} to ${formatMoment(fixed.toMs)}` : `In the last ${formatSpan(rangeMs / 1000)}`;
  const parts = [course('live bytes', columns.live), course('resident memory', columns.rss)].filter((part) => part !== null);
  if (parts.length === 0) return `${when} nothing was measured.`;
  const sentences = [`${when} ${parts.join(' and ')}.`];
  const fit = data.live?.fit ?? data.rss?.fit ?? null;
  const growth = fit && formatGrowth(fit.growth_bytes_per_s);
  if (fit && growth) {
    const range = growth.range ? `, 95 %: ${growth.range}` : '';
    sentences.push(
      `The line fitted from ${formatClock(fit.from_ms)} to ${formatClock(fit.to_ms)} changes by ${growth.estimate}${range}.`,
    );
  }
  const forecast = formatForecast(process.time_to_limit_s);
  if (forecast && process.limit_bytes && !hasEnded(process)) {
    const range = forecast.range ? ` (${forecast.range})` : '';
    sentences.push(`Carried on, that meets the limit of ${formatBytes(process.limit_bytes)} in ${forecast.estimate}${range}.`);
  }
  return sentences.join(' ');
}
