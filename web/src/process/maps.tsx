// SPDX-License-Identifier: MIT
import { api, ApiError } from '../api/client';
import type { MapRow, Maps, Process } from '../api/types';
import { formatBytes, formatCount, formatShare } from '../format/bytes';
import { setParams, useParam } from '../router';
import { Ago } from '../ui/ago';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';

const REFRESH_MS = 10000;
const AGAIN_MS = 250;
const TRIES_MAX = 40;

const KIND_WORDS: Readonly<Record<string, string>> = {
  heap: 'Heap (brk)',
  arena: 'malloc arenas of threads',
  anonymous: 'Anonymous (malloc’s large blocks, Python’s arenas)',
  stack: 'Stack',
  file: 'Files (code, data, mapped)',
  shared: 'Shared memory',
  special: 'The kernel’s own',
  other: 'Other',
};

/** The first asking starts the reading; a moment later it is there. */
async function askMaps(id: string, signal: AbortSignal): Promise<Maps> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const maps = await api.maps(id, signal);
    if (maps.state === 'read') return maps;
    await new Promise((done) => window.setTimeout(done, AGAIN_MS));
  }
  throw new ApiError('leakd is still reading the mappings; it will be asked again', 0);
}

const FIGURES = ['count', 'size_bytes', 'rss_bytes', 'pss_bytes', 'private_bytes', 'swap_bytes'] as const;

function sumOf(rows: readonly MapRow[], kind: string): MapRow {
  const sum: MapRow = { kind, name: null, count: 0, size_bytes: 0, rss_bytes: 0, pss_bytes: 0, private_bytes: 0, swap_bytes: 0 };
  for (const row of rows) for (const figure of FIGURES) sum[figure] += row[figure];
  return sum;
}

function byKind(rows: readonly MapRow[]): { sum: MapRow; rows: readonly MapRow[] }[] {
  const kinds = [...new Set(rows.map((row) => row.kind))];
  return kinds
    .map((kind) => {
      const mine = rows.filter((row) => row.kind === kind).sort((a, b) => b.rss_bytes - a.rss_bytes);
      return { sum: sumOf(mine, kind), rows: mine.filter((row) => row.name !== null) };
    })
    .sort((a, b) => b.sum.rss_bytes - a.sum.rss_bytes);
}

function Cells({ row, whole }: { row: MapRow; whole: number }) {
  return (
    <>
      <td class="right">{formatBytes(row.rss_bytes)}</td>
      <td class="right">{whole > 0 ? formatShare(row.rss_bytes, whole) : '–'}</td>
      <td class="right">{formatBytes(row.private_bytes)}</td>
      <td class="right">{formatBytes(row.size_bytes)}</td>
      <td class="right">{formatBytes(row.swap_bytes)}</td>
      <td class="right">{formatCount(row.count)}</td>
    </>
  );
}

function Table({ maps }: { maps: Maps }) {
  const [open] = useParam('kind', '');
  const whole = sumOf(maps.maps, '').rss_bytes;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Mappings">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Mapping</th>
            {['Resident', 'Share', 'Private', 'Size', 'Swapped', 'Count'].map((name) => (
              <th key={name} scope="col" class="right">{name}</th>
            ))}
          </tr>
        </thead>
        {byKind(maps.maps).map(({ sum, rows }) => (
          <tbody key={sum.kind}>
            <tr>
              <th scope="row">
                {rows.length === 0 ? (
                  <span class="undisclosed">{KIND_WORDS[sum.kind] ?? sum.kind}</span>
                ) : (
                  <button class="disclose" type="button" aria-expanded={open === sum.kind} onClick={() => setParams({ kind: open === sum.kind ? null : sum.kind })}>
                    {KIND_WORDS[sum.kind] ?? sum.kind}
                  </button>
                )}
              </th>
              <Cells row={sum} whole={whole} />
            </tr>
            {open === sum.kind && rows.map((row) => (
              <tr key={row.name} class="map-file">
                <th scope="row"><code>{row.name}</code></th>
                <Cells row={row} whole={whole} />
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

export function MapsTab({ process }: { process: Process }) {
  const { data, error } = useFetch(`maps ${process.id}`, REFRESH_MS, (signal) => askMaps(process.id, signal));
  if (!data) return <Missing error={error} what="mappings" />;
  return (
    <>
      <p class="faint">
        As the kernel counts them{data.taken_ms ? <>, <Ago ms={data.taken_ms} /></> : null}.
        {data.truncated ? ' There are more than leakd reads: the sums are too small.' : ''}
      </p>
      <Table maps={data} />
    </>
  );
}
