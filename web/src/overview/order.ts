// SPDX-License-Identifier: MIT
// Which row comes first: who meets its limit soonest (the lower end of the interval: the earliest
// it can be), then the worse verdict, then the faster growth. What has ended comes last.

import type { Process } from '../api/types';
import { hasEnded, verdictRank, verdictWord } from '../format/words';
import type { Service } from './service';

const last = (value: number | null | undefined): number => value ?? Number.POSITIVE_INFINITY;

const earliest = (process: Process): number => last(process.time_to_limit_s?.lower ?? process.time_to_limit_s?.estimate);

const byNumber = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

/** Plain order: a locale's would take longer than all the rest of a tick. */
const byText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

export function compare(a: Process, b: Process): number {
  const ended = Number(hasEnded(a)) - Number(hasEnded(b));
  if (ended !== 0) return ended;
  if (hasEnded(a)) return byNumber(b.ended_ms ?? 0, a.ended_ms ?? 0) || byText(a.name, b.name);
  return (
    byNumber(earliest(a), earliest(b)) ||
    verdictRank(a.verdict) - verdictRank(b.verdict) ||
    byNumber(-(a.growth_bytes_per_s?.lower ?? 0), -(b.growth_bytes_per_s?.lower ?? 0)) ||
    byText(a.name, b.name) ||
    a.pid - b.pid
  );
}

function matches(process: Process, words: readonly string[]): boolean {
  const { name, unit, exe, runtime, pid, culprit } = process;
  const text = [name, unit, exe, runtime, pid, culprit?.file, culprit?.function, verdictWord(process.verdict), process.state]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

export interface Found {
  service: Service;
  /** The workers that were looked for; null where it is the service itself. */
  workers: readonly Process[] | null;
}

export function search(services: readonly Service[], words: string): readonly Found[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return services.flatMap((service): Found[] => {
    if (matches(service.first, wanted)) return [{ service, workers: null }];
    const workers = service.workers.filter((worker) => matches(worker, wanted));
    return workers.length > 0 ? [{ service, workers }] : [];
  });
}
