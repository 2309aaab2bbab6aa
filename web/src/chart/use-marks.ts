// SPDX-License-Identifier: MIT
// The marks of one process: its own, and those that people made for it, for its unit or for the host.

import { useMemo, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client';
import type { Mark, Process } from '../api/types';
import { useFetch } from '../ui/use-fetch';

const REFRESH_MS = 20000;

const isFor = (mark: Mark, process: Process): boolean =>
  (!mark.process_id || mark.process_id === process.id) && (!mark.unit || mark.unit === process.unit);

export function useMarks(process: Process): { marks: readonly Mark[]; refresh: () => void } {
  const [turn, setTurn] = useState(0);
  const { data } = useFetch(`marks ${turn}`, REFRESH_MS, (signal) =>
    api.marks(signal).catch((error: unknown) => {
      if (error instanceof ApiError && error.isMissing) return [];
      throw error;
    }),
  );
  const marks = useMemo(() => {
    const own = process.marks ?? [];
    const said = (data ?? []).filter((mark) => isFor(mark, process) && !own.some((one) => one.at_ms === mark.at_ms));
    return [...own, ...said].sort((a, b) => a.at_ms - b.at_ms);
    // Every event brings the process's own anew: only what they say counts.
  }, [data, JSON.stringify(process.marks ?? []), process.id, process.unit]);
  return { marks, refresh: () => setTurn(turn + 1) };
}
