// SPDX-License-Identifier: MIT
import type { FlameNode } from '../api/types';
import { formatBytes, formatShare, formatSigned } from '../format/bytes';
import { FrameButton } from './frame-button';
import { deltaOf } from './layout';
import type { Sandwich } from './sandwich';

interface Props {
  sandwich: Sandwich;
  isDiff: boolean;
  onAround: (node: FlameNode) => void;
}

/** The nearest callers and callees of a function; their own are one press away. */
export function SandwichTable({ sandwich, isDiff, onAround }: Props) {
  const { root, callers } = sandwich;
  const amountOf = isDiff ? deltaOf : (node: FlameNode): number => node.value;
  const parts: readonly [string, readonly FlameNode[]][] = [
    ['Caller', callers],
    ['In the middle', [root]],
    ['Callee', root.children ?? []],
  ];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Callers and callees">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Frame</th>
            <th scope="col">Is</th>
            <th scope="col" class="right">{isDiff ? 'Grew' : 'Holds'}</th>
            {isDiff && <th scope="col" class="right">Before</th>}
            {!isDiff && <th scope="col" class="right">Share</th>}
          </tr>
        </thead>
        {parts.map(([is, nodes]) => (
          <tbody key={is}>
            {[...nodes]
              .sort((a, b) => Math.abs(amountOf(b)) - Math.abs(amountOf(a)))
              .map((node, at) => (
                <tr key={at}>
                  <th scope="row">
                    <FrameButton node={node} onAround={onAround} />
                  </th>
                  <td class="faint">{is}</td>
                  <td class="right">{isDiff ? formatSigned(deltaOf(node)) : formatBytes(node.value)}</td>
                  {isDiff && <td class="right">{formatBytes(node.before)}</td>}
                  {!isDiff && <td class="right">{root.value > 0 ? formatShare(node.value, root.value) : '–'}</td>}
                </tr>
              ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}
