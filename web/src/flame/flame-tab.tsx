// SPDX-License-Identifier: MIT
import { api } from '../api/client';
import type { Flame, Process } from '../api/types';
import { useRanges } from '../chart/ranges';
import type { Ranges } from '../chart/ranges';
import { formatMoment, formatSecond } from '../format/time';
import { useParam } from '../router';
import { Missing } from '../ui/missing';
import { Tabs } from '../ui/tabs';
import { useFetch } from '../ui/use-fetch';
import { FlameView } from './flame-view';

const METRICS = [
  { value: 'live', label: 'Live now' },
  { value: 'alloc', label: 'Allocated' },
  { value: 'diff', label: 'What grew' },
];

const REFRESH_MS = 15000;
const FIXED_REFRESH_MS = 600_000;

function ask(id: string, metric: string, ranges: Ranges, signal: AbortSignal): Promise<Flame> {
  if (metric === 'diff') return api.flameDiff(id, ranges.a, ranges.b, signal);
  return metric === 'alloc' ? api.flameAlloc(id, signal) : api.flameLive(id, null, signal);
}

/** What was found may lie beside what was asked for: shots are taken every ten seconds to a minute. */
function diffWords(flame: Flame, ranges: Ranges): string {
  const moment = (range: Flame['range_ms'], fallback: number | null | undefined): string => {
    if (range && range[1] > range[0]) return `${formatSecond(range[0])}–${formatSecond(range[1])}`;
    const at = range?.[0] ?? fallback;
    return at ? formatMoment(at) : 'the start';
  };
  const before = moment(flame.before_range_ms, flame.from_ms);
  const after = ranges.b ? moment(flame.range_ms, flame.to_ms) : 'now';
  const which = ranges.a ? '' : ' (since the growth began, as far as leakd looked)';
  return `From ${before} to ${after}${which}. Wide is what changed: ▲ grew, ▼ and hatched shrank.`;
}

function emptyWords(metric: string): string {
  return metric === 'diff'
    ? 'Nothing changed between the two, as far as samples tell. Choose ranges further apart, or wait for the next shot.'
    : 'No allocation was sampled yet. A program that allocates little takes a while until the first sample.';
}

export function FlameTab({ process }: { process: Process }) {
  const [metric] = useParam('metric', 'live');
  const ranges = useRanges();
  const isDiff = metric === 'diff';
  const key = `flame ${process.id} ${metric} ${isDiff ? JSON.stringify(ranges) : ''}`;
  const every = isDiff && ranges.b ? FIXED_REFRESH_MS : REFRESH_MS;
  const { data, error } = useFetch(key, every, (signal) => ask(process.id, metric, ranges, signal));
  return (
    <>
      <div class="flame-bar">
        <Tabs name="metric" label="Metric" choices={METRICS} small />
        {data && isDiff && <span class="faint">{diffWords(data, ranges)}</span>}
      </div>
      {!data && <Missing error={error} what="flames" />}
      {data && ((data.root.children ?? []).length === 0 ? <p class="faint">{emptyWords(metric)}</p> : <FlameView flame={data} />)}
    </>
  );
}
