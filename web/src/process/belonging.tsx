// SPDX-License-Identifier: MIT
import type { Group, Process } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { hasEnded, liveOf } from '../format/words';
import { firstOf, workersOf, workerWords } from '../overview/service';
import { processHref, setParams } from '../router';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Link } from '../ui/link';

const isFirst = (process: Process): boolean => process.group?.id === process.id;

function crowdSentence(group: Group, living: number): string {
  const ended = group.ended ? ` and ${formatCount(group.ended)} that ended` : '';
  const held = group.live_bytes === undefined ? '' : ` Together they hold ${formatBytes(group.live_bytes)}`;
  const gained = held !== '' && (group.gained_bytes ?? 0) > 0 ? `; workers gained ${formatBytes(group.gained_bytes)} since each had warmed up` : '';
  return `Speaks for ${workerWords(living)}${ended}: verdict and growth are those of all.${held}${gained}${held && '.'}`;
}

/** Of a prefork server: for whom its first process speaks, or to whom a worker belongs. */
export function Belonging({ process }: { process: Process }) {
  const first = useCell(world, (now) => firstOf(process, now.processes));
  // Told by the group alone where it tells; else by those that the page knows.
  const known = useCell(world, (now) => (isFirst(process) ? workersOf(process, now.processes).filter((one) => !hasEnded(one)).length : 0));
  const { group } = process;
  if (first) {
    return (
      <p class="belonging">
        A worker of <Link href={processHref(first.id)}>{first.name || '(no name)'}, pid {first.pid}</Link>, which is judged
        together with all its workers and speaks for them. Figures on this page are this worker’s alone.
      </p>
    );
  }
  if (!group || !isFirst(process)) return null;
  const living = group.members === undefined ? known : group.members - 1;
  return (
    <p class="belonging">
      {crowdSentence(group, living)}{' '}
      {liveOf(process) === null ? 'It has said nothing of itself: all figures are its workers’.' : 'The chart draws this process alone.'}{' '}
      <button class="button button-small" type="button" onClick={() => setParams({ tab: 'workers' })}>
        List them
      </button>
    </p>
  );
}
