// SPDX-License-Identifier: MIT
// What uPlot does not draw: the fitted window, its line and band, the dashed way on, the limit.

import type uPlot from 'uplot';
import type { Fit, Mark } from '../api/types';
import type { Span } from '../api/client';
import { faded } from './colors';
import type { Colors } from './colors';
import { fitAt } from './data';

/** From the level that the daemon's forecast started at, to the limit; and when that is, at the
 * earliest and at the latest. */
export interface Way {
  fromMs: number;
  fromBytes: number;
  toMs: number;
  toBytes: number;
  earliestMs: number;
  latestMs: number | null;
}

export interface Overlay {
  fit: Fit | null;
  way: Way | null;
  limitBytes: number | null;
  limitText: string;
  a: Span | null;
  b: Span | null;
  marks: readonly Mark[];
}

type At = (ms: number, bytes: number) => [number, number];

function path(context: CanvasRenderingContext2D, points: readonly [number, number][]): void {
  context.beginPath();
  points.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
}

function drawWindow(plot: uPlot, fit: Fit, at: At, colors: Colors): void {
  const { ctx, bbox } = plot;
  const [left] = at(fit.from_ms, 0);
  const [right] = at(fit.to_ms, 0);
  ctx.fillStyle = faded(colors.fit, 0.07);
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
}

function drawBand(plot: uPlot, fit: Fit, at: At, colors: Colors): void {
  const middle = (fit.from_ms + fit.to_ms) / 2;
  const times = [fit.from_ms, middle, fit.to_ms];
  const high = times.map((ms) => at(ms, fitAt(fit, ms).high));
  const low = times.map((ms) => at(ms, fitAt(fit, ms).low)).reverse();
  path(plot.ctx, [...high, ...low]);
  plot.ctx.closePath();
  plot.ctx.fillStyle = faded(colors.fit, 0.22);
  plot.ctx.fill();
}

function drawLine(plot: uPlot, fit: Fit, at: At, colors: Colors, ratio: number): void {
  const { ctx } = plot;
  ctx.strokeStyle = colors.fit;
  ctx.lineWidth = 1.75 * ratio;
  path(ctx, [at(fit.from_ms, fitAt(fit, fit.from_ms).line), at(fit.to_ms, fitAt(fit, fit.to_ms).line)]);
  ctx.stroke();
}

/** The bar on the limit is the interval of the moment at which it is met. */
function drawWay(plot: uPlot, way: Way, at: At, colors: Colors, ratio: number): void {
  const { ctx } = plot;
  ctx.strokeStyle = colors.fit;
  ctx.lineWidth = 1.75 * ratio;
  ctx.setLineDash([6 * ratio, 5 * ratio]);
  path(ctx, [at(way.fromMs, way.fromBytes), at(way.toMs, way.toBytes)]);
  ctx.stroke();
  ctx.setLineDash([]);
  const latestMs = way.latestMs ?? (plot.scales['x']?.max ?? 0) * 1000;
  ctx.strokeStyle = colors.limit;
  ctx.lineWidth = 5 * ratio;
  path(ctx, [at(way.earliestMs, way.toBytes), at(latestMs, way.toBytes)]);
  ctx.stroke();
}

function drawLimit(plot: uPlot, overlay: Overlay, at: At, colors: Colors, ratio: number): void {
  const { ctx, bbox } = plot;
  if (overlay.limitBytes === null || overlay.limitBytes > (plot.scales['y']?.max ?? 0)) return;
  const [, y] = at(0, overlay.limitBytes);
  ctx.strokeStyle = colors.limit;
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  path(ctx, [[bbox.left, y], [bbox.left + bbox.width, y]]);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.fillStyle = colors.limit;
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'bottom';
  ctx.fillText(overlay.limitText, bbox.left + 6 * ratio, y - 3 * ratio);
}

/** A flag on a stick; its words stand in the list under the chart as well. */
function drawMark(plot: uPlot, mark: Mark, at: At, colors: Colors, ratio: number): void {
  const { ctx, bbox } = plot;
  const [x] = at(mark.at_ms, 0);
  ctx.strokeStyle = ctx.fillStyle = colors.ink;
  ctx.lineWidth = ratio;
  path(ctx, [[x, bbox.top], [x, bbox.top + bbox.height]]);
  ctx.stroke();
  path(ctx, [[x, bbox.top], [x + 8 * ratio, bbox.top + 4 * ratio], [x, bbox.top + 8 * ratio]]);
  ctx.fill();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  ctx.fillText(mark.text.slice(0, 24) || mark.kind, x + 11 * ratio, bbox.top);
}

/** A chosen range: a tint between two lines and its letter on a tab at the foot. */
function drawSpan(plot: uPlot, letter: string, span: Span, at: At, colors: Colors, ratio: number): void {
  const { ctx, bbox } = plot;
  const ink = letter === 'A' ? colors.ink : colors.live;
  const [left] = at(span.fromMs, 0);
  const right = Math.max(at(span.toMs, 0)[0], left + 2 * ratio);
  const foot = bbox.top + bbox.height;
  ctx.fillStyle = faded(ink, 0.14);
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.fillStyle = ink;
  ctx.fillRect(left, foot - 3 * ratio, right - left, 3 * ratio);
  ctx.fillRect(left, foot - 20 * ratio, 18 * ratio, 20 * ratio);
  ctx.fillStyle = colors.sheet;
  ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.fillText(letter, left + 9 * ratio, foot - 10 * ratio);
}

function clipped(plot: uPlot, draw: (at: At, ratio: number) => void): void {
  const { ctx, bbox } = plot;
  const at: At = (ms, bytes) => [plot.valToPos(ms / 1000, 'x', true), plot.valToPos(bytes, 'y', true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(at, devicePixelRatio || 1);
  ctx.restore();
}

export function drawBehind(plot: uPlot, overlay: Overlay, colors: Colors): void {
  const { fit } = overlay;
  if (fit) clipped(plot, (at) => drawWindow(plot, fit, at, colors));
}

export function drawInFront(plot: uPlot, overlay: Overlay, colors: Colors): void {
  const { fit, way } = overlay;
  clipped(plot, (at, ratio) => {
    if (way) drawWay(plot, way, at, colors, ratio);
    if (fit) {
      drawBand(plot, fit, at, colors);
      drawLine(plot, fit, at, colors, ratio);
    }
    drawLimit(plot, overlay, at, colors, ratio);
    for (const mark of overlay.marks) drawMark(plot, mark, at, colors, ratio);
    if (overlay.a) drawSpan(plot, 'A', overlay.a, at, colors, ratio);
    if (overlay.b) drawSpan(plot, 'B', overlay.b, at, colors, ratio);
  });
}
