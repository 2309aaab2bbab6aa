// SPDX-License-Identifier: MIT
import { formatBytes } from '../format/bytes';
import { formatMoment } from '../format/time';
import { toRows } from './data';
import type { Columns } from './data';

const ROWS_MAX = 60;

export function ChartTable({ columns }: { columns: Columns }) {
  return (
    <div class="scroll chart-table" tabIndex={0} role="region" aria-label="The chart as a table">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" class="right">Live, mean</th>
            <th scope="col" class="right">Live, smallest</th>
            {columns.hasPython && <th scope="col" class="right">Python</th>}
            <th scope="col" class="right">Resident</th>
          </tr>
        </thead>
        <tbody>
          {toRows(columns, ROWS_MAX).map((row) => (
            <tr key={row.atMs}>
              <th scope="row">{formatMoment(row.atMs)}</th>
              <td class="right">{formatBytes(row.live)}</td>
              <td class="right">{formatBytes(row.liveMin)}</td>
              {columns.hasPython && <td class="right">{formatBytes(row.python)}</td>}
              <td class="right">{formatBytes(row.rss)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
