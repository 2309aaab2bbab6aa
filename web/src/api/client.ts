// SPDX-License-Identifier: MIT
// Asking the daemon. Every failure becomes an ApiError whose message is a sentence for people.

import type { Incident, Process, Series, Site, Status, TypeRow } from './types';

const ROOT = '/api/v1';

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

export interface SeriesQuery {
  name: string;
  fromMs: number;
  toMs: number;
  stepMs?: number;
}

interface Problem {
  title?: unknown;
  detail?: unknown;
}

async function explain(reply: Response): Promise<string> {
  try {
    const problem = (await reply.json()) as Problem;
    if (typeof problem.detail === 'string') return problem.detail;
    if (typeof problem.title === 'string') return problem.title;
  } catch {
    // Not problem+json: the status has to do.
  }
  return `leakd answered ${reply.status} ${reply.statusText}`.trim();
}

async function ask(address: string, signal?: AbortSignal): Promise<Response> {
  let reply: Response;
  try {
    reply = await fetch(address, { headers: { Accept: 'application/json' }, signal: signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('leakd does not answer', 0);
  }
  if (!reply.ok) throw new ApiError(await explain(reply), reply.status);
  return reply;
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(ROOT + path, signal)).json()) as T;
}

/** A list and the pages after it; no further than makes sense to show. */
const PAGES_MAX = 10;

async function getList<T>(path: string, name: string): Promise<readonly T[]> {
  const rows: T[] = [];
  let next: string | null = ROOT + path;
  for (let page = 0; next !== null && page < PAGES_MAX; page++) {
    const reply: Response = await ask(next);
    rows.push(...(((await reply.json()) as Record<string, readonly T[]>)[name] ?? []));
    next = /<([^>]+)>;\s*rel="?next/.exec(reply.headers.get('Link') ?? '')?.[1] ?? null;
  }
  return rows;
}

const one = (id: string): string => `/processes/${encodeURIComponent(id)}`;

export const api = {
  status: (): Promise<Status> => get('/status'),

  processes: (): Promise<readonly Process[]> => getList('/processes', 'processes'),

  /** Without a step the daemon chooses the finest it has for the span. */
  series: (id: string, query: SeriesQuery, signal?: AbortSignal): Promise<Series> => {
    const { name, fromMs, toMs, stepMs } = query;
    const step = stepMs === undefined ? '' : `&step=${stepMs}`;
    return get(`${one(id)}/series?name=${name}&from=${Math.floor(fromMs)}&to=${Math.ceil(toMs)}${step}`, signal);
  },

  sites: async (id: string, signal?: AbortSignal): Promise<readonly Site[]> =>
    (await get<{ sites: readonly Site[] }>(`${one(id)}/sites?sort=growth&limit=20`, signal)).sites,

  types: async (id: string, signal?: AbortSignal): Promise<readonly TypeRow[]> =>
    (await get<{ types: readonly TypeRow[] }>(`${one(id)}/types?sort=growth&limit=20`, signal)).types,

  incidents: (): Promise<readonly Incident[]> => getList('/incidents', 'incidents'),

  incident: (id: string, signal?: AbortSignal): Promise<Incident> =>
    get(`/incidents/${encodeURIComponent(id)}`, signal),
};
