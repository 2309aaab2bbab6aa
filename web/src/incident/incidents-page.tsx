// SPDX-License-Identifier: MIT
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Notice } from '../ui/notice';
import { IncidentLines } from './incident-lines';

export function IncidentsPage() {
  const incidents = useCell(world, (now) => now.incidents);
  const loaded = useCell(world, (now) => now.loaded);
  useTitle('Incidents · leakd');
  const all = [...incidents.values()];
  const open = all.filter((incident) => incident.state !== 'resolved');
  const resolved = all.filter((incident) => incident.state === 'resolved');
  if (!loaded) return <p class="waiting">Asking leakd …</p>;
  return (
    <>
      <h1 class="headline">
        {open.length === 0 ? 'No incident is open.' : open.length === 1 ? 'One incident is open.' : `${open.length} incidents are open.`}
      </h1>
      <IncidentLines label="Open incidents" incidents={open} />
      {all.length === 0 && (
        <Notice title="How incidents come about">
          <p>
            When a process has grown for long enough to be sure, leakd opens an incident, freezes the evidence and
            tells the receivers in its configuration. It stays listed here after the process has ended.
          </p>
        </Notice>
      )}
      {resolved.length > 0 && (
        <section class="resolved-incidents">
          <h2>Resolved</h2>
          <IncidentLines label="Resolved incidents" incidents={resolved} />
        </section>
      )}
    </>
  );
}
