// SPDX-License-Identifier: MIT
// The words for states and verdicts, and what follows from them. Colour only ever repeats a word.

import type { Culprit, Frame, Process, Site, State, Verdict } from '../api/types';

const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  learning: 'Learning',
  ok: 'Steady',
  suspect: 'Suspect',
  leak: 'Leak',
  fragmentation: 'Fragmentation',
  resolved: 'Resolved',
};

const STATE_WORDS: Readonly<Record<State, string>> = {
  watching: 'Watching',
  exited: 'Exited',
  killed: 'Killed',
  'oom-killed': 'OOM-killed',
  lost: 'Lost contact',
};

const VERDICT_HELP: Readonly<Record<Verdict, string>> = {
  learning: 'Not enough data yet to tell',
  ok: 'No growth that goes on',
  suspect: 'Grows, but not yet for long enough to be sure',
  leak: 'Grows steadily and does not come back',
  fragmentation: 'Resident memory grows while live bytes stay flat',
  resolved: 'Grew, and has stopped',
};

/** Lower is more urgent. */
const VERDICT_RANK: Readonly<Record<Verdict, number>> = {
  leak: 0,
  fragmentation: 1,
  suspect: 2,
  learning: 3,
  resolved: 4,
  ok: 5,
};

export const verdictWord = (verdict: Verdict): string => VERDICT_WORDS[verdict] ?? verdict;
export const verdictHelp = (verdict: Verdict): string => VERDICT_HELP[verdict] ?? '';
export const verdictRank = (verdict: Verdict): number => VERDICT_RANK[verdict] ?? 6;
export const stateWord = (state: State): string => STATE_WORDS[state] ?? state;

/** A process whose agent is silent may still live; the others are gone for good. */
export const hasEnded = (process: Pick<Process, 'state'>): boolean =>
  process.state === 'exited' || process.state === 'killed' || process.state === 'oom-killed';

export const liveOf = (process: Process): number | null => (process.live_known === false ? null : process.live_bytes);
export const residentOf = (process: Process): number | null => (process.rss_known === false ? null : process.rss_bytes);

/** Memory now: what counts against the limit, else what the allocators hold. */
export const memoryOf = (process: Process): number | null => residentOf(process) ?? liveOf(process);

/** What the limit counts where it is not the process's: a Java heap has one of its own. */
export const limitedOf = (process: Process): number | null =>
  process.limit_source === 'java_heap_max' && process.java_heap ? process.java_heap.used_bytes : memoryOf(process);

export const isGrowing = (process: Process): boolean =>
  !hasEnded(process) && (process.verdict === 'leak' || process.verdict === 'fragmentation');

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The sentence as one: without the verdict in front, which stands beside it in its own colour. */
export function sentence(summary: string): string {
  return capital(summary.replace(/^(learning|ok|suspect|leak|fragmentation|resolved): /, ''));
}

/** The last two parts of a path: enough to know the file by, short enough for a row. */
export function shortPath(path: string): string {
  return path.split('/').slice(-2).join('/');
}

export function placeOf(where: Pick<Culprit, 'file' | 'line'>): string | null {
  if (!where.file) return null;
  return where.line ? `${where.file}:${where.line}` : where.file;
}

export function shortPlaceOf(where: Pick<Culprit, 'file' | 'line'>): string | null {
  if (!where.file) return null;
  const file = shortPath(where.file);
  return where.line ? `${file}:${where.line}` : file;
}

/** A program's own Python file, as far as a path can tell. */
export const isOwnFile = (file: string | null | undefined): boolean =>
  !/(^<|\/lib\/python\d|\/(site|dist)-packages\/)/.test(file ?? '');

/** The frame that people should look at; the daemon's word where it gives one. */
export function culpritIndex(site: Site): number {
  const { frames, culprit } = site;
  if (culprit) {
    const said = frames.findIndex((frame) => frame.file === culprit.file && frame.line === culprit.line);
    if (said >= 0) return said;
  }
  const tests: readonly ((frame: Frame) => boolean)[] = [
    (frame) => frame.language === 'python' && isOwnFile(frame.file),
    (frame) => frame.language === 'python',
    (frame) => frame.file !== null,
    (frame) => frame.function !== null,
  ];
  for (const test of tests) {
    const found = frames.findIndex(test);
    if (found >= 0) return found;
  }
  return 0;
}
