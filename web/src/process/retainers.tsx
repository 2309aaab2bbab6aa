// SPDX-License-Identifier: MIT
import { useEffect, useState } from 'preact/hooks';
import { api, asApiError } from '../api/client';
import type { ApiError } from '../api/client';
import type { Process, Snapshot } from '../api/types';
import { hasEnded } from '../format/words';
import { setParams, useParam } from '../router';
import { announce } from '../ui/announcer';
import { Copyable } from '../ui/copyable';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';
import { SnapshotFacts } from './snapshot-facts';

const LIST_MS = 15000;
const POLL_MS = 400;

const isUnderWay = (snapshot: Snapshot | null): boolean => snapshot?.state === 'requested' || snapshot?.state === 'running';

const PROGRESS: Readonly<Record<Snapshot['state'], string>> = {
  requested: 'Waiting for the program: it takes the snapshot at one of its own next allocations …',
  running: 'A forked copy walks the heap; the program itself runs on …',
  done: '',
  refused: 'The agent refused',
  failed: 'The snapshot failed',
};

function Progress({ snapshot }: { snapshot: Snapshot }) {
  return (
    <div class="snapshot-progress" role="status">
      <progress aria-label="Snapshot under way" />
      <span>{PROGRESS[snapshot.state]}</span>
    </div>
  );
}

function Outcome({ snapshot }: { snapshot: Snapshot }) {
  if (isUnderWay(snapshot)) return <Progress snapshot={snapshot} />;
  if (snapshot.state === 'done') return <SnapshotFacts snapshot={snapshot} />;
  return (
    <p class="remark" role="alert">
      {PROGRESS[snapshot.state]}: {snapshot.reason || 'it did not say why'}.
    </p>
  );
}

/** The snapshot that the address names, else the newest; asked for often while it is under way. */
function useSnapshot(id: string) {
  const [chosen] = useParam('snapshot', '');
  const list = useFetch(`snapshots ${id}`, LIST_MS, (signal) => api.snapshots(id, signal));
  const newest = list.data?.reduce((most, one) => Math.max(most, one.number), 0) ?? 0;
  const number = Number(chosen) || newest;
  const [current, setCurrent] = useState<Snapshot | null>(null);
  const [error, setError] = useState<ApiError | null>(null);

  useEffect(() => {
    if (number === 0) return undefined;
    const stop = new AbortController();
    let timer = 0;
    const turn = async (): Promise<void> => {
      try {
        const got = await api.snapshot(id, number, stop.signal);
        setCurrent(got);
        setError(null);
        if (isUnderWay(got)) timer = window.setTimeout(() => void turn(), POLL_MS);
        else if (got.state === 'done') announce('Snapshot taken');
      } catch (problem) {
        if (!stop.signal.aborted) setError(asApiError(problem));
      }
    };
    void turn();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [id, number]);

  return { list, error, snapshot: current?.number === number ? current : null, numbers: (list.data ?? []).map((one) => one.number) };
}

function TakeButton(props: { process: Process; busy: boolean }) {
  const [problem, setProblem] = useState('');
  const [asking, setAsking] = useState(false);
  const take = async (): Promise<void> => {
    setAsking(true);
    try {
      const made = await api.takeSnapshot(props.process.id);
      setProblem('');
      if (made) setParams({ snapshot: String(made.number) });
    } catch (error) {
      setProblem(asApiError(error).message);
    }
    setAsking(false);
  };
  return (
    <>
      <button class="button" type="button" disabled={props.busy || asking || hasEnded(props.process)} onClick={() => void take()}>
        Take a snapshot
      </button>
      {problem && <p class="remark" role="alert">{problem}</p>}
    </>
  );
}

function Numbers(props: { numbers: readonly number[]; shown: number | null }) {
  if (props.numbers.length < 2) return null;
  return (
    <div class="segments" role="group" aria-label="Snapshots">
      {props.numbers.map((number) => (
        <button key={number} type="button" aria-pressed={number === props.shown} onClick={() => setParams({ snapshot: String(number) })}>
          {number}
        </button>
      ))}
    </div>
  );
}

export function RetainersTab({ process }: { process: Process }) {
  const { list, error, snapshot, numbers } = useSnapshot(process.id);
  if (!process.runtime.startsWith('cpython')) {
    return <p class="faint">Who keeps an object alive can be told for Python programs only. For this one, the Sites tab has the stacks.</p>;
  }
  if (!list.data && list.error) return <Missing error={list.error} what="snapshots" />;
  return (
    <>
      <div class="tab-bar">
        <TakeButton process={process} busy={isUnderWay(snapshot)} />
        <Numbers numbers={numbers} shown={snapshot?.number ?? null} />
        <span class="faint">Exact counts, and the path from a root to what grows. The program stands still for its fork alone.</span>
      </div>
      {error && <p class="remark" role="alert">{error.message}</p>}
      {snapshot ? (
        <Outcome snapshot={snapshot} />
      ) : (
        list.data?.length === 0 && (
          <>
            <p>No snapshot yet. leakd takes one by itself when an incident opens; on a terminal:</p>
            <Copyable text={`leakctl retainers ${process.id}`} label="the command" />
          </>
        )
      )}
    </>
  );
}
