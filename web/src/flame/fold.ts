// SPDX-License-Identifier: MIT
// A tree without the frames of the interpreter itself: who looks for a line of Python is not helped
// by the C functions that carry it out. Pure.

import type { FlameNode } from '../api/types';

const INTERPRETER = /^(libpython\d|python\d?)/;

/** The C library and the interpreter's start belong to it where they stand above the first line of
 * Python. */
function isInterpreter(node: FlameNode): boolean {
  return node.language !== 'python' && INTERPRETER.test((node.module ?? '').split('/').pop() ?? '');
}

const sameFrame = (a: FlameNode, b: FlameNode): boolean =>
  a.name === b.name && a.file === b.file && a.line === b.line && a.module === b.module;

const sum = (a: number | undefined, b: number | undefined): number => (a ?? 0) + (b ?? 0);

function joined(a: FlameNode, b: FlameNode): FlameNode {
  const both: FlameNode = { ...a, value: a.value + b.value, self: sum(a.self, b.self) };
  if (a.delta !== undefined || b.delta !== undefined) {
    both.before = sum(a.before, b.before);
    both.delta = sum(a.delta, b.delta);
    both.self_delta = sum(a.self_delta, b.self_delta);
  }
  both.children = merged([...(a.children ?? []), ...(b.children ?? [])]);
  return both;
}

/** Each frame once. */
export function merged(nodes: readonly FlameNode[]): FlameNode[] {
  const found: FlameNode[] = [];
  for (const node of nodes) {
    const at = found.findIndex((one) => sameFrame(one, node));
    const same = found[at];
    if (same) found[at] = joined(same, node);
    else found.push(node);
  }
  return found;
}

function folded(node: FlameNode): FlameNode[] {
  const children = merged((node.children ?? []).flatMap(folded));
  if (!isInterpreter(node)) return [{ ...node, children }];
  return children;
}

/** What the interpreter allocated for itself stays with its caller, as the caller's own. */
function withOwn(node: FlameNode): FlameNode {
  const children = (node.children ?? []).map(withOwn);
  const self = children.reduce((rest, child) => rest - child.value, node.value);
  const whole: FlameNode = { ...node, self, children };
  if (node.delta !== undefined) whole.self_delta = children.reduce((rest, child) => rest - (child.delta ?? 0), node.delta);
  return whole;
}

export const hasInterpreter = (node: FlameNode): boolean =>
  isInterpreter(node) || (node.children ?? []).some(hasInterpreter);

export const hasPython = (node: FlameNode): boolean =>
  node.language === 'python' || (node.children ?? []).some(hasPython);

export const fold = (root: FlameNode): FlameNode =>
  withOwn({ ...root, children: merged((root.children ?? []).flatMap(folded)) });
