// SPDX-License-Identifier: MIT
// Processes that are judged together as one: a prefork server is its first process and its workers.
// Pure.

import type { Process } from '../api/types';
import { hasEnded, memoryOf } from '../format/words';

export interface Service {
  /** Speaks for all of them. */
  first: Process;
  /** Living and ended ones that the page knows; none of a process that stands alone. */
  workers: readonly Process[];
}

/** Who speaks for it. A worker that has outlived its first is judged by itself; null, too, for who is
 * nobody's worker. */
export function firstOf(process: Process, all: ReadonlyMap<string, Process>): Process | null {
  const id = process.group?.id;
  const first = id === undefined || id === process.id ? undefined : all.get(id);
  return first && (!hasEnded(first) || hasEnded(process)) ? first : null;
}

export function workersOf(first: Process, all: ReadonlyMap<string, Process>): readonly Process[] {
  return [...all.values()].filter((process) => firstOf(process, all) === first);
}

export function toServices(all: ReadonlyMap<string, Process>): readonly Service[] {
  const services = new Map<string, { first: Process; workers: Process[] }>();
  const workers: [Process, Process][] = [];
  for (const process of all.values()) {
    const first = firstOf(process, all);
    if (first) workers.push([process, first]);
    else services.set(process.id, { first: process, workers: [] });
  }
  for (const [worker, first] of workers) {
    const service = services.get(first.id);
    if (service) service.workers.push(worker);
    else services.set(worker.id, { first: worker, workers: [] });
  }
  return [...services.values()];
}

/** What a worker shares with the others counts once where the kernel tells its proportional share. */
const shareOf = (process: Process): number | null => process.pss_bytes ?? memoryOf(process);

function sum(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => value != null);
  return known.length === 0 ? null : known.reduce((whole, value) => whole + value, 0);
}

function sumOfLines(lines: readonly (readonly (number | null)[])[]): readonly (number | null)[] | null {
  const longest = Math.max(0, ...lines.map((line) => line.length));
  if (longest === 0) return null;
  // All of them end now: the shorter ones began later.
  return Array.from({ length: longest }, (_, at) => sum(lines.map((line) => line[line.length - longest + at])));
}

/** The first with the memory of all who live: what its row shows. */
export function asOne({ first, workers }: Service): Process {
  if (workers.length === 0) return first;
  const living = [first, ...workers].filter((process) => !hasEnded(process));
  if (living.length === 0) return first;
  const memory = sum(living.map(shareOf));
  const lender = living.find((process) => process.limit_bytes);
  return {
    ...first,
    rss_bytes: memory,
    rss_known: memory !== null,
    limit_bytes: lender?.limit_bytes ?? null,
    limit_source: lender?.limit_source ?? null,
    sparkline: sumOfLines(living.map((process) => process.sparkline ?? [])),
  };
}

/** "3 workers": how many live, whether this page knows each of them or not. */
export function workerCount({ first, workers }: Service): number {
  return first.group?.members === undefined ? workers.filter((one) => !hasEnded(one)).length : Math.max(0, first.group.members - 1);
}

export const workerWords = (count: number): string => (count === 1 ? '1 worker' : `${count} workers`);
