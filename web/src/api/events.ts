// SPDX-License-Identifier: MIT
// The one event stream of this tab. A browser reconnects a dropped EventSource by itself unless the
// answer was an HTTP error; then we open a new one. Whatever was missed, on_open says "ask again".

import type { Incident, Process, Status } from './types';

export interface EventSink {
  onOpen(): void;
  onLost(): void;
  onReset(): void;
  onProcess(process: Process): void;
  onIncident(incident: Incident): void;
  onProcessRemoved(id: string): void;
  onIncidentRemoved(id: string): void;
  onStatus(status: Status): void;
}

const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 15000;

export function openEvents(url: string, sink: EventSink): () => void {
  let source: EventSource | null = null;
  let timer: number | undefined;
  let retryMs = RETRY_MIN_MS;

  function on<T>(target: EventSource, name: string, take: (data: T) => void): void {
    target.addEventListener(name, (event) => {
      try {
        take(JSON.parse((event as MessageEvent<string>).data) as T);
      } catch {
        // One unreadable event: the next refetch brings its content.
        sink.onReset();
      }
    });
  }

  function connect(): void {
    const opened = new EventSource(url);
    source = opened;
    opened.onopen = () => {
      retryMs = RETRY_MIN_MS;
      sink.onOpen();
    };
    opened.onerror = () => {
      sink.onLost();
      if (opened.readyState !== EventSource.CLOSED) return;
      timer = window.setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    };
    opened.addEventListener('reset', () => sink.onReset());
    on<Process>(opened, 'process', (process) => sink.onProcess(process));
    on<Incident>(opened, 'incident', (incident) => sink.onIncident(incident));
    on<{ id: string }>(opened, 'process_removed', ({ id }) => sink.onProcessRemoved(id));
    on<{ id: string }>(opened, 'incident_removed', ({ id }) => sink.onIncidentRemoved(id));
    on<Status>(opened, 'status', (status) => sink.onStatus(status));
  }

  connect();
  return () => {
    window.clearTimeout(timer);
    source?.close();
  };
}
