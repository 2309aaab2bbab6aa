// SPDX-License-Identifier: MIT
import type { FlameNode } from '../api/types';
import { Place } from '../ui/place';

/** A frame in a table: pressed, it goes into the middle of its callers and callees. */
export function FrameButton(props: { node: FlameNode; onAround: (node: FlameNode) => void }) {
  const { node } = props;
  return (
    <button class="frame-button" type="button" title="Its callers and callees" onClick={() => props.onAround(node)}>
      <Place where={{ function: node.name, file: node.file ?? node.module ?? null, line: node.line ?? null }} />
    </button>
  );
}
