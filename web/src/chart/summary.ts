// What the chart shows, in one or two sentences: its text for those who cannot see it.

import { formatBytes, formatGrowth } from '../format/bytes';
import { formatClock, formatSpan } from '../format/time';
import { fitMeets } from './data';
import type { ChartData, Column, Columns } from './data';

function ends(column: Column): [number, number] | null {
  const known = column.filter((value): value is number => value !== null);
  const first = known[0];
  const last = known.at(-1);
  return first === undefined || last === undefined ? null : [first, last];
}

function course(name: string, column: Column): string | null {
  const found = ends(column);
  if (!found) return null;
  const [first, last] = found;
  const change = last - first;
  if (Math.abs(change) < 0.01 * Math.max(first, 1)) return `${name} stayed at ${formatBytes(last)}`;
  return `${name} ${change > 0 ? 'rose' : 'fell'} from ${formatBytes(first)} to ${formatBytes(last)}`;
}

export function chartSummary(data: ChartData, columns: Columns, rangeMs: number): string {
  const parts = [course('live bytes', columns.live), course('resident memory', columns.rss)].filter((part) => part !== null);
  if (parts.length === 0) return `No measurement in the last ${formatSpan(rangeMs / 1000)}.`;
  const sentences = [`In the last ${formatSpan(rangeMs / 1000)} ${parts.join(' and ')}.`];
  const fit = data.live?.fit ?? data.rss?.fit ?? null;
  const growth = fit && formatGrowth(fit.growth_bytes_per_s);
  if (fit && growth) {
    const range = growth.range ? `, 95 %: ${growth.range}` : '';
    sentences.push(
      `The line fitted from ${formatClock(fit.from_ms)} to ${formatClock(fit.to_ms)} changes by ${growth.estimate}${range}.`,
    );
    const limit = data.rss?.limit_bytes ?? data.live?.limit_bytes ?? null;
    const meets = limit ? fitMeets(fit, limit) : null;
    if (limit && meets !== null && meets > fit.to_ms) {
      sentences.push(`Carried on, it meets the limit of ${formatBytes(limit)} in ${formatSpan((meets - fit.to_ms) / 1000)}.`);
    }
  }
  return sentences.join(' ');
}
