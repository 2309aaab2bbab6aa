// SPDX-License-Identifier: MIT
// The two series of one range, kept up: the first answer whole, then only what came after it.

import { useRef } from 'preact/hooks';
import { api } from '../api/client';
import type { Series } from '../api/types';
import { useFetch } from '../ui/use-fetch';
import type { Fetched } from '../ui/use-fetch';
import { joinPoints } from './data';
import type { ChartData } from './data';

interface Kept {
  key: string;
  data: ChartData;
}

async function more(id: string, name: string, old: Series | null, rangeMs: number, signal: AbortSignal): Promise<Series> {
  const toMs = Date.now();
  const fromMs = toMs - rangeMs;
  const last = old?.points.at(-1)?.[0];
  if (!old || last === undefined || last < fromMs) return api.series(id, { name, fromMs, toMs }, signal);
  // The last step may still have been filling: ask for it again.
  const stepMs = old.step_ms;
  const fresh = await api.series(id, { name, fromMs: last - stepMs, toMs, stepMs }, signal);
  if (fresh.step_ms !== stepMs) return api.series(id, { name, fromMs, toMs }, signal);
  return { ...fresh, points: joinPoints(old.points, fresh.points, fromMs) };
}

export function useSeries(id: string, rangeMs: number, everyMs: number): Fetched<ChartData> {
  const key = `${id} ${rangeMs}`;
  const kept = useRef<Kept | null>(null);
  return useFetch(key, everyMs, async (signal) => {
    const old = kept.current?.key === key ? kept.current.data : null;
    const [live, rss] = await Promise.all([
      more(id, 'live_bytes', old?.live ?? null, rangeMs, signal),
      more(id, 'rss_bytes', old?.rss ?? null, rangeMs, signal),
    ]);
    kept.current = { key, data: { live, rss } };
    return kept.current.data;
  });
}
