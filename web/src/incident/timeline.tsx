// SPDX-License-Identifier: MIT
import type { Incident } from '../api/types';
import { capital } from '../format/words';
import { Ago } from '../ui/ago';

interface Event {
  atMs: number;
  text: string;
}

function said(incident: Incident): Event[] {
  return (incident.log ?? []).map(({ at_ms, what, by, text }) => ({
    atMs: at_ms,
    text: `${capital(what)}${by ? ` by ${by}` : ''}${text ? `: ${text}` : ''}`,
  }));
}

function told(incident: Incident): Event[] {
  return (incident.deliveries ?? []).flatMap(({ at_ms, receiver, delivered, http_status, error }) =>
    at_ms ? [{ atMs: at_ms, text: `${receiver} ${delivered ? 'was told' : `was not reached${error ? `: ${error}` : ''}`}${http_status ? ` (HTTP ${http_status})` : ''}` }] : [],
  );
}

/** From its opening to its end, in order. */
export function Timeline({ incident }: { incident: Incident }) {
  const own = said(incident);
  const events: Event[] = [
    { atMs: incident.opened_ms, text: `Opened, ${incident.severity}` },
    ...told(incident),
    ...own,
    ...(incident.resolved_ms && !own.some((event) => /^resolved/i.test(event.text)) ? [{ atMs: incident.resolved_ms, text: 'Resolved' }] : []),
  ].sort((a, b) => a.atMs - b.atMs);
  return (
    <ol class="timeline">
      {events.map((event, index) => (
        <li key={index}>
          <span>{event.text}</span> <span class="faint"><Ago ms={event.atMs} full /></span>
        </li>
      ))}
    </ol>
  );
}
