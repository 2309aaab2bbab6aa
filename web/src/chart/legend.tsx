import { formatBytes } from '../format/bytes';
import { formatSecond } from '../format/time';
import type { Column, Columns } from './data';

function valueAt(column: Column, index: number | null): number | null {
  if (index !== null) return column[index] ?? null;
  for (let at = column.length - 1; at >= 0; at--) {
    const value = column[at];
    if (value != null) return value;
  }
  return null;
}

/** Names of the lines, with what they are under the cursor, else now. */
export function Legend(props: { columns: Columns; index: number | null; hasFit: boolean; limitBytes: number | null }) {
  const { columns, index } = props;
  const at = index === null ? null : columns.x[index];
  return (
    <ul class="legend">
      <li><i class="swatch ink-live" />Live <b>{formatBytes(valueAt(columns.live, index))}</b></li>
      <li><i class="swatch ink-rss" />Resident <b>{formatBytes(valueAt(columns.rss, index))}</b></li>
      {props.hasFit && <li><i class="swatch ink-fit" />Fitted line with 95 % band</li>}
      {props.limitBytes !== null && <li><i class="swatch swatch-dotted ink-limit" />Limit <b>{formatBytes(props.limitBytes)}</b></li>}
      <li class="legend-time">{at == null ? 'now' : formatSecond(at * 1000)}</li>
    </ul>
  );
}
