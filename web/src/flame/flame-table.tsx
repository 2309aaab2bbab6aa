// SPDX-License-Identifier: MIT
import { useMemo } from 'preact/hooks';
import type { FlameNode } from '../api/types';
import { formatBytes, formatShare, formatSigned } from '../format/bytes';
import { setParams, useParam } from '../router';
import { FrameButton } from './frame-button';
import { deltaOf } from './layout';
import type { Layout } from './layout';

const ROWS_MAX = 60;

interface Row {
  node: FlameNode;
  self: number;
  total: number;
  before: number;
}

/** Each function once. Total counts a recursive call only where it begins. */
function toRows(layout: Layout): Row[] {
  const rows = new Map<string, Row>();
  const openUntil = new Map<string, number>();
  layout.nodes.forEach((node, index) => {
    if (index === 0) return;
    const key = `${node.name}\n${node.file ?? node.module ?? ''}\n${node.line ?? ''}`;
    const row = rows.get(key) ?? { node, self: 0, total: 0, before: 0 };
    rows.set(key, row);
    row.self += (layout.isDiff ? node.self_delta : node.self) ?? 0;
    if (index >= (openUntil.get(key) ?? 0)) {
      row.total += layout.isDiff ? deltaOf(node) : node.value;
      row.before += node.before ?? 0;
      openUntil.set(key, layout.end[index] ?? index);
    }
  });
  return [...rows.values()];
}

type Order = 'self' | 'total';

interface FlameTableProps {
  layout: Layout;
  onAround: (node: FlameNode) => void;
}

export function FlameTable({ layout, onAround }: FlameTableProps) {
  const [name] = useParam('by', 'self');
  const order: Order = name === 'total' ? 'total' : 'self';
  const rows = useMemo(
    () => toRows(layout).sort((a, b) => Math.abs(b[order]) - Math.abs(a[order])).slice(0, ROWS_MAX),
    [layout, order],
  );
  const whole = layout.isDiff ? Math.max(layout.grown, 1) : (layout.nodes[0]?.value ?? 1) || 1;
  const amount = layout.isDiff ? formatSigned : formatBytes;
  const head = (by: Order, label: string) => (
    <th scope="col" class="right" aria-sort={order === by ? 'descending' : 'none'}>
      <button class="sort" type="button" onClick={() => setParams({ by: by === 'self' ? null : by })}>{label}</button>
    </th>
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Frames">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Frame</th>
            {head('self', layout.isDiff ? 'Grew by itself' : 'Itself')}
            {head('total', 'With callees')}
            {layout.isDiff && <th scope="col" class="right">Before</th>}
            <th scope="col" class="right">Share</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ node, self, total, before }, index) => (
            <tr key={index}>
              <th scope="row">
                <FrameButton node={node} onAround={onAround} />
              </th>
              <td class="right">{amount(self)}</td>
              <td class="right">{amount(total)}</td>
              {layout.isDiff && <td class="right">{formatBytes(before)}</td>}
              <td class="right">{formatShare(Math.abs(self), whole)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
