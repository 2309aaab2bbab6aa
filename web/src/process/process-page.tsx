// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { api } from '../api/client';
import type { Process } from '../api/types';
import { ChartPanel } from '../chart/chart-panel';
import { hasEnded, placeOf, sentence, stateWord } from '../format/words';
import { useKey } from '../keys/keys';
import { setParams, useParam } from '../router';
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Ago } from '../ui/ago';
import { Copyable } from '../ui/copyable';
import { lazy } from '../ui/lazy';
import { Link } from '../ui/link';
import { Notice } from '../ui/notice';
import { Tabs } from '../ui/tabs';
import type { Choice } from '../ui/tabs';
import { useFetch } from '../ui/use-fetch';
import { StateBadge, VerdictBadge } from '../ui/verdict';
import { Belonging } from './belonging';
import { Sites } from './sites';
import { Types } from './types-table';

const REFRESH_MS = 4000;

const WorkersTab = lazy((later) => later.WorkersTab);
const FlameTab = lazy((later) => later.FlameTab);
const RetainersTab = lazy((later) => later.RetainersTab);
const GcTab = lazy((later) => later.GcTab);
const MapsTab = lazy((later) => later.MapsTab);
const RawTab = lazy((later) => later.RawTab);
const About = lazy((later) => later.About);

const TABS: readonly Choice[] = [
  { value: 'sites', label: 'Sites' },
  { value: 'types', label: 'Types' },
  { value: 'flame', label: 'Flames' },
  { value: 'retainers', label: 'Retainers' },
  { value: 'gc', label: 'GC' },
  { value: 'maps', label: 'Maps' },
  { value: 'raw', label: 'Raw' },
  { value: 'about', label: 'About the process' },
];
const WORKERS: Choice = { value: 'workers', label: 'Workers' };

const tabsOf = (process: Process): readonly Choice[] => (process.group?.id === process.id ? [...TABS, WORKERS] : TABS);

function Head({ process }: { process: Process }) {
  const place = process.culprit ? placeOf(process.culprit) : null;
  return (
    <>
      <p class="crumb">
        <Link href="/">Overview</Link> <span aria-hidden="true">/</span> {process.name}
      </p>
      <p class="verdict-line">
        <StateBadge process={process} />
        {process.state !== 'watching' && <VerdictBadge verdict={process.verdict} />}
        <span>{process.name}</span>
        {process.unit && <span>{process.unit}</span>}
        <span>pid {process.pid}</span>
        <span>{process.runtime}</span>
      </p>
      <h1 class="headline">{sentence(process.summary) || 'Nothing to say about this process yet.'}</h1>
      {hasEnded(process) && process.ended_ms ? (
        <p class="aftermath">
          {stateWord(process.state)} <Ago ms={process.ended_ms} full />
        </p>
      ) : null}
      {process.culprit && (
        <p class="culprit">
          <span class="faint">Culprit</span>
          {place && <Copyable text={place} label="file and line" />}
          {process.culprit.function && <code>{process.culprit.function}</code>}
        </p>
      )}
      <Belonging process={process} />
    </>
  );
}

interface ListProps<T> {
  data: T | null;
  error: Error | null;
  children: (data: T) => ComponentChildren;
}

function Loaded<T>({ data, error, children }: ListProps<T>) {
  if (data !== null) return <>{children(data)}</>;
  return <p class="waiting">{error ? error.message : 'Asking leakd …'}</p>;
}

function SitesTab(props: { id: string }) {
  const asked = useFetch(`sites ${props.id}`, REFRESH_MS, (signal) => api.sites(props.id, signal));
  return <Loaded data={asked.data} error={asked.error}>{(sites) => <Sites sites={sites} />}</Loaded>;
}

function TypesTab(props: { id: string }) {
  const asked = useFetch(`types ${props.id}`, REFRESH_MS, (signal) => api.types(props.id, signal));
  return <Loaded data={asked.data} error={asked.error}>{(types) => <Types types={types} />}</Loaded>;
}

function TabBody({ tab, process }: { tab: string; process: Process }) {
  switch (tab) {
    case 'types':
      return <TypesTab id={process.id} />;
    case 'flame':
      return <FlameTab process={process} />;
    case 'retainers':
      return <RetainersTab process={process} />;
    case 'gc':
      return <GcTab process={process} />;
    case 'maps':
      return <MapsTab process={process} />;
    case 'raw':
      return <RawTab process={process} />;
    case 'workers':
      return <WorkersTab process={process} />;
    case 'about':
      return <About process={process} />;
    default:
      return <SitesTab id={process.id} />;
  }
}

function Evidence({ process }: { process: Process }) {
  const [tab] = useParam('tab', 'sites');
  useKey('d', () => setParams({ tab: 'flame', metric: 'diff' }));
  useKey('x', () => document.querySelector<HTMLElement>('.disclose')?.click());
  return (
    <section class="panel">
      <h2 class="unseen">Evidence</h2>
      <Tabs name="tab" label="Evidence" choices={tabsOf(process)} />
      <TabBody tab={tab} process={process} />
    </section>
  );
}

export function ProcessPage(props: { id: string }) {
  const process = useCell(world, (now) => now.processes.get(props.id) ?? null);
  const loaded = useCell(world, (now) => now.loaded);
  useTitle(process ? `${process.name} · leakd` : 'leakd');
  if (!process) {
    if (!loaded) return <p class="waiting">Asking leakd …</p>;
    return (
      <Notice title="leakd does not know this process">
        <p>
          It may have ended long ago. <Link href="/">The overview</Link> shows what is watched now.
        </p>
      </Notice>
    );
  }
  return (
    <>
      <Head process={process} />
      <ChartPanel process={process} />
      <Evidence process={process} />
    </>
  );
}
