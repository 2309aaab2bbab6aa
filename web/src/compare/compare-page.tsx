// SPDX-License-Identifier: MIT
import { useMemo } from 'preact/hooks';
import { api } from '../api/client';
import type { Flame, FlameNode, Process } from '../api/types';
import { FlameView } from '../flame/flame-view';
import { formatSigned } from '../format/bytes';
import { compare } from '../overview/order';
import { EmptyOverview } from '../overview/empty';
import { setParams } from '../router';
import { useTitle } from '../shell/news';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';
import { difference } from './merge';
import { SidePicker, useSide } from './side';
import type { Side } from './side';
import { TypeDiff } from './type-diff';

const REFRESH_MS = 20000;

/** Without a choice: the process that matters most, now, against its fellow of the same name. */
function fallbacks(sorted: readonly Process[]): [string, string] {
  const first = sorted[0];
  if (!first) return ['', ''];
  const fellow = sorted.find((one) => one.id !== first.id && one.name === first.name);
  const [older, newer] = fellow && fellow.started_ms > first.started_ms ? [first, fellow] : [fellow ?? first, first];
  return [older.id, newer.id];
}

function toFlame(pair: readonly [FlameNode, FlameNode]): Flame {
  return { metric: 'diff', root: difference(pair[0], pair[1]) };
}

function Outcome({ a, b }: { a: Side; b: Side }) {
  const key = `compare ${a.id} ${a.atMs} ${b.id} ${b.atMs}`;
  const { data, error } = useFetch(key, REFRESH_MS, async (signal) => {
    const [before, after] = await Promise.all([api.flameLive(a.id, a.atMs, signal), api.flameLive(b.id, b.atMs, signal)]);
    return [before.root, after.root] as const;
  });
  const flame = useMemo(() => (data ? toFlame(data) : null), [data]);
  if (!flame) return <Missing error={error} what="flames" />;
  const { root } = flame;
  return (
    <>
      <section class="panel">
        <h2>Where they differ: {formatSigned(root.delta ?? 0)} from A to B</h2>
        {(root.children ?? []).length === 0 ? <p class="faint">Neither has a sampled allocation at that time.</p> : <FlameView flame={flame} />}
      </section>
      {a.id !== b.id && a.atMs === null && b.atMs === null && (
        <section class="panel">
          <h2>Types</h2>
          <TypeDiff a={a.id} b={b.id} />
        </section>
      )}
    </>
  );
}

const EARLIER: readonly [string, number][] = [
  ['5 minutes ago', 5 * 60_000],
  ['an hour ago', 3600_000],
  ['a day ago', 24 * 3600_000],
];

/** Nothing chosen yet: one press away from the comparisons that people mostly want. */
function Same({ process }: { process: Process | undefined }) {
  const give = (ms: number) => (): void => setParams({ at: String(Math.round(ms)) });
  return (
    <div class="same">
      <p>Both sides are the same. Choose another process or release, or let A be</p>
      <p class="same-buttons">
        {process && <button class="button" type="button" onClick={give(process.started_ms + 60_000)}>a minute after its start</button>}
        {EARLIER.map(([words, ms]) => (
          <button key={words} class="button" type="button" onClick={give(Date.now() - ms)}>{words}</button>
        ))}
      </p>
    </div>
  );
}

export function ComparePage() {
  const processes = useCell(world, (now) => now.processes);
  const loaded = useCell(world, (now) => now.loaded);
  const sorted = [...processes.values()].sort(compare);
  const [first, second] = fallbacks(sorted);
  const a = useSide('a', first);
  const b = useSide('b', second);
  useTitle('Compare · leakd');
  if (!loaded) return <p class="waiting">Asking leakd …</p>;
  if (sorted.length === 0) return <EmptyOverview />;
  const isSame = a.id === b.id && a.atMs === b.atMs;
  return (
    <>
      <h1 class="headline">What is different between two processes, two releases or two times?</h1>
      <div class="sides">
        <SidePicker letter="a" side={a} processes={sorted} />
        <SidePicker letter="b" side={b} processes={sorted} />
      </div>
      {isSame ? (
        <Same process={processes.get(a.id)} />
      ) : (
        <Outcome a={a} b={b} />
      )}
    </>
  );
}
