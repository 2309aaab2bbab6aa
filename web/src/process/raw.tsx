// SPDX-License-Identifier: MIT
import { useMemo } from 'preact/hooks';
import { api } from '../api/client';
import type { Process } from '../api/types';
import { ChartTable } from '../chart/chart-table';
import { toColumns } from '../chart/data';
import type { Columns } from '../chart/data';
import { useSeries } from '../chart/use-series';
import { useWindow } from '../chart/window';
import { Copyable } from '../ui/copyable';
import { Missing } from '../ui/missing';

const FORMATS = [
  ['pprof', 'for go tool pprof'],
  ['speedscope', 'for speedscope.app'],
  ['collapsed', 'for flamegraph.pl'],
] as const;

export function toCsv(columns: Columns): string {
  const cell = (value: number | null | undefined): string => (value == null ? '' : String(Math.round(value)));
  const lines = columns.x.map((seconds, at) => {
    const figures = [columns.live[at], columns.liveMin[at], columns.hasPython ? columns.python[at] : null, columns.rss[at]];
    return [new Date(seconds * 1000).toISOString(), ...figures.map(cell)].join(',');
  });
  return ['time,live_bytes,live_bytes_min,python_bytes,rss_bytes', ...lines].join('\n') + '\n';
}

/** Built when it is asked for, and given back at once: a blob that stays would be a leak. */
function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `${name.replace(/[^\w.-]+/g, '_')}.csv`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function Exports({ process }: { process: Process }) {
  return (
    <>
      <h3>The sites, for other tools</h3>
      <ul class="exports">
        {FORMATS.map(([format, what]) => (
          <li key={format}>
            <a href={api.exportHref(process.id, format)} download>{format}</a> <span class="faint">{what}</span>
          </li>
        ))}
      </ul>
      <Copyable text={`leakctl export ${process.id} --format pprof`} label="the command" />
    </>
  );
}

export function RawTab({ process }: { process: Process }) {
  const { data, error } = useSeries(process.id, useWindow(), process.domains?.['python'] !== undefined);
  const columns = useMemo(() => (data ? toColumns(data) : null), [data]);
  if (!columns) return <Missing error={error} what="series" />;
  return (
    <>
      <div class="tab-bar">
        <button class="button" type="button" onClick={() => save(`${process.name}-${process.pid}`, toCsv(columns))}>
          Save as CSV
        </button>
        <span class="faint">{columns.x.length} points in the chosen time, each the mean of its step; the table shows some.</span>
      </div>
      <ChartTable columns={columns} />
      <Exports process={process} />
    </>
  );
}
