// SPDX-License-Identifier: MIT
import { api } from '../api/client';
import type { Incident } from '../api/types';
import { formatGrowth } from '../format/bytes';
import { capital, sentence } from '../format/words';
import { Sites } from '../process/sites';
import { Types } from '../process/types-table';
import { processHref } from '../router';
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Ago } from '../ui/ago';
import { Estimate } from '../ui/estimate';
import { Fact, Facts } from '../ui/facts';
import { Link } from '../ui/link';
import { Notice } from '../ui/notice';
import { useFetch } from '../ui/use-fetch';
import { Deliveries } from './deliveries';
import { Severity } from './severity';

const REFRESH_MS = 10000;

function Retainers(props: { incident: Incident }) {
  const retainers = props.incident.retainers ?? [];
  if (retainers.length === 0) return null;
  return (
    <section class="panel">
      <h2>Kept alive by</h2>
      {retainers.map((retainer, index) => (
        <div key={index} class="retainer">
          <p><code>{retainer.type}</code> <span class="faint">{Math.round(retainer.share * 100)} % of those looked at</span></p>
          <ol>{retainer.path.map((part, at) => <li key={at}><code>{part}</code></li>)}</ol>
        </div>
      ))}
    </section>
  );
}

function Body({ incident }: { incident: Incident }) {
  return (
    <>
      <p class="crumb">
        <Link href="/incidents">Incidents</Link> <span aria-hidden="true">/</span> {incident.id}
      </p>
      <p class="verdict-line">
        <Severity incident={incident} />
        <span>{capital(incident.state)}</span>
        {incident.process.forgotten ? (
          <span>{incident.process.name}</span>
        ) : (
          <Link href={processHref(incident.process.id)}>{incident.process.name}</Link>
        )}
      </p>
      <h1 class="headline">{sentence(incident.summary)}</h1>
      {incident.end && <p class="aftermath">{capital(incident.end)}</p>}
      <Facts>
        <Fact name="Opened"><Ago ms={incident.opened_ms} full /></Fact>
        {incident.resolved_ms && <Fact name="Resolved"><Ago ms={incident.resolved_ms} full /></Fact>}
        <Fact name="Growth"><Estimate value={formatGrowth(incident.growth_bytes_per_s)} none="not known" /></Fact>
        {incident.process.unit && <Fact name="Unit">{incident.process.unit}</Fact>}
        {incident.process.pid !== undefined && <Fact name="Pid">{incident.process.pid}</Fact>}
        <Fact name="Fingerprint"><code>{incident.fingerprint}</code></Fact>
      </Facts>
      <section class="panel"><h2>Sites when it opened</h2><Sites sites={incident.sites ?? []} /></section>
      <section class="panel"><h2>Types when it opened</h2><Types types={incident.types ?? []} /></section>
      <Retainers incident={incident} />
      <section class="panel"><h2>Deliveries</h2><Deliveries rows={incident.deliveries ?? []} /></section>
    </>
  );
}

export function IncidentPage(props: { id: string }) {
  const known = useCell(world, (now) => now.incidents.get(props.id) ?? null);
  const asked = useFetch(props.id, REFRESH_MS, (signal) => api.incident(props.id, signal));
  const incident = asked.data ? { ...asked.data, ...known, ...frozen(asked.data) } : known;
  useTitle(`${incident?.process.name ?? props.id} · incident · leakd`);
  if (incident) return <Body incident={incident} />;
  if (!asked.error) return <p class="waiting">Asking leakd …</p>;
  return (
    <Notice title={asked.error.status === 404 ? 'No such incident' : asked.error.message}>
      <p><Link href="/incidents">All incidents</Link></p>
    </Notice>
  );
}

/** The list and the stream may carry less than the incident itself: evidence is the latter's. */
function frozen(incident: Incident): Partial<Incident> {
  const { sites, types, retainers, deliveries } = incident;
  return { ...(sites && { sites }), ...(types && { types }), ...(retainers && { retainers }), ...(deliveries && { deliveries }) };
}
