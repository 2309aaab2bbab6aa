// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { api } from '../api/client';
import type { Incident } from '../api/types';
import { formatBytes, formatGrowth } from '../format/bytes';
import { formatForecast, formatMoment } from '../format/time';
import { capital, sentence } from '../format/words';
import { RetainerList } from '../process/retainer-list';
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
import { Tests } from '../ui/tests';
import { useFetch } from '../ui/use-fetch';
import { Actions } from './actions';
import { Deliveries } from './deliveries';
import { IncidentLines } from './incident-lines';
import { toMarkdown } from './markdown';
import { Severity } from './severity';
import { Timeline } from './timeline';

const REFRESH_MS = 10000;

/** Incidents of the same leak, known by its fingerprint. */
function Earlier({ incident }: { incident: Incident }) {
  const incidents = useCell(world, (now) => now.incidents);
  const same = [...incidents.values()].filter((one) => one.fingerprint === incident.fingerprint && one.id !== incident.id);
  if (same.length === 0) return null;
  return (
    <section class="panel">
      <h2>The same leak, at other times</h2>
      <IncidentLines label="The same leak" incidents={same} />
    </section>
  );
}

function CopyMarkdown({ incident }: { incident: Incident }) {
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(toMarkdown(incident, location.href));
      setSaid('Copied');
    } catch {
      setSaid('The browser does not allow it here');
    }
    window.setTimeout(() => setSaid(''), 2500);
  };
  return (
    <button class="button" type="button" onClick={() => void copy()}>
      {said || 'Copy as Markdown'}
    </button>
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
      <div class="incident-bar">
        <Actions incident={incident} />
        <CopyMarkdown incident={incident} />
        {!incident.process.forgotten && (
          <Link href={processHref(incident.process.id, '?tab=flame&metric=diff')} class="button">What grew, as flames</Link>
        )}
        {!incident.process.forgotten && (
          <a class="button" href={api.exportHref(incident.process.id, 'pprof')} download>pprof</a>
        )}
      </div>
      <Facts>
        <Fact name="Opened"><Ago ms={incident.opened_ms} full /></Fact>
        {incident.resolved_ms && <Fact name="Resolved"><Ago ms={incident.resolved_ms} full /></Fact>}
        <Fact name="Growth"><Estimate value={formatGrowth(incident.growth_bytes_per_s)} none="not known" /></Fact>
        {incident.time_to_limit_s && <Fact name="Limit in"><Estimate value={formatForecast(incident.time_to_limit_s)} none="not known" /></Fact>}
        {incident.live_bytes != null && <Fact name="Live">{formatBytes(incident.live_bytes)}</Fact>}
        {incident.rss_bytes != null && <Fact name="Resident">{formatBytes(incident.rss_bytes)}</Fact>}
        {incident.until_ms ? <Fact name={`${capital(incident.state)} until`}>{formatMoment(incident.until_ms)}</Fact> : null}
        {incident.release && <Fact name="Release">{incident.release}</Fact>}
        {incident.process.unit && <Fact name="Unit">{incident.process.unit}</Fact>}
        {incident.process.pid !== undefined && <Fact name="Pid">{incident.process.pid}</Fact>}
        <Fact name="Fingerprint"><code>{incident.fingerprint}</code></Fact>
      </Facts>
      <section class="panel"><h2>Sites when it opened</h2><Sites sites={incident.sites ?? []} /></section>
      <section class="panel"><h2>Types when it opened</h2><Types types={incident.types ?? []} /></section>
      {(incident.retainers ?? []).length > 0 && (
        <section class="panel"><h2>Kept alive by</h2><RetainerList retainers={incident.retainers ?? []} /></section>
      )}
      {(incident.tests ?? []).length > 0 && (
        <section class="panel"><h2>Tests behind the verdict, when it opened</h2><Tests tests={incident.tests ?? []} /></section>
      )}
      <section class="panel"><h2>What happened</h2><Timeline incident={incident} /></section>
      <section class="panel"><h2>Deliveries</h2><Deliveries rows={incident.deliveries ?? []} /></section>
      <Earlier incident={incident} />
    </>
  );
}

export function IncidentPage(props: { id: string }) {
  const known = useCell(world, (now) => now.incidents.get(props.id) ?? null);
  const asked = useFetch(props.id, REFRESH_MS, (signal) => api.incident(props.id, signal));
  const incident = asked.data ? { ...asked.data, ...known } : known;
  useTitle(`${incident?.process.name ?? props.id} · incident · leakd`);
  if (incident) return <Body incident={incident} />;
  if (!asked.error) return <p class="waiting">Asking leakd …</p>;
  return (
    <Notice title={asked.error.status === 404 ? 'No such incident' : asked.error.message}>
      <p><Link href="/incidents">All incidents</Link></p>
    </Notice>
  );
}
