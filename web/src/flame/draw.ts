// SPDX-License-Identifier: MIT
// The icicle on a canvas: the root on top, each frame above what it called; in a sandwich the callers
// of the root above it. What would be narrower
// than half a pixel is skipped with everything below it.

import type { FlameNode } from '../api/types';
import { faded } from '../chart/colors';
import { formatSigned } from '../format/bytes';
import { isOwnFile } from '../format/words';
import { deltaOf, pathOf } from './layout';
import type { Layout } from './layout';

export const ROW_HEIGHT = 22;
const TEXT_MIN_PIXELS = 34;
const NARROWEST_PIXELS = 0.5;

export interface FlameColors {
  python: string;
  native: string;
  grown: string;
  shrunk: string;
  ink: string;
  accent: string;
}

export interface Scene {
  layout: Layout;
  /** The frame that fills the width. */
  zoomed: number;
  selected: number;
  hovered: number;
  matches: ((index: number) => boolean) | null;
  width: number;
}

/** Left edge and width of a frame in pixels, its ancestors being as wide as the picture. */
export function boxOf(scene: Scene, index: number): [number, number] {
  const { layout, zoomed, width } = scene;
  const whole = layout.width[zoomed] ?? 0;
  if (index <= zoomed && (layout.end[index] ?? 0) >= (layout.end[zoomed] ?? 0)) return [0, width];
  const scale = whole > 0 ? width / whole : 0;
  return [((layout.x[index] ?? 0) - (layout.x[zoomed] ?? 0)) * scale, (layout.width[index] ?? 0) * scale];
}

/** Calls for every frame that is wide enough to be seen, the ancestors of the zoomed one first. */
export function eachVisible(scene: Scene, visit: (index: number, left: number, width: number) => void): void {
  const { layout, zoomed, width } = scene;
  for (const index of pathOf(layout, zoomed).reverse()) visit(index, 0, width);
  const end = layout.end[zoomed] ?? 0;
  const scale = width / (layout.width[zoomed] || 1);
  const x0 = layout.x[zoomed] ?? 0;
  for (let index = zoomed + 1; index < end; ) {
    const wide = (layout.width[index] ?? 0) * scale;
    if (wide < NARROWEST_PIXELS) {
      index = layout.end[index] ?? end;
      continue;
    }
    visit(index, ((layout.x[index] ?? 0) - x0) * scale, wide);
    index++;
  }
}

/** The depths of the first row and of the last. */
function rowsOf(scene: Scene): [number, number] {
  let [top, bottom] = [0, 0];
  eachVisible(scene, (index) => {
    const depth = scene.layout.depth[index] ?? 0;
    top = Math.min(top, depth);
    bottom = Math.max(bottom, depth);
  });
  return [top, bottom];
}

export function heightOf(scene: Scene): number {
  const [top, bottom] = rowsOf(scene);
  return (bottom - top + 1) * ROW_HEIGHT;
}

/** The frame at a point of the picture; -1 where there is none. */
export function frameAt(scene: Scene, x: number, y: number): number {
  const depth = Math.floor(y / ROW_HEIGHT) + rowsOf(scene)[0];
  let found = -1;
  eachVisible(scene, (index, left, width) => {
    if (scene.layout.depth[index] === depth && x >= left && x < left + width) found = index;
  });
  return found;
}

/** A program's own lines stand out from the libraries that carry them out. */
function shadeOf(node: FlameNode): number {
  if (node.language !== 'python') return 0.24;
  return isOwnFile(node.file) ? 0.42 : 0.2;
}

function fillOf(scene: Scene, index: number, colors: FlameColors): string {
  const { layout, matches } = scene;
  const node = layout.nodes[index];
  if (!node || (index === 0 && !layout.sandwich)) return faded(colors.native, 0.18);
  const dim = matches && !matches(index) ? 0.25 : 1;
  if (!layout.isDiff) return faded(node.language === 'python' ? colors.python : colors.native, shadeOf(node) * dim);
  const delta = deltaOf(node);
  const share = Math.abs(delta) / Math.max(layout.grown, layout.shrunk, 1);
  if (delta === 0) return faded(colors.native, 0.12 * dim);
  return faded(delta > 0 ? colors.grown : colors.shrunk, (0.14 + 0.36 * Math.sqrt(Math.min(1, share))) * dim);
}

/** Shrunk frames are hatched: the direction never rests on colour alone. */
function hatch(context: CanvasRenderingContext2D, x: number, y: number, width: number, color: string): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, ROW_HEIGHT - 1);
  context.clip();
  context.beginPath();
  for (let at = x - ROW_HEIGHT; at < x + width; at += 7) {
    context.moveTo(at, y + ROW_HEIGHT);
    context.lineTo(at + ROW_HEIGHT, y);
  }
  context.strokeStyle = faded(color, 0.35);
  context.lineWidth = 1;
  context.stroke();
  context.restore();
}

function labelOf(scene: Scene, index: number): string {
  const node = scene.layout.nodes[index];
  if (!node) return '';
  if (!scene.layout.isDiff || (index === 0 && !scene.layout.sandwich)) return node.name;
  const delta = deltaOf(node);
  return delta === 0 ? node.name : `${delta > 0 ? '▲' : '▼'} ${formatSigned(delta)}  ${node.name}`;
}

/** As much of the text as fits: measured by the width of one letter, the font being monospaced. */
function fitted(text: string, pixels: number, letter: number): string {
  const most = Math.floor(pixels / letter);
  return text.length <= most ? text : most > 2 ? `${text.slice(0, most - 1)}…` : '';
}

export function draw(context: CanvasRenderingContext2D, scene: Scene, colors: FlameColors): void {
  const { layout } = scene;
  context.clearRect(0, 0, scene.width, context.canvas.height);
  context.font = '12px ui-monospace, "DejaVu Sans Mono", monospace';
  context.textBaseline = 'middle';
  const letter = context.measureText('m').width;
  const [top] = rowsOf(scene);
  eachVisible(scene, (index, left, wide) => {
    const y = ((layout.depth[index] ?? 0) - top) * ROW_HEIGHT;
    const width = Math.max(wide - 1, 0.5);
    context.fillStyle = fillOf(scene, index, colors);
    context.fillRect(left, y, width, ROW_HEIGHT - 1);
    const node = layout.nodes[index];
    if (layout.isDiff && node && width > 3 && deltaOf(node) < 0) hatch(context, left, y, width, colors.shrunk);
    if (width >= TEXT_MIN_PIXELS) {
      context.fillStyle = colors.ink;
      context.fillText(fitted(labelOf(scene, index), width - 10, letter), left + 5, y + ROW_HEIGHT / 2);
    }
  });
  for (const [index, color] of [[scene.hovered, colors.ink], [scene.selected, colors.accent]] as const) {
    if (index >= 0) outline(context, scene, index, top, color);
  }
  if (layout.sandwich) outline(context, scene, 0, top, colors.ink);
}

function outline(context: CanvasRenderingContext2D, scene: Scene, index: number, top: number, color: string): void {
  const [left, width] = boxOf(scene, index);
  if (left + width < 0 || left > scene.width) return;
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.strokeRect(left + 1, ((scene.layout.depth[index] ?? 0) - top) * ROW_HEIGHT + 1, Math.max(width - 3, 1), ROW_HEIGHT - 3);
}
