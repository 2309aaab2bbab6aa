// SPDX-License-Identifier: MIT
import { api } from '../api/client';
import type { TypeRow } from '../api/types';
import { formatBytes, formatCount, formatSigned } from '../format/bytes';
import { useFetch } from '../ui/use-fetch';

const REFRESH_MS = 15000;
const ROWS_MAX = 40;

interface Row {
  name: string;
  a: TypeRow | undefined;
  b: TypeRow | undefined;
  delta: number;
}

function toRows(before: readonly TypeRow[], after: readonly TypeRow[]): Row[] {
  const [a, b] = [before, after].map((rows) => new Map(rows.map((row) => [row.name, row]))) as [Map<string, TypeRow>, Map<string, TypeRow>];
  return [...new Set([...b.keys(), ...a.keys()])]
    .map((name) => ({ name, a: a.get(name), b: b.get(name), delta: (b.get(name)?.live_bytes ?? 0) - (a.get(name)?.live_bytes ?? 0) }))
    .sort((one, other) => Math.abs(other.delta) - Math.abs(one.delta))
    .slice(0, ROWS_MAX);
}

/** Types of two processes as they are now; of the past leakd keeps the sites alone. */
export function TypeDiff(props: { a: string; b: string }) {
  const { data } = useFetch(`types ${props.a} ${props.b}`, REFRESH_MS, async (signal) => {
    const [before, after] = await Promise.all([api.types(props.a, signal), api.types(props.b, signal)]);
    return toRows(before, after);
  });
  if (!data || data.length === 0) return <p class="faint">No types are known for these two.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Types of both">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col" class="right">Difference</th>
            <th scope="col" class="right">A</th>
            <th scope="col" class="right">B</th>
            <th scope="col" class="right">Objects, B − A</th>
          </tr>
        </thead>
        <tbody>
          {data.map(({ name, a, b, delta }) => (
            <tr key={name}>
              <th scope="row"><code>{name}</code></th>
              <td class="right"><b>{formatSigned(delta)}</b></td>
              <td class="right">{a ? formatBytes(a.live_bytes) : '–'}</td>
              <td class="right">{b ? formatBytes(b.live_bytes) : '–'}</td>
              <td class="right">{formatCount((b?.live_count ?? 0) - (a?.live_count ?? 0))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
