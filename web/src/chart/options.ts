// SPDX-License-Identifier: MIT
// How uPlot shows memory: IEC steps on the axis, local times, our colours, kinds stacked.

import type uPlot from 'uplot';
import { formatBytes } from '../format/bytes';
import { formatClock, formatDay, formatSecond } from '../format/time';
import { faded } from './colors';
import type { Colors } from './colors';

export const CHART_HEIGHT = 320;

/** 1, 2 and 5 would give ugly binary figures: powers of two only. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** A drag shorter than this was a click. */
const DRAG_MIN_PIXELS = 6;

interface Hooks {
  size: { width: number; height: number };
  colors: Colors;
  range: { x: () => [number, number]; y: (low: number, high: number) => [number, number] };
  onCursor: (index: number | null) => void;
  onSelect: (fromMs: number, toMs: number) => void;
  behind: (plot: uPlot) => void;
  inFront: (plot: uPlot) => void;
}

function timeLabel(seconds: number, step: number): string {
  const ms = seconds * 1000;
  return step < 60 ? formatSecond(ms) : step < 86400 ? formatClock(ms) : formatDay(ms);
}

function axes(colors: Colors): uPlot.Axis[] {
  const font = '12px system-ui, sans-serif';
  const grid = { stroke: colors.grid, width: 1 };
  const common = { stroke: colors.ink, font, grid, ticks: { show: false } };
  return [
    {
      ...common,
      grid: { show: false },
      space: 70,
      size: 30,
      values: (_, times, __, ___, step) => times.map((at) => timeLabel(at, step)),
    },
    { ...common, size: 74, incrs: BYTE_STEPS, values: (_, values) => values.map((value) => formatBytes(value)) },
  ];
}

function takeSelection(plot: uPlot, onSelect: Hooks['onSelect']): void {
  const { left, width } = plot.select;
  if (width < DRAG_MIN_PIXELS) return;
  const [fromMs, toMs] = [left, left + width].map((at) => plot.posToVal(at, 'x') * 1000) as [number, number];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onSelect(fromMs, toMs);
}

export function makeOptions(hooks: Hooks): uPlot.Options {
  const { colors } = hooks;
  return {
    ...hooks.size,
    legend: { show: false },
    padding: [14, 12, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PIXELS } },
    scales: { x: { range: hooks.range.x }, y: { range: (_, low, high) => hooks.range.y(low ?? 0, high ?? 1) } },
    axes: axes(colors),
    series: [
      {},
      { label: 'python', scale: 'y', stroke: faded(colors.live, 0.5), width: 1, fill: faded(colors.live, 0.3), points: { show: false } },
      { label: 'live', scale: 'y', stroke: colors.live, width: 1.75, fill: faded(colors.live, 0.12), points: { show: false } },
      { label: 'resident', scale: 'y', stroke: colors.rss, width: 1.5, fill: faded(colors.rss, 0.12), points: { show: false } },
    ],
    bands: [
      { series: [2, 1], fill: faded(colors.live, 0.13) },
      { series: [3, 2], fill: faded(colors.rss, 0.12) },
    ],
    hooks: {
      drawAxes: [hooks.behind],
      draw: [hooks.inFront],
      setCursor: [(plot) => hooks.onCursor(plot.cursor.idx ?? null)],
      setSelect: [(plot) => takeSelection(plot, hooks.onSelect)],
    },
  };
}
