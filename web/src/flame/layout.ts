// SPDX-License-Identifier: MIT
// A tree of frames as flat arrays in preorder, so that drawing and walking 20,000 of them is a loop.
// Pure.

import type { Flame, FlameNode } from '../api/types';
import type { Sandwich } from './sandwich';

export interface Layout {
  nodes: readonly FlameNode[];
  parent: Int32Array;
  /** Below 0: a caller of the function in the middle. */
  depth: Int32Array;
  /** Where a frame begins, and how much of the width is its own: in weight, not in pixels. */
  x: Float64Array;
  width: Float64Array;
  /** Index behind the last frame above which it stands. */
  end: Int32Array;
  /** Names a frame in the address: its path of functions, hashed. */
  key: Uint32Array;
  isDiff: boolean;
  /** Where the callers begin; behind all frames when there is no function in the middle. */
  callers: number;
  sandwich: Sandwich | null;
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

function emptyLayout(size: number, isDiff: boolean, sandwich: Sandwich | null) {
  return {
    nodes: [] as FlameNode[],
    parent: new Int32Array(size),
    depth: new Int32Array(size),
    x: new Float64Array(size),
    width: new Float64Array(size),
    end: new Int32Array(size),
    key: new Uint32Array(size),
    isDiff,
    callers: size,
    sandwich,
    grown: 0,
    shrunk: 0,
  };
}

/** In a difference the callers weigh other than the callees: +5 from here and −5 from there is
 * nothing below. Both halves are as wide as the middle; who is called by nobody leaves a gap. */
function callerScale(sandwich: Sandwich, weightOf: (node: FlameNode) => number, isDiff: boolean): number {
  const called = sandwich.callers.reduce((sum, node) => sum + node.value, 0);
  const callers = sandwich.callers.reduce((sum, node) => sum + weightOf(node), 0);
  const gap = called < sandwich.root.value && !isDiff ? sandwich.root.value - called : 0;
  const width = callers + gap;
  return width > 0 ? weightOf(sandwich.root) / width : 1;
}

export function layOut(flame: Pick<Flame, 'metric' | 'root'>, sandwich: Sandwich | null = null): Layout {
  const isDiff = flame.metric === 'diff';
  const root = sandwich?.root ?? flame.root;
  const callers = sandwich?.callers ?? [];
  const weights = new Map<FlameNode, number>();
  for (const tree of [root, ...callers]) weigh(tree, isDiff, weights);
  const weightOf = (node: FlameNode): number => weights.get(node) ?? 0;
  const layout = emptyLayout([root, ...callers].reduce((size, tree) => size + count(tree), 0), isDiff, sandwich);

  function place(node: FlameNode, parent: number, x: number, way: 1 | -1, scale: number): void {
    const at = layout.nodes.push(node) - 1;
    layout.parent[at] = parent;
    layout.depth[at] = parent < 0 ? 0 : (layout.depth[parent] ?? 0) + way;
    layout.x[at] = x;
    layout.width[at] = weightOf(node) * scale;
    layout.key[at] = hash(parent < 0 ? 0x811c9dc5 : (layout.key[parent] ?? 0), `${node.name}\n${node.file ?? ''}:${node.line ?? ''}\n`);
    if (isDiff && way > 0) {
      const own = selfDeltaOf(node);
      if (own > 0) layout.grown += own;
      else layout.shrunk -= own;
    }
    placeAll(node.children ?? [], at, x, way, scale);
    layout.end[at] = layout.nodes.length;
  }

  function placeAll(nodes: readonly FlameNode[], parent: number, x: number, way: 1 | -1, scale: number): void {
    let next = x;
    for (const node of [...nodes].sort((a, b) => weightOf(b) - weightOf(a))) {
      place(node, parent, next, way, scale);
      next += weightOf(node) * scale;
    }
  }

  place(root, -1, 0, 1, 1);
  layout.callers = layout.nodes.length;
  if (sandwich) placeAll(callers, 0, 0, -1, callerScale(sandwich, weightOf, isDiff));
  layout.end[0] = layout.nodes.length;
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

/** One step on; the same index where there is none. Siblings stand widest first. Above the function
 * in the middle the way up leads on, and the way down back to it. */
export function walk(layout: Layout, from: number, step: Step): number {
  const { callers } = layout;
  const parent = layout.parent[from] ?? -1;
  const end = layout.end[from] ?? 0;
  const isCaller = from >= callers;
  if (step === (isCaller ? 'child' : 'parent')) return parent >= 0 ? parent : callers < layout.nodes.length ? callers : 0;
  if (step === (isCaller ? 'parent' : 'child')) return from + 1 < (from === 0 ? callers : end) ? from + 1 : from;
  if (parent < 0) return from;
  const begin = parent === 0 && isCaller ? callers : parent + 1;
  const last = parent === 0 && !isCaller ? callers : (layout.end[parent] ?? 0);
  if (step === 'next') return end < last ? end : from;
  let before = begin;
  while (before < from && (layout.end[before] ?? from) < from) before = layout.end[before] ?? from;
  return before < from ? before : from;
}
