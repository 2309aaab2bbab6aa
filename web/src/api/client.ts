// SPDX-License-Identifier: MIT
// Asking the daemon. Every failure becomes an ApiError whose message is a sentence for people.

import type { Flame, Incident, Maps, Mark, Process, Receiver, Series, Site, Snapshot, Status, TypeRow } from './types';

const ROOT = '/api/v1';

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }

  /** This leakd has no such route: it is older than the page, or the thing itself is gone. */
  get isMissing(): boolean {
    return this.status === 404 || this.status === 405 || this.status === 501;
  }
}

/** Whatever was thrown, as one. */
export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError('leakd sent something unreadable', 0);

export interface SeriesQuery {
  name: string;
  fromMs: number;
  toMs: number;
  stepMs?: number;
}

/** A moment, or the mean over a span that ends later. */
export interface Span {
  fromMs: number;
  toMs: number;
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

async function send(address: string, options: RequestInit): Promise<Response> {
  let reply: Response;
  try {
    reply = await fetch(address, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('leakd does not answer', 0);
  }
  if (!reply.ok) throw new ApiError(await explain(reply), reply.status);
  return reply;
}

const ask = (address: string, signal?: AbortSignal): Promise<Response> =>
  send(address, { headers: { Accept: 'application/json' }, signal: signal ?? null });

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(ROOT + path, signal)).json()) as T;
}

async function post<T>(path: string, body: object): Promise<T | null> {
  const reply = await send(ROOT + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  return text === '' ? null : (JSON.parse(text) as T);
}

/** A list and the pages after it; no further than makes sense to show. */
const PAGES_MAX = 10;

async function getList<T>(path: string, name: string, signal?: AbortSignal): Promise<readonly T[]> {
  const rows: T[] = [];
  let next: string | null = ROOT + path;
  for (let page = 0; next !== null && page < PAGES_MAX; page++) {
    const reply: Response = await ask(next, signal);
    rows.push(...(((await reply.json()) as Record<string, readonly T[]>)[name] ?? []));
    next = /<([^>]+)>;\s*rel="?next/.exec(reply.headers.get('Link') ?? '')?.[1] ?? null;
  }
  return rows;
}

const one = (id: string): string => `/processes/${encodeURIComponent(id)}`;

const spanOf = (name: string, span: Span): string => {
  const from = Math.floor(span.fromMs);
  const to = Math.ceil(span.toMs);
  return to > from ? `&${name}=${from}&${name}_end=${to}` : `&${name}=${from}`;
};

export type IncidentAction = 'acknowledge' | 'silence' | 'resolve';

/** Who did it and why; how long it holds, where it ends by itself. */
export interface ActionBody {
  by: string;
  reason: string;
  /** "4h" */
  duration?: string;
}

export const api = {
  status: (signal?: AbortSignal): Promise<Status> => get('/status', signal),

  processes: (signal?: AbortSignal): Promise<readonly Process[]> => getList('/processes', 'processes', signal),

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

  /** What is held now, or was at a past moment. */
  flameLive: (id: string, atMs: number | null, signal?: AbortSignal): Promise<Flame> =>
    get(`${one(id)}/flamegraph?metric=live${atMs === null ? '' : `&to=${Math.round(atMs)}`}`, signal),

  flameAlloc: (id: string, signal?: AbortSignal): Promise<Flame> => get(`${one(id)}/flamegraph?metric=alloc`, signal),

  /** Without ranges, since the growth began. */
  flameDiff: (id: string, a: Span | null, b: Span | null, signal?: AbortSignal): Promise<Flame> =>
    get(`${one(id)}/flamegraph?metric=diff${a ? spanOf('from', a) : ''}${b ? spanOf('to', b) : ''}`, signal),

  exportHref: (id: string, format: string): string => `${ROOT}${one(id)}/export?format=${format}`,

  maps: (id: string, signal?: AbortSignal): Promise<Maps> => get(`${one(id)}/maps`, signal),

  snapshots: async (id: string, signal?: AbortSignal): Promise<readonly Snapshot[]> =>
    (await get<{ snapshots: readonly Snapshot[] }>(`${one(id)}/snapshots`, signal)).snapshots,

  snapshot: (id: string, number: number, signal?: AbortSignal): Promise<Snapshot> =>
    get(`${one(id)}/snapshots/${number}`, signal),

  takeSnapshot: (id: string): Promise<Snapshot | null> => post(`${one(id)}/snapshots`, {}),

  incidents: (signal?: AbortSignal): Promise<readonly Incident[]> => getList('/incidents', 'incidents', signal),

  incident: (id: string, signal?: AbortSignal): Promise<Incident> =>
    get(`/incidents/${encodeURIComponent(id)}`, signal),

  act: (id: string, action: IncidentAction, body: ActionBody): Promise<unknown> =>
    post(`/incidents/${encodeURIComponent(id)}/${action}`, body),

  receivers: async (signal?: AbortSignal): Promise<readonly Receiver[]> =>
    (await get<{ receivers: readonly Receiver[] }>('/receivers', signal)).receivers,

  receiver: (name: string): Promise<Receiver> => get(`/receivers/${encodeURIComponent(name)}`),

  /** Queues it; how it ends is told by the receiver. */
  testReceiver: (name: string): Promise<unknown> => post(`/receivers/${encodeURIComponent(name)}/test`, {}),

  marks: async (signal?: AbortSignal): Promise<readonly Mark[]> =>
    (await get<{ marks: readonly Mark[] }>('/marks?limit=200', signal)).marks,

  mark: (processId: string, text: string, by: string): Promise<unknown> =>
    post('/marks', { text, process: processId, ...(by !== '' && { by }) }),
};
