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

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  let reply: Response;
  try {
    reply = await fetch(ROOT + path, { headers: { Accept: 'application/json' }, signal: signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('leakd does not answer', 0);
  }
  if (!reply.ok) throw new ApiError(await explain(reply), reply.status);
  return (await reply.json()) as T;
}

const one = (id: string): string => `/processes/${encodeURIComponent(id)}`;

export const api = {
  status: (): Promise<Status> => get('/status'),

  processes: async (): Promise<readonly Process[]> =>
    (await get<{ processes: readonly Process[] }>('/processes')).processes,

  process: (id: string, signal?: AbortSignal): Promise<Process> => get(one(id), signal),

  series: (id: string, name: string, fromMs: number, toMs: number, signal?: AbortSignal): Promise<Series> =>
    get(`${one(id)}/series?name=${name}&from=${Math.floor(fromMs)}&to=${Math.ceil(toMs)}`, signal),

  sites: async (id: string, signal?: AbortSignal): Promise<readonly Site[]> =>
    (await get<{ sites: readonly Site[] }>(`${one(id)}/sites?sort=growth&limit=20`, signal)).sites,

  types: async (id: string, signal?: AbortSignal): Promise<readonly TypeRow[]> =>
    (await get<{ types: readonly TypeRow[] }>(`${one(id)}/types?sort=growth&limit=20`, signal)).types,

  incidents: async (): Promise<readonly Incident[]> =>
    (await get<{ incidents: readonly Incident[] }>('/incidents')).incidents,

  incident: (id: string, signal?: AbortSignal): Promise<Incident> =>
    get(`/incidents/${encodeURIComponent(id)}`, signal),
};
