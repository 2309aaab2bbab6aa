// SPDX-License-Identifier: MIT
import { formatBytes } from '../format/bytes';
import { formatSecond } from '../format/time';
import { useParam } from '../router';
import type { Column, Columns } from './data';

function valueAt(column: Column, index: number | null): number | null {
  if (index !== null) return column[index] ?? null;
  return column.findLast((value) => value != null) ?? null;
}

export type Line = 'live' | 'rss';

/** Which line is hidden, kept in the address: without the other one the scale fits what is left. */
export function useHidden(): [Line | null, (line: Line) => void] {
  const [hidden, set] = useParam('hide', '');
  const known = hidden === 'live' || hidden === 'rss' ? hidden : null;
  return [known, (line) => set(known === line ? '' : line)];
}

interface LineButtonProps {
  line: Line;
  label: string;
  value: number | null;
}

function LineButton({ line, label, value }: LineButtonProps) {
  const [hidden, toggle] = useHidden();
  return (
    <button class="legend-line" type="button" aria-pressed={hidden !== line} onClick={() => toggle(line)}>
      <i class={`swatch ink-${line}`} />
      {label} <b>{formatBytes(value)}</b>
    </button>
  );
}

/** What is resident and no block of the program's: the allocator's slack, code, stacks. */
function slackOf(rss: number | null, live: number | null): number | null {
  return rss === null || live === null || rss < live ? null : rss - live;
}

interface LegendProps {
  columns: Columns;
  index: number | null;
  hasFit: boolean;
  limitBytes: number | null;
}

/** Names of the lines, with what they are under the cursor, else now. */
export function Legend({ columns, index, hasFit, limitBytes }: LegendProps) {
  const at = index === null ? null : columns.x[index];
  const slack = slackOf(valueAt(columns.rss, index), valueAt(columns.live, index));
  return (
    <ul class="legend">
      <li><LineButton line="live" label="Live" value={valueAt(columns.live, index)} /></li>
      {columns.hasPython && (
        <li><i class="swatch swatch-area ink-python" />of it Python <b>{formatBytes(valueAt(columns.python, index))}</b></li>
      )}
      <li><LineButton line="rss" label="Resident" value={valueAt(columns.rss, index)} /></li>
      {slack !== null && <li><i class="swatch swatch-area ink-slack" />slack, code and other <b>{formatBytes(slack)}</b></li>}
      {hasFit && <li><i class="swatch ink-fit" />Fitted line with 95 % band</li>}
      {limitBytes !== null && <li><i class="swatch swatch-dotted ink-limit" />Limit <b>{formatBytes(limitBytes)}</b></li>}
      <li class="legend-time">{at == null ? 'now' : formatSecond(at * 1000)}</li>
    </ul>
  );
}
