// SPDX-License-Identifier: MIT
// What the chart has to show, from the process, its series and what was chosen. Pure.

import type { Mark, Process } from '../api/types';
import { formatBytes } from '../format/bytes';
import { hasEnded } from '../format/words';
import type { View } from './canvas';
import { without } from './data';
import type { ChartData, Columns } from './data';
import type { Way } from './overlay';
import type { Ranges } from './ranges';
import type { TimeWindow } from './window';

export type Scale = 'near' | 'zero' | 'limit';

const MINUTE_MS = 60_000;

/** Room at the right where the dashed line shows the way, as a part of the range. */
const ROOM_AHEAD = 0.12;

/** A limit further away is told in words: drawn, it would flatten everything else. */
const AHEAD_MAX_MS = 30 * 24 * 60 * MINUTE_MS;

/** A young process fills the chart: no empty stretch before its first measurement. */
function startMs(columns: Columns, endMs: number, rangeMs: number): number {
  const first = (columns.x[0] ?? 0) * 1000;
  return Math.max(endMs - rangeMs, Math.min(first, endMs - MINUTE_MS));
}

const lastMs = (columns: Columns): number => (columns.x.at(-1) ?? Date.now() / 1000) * 1000;

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

interface Chosen {
  window: TimeWindow;
  scale: Scale;
  hidden: 'live' | 'rss' | null;
  ranges: Ranges;
  marks: readonly Mark[];
}

export function viewOf(process: Process, data: ChartData, columns: Columns, chosen: Chosen): View {
  const { window, scale, hidden, ranges, marks } = chosen;
  const limitBytes = data.rss?.limit_bytes ?? data.live?.limit_bytes ?? null;
  const endMs = window.fixed?.toMs ?? lastMs(columns);
  const fromMs = window.fixed?.fromMs ?? startMs(columns, endMs, window.ms);
  const way = window.fixed ? null : wayOf(process, columns, limitBytes, endMs);
  let toMs = endMs + (way ? (endMs - fromMs) * ROOM_AHEAD : 0);
  if (scale === 'limit' && way) toMs = endMs + Math.min((way.latestMs ?? way.toMs) - endMs, AHEAD_MAX_MS) * 1.05;
  // The dashed line may start at the hidden one: it must not stretch the scale to there.
  const wayBytes = hidden !== null ? 0 : wayAt(way, toMs);
  return {
    columns: without(columns, hidden),
    overlay: {
      fit: data.live?.fit ?? data.rss?.fit ?? null,
      way,
      limitBytes,
      limitText: limitBytes === null ? '' : `Limit ${formatBytes(limitBytes)}`,
      ...ranges,
      marks,
    },
    x: [fromMs / 1000, toMs / 1000],
    yMost: scale === 'limit' ? (limitBytes ?? 0) : wayBytes,
    fromZero: scale !== 'near',
  };
}
