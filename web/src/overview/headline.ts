// SPDX-License-Identifier: MIT
// The whole host in one sentence: what somebody woken at night needs first.

import type { Process } from '../api/types';
import { formatForecast } from '../format/time';
import { hasEnded, isGrowing } from '../format/words';

function soonest(growing: readonly Process[]): Process | null {
  const known = growing.filter((process) => process.time_to_limit_s?.estimate != null);
  known.sort((a, b) => (a.time_to_limit_s?.lower ?? 0) - (b.time_to_limit_s?.lower ?? 0));
  return known[0] ?? null;
}

function limitClause(growing: readonly Process[]): string {
  const first = soonest(growing);
  const when = formatForecast(first?.time_to_limit_s);
  if (!first || !when) return '.';
  const who = growing.length === 1 ? 'It' : first.name;
  return `. ${who} reaches its limit in about ${when.estimate}.`;
}

/** A server counts once, with all its workers: then they are services. */
export function headline(processes: readonly Process[], hasWorkers: boolean): string {
  const one = hasWorkers ? 'service' : 'process';
  const living = processes.filter((process) => !hasEnded(process));
  if (living.length === 0) return `No watched ${one} is running.`;
  const whole = living.length === 1 ? `1 ${one}` : `${living.length} ${hasWorkers ? 'services' : 'processes'}`;
  const growing = living.filter(isGrowing);
  if (growing.length > 0) {
    const verb = growing.length === 1 ? 'keeps' : 'keep';
    return `${growing.length} of ${whole} ${verb} growing${limitClause(growing)}`;
  }
  const suspects = living.filter((process) => process.verdict === 'suspect').length;
  if (suspects > 0) return `Nothing leaks for certain; ${suspects} of ${whole} ${suspects === 1 ? 'is' : 'are'} suspect.`;
  if (living.every((process) => process.verdict === 'learning')) return `Learning ${whole}: no verdict yet.`;
  return living.length === 1 ? `1 ${one} is watched; it does not leak.` : `${whole} are watched; none leaks.`;
}
