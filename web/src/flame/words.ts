// SPDX-License-Identifier: MIT
// A frame in words: for the line under the flames, for who listens, and for the table. Pure.

import type { FlameNode } from '../api/types';
import { formatBytes, formatShare, formatSigned } from '../format/bytes';
import { placeOf } from '../format/words';
import { deltaOf } from './layout';
import type { Layout } from './layout';
import type { Sandwich } from './sandwich';

export const placeText = (node: FlameNode): string =>
  placeOf({ file: node.file ?? null, line: node.line ?? null }) ?? node.module ?? '';

export function amountText(layout: Layout, index: number): string {
  const node = layout.nodes[index];
  if (!node) return '';
  if (layout.isDiff) return `${formatSigned(deltaOf(node))}, now ${formatBytes(node.value)}`;
  const whole = (layout.sandwich?.whole ?? layout.nodes[0])?.value ?? 0;
  return `${formatBytes(node.value)}${whole > 0 ? `, ${formatShare(node.value, whole)} of all` : ''}`;
}

export function frameText(layout: Layout, index: number): string {
  const node = layout.nodes[index];
  if (!node) return '';
  const place = placeText(node);
  const through = layout.sandwich && index > 0 ? (index >= layout.callers ? ', through this caller' : ', called from here') : '';
  return `${node.name}${place ? ` in ${place}` : ''}: ${amountText(layout, index)}${through}`;
}

const many = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function sandwichSummary(layout: Layout, { root, callers, places }: Sandwich): string {
  const called = many((root.children ?? []).length, 'function');
  return `${root.name}: ${amountText(layout, 0)}, in ${many(places, 'place')}. Above, ${many(callers.length, 'caller')}; below, ${called} that it calls.`;
}

/** The whole picture in a sentence. */
export function flameSummary(layout: Layout): string {
  if (layout.sandwich) return sandwichSummary(layout, layout.sandwich);
  const root = layout.nodes[0];
  if (!root || layout.nodes.length < 2) return 'No frame holds memory here.';
  let widest = 0;
  let most = 0;
  layout.nodes.forEach((node, index) => {
    const own = layout.isDiff ? (node.self_delta ?? 0) : (node.self ?? 0);
    if (own > most) [most, widest] = [own, index];
  });
  const frame = layout.nodes[widest];
  const top = frame && widest > 0 ? ` The most by itself: ${frame.name}, ${layout.isDiff ? formatSigned(most) : formatBytes(most)}.` : '';
  if (!layout.isDiff) return `${formatBytes(root.value)} in ${layout.nodes.length - 1} frames.${top}`;
  return `${formatSigned(layout.grown)} in frames that grew, ${formatSigned(-layout.shrunk)} in frames that shrank.${top}`;
}

/** Lower-case words that all have to be in the name or the place. */
export function matcher(words: string): ((node: FlameNode) => boolean) | null {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return null;
  return (node) => {
    const text = `${node.name} ${placeText(node)}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
}
