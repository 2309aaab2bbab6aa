// SPDX-License-Identifier: MIT
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Process } from '../api/types';
import { useKey } from '../keys/keys';
import { readParam, setParams, useParam } from '../router';
import { compare } from './order';
import type { Found } from './order';
import { Row } from './row';
import { asOne } from './service';
import { useHeldOrder } from './use-held-order';

/** Moves the focus between the rows' links; from nowhere it enters at the first or last. */
function step(table: HTMLElement | null, by: 1 | -1): void {
  const links = [...(table?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
  const row = document.activeElement?.closest('tr');
  const at = links.findIndex((link) => link.closest('tr') === row);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next]?.focus();
}

/** Of the row with the focus, or of the service that its worker belongs to; else of the first there is. */
function toggleByKey(table: HTMLElement | null): void {
  let row = document.activeElement?.closest('tr') ?? null;
  while (row?.classList.contains('row-worker')) row = row.previousElementSibling as HTMLTableRowElement | null;
  const button = (row ?? table)?.querySelector<HTMLElement>('.crowd');
  button?.click();
  // The worker that had the focus may be gone now.
  button?.closest('tr')?.querySelector<HTMLElement>('.row-link')?.focus();
}

const idsOf = (text: string | null): Set<string> => new Set((text ?? '').split(',').filter(Boolean));

/** What is unfolded now, not when the row was drawn last: rows are drawn rarely. */
function toggle(id: string): void {
  const open = idsOf(readParam('open'));
  if (!open.delete(id)) open.add(id);
  setParams({ open: open.size === 0 ? null : [...open].join() });
}

/** Which services are unfolded, kept in the address. */
function useUnfolded(): ReadonlySet<string> {
  const [text] = useParam('open', '');
  return useMemo(() => idsOf(text), [text]);
}

const sortedIds = (processes: readonly Process[]): readonly string[] => [...processes].sort(compare).map((process) => process.id);

interface ServiceRowsProps {
  /** What speaks for it, with the memory of all. */
  process: Process;
  found: Found;
  isOpen: boolean;
  isHeld: boolean;
}

function ServiceRows({ process, found, isOpen, isHeld }: ServiceRowsProps) {
  const { service, workers } = found;
  const shown = workers ?? (isOpen ? service.workers : []);
  const order = useHeldOrder(useMemo(() => sortedIds(shown), [shown]), isHeld);
  const byId = new Map(shown.map((worker) => [worker.id, worker]));
  return (
    <>
      <Row process={process} crowd={service.workers.length > 0 ? service : null} isOpen={isOpen} found={workers?.length ?? null} onToggle={toggle} />
      {order.map((id) => {
        const worker = byId.get(id);
        return worker && <Row key={id} process={worker} leader={service.first} />;
      })}
    </>
  );
}

export function ProcessTable(props: { found: readonly Found[] }) {
  const table = useRef<HTMLTableElement>(null);
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const open = useUnfolded();
  const byId = useMemo(() => new Map(props.found.map((one) => [one.service.first.id, { found: one, process: asOne(one.service) }])), [props.found]);
  const sorted = useMemo(() => sortedIds([...byId.values()].map((one) => one.process)), [byId]);
  const isHeld = hovered || focused;
  const order = useHeldOrder(sorted, isHeld);
  useKey('j', () => step(table.current, 1));
  useKey('k', () => step(table.current, -1));
  useKey('x', () => toggleByKey(table.current));
  return (
    <table
      ref={table}
      role="table"
      class="processes"
      aria-label="Processes, the earliest to reach its limit first"
      onMouseEnter={() => setHovered(true)}
      onMouseLeave={() => setHovered(false)}
      onFocusIn={() => setFocused(true)}
      onFocusOut={() => setFocused(false)}
    >
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">Verdict</th>
          <th role="columnheader" scope="col">Process</th>
          <th role="columnheader" scope="col">Memory</th>
          <th role="columnheader" scope="col">Lately</th>
          <th role="columnheader" scope="col" class="right">Growth <span class="faint">95 %</span></th>
          <th role="columnheader" scope="col" class="right">Limit in <span class="faint">95 %</span></th>
          <th role="columnheader" scope="col">Culprit</th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {order.map((id) => {
          const one = byId.get(id);
          return one && <ServiceRows key={id} {...one} isOpen={open.has(id)} isHeld={isHeld} />;
        })}
      </tbody>
    </table>
  );
}
