// SPDX-License-Identifier: MIT
// What the page knows of the daemon: filled by one fetch, kept up by the one event stream. While
// paused the newest of each arrives here but is held back until somebody resumes.

import { api, ApiError } from '../api/client';
import { openEvents } from '../api/events';
import type { Incident, Process, Status } from '../api/types';
import { cell } from './cell';

export type Link = 'connecting' | 'live' | 'reconnecting';

export interface World {
  loaded: boolean;
  /** Why the first load failed; null once something was shown. */
  problem: string | null;
  link: Link;
  paused: boolean;
  heardMs: number;
  processes: ReadonlyMap<string, Process>;
  incidents: ReadonlyMap<string, Incident>;
  status: Status;
}

/** null: was removed. */
interface Held {
  processes: Map<string, Process | null>;
  incidents: Map<string, Incident | null>;
  status: Status;
}

/** leakd's own figures are no news on the stream; asking for them also tells whether a quiet stream
 * still has somebody at its other end. */
const STATUS_MS = 10000;
const RELOAD_MS = 3000;
/** A daemon that has been stopped takes connections and says nothing. */
const ANSWER_MAX_MS = 30000;

/** A tick of the daemon arrives as many events over some milliseconds: they are shown as one. */
const GATHER_MS = 120;

export const world = cell<World>({
  loaded: false,
  problem: null,
  link: 'connecting',
  paused: false,
  heardMs: 0,
  processes: new Map(),
  incidents: new Map(),
  status: {},
});

let held: Held = emptyHeld();
/** What the stream brought while the lists were asked for: their answer may be older. */
let meanwhile: Held | null = null;
let askAgain = false;
let gathering = 0;
let reloadTimer = 0;
let streaming = false;

function emptyHeld(): Held {
  return { processes: new Map(), incidents: new Map(), status: {} };
}

function patch(change: Partial<World>): void {
  world.set({ ...world.get(), ...change });
}

function merged<T>(old: ReadonlyMap<string, T>, fresh: ReadonlyMap<string, T | null>): ReadonlyMap<string, T> {
  if (fresh.size === 0) return old;
  const all = new Map(old);
  for (const [id, row] of fresh) {
    if (row === null) all.delete(id);
    else all.set(id, row);
  }
  return all;
}

/** Moves what was held back into view. */
function release(): void {
  gathering = 0;
  const now = world.get();
  if (now.paused) return;
  patch({
    processes: merged(now.processes, held.processes),
    incidents: merged(now.incidents, held.incidents),
    status: { ...now.status, ...held.status },
  });
  held = emptyHeld();
}

function heard(): void {
  const now = Date.now();
  if (now - world.get().heardMs >= 1000) patch({ heardMs: now });
  if (!world.get().paused && gathering === 0) gathering = window.setTimeout(release, GATHER_MS);
}

type Lists = Pick<World, 'processes' | 'incidents' | 'status'>;

/** Held back while paused, what is not in the fresh lists has to go when somebody resumes. */
function withGone(fresh: Lists): Held {
  const gone = (old: ReadonlyMap<string, unknown>): [string, null][] => [...old.keys()].map((id) => [id, null]);
  const { processes, incidents } = world.get();
  return {
    processes: new Map<string, Process | null>([...gone(processes), ...fresh.processes]),
    incidents: new Map<string, Incident | null>([...gone(incidents), ...fresh.incidents]),
    status: fresh.status,
  };
}

const byId = <T extends { id: string }>(rows: readonly T[]): Map<string, T> =>
  new Map(rows.map((row) => [row.id, row]));

async function fetchLists(): Promise<Lists> {
  const news = emptyHeld();
  const stop = new AbortController();
  const timer = window.setTimeout(() => stop.abort(), ANSWER_MAX_MS);
  meanwhile = news;
  try {
    const [processes, incidents, status] = await Promise.all([
      api.processes(stop.signal),
      api.incidents(stop.signal),
      api.status(stop.signal),
    ]);
    return {
      processes: merged(byId(processes), news.processes),
      incidents: merged(byId(incidents), news.incidents),
      status: { ...status, ...news.status },
    };
  } finally {
    window.clearTimeout(timer);
    stop.abort(); // where one has failed the others are not waited for
    meanwhile = null;
  }
}

function take(fresh: Lists): void {
  const { paused, loaded } = world.get();
  // What was gathered before is in the lists, and may be older than they are.
  held = paused && loaded ? withGone(fresh) : emptyHeld();
  if (!paused || !loaded) patch({ ...fresh, loaded: true });
  patch({ problem: null, heardMs: Date.now(), link: streaming ? 'live' : world.get().link });
}

function problemOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof DOMException ? 'leakd does not answer' : 'leakd sent something unreadable';
}

async function loadOnce(): Promise<void> {
  window.clearTimeout(reloadTimer);
  try {
    take(await fetchLists());
  } catch (error) {
    patch(world.get().loaded ? { link: 'reconnecting' } : { problem: problemOf(error) });
    reloadTimer = window.setTimeout(() => void reload(), RELOAD_MS);
  }
}

/** Asks for everything anew: after a reset, after a reconnect. What is gone from the daemon goes
 * from the page, unless it is paused. One asking at a time: two answers could cross on their way. */
export async function reload(): Promise<void> {
  askAgain = true;
  if (meanwhile) return;
  while (askAgain) {
    askAgain = false;
    await loadOnce();
  }
}

/** One row's news from the stream; null: it is gone. */
function note<T>(rows: (kept: Held) => Map<string, T | null>, id: string, row: T | null): void {
  for (const kept of [held, meanwhile]) if (kept) rows(kept).set(id, row);
  heard();
}

const processesOf = (kept: Held) => kept.processes;
const incidentsOf = (kept: Held) => kept.incidents;

function noteStatus(status: Status): void {
  for (const kept of [held, meanwhile]) if (kept) kept.status = status;
  heard();
}

export function setPaused(paused: boolean): void {
  patch({ paused });
  if (!paused) release();
}

async function probe(): Promise<void> {
  if (document.hidden) return;
  try {
    noteStatus(await api.status(AbortSignal.timeout(STATUS_MS)));
    if (streaming) patch({ link: 'live' });
  } catch {
    patch({ link: 'reconnecting' });
  }
}

export function startStore(): void {
  openEvents('/api/v1/events', {
    onOpen() {
      streaming = true;
      patch({ link: 'live' });
      void reload();
    },
    onLost() {
      streaming = false;
      patch({ link: world.get().loaded ? 'reconnecting' : 'connecting' });
    },
    onReset: () => void reload(),
    onProcess: (process) => note(processesOf, process.id, process),
    onIncident: (incident) => note(incidentsOf, incident.id, incident),
    onProcessRemoved: (id) => note(processesOf, id, null),
    onIncidentRemoved: (id) => note(incidentsOf, id, null),
    onStatus: noteStatus,
  });
  void reload();
  window.setInterval(() => void probe(), STATUS_MS);
}
