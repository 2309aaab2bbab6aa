// SPDX-License-Identifier: MIT
import { IncidentPage } from './incident/incident-page';
import { IncidentsPage } from './incident/incidents-page';
import { OverviewPage } from './overview/overview-page';
import { useRoute } from './router';
import type { Route } from './router';
import { Shell } from './shell/shell';
import { lazy, lazyFrom } from './ui/lazy';
import { Link } from './ui/link';
import { Notice } from './ui/notice';

/** The chart is more than all the rest: the overview need not wait for it. */
const ProcessPage = lazyFrom(() => import('./process/process-page'))((part) => part.ProcessPage);
const ComparePage = lazy((later) => later.ComparePage);
const HealthPage = lazy((later) => later.HealthPage);

function Page(props: { route: Route }) {
  const { route } = props;
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'process':
      return <ProcessPage key={route.id} id={route.id} />;
    case 'incidents':
      return <IncidentsPage />;
    case 'incident':
      return <IncidentPage key={route.id} id={route.id} />;
    case 'compare':
      return <ComparePage />;
    case 'health':
      return <HealthPage />;
    case 'unknown':
      return (
        <Notice title="No such page">
          <p>
            <Link href="/">The overview</Link> shows what leakd watches.
          </p>
        </Notice>
      );
  }
}

export function App() {
  const route = useRoute();
  return (
    <Shell route={route}>
      <Page route={route} />
    </Shell>
  );
}
