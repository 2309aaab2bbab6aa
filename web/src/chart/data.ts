// From two series of the API to the columns that uPlot draws. Pure.

import type { Fit, Point, Series } from '../api/types';

/** Seconds; live mean, live min, RSS mean. null is a gap. */
export type Column = (number | null)[];
export interface Columns {
  x: number[];
  live: Column;
  liveMin: Column;
  rss: Column;
}

/** Steps without a point before the line is broken. */
const GAP_STEPS = 3.5;

export interface ChartData {
  live: Series | null;
  rss: Series | null;
}

/** Points of an older answer, continued by a newer one. */
export function joinPoints(old: readonly Point[], fresh: readonly Point[], fromMs: number): readonly Point[] {
  const start = fresh[0]?.[0] ?? Number.POSITIVE_INFINITY;
  return [...old.filter(([at]) => at >= fromMs && at < start), ...fresh];
}

function timesOf(data: ChartData): number[] {
  const times = new Set<number>();
  for (const series of [data.live, data.rss]) for (const [at] of series?.points ?? []) times.add(at);
  return [...times].sort((a, b) => a - b);
}

function withGaps(times: readonly number[], stepMs: number): number[] {
  const out: number[] = [];
  let before = Number.NaN;
  for (const at of times) {
    if (at - before > GAP_STEPS * stepMs) out.push(before + stepMs);
    out.push(at);
    before = at;
  }
  return out;
}

export function toColumns(data: ChartData): Columns {
  const stepMs = Math.max(data.live?.step_ms ?? 0, data.rss?.step_ms ?? 0, 1);
  const times = withGaps(timesOf(data), stepMs);
  const live = new Map(data.live?.points.map((point) => [point[0], point]));
  const rss = new Map(data.rss?.points.map((point) => [point[0], point]));
  return {
    x: times.map((at) => at / 1000),
    live: times.map((at) => live.get(at)?.[2] ?? null),
    liveMin: times.map((at) => live.get(at)?.[1] ?? null),
    rss: times.map((at) => rss.get(at)?.[2] ?? null),
  };
}

/** The line through the fitted window and its band: the slopes of the interval's ends, turned about
 * the middle of the window, where a regression is surest. */
export function fitAt(fit: Fit, atMs: number): { line: number; low: number; high: number } {
  const { estimate, lower, upper } = fit.growth_bytes_per_s;
  const slope = estimate ?? 0;
  const middleMs = (fit.from_ms + fit.to_ms) / 2;
  const line = fit.bytes_at_from + (slope * (atMs - fit.from_ms)) / 1000;
  const away = (atMs - middleMs) / 1000;
  const spread = Math.max((upper ?? slope) - slope, slope - (lower ?? slope)) * Math.abs(away);
  return { line, low: line - spread, high: line + spread };
}

/** Without a line, for a scale that fits the other. */
export function without(columns: Columns, line: 'live' | 'rss' | null): Columns {
  if (line === null) return columns;
  const empty = columns.x.map(() => null);
  return line === 'rss' ? { ...columns, rss: empty } : { ...columns, live: empty, liveMin: empty };
}

export interface TableRow {
  atMs: number;
  live: number | null;
  liveMin: number | null;
  rss: number | null;
}

/** At most so many rows, evenly chosen, the newest first and always there. */
export function toRows(columns: Columns, max: number): readonly TableRow[] {
  const { x } = columns;
  const every = Math.max(1, Math.ceil(x.length / max));
  const rows: TableRow[] = [];
  for (let index = x.length - 1; index >= 0; index -= every) {
    rows.push({
      atMs: (x[index] ?? 0) * 1000,
      live: columns.live[index] ?? null,
      liveMin: columns.liveMin[index] ?? null,
      rss: columns.rss[index] ?? null,
    });
  }
  return rows;
}
