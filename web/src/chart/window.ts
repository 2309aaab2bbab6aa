// SPDX-License-Identifier: MIT
// The stretch of time that the chart shows, kept in the address: the last so many hours up to now
// (?range=6h), or a fixed one (?from=…&to=…, milliseconds since 1970).

import { readParam, setParams, useParam } from '../router';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export interface Range {
  value: string;
  label: string;
  ms: number;
  /** How often to ask for more. */
  everyMs: number;
}

export const RANGES: readonly [Range, ...Range[]] = [
  { value: '15m', label: '15 min', ms: 15 * MINUTE_MS, everyMs: 2000 },
  { value: '1h', label: '1 h', ms: HOUR_MS, everyMs: 5000 },
  { value: '6h', label: '6 h', ms: 6 * HOUR_MS, everyMs: 15000 },
  { value: '24h', label: '24 h', ms: 24 * HOUR_MS, everyMs: 30000 },
  { value: '7d', label: '7 d', ms: 7 * 24 * HOUR_MS, everyMs: 60000 },
];

export interface TimeWindow {
  /** null: up to now. */
  fixed: { fromMs: number; toMs: number } | null;
  ms: number;
  everyMs: number;
}

const SHORTEST_MS = MINUTE_MS;
const LONGEST_MS = 90 * 24 * HOUR_MS;

function parse(from: string, to: string): TimeWindow['fixed'] {
  const [fromMs, toMs] = [Number(from), Number(to)];
  return from !== '' && to !== '' && toMs - fromMs >= 1000 ? { fromMs, toMs } : null;
}

function windowOf(rangeName: string, from: string, to: string): TimeWindow {
  const range = RANGES.find((one) => one.value === rangeName) ?? RANGES[0];
  const fixed = parse(from, to);
  return { fixed, ms: fixed ? fixed.toMs - fixed.fromMs : range.ms, everyMs: fixed ? HOUR_MS : range.everyMs };
}

export function useWindow(): TimeWindow {
  const [range] = useParam('range', RANGES[0].value);
  const [from] = useParam('from', '');
  const [to] = useParam('to', '');
  return windowOf(range, from, to);
}

export const backToNow = (): void => setParams({ from: null, to: null });

function show(fromMs: number, toMs: number): void {
  const nowMs = Date.now();
  const backMs = Math.max(0, toMs - nowMs);
  setParams({ from: String(Math.round(fromMs - backMs)), to: String(Math.round(toMs - backMs)) });
}

function current(): { fromMs: number; toMs: number } {
  const shown = windowOf(readParam('range') ?? '', readParam('from') ?? '', readParam('to') ?? '');
  const nowMs = Date.now();
  return shown.fixed ?? { fromMs: nowMs - shown.ms, toMs: nowMs };
}

/** Half a window earlier (-1) or later (1); not later than now. */
export function shiftWindow(way: -1 | 1): void {
  const { fromMs, toMs } = current();
  const byMs = (way * (toMs - fromMs)) / 2;
  if (toMs + byMs >= Date.now()) backToNow();
  else show(fromMs + byMs, toMs + byMs);
}

/** Half or twice as long, about the middle. */
export function zoomWindow(factor: 0.5 | 2): void {
  const { fromMs, toMs } = current();
  const ms = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (toMs - fromMs) * factor));
  const middleMs = (fromMs + toMs) / 2;
  show(middleMs - ms / 2, middleMs + ms / 2);
}
