// SPDX-License-Identifier: MIT
import type { Incident } from '../api/types';
import { capital, sentence } from '../format/words';
import { incidentHref } from '../router';
import { Ago } from '../ui/ago';
import { Link } from '../ui/link';
import { Severity } from './severity';

const SEVERITY_RANK: Readonly<Record<string, number>> = { critical: 0, warning: 1, info: 2 };

const rank = (incident: Incident): number => SEVERITY_RANK[incident.severity] ?? 3;

/** One line each, the gravest first, then the newest. */
export function IncidentLines(props: { label: string; incidents: readonly Incident[] }) {
  if (props.incidents.length === 0) return null;
  const sorted = [...props.incidents].sort((a, b) => rank(a) - rank(b) || b.opened_ms - a.opened_ms);
  return (
    <section class="incidents" aria-label={props.label}>
      <ul>
        {sorted.map((incident) => (
          <li key={incident.id}>
            <Severity incident={incident} />
            <Link href={incidentHref(incident.id)} class="incident-link">
              <b>{incident.process.name}</b> {sentence(incident.summary)}
            </Link>
            <span class="incident-when">
              {incident.state === 'open' ? 'opened' : `${capital(incident.state)}, opened`} <Ago ms={incident.opened_ms} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
