// SPDX-License-Identifier: MIT
import { useMemo, useRef } from 'preact/hooks';
import { IncidentLines } from '../incident/incident-lines';
import { useKey } from '../keys/keys';
import { useParam } from '../router';
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { EmptyOverview } from './empty';
import { headline } from './headline';
import { search } from './order';
import { ProcessTable } from './process-table';
import { asOne, toServices } from './service';

function Filter(props: { value: string; onChange: (value: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  useKey('/', () => input.current?.select());
  return (
    <label class="filter">
      <span class="unseen">Filter the processes</span>
      <input
        ref={input}
        type="search"
        placeholder="Filter: name, unit, pid, verdict, file"
        aria-keyshortcuts="/"
        value={props.value}
        onInput={(event) => props.onChange(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

export function OverviewPage() {
  const processes = useCell(world, (now) => now.processes);
  const incidents = useCell(world, (now) => now.incidents);
  const loaded = useCell(world, (now) => now.loaded);
  const problem = useCell(world, (now) => now.problem);
  const [words, setWords] = useParam('q', '');
  const all = useMemo(() => toServices(processes), [processes]);
  const found = useMemo(() => search(all, words), [all, words]);
  useTitle('leakd');

  if (!loaded) {
    return problem === null ? (
      <p class="waiting">Asking leakd …</p>
    ) : (
      <section class="notice" role="alert">
        <h1>{problem}</h1>
        <p>Trying again every few seconds. On the host, <code>leakctl doctor</code> says what is wrong.</p>
      </section>
    );
  }
  if (all.length === 0) return <EmptyOverview />;
  const hasWorkers = processes.size > all.length;
  return (
    <>
      <h1 class="headline">{headline(all.map(asOne), hasWorkers)}</h1>
      <IncidentLines label="Open incidents" incidents={[...incidents.values()].filter((one) => one.state !== 'resolved')} />
      <div class="bar">
        <h2>{hasWorkers ? 'Services' : 'Processes'}</h2>
        <span class="faint">
          {words === '' ? all.length : `${found.length} of ${all.length}`}
          {words === '' && hasWorkers && `, ${processes.size} processes`}
        </span>
        <Filter value={words} onChange={setWords} />
      </div>
      {found.length === 0 ? (
        <p class="waiting">
          No process matches “{words}”.{' '}
          <button class="button button-small" type="button" onClick={() => setWords('')}>
            Show all
          </button>
        </p>
      ) : (
        <ProcessTable found={found} />
      )}
    </>
  );
}
