// SPDX-License-Identifier: MIT
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Process } from '../api/types';
import { useKey } from '../keys/keys';
import { compare } from './order';
import { Row } from './row';
import { useHeldOrder } from './use-held-order';

/** Moves the focus between the rows' links; from nowhere it enters at the first or last. */
function step(table: HTMLElement | null, by: 1 | -1): void {
  const links = [...(table?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
  const row = document.activeElement?.closest('tr');
  const at = links.findIndex((link) => link.closest('tr') === row);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next]?.focus();
}

export function ProcessTable(props: { processes: readonly Process[] }) {
  const table = useRef<HTMLTableElement>(null);
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const sorted = useMemo(() => [...props.processes].sort(compare).map((process) => process.id), [props.processes]);
  const order = useHeldOrder(sorted, hovered || focused);
  const byId = new Map(props.processes.map((process) => [process.id, process]));
  useKey('j', () => step(table.current, 1));
  useKey('k', () => step(table.current, -1));
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
          const process = byId.get(id);
          return process && <Row key={id} process={process} />;
        })}
      </tbody>
    </table>
  );
}
