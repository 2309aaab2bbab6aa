// SPDX-License-Identifier: MIT
// What /api/v1/status tells, read with care: daemons of other versions tell more or less. Pure.

import type { Status } from '../api/types';

type Tree = Readonly<Record<string, unknown>>;

export function part(status: Tree, name: string): Tree {
  const value = status[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};
}

export function numberOf(tree: Tree, name: string): number | null {
  const value = tree[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function textOf(tree: Tree, name: string): string | null {
  const value = tree[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

export const storageProblem = (status: Status): string | null => textOf(part(status, 'storage'), 'problem');

/** Something that somebody has to look after. */
export const isIll = (status: Status): boolean => storageProblem(status) !== null;
