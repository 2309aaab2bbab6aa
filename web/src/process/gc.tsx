// SPDX-License-Identifier: MIT
import type { Gc, JavaHeap, Process } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { formatSpan } from '../format/time';
import { capital } from '../format/words';
import { Fact, Facts } from '../ui/facts';

const KNOWN = new Set(['pause_s_total', 'generations']);

const seconds = (value: number): string => (value < 1 ? `${(value * 1000).toFixed(1)} ms` : value < 60 ? `${value.toFixed(1)} s` : formatSpan(value));

/** What a newer agent tells beside collections: shown by its own name. */
function more(gc: Gc): [string, string][] {
  const said: [string, string][] = [];
  for (const [name, value] of Object.entries(gc)) {
    if (KNOWN.has(name) || value === null || typeof value === 'object') continue;
    const words = capital(name.replace(/_(bytes|total|s)$/, '').replace(/_/g, ' '));
    const number = typeof value === 'number';
    said.push([words, number && /_s(_|$)/.test(name) ? seconds(value) : number && /bytes/.test(name) ? formatBytes(value) : number ? formatCount(value) : String(value)]);
  }
  return said;
}

function sentence(gc: Gc): string {
  const generations = gc.generations ?? [];
  const uncollectable = generations.reduce((sum, one) => sum + one.uncollectable, 0);
  if (uncollectable > 0) {
    return `${formatCount(uncollectable)} objects in cycles could not be collected: something in them refuses to be freed (a C extension without tp_clear, a legacy finalizer).`;
  }
  const oldest = generations.at(-1);
  if (oldest && oldest.collections === 0) return 'The oldest generation was never collected yet: cycles that survived twice are still there.';
  return 'The collector frees every cycle it finds: what grows is kept alive by a reference, not by a cycle.';
}

function javaSentence(heap: JavaHeap): string {
  if (heap.full_collections + heap.cycle_pauses === 0) return 'No collection has looked through the old objects yet: what grows among them may be garbage.';
  return 'What a full collection, or a concurrent cycle and the young collections after it, leave is alive.';
}

function JavaFacts({ heap }: { heap: JavaHeap }) {
  return (
    <>
      <p>{javaSentence(heap)}</p>
      <Facts>
        <Fact name="Left by the last collection">{formatBytes(heap.used_bytes)}</Fact>
        <Fact name="Mapped for the heap">{formatBytes(heap.committed_bytes)}</Fact>
        <Fact name="At most">{heap.max_bytes ? formatBytes(heap.max_bytes) : 'not known'}</Fact>
        <Fact name="Young collections">{formatCount(heap.young_collections)}</Fact>
        <Fact name="Pauses of concurrent cycles">{formatCount(heap.cycle_pauses)}</Fact>
        <Fact name="Full collections">{formatCount(heap.full_collections)}</Fact>
        <Fact name="Paused for it so far">{seconds(heap.pause_s_total)}</Fact>
      </Facts>
    </>
  );
}

export function GcTab({ process }: { process: Process }) {
  const { gc } = process;
  if (process.java_heap) return <JavaFacts heap={process.java_heap} />;
  if (!gc) {
    return (
      <p class="faint">
        No word of a garbage collector: this is {process.runtime.startsWith('cpython') ? 'a Python whose collector has not run yet, or whose layout the agent does not know' : 'no program whose collector leakd knows'}.
      </p>
    );
  }
  return (
    <>
      <p>{sentence(gc)}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Generations">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Generation</th>
              <th scope="col" class="right">Collections</th>
              <th scope="col" class="right">Collected</th>
              <th scope="col" class="right">Uncollectable</th>
            </tr>
          </thead>
          <tbody>
            {(gc.generations ?? []).map((one, at, all) => (
              <tr key={at}>
                <th scope="row">{at}{at === 0 ? ', the youngest' : at === all.length - 1 ? ', the oldest' : ''}</th>
                <td class="right">{formatCount(one.collections)}</td>
                <td class="right">{formatCount(one.collected)}</td>
                <td class="right">{formatCount(one.uncollectable)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Facts>
        {gc.pause_s_total != null && <Fact name="Paused for it so far">{seconds(gc.pause_s_total)}</Fact>}
        {more(gc).map(([name, value]) => (
          <Fact key={name} name={name}>{value}</Fact>
        ))}
      </Facts>
    </>
  );
}
