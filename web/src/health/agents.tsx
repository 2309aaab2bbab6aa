// SPDX-License-Identifier: MIT
import type { Process } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { hasEnded } from '../format/words';
import { processHref } from '../router';
import { Link } from '../ui/link';
import { useNow } from '../ui/now';
import { numberOf, textOf } from './status';

const ROWS_MAX = 100;

/** Its own time as a part of the time it has been there. */
function Overhead({ process }: { process: Process }) {
  const spent = numberOf(process.agent ?? {}, 'overhead_s_total');
  const text = useNow((nowMs) => {
    const lived = (nowMs - process.started_ms) / 1000;
    if (spent === null || lived <= 0) return '–';
    const share = (100 * spent) / lived;
    return share < 0.01 ? 'under 0.01 %' : `${share.toFixed(2)} %`;
  });
  return <>{text}</>;
}

const DROPS = ['dropped_samples', 'dropped_sites', 'dropped_names', 'skipped_flushes'] as const;

export const dropsOf = (process: Process): number =>
  DROPS.reduce((sum, name) => sum + (numberOf(process.agent ?? {}, name) ?? 0), 0);

/** Who drops the most first: that is what somebody came for. */
export function Agents(props: { processes: readonly Process[] }) {
  const living = props.processes.filter((process) => !hasEnded(process)).sort((a, b) => dropsOf(b) - dropsOf(a));
  if (living.length === 0) return <p class="faint">No agent is connected.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Agents">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col">Agent</th>
            <th scope="col" class="right">One sample per</th>
            <th scope="col" class="right">Samples</th>
            <th scope="col" class="right">Dropped</th>
            <th scope="col" class="right">Its own time</th>
            <th scope="col">Switched off</th>
          </tr>
        </thead>
        <tbody>
          {living.slice(0, ROWS_MAX).map((process) => (
            <tr key={process.id}>
              <th scope="row"><Link href={processHref(process.id, '?tab=about')}>{process.name || '(no name)'}</Link> <span class="faint">{process.pid}</span></th>
              <td>{textOf(process.agent ?? {}, 'version') ?? '–'}</td>
              <td class="right">{formatBytes(process.sample_period_bytes)}</td>
              <td class="right">{formatCount(numberOf(process.agent ?? {}, 'samples'))}</td>
              <td class="right">{formatCount(dropsOf(process))}</td>
              <td class="right"><Overhead process={process} /></td>
              <td class="wide">{process.reason || <span class="faint">nothing</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {living.length > ROWS_MAX && <p class="faint">{living.length - ROWS_MAX} more are not shown.</p>}
    </div>
  );
}
