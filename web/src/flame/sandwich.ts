// SPDX-License-Identifier: MIT
// One function from all the places where it stands: what it calls, put together downward, and who
// calls it, put together upward. What it holds is counted where it is entered first, so a function
// that calls itself counts once. Pure.

import type { FlameNode } from '../api/types';
import { deltaOf } from './layout';

export interface Sandwich {
  /** The function, above everything that it calls. */
  root: FlameNode;
  /** Who calls it, each above its own callers; the amounts are what came through there. */
  callers: readonly FlameNode[];
  /** In how many places of the tree it stands. */
  places: number;
  /** The tree that this is of. */
  whole: FlameNode;
}

/** A function wherever it is called from: its frames differ in the line. */
const functionOf = (node: FlameNode): string => `${node.name}\n${node.file ?? node.module ?? ''}`;

/** FNV-1a: names a function in the address. */
export function functionId(node: FlameNode): string {
  let hash = 0x811c9dc5;
  const text = functionOf(node);
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}

/** Frames of one function, put together. */
interface Pile {
  node: FlameNode;
  line: number | null;
  value: number;
  before: number;
  self: number;
  selfDelta: number;
  over: Map<string, Pile>;
}

function pileOf(piles: Map<string, Pile>, node: FlameNode): Pile {
  const key = functionOf(node);
  let pile = piles.get(key);
  if (!pile) {
    pile = { node, line: node.line ?? null, value: 0, before: 0, self: 0, selfDelta: 0, over: new Map() };
    piles.set(key, pile);
  }
  if (pile.line !== (node.line ?? null)) pile.line = null;
  return pile;
}

function addBelow(piles: Map<string, Pile>, node: FlameNode): void {
  const pile = pileOf(piles, node);
  const children = node.children ?? [];
  pile.value += node.value;
  pile.before += node.value - deltaOf(node);
  pile.self += node.self ?? 0;
  pile.selfDelta += node.self_delta ?? children.reduce((rest, child) => rest - deltaOf(child), deltaOf(node));
  for (const child of children) addBelow(pile.over, child);
}

/** What it holds in one place belongs to each caller on the way there, and ends at the outermost. */
function addAbove(piles: Map<string, Pile>, path: readonly FlameNode[], node: FlameNode): void {
  let level = piles;
  for (let at = path.length - 1; at >= 0; at--) {
    const pile = pileOf(level, path[at] ?? node);
    pile.value += node.value;
    pile.before += node.value - deltaOf(node);
    if (at === 0) {
      pile.self += node.value;
      pile.selfDelta += deltaOf(node);
    }
    level = pile.over;
  }
}

const toNode = (pile: Pile): FlameNode => ({
  ...pile.node,
  line: pile.line,
  value: pile.value,
  before: pile.before,
  delta: pile.value - pile.before,
  self: pile.self,
  self_delta: pile.selfDelta,
  children: [...pile.over.values()].map(toNode),
});

/** null: no function of that name in the address is there. */
export function sandwich(whole: FlameNode, id: string): Sandwich | null {
  const [below, above] = [new Map<string, Pile>(), new Map<string, Pile>()];
  const path: FlameNode[] = [];
  let places = 0;
  const visit = (node: FlameNode): void => {
    if (functionId(node) === id) {
      places++;
      addBelow(below, node);
      addAbove(above, path, node);
      return;
    }
    path.push(node);
    (node.children ?? []).forEach(visit);
    path.pop();
  };
  (whole.children ?? []).forEach(visit);
  const [root] = below.values();
  return root ? { root: toNode(root), callers: [...above.values()].map(toNode), places, whole } : null;
}
