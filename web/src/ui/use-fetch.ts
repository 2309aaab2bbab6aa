// SPDX-License-Identifier: MIT
// A resource beside the event stream: asked for at once and then every so often, not while the page
// is paused or hidden. What was shown stays while asking anew.

import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { useCell } from '../store/cell';
import { world } from '../store/store';

export interface Fetched<T> {
  data: T | null;
  error: ApiError | null;
}

export function useFetch<T>(key: string, everyMs: number, ask: (signal: AbortSignal) => Promise<T>): Fetched<T> {
  const [result, setResult] = useState<Fetched<T> & { key: string }>({ key, data: null, error: null });
  const link = useCell(world, (now) => now.link);

  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const again = (): void => {
      timer = window.setTimeout(() => void turn(false), everyMs);
    };
    const turn = async (first: boolean): Promise<void> => {
      if (!first && (world.get().paused || document.hidden)) return again();
      try {
        const data = await ask(stop.signal);
        setResult({ key, data, error: null });
      } catch (error) {
        if (stop.signal.aborted) return;
        const known = error instanceof ApiError ? error : new ApiError('leakd sent something unreadable', 0);
        setResult((old) => ({ key, data: old.key === key ? old.data : null, error: known }));
      }
      if (!stop.signal.aborted) again();
    };
    void turn(true);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
    // A new link state asks at once: after a reconnect nobody should wait for the next turn.
  }, [key, everyMs, link]);

  return result.key === key ? result : { data: null, error: null };
}
