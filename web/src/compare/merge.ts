// SPDX-License-Identifier: MIT
// Two trees of live memory as the tree of their difference. Frames are the same when function and
// file are: lines move from release to release. Pure.

import type { FlameNode } from '../api/types';
import { shortPath } from '../format/words';

const keyOf = (node: FlameNode): string => `${node.name}\n${shortPath(node.file ?? '')}\n${shortPath(node.module ?? '')}`;

function together(nodes: readonly FlameNode[]): Map<string, FlameNode> {
  const found = new Map<string, FlameNode>();
  for (const node of nodes) {
    const key = keyOf(node);
    const same = found.get(key);
    found.set(
      key,
      same
        ? { ...same, value: same.value + node.value, self: (same.self ?? 0) + (node.self ?? 0), children: [...(same.children ?? []), ...(node.children ?? [])] }
        : node,
    );
  }
  return found;
}

export function difference(before: FlameNode | null, after: FlameNode | null): FlameNode {
  const shown = after ?? before;
  const [was, is] = [together(before?.children ?? []), together(after?.children ?? [])];
  const keys = new Set([...is.keys(), ...was.keys()]);
  return {
    name: shown?.name ?? 'all',
    file: shown?.file ?? null,
    line: shown?.line ?? null,
    module: shown?.module ?? null,
    language: shown?.language ?? null,
    value: after?.value ?? 0,
    self: after?.self ?? 0,
    before: before?.value ?? 0,
    delta: (after?.value ?? 0) - (before?.value ?? 0),
    self_delta: (after?.self ?? 0) - (before?.self ?? 0),
    children: [...keys].map((key) => difference(was.get(key) ?? null, is.get(key) ?? null)),
  };
}
