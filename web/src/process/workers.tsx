// SPDX-License-Identifier: MIT
import type { Process } from '../api/types';
import { formatBytes, formatGrowth } from '../format/bytes';
import { hasEnded, liveOf, residentOf } from '../format/words';
import { compare } from '../overview/order';
import { workersOf } from '../overview/service';
import { processHref } from '../router';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Ago } from '../ui/ago';
import { Estimate } from '../ui/estimate';
import { Link } from '../ui/link';
import { StateBadge } from '../ui/verdict';

const HEADS = ['Live', 'Resident', 'Its own growth'];

/** Who belongs to a prefork server, each with its own figures. */
export function WorkersTab({ process }: { process: Process }) {
  const all = useCell(world, (now) => now.processes);
  const workers = [...workersOf(process, all)].sort(compare);
  if (workers.length === 0) return <p class="faint">None of its workers is known any more; those to come are listed here.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Workers">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Verdict</th>
            {HEADS.map((name) => (
              <th key={name} scope="col" class="right">{name}</th>
            ))}
            <th scope="col">Started</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <tr key={worker.id}>
              <th scope="row">
                <Link href={processHref(worker.id)}>pid {worker.pid}</Link>
                {worker.name !== process.name && <span class="sub">{worker.name}</span>}
              </th>
              <td><StateBadge process={worker} /></td>
              <td class="right">{formatBytes(liveOf(worker))}</td>
              <td class="right">{formatBytes(residentOf(worker))}</td>
              <td class="right"><Estimate value={hasEnded(worker) ? null : formatGrowth(worker.growth_bytes_per_s)} /></td>
              <td><Ago ms={worker.started_ms} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
