// SPDX-License-Identifier: MIT
// From the series of the API to the columns that uPlot draws. Pure.

import type { Fit, Point, Series } from '../api/types';

/** null breaks the line; undefined is a moment at which only another line has a point. */
export type Column = (number | null | undefined)[];

/** x in seconds; means, and the smallest of each step for the live bytes. Python's share is zero
 * where a program has none, so that what lies above it is still a band. */
export interface Columns {
  x: number[];
  python: Column;
  live: Column;
  rss: Column;
  liveMin: Column;
  hasPython: boolean;
}

/** Steps without a point before the line is broken. */
const GAP_STEPS = 3.5;

export interface ChartData {
  live: Series | null;
  rss: Series | null;
  python: Series | null;
}

/** Points of an older answer, continued by a newer one. */
export function joinPoints(old: readonly Point[], fresh: readonly Point[], fromMs: number): readonly Point[] {
  const start = fresh[0]?.[0] ?? Number.POSITIVE_INFINITY;
  return [...old.filter(([at]) => at >= fromMs && at < start), ...fresh];
}

/** The points of one series by time, with a null one step after each that is long without a next. */
function byTime(series: Series | null): Map<number, Point | null> {
  const found = new Map<number, Point | null>();
  let before: number | null = null;
  for (const point of series?.points ?? []) {
    const stepMs = series?.step_ms ?? 0;
    if (before !== null && point[0] - before > GAP_STEPS * stepMs) found.set(before + stepMs, null);
    found.set(point[0], point);
    before = point[0];
  }
  return found;
}

function columnOf(times: readonly number[], points: ReadonlyMap<number, Point | null>, part: 1 | 2): Column {
  return times.map((at) => {
    const point = points.get(at);
    return point ? point[part] : point;
  });
}

export function toColumns(data: ChartData): Columns {
  const live = byTime(data.live);
  const rss = byTime(data.rss);
  const python = byTime(data.python);
  const times = [...new Set([...live.keys(), ...rss.keys()])].sort((a, b) => a - b);
  const liveMean = columnOf(times, live, 2);
  return {
    x: times.map((at) => at / 1000),
    live: liveMean,
    liveMin: columnOf(times, live, 1),
    rss: columnOf(times, rss, 2),
    python: python.size > 0 ? columnOf(times, python, 2) : liveMean.map((bytes) => bytes && 0),
    hasPython: python.size > 0,
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
  return line === 'rss' ? { ...columns, rss: empty } : { ...columns, live: empty, liveMin: empty, python: empty };
}

export interface TableRow {
  atMs: number;
  live: number | null;
  liveMin: number | null;
  python: number | null;
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
      python: columns.hasPython ? (columns.python[index] ?? null) : null,
      rss: columns.rss[index] ?? null,
    });
  }
  return rows;
}
