// SPDX-License-Identifier: MIT
// The series of one window, kept up: the first answer whole, then only what came after it.

import { useRef } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Series } from '../api/types';
import { useFetch } from '../ui/use-fetch';
import type { Fetched } from '../ui/use-fetch';
import { joinPoints } from './data';
import type { ChartData } from './data';
import type { TimeWindow } from './window';

interface Kept {
  key: string;
  data: ChartData;
}

async function more(id: string, name: string, old: Series | null, window: TimeWindow, signal: AbortSignal): Promise<Series> {
  if (window.fixed) return api.series(id, { name, ...window.fixed }, signal);
  const toMs = Date.now();
  const fromMs = toMs - window.ms;
  const last = old?.points.at(-1)?.[0];
  if (!old || last === undefined || last < fromMs) return api.series(id, { name, fromMs, toMs }, signal);
  // The last step may still have been filling: ask for it again.
  const stepMs = old.step_ms;
  const fresh = await api.series(id, { name, fromMs: last - stepMs, toMs, stepMs }, signal);
  if (fresh.step_ms !== stepMs) return api.series(id, { name, fromMs, toMs }, signal);
  return { ...fresh, points: joinPoints(old.points, fresh.points, fromMs) };
}

/** A daemon without that series is no reason to show none of the others. */
async function orNone(asked: Promise<Series>): Promise<Series | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return null;
    throw error;
  }
}

export function useSeries(id: string, window: TimeWindow, hasPython: boolean): Fetched<ChartData> {
  const key = `${id} ${window.fixed ? `${window.fixed.fromMs} ${window.fixed.toMs}` : window.ms} ${hasPython}`;
  const kept = useRef<Kept | null>(null);
  return useFetch(key, window.everyMs, async (signal) => {
    const old = kept.current?.key === key ? kept.current.data : null;
    const [live, rss, python] = await Promise.all([
      more(id, 'live_bytes', old?.live ?? null, window, signal),
      more(id, 'rss_bytes', old?.rss ?? null, window, signal),
      hasPython ? orNone(more(id, 'python_bytes', old?.python ?? null, window, signal)) : null,
    ]);
    kept.current = { key, data: { live, rss, python } };
    return kept.current.data;
  });
}
