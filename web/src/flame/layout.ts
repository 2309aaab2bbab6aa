// SPDX-License-Identifier: MIT
// A tree of frames as flat arrays in preorder, so that drawing and walking 20,000 of them is a loop.
// Pure.

import type { Flame, FlameNode } from '../api/types';

export interface Layout {
  nodes: readonly FlameNode[];
  parent: Int32Array;
  depth: Int32Array;
  /** Where a frame begins, and how much of the width is its own: in weight, not in pixels. */
  x: Float64Array;
  width: Float64Array;
  /** Index behind the last frame above which it stands. */
  end: Int32Array;
  /** Names a frame in the address: its path of functions, hashed. */
  key: Uint32Array;
  isDiff: boolean;
  /** In a difference: bytes of the frames that grew by themselves, and of those that shrank. */
  grown: number;
  shrunk: number;
}

export const deltaOf = (node: FlameNode): number => node.delta ?? node.value - (node.before ?? 0);

function selfDeltaOf(node: FlameNode): number {
  if (node.self_delta !== undefined) return node.self_delta;
  return (node.children ?? []).reduce((rest, child) => rest - deltaOf(child), deltaOf(node));
}

/** A difference is drawn as wide as what changed: growth of a few megabytes in a heap of gigabytes
 * would be no pixel wide. */
function weigh(node: FlameNode, isDiff: boolean, weights: Map<FlameNode, number>): number {
  const children = node.children ?? [];
  const below = children.reduce((sum, child) => sum + weigh(child, isDiff, weights), 0);
  const weight = isDiff ? below + Math.abs(selfDeltaOf(node)) : Math.max(node.value, below);
  weights.set(node, weight);
  return weight;
}

const count = (node: FlameNode): number => (node.children ?? []).reduce((sum, child) => sum + count(child), 1);

/** FNV-1a, continued from the parent's. */
function hash(from: number, text: string): number {
  let value = from;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

export function layOut(flame: Pick<Flame, 'metric' | 'root'>): Layout {
  const isDiff = flame.metric === 'diff';
  const weights = new Map<FlameNode, number>();
  weigh(flame.root, isDiff, weights);
  const size = count(flame.root);
  const nodes: FlameNode[] = [];
  const layout = {
    nodes,
    parent: new Int32Array(size),
    depth: new Int32Array(size),
    x: new Float64Array(size),
    width: new Float64Array(size),
    end: new Int32Array(size),
    key: new Uint32Array(size),
    isDiff,
    grown: 0,
    shrunk: 0,
  };
  const weightOf = (node: FlameNode): number => weights.get(node) ?? 0;

  function place(node: FlameNode, parent: number, x: number): void {
    const at = nodes.push(node) - 1;
    layout.parent[at] = parent;
    layout.depth[at] = parent < 0 ? 0 : (layout.depth[parent] ?? 0) + 1;
    layout.x[at] = x;
    layout.width[at] = weightOf(node);
    layout.key[at] = hash(parent < 0 ? 0x811c9dc5 : (layout.key[parent] ?? 0), `${node.name}\n${node.file ?? ''}:${node.line ?? ''}\n`);
    if (isDiff) {
      const own = selfDeltaOf(node);
      if (own > 0) layout.grown += own;
      else layout.shrunk -= own;
    }
    let next = x;
    for (const child of [...(node.children ?? [])].sort((a, b) => weightOf(b) - weightOf(a))) {
      place(child, at, next);
      next += weightOf(child);
    }
    layout.end[at] = nodes.length;
  }

  place(flame.root, -1, 0);
  return layout;
}

export const keyText = (layout: Layout, index: number): string => (layout.key[index] ?? 0).toString(36);

/** The frame that an address names; the root when it is no longer there. */
export function findKey(layout: Layout, text: string): number {
  if (text === '') return 0;
  const key = parseInt(text, 36);
  const at = layout.key.indexOf(key);
  return Math.max(at, 0);
}

/** The frames between it and the root, itself first. */
export function pathOf(layout: Layout, index: number): number[] {
  const path: number[] = [];
  for (let at = index; at >= 0; at = layout.parent[at] ?? -1) path.push(at);
  return path;
}

export type Step = 'parent' | 'child' | 'next' | 'previous';

/** One step on; the same index where there is none. Siblings stand widest first. */
export function walk(layout: Layout, from: number, step: Step): number {
  const parent = layout.parent[from] ?? -1;
  const end = layout.end[from] ?? 0;
  if (step === 'parent') return Math.max(parent, 0);
  if (step === 'child') return from + 1 < end ? from + 1 : from;
  if (parent < 0) return from;
  if (step === 'next') return end < (layout.end[parent] ?? 0) ? end : from;
  let before = parent + 1;
  while (before < from && (layout.end[before] ?? from) < from) before = layout.end[before] ?? from;
  return before < from ? before : from;
}
