// SPDX-License-Identifier: MIT
// How uPlot shows memory: IEC steps on the axis, local times, our colours.

import type uPlot from 'uplot';
import { formatBytes } from '../format/bytes';
import { formatClock, formatSecond } from '../format/time';
import { faded } from './colors';
import type { Colors } from './colors';

export const CHART_HEIGHT = 300;

/** 1, 2 and 5 would give ugly binary figures: powers of two only. */
const BYTE_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

interface Hooks {
  size: { width: number; height: number };
  colors: Colors;
  range: { x: () => [number, number]; y: (low: number, high: number) => [number, number] };
  onCursor: (index: number | null) => void;
  behind: (plot: uPlot) => void;
  inFront: (plot: uPlot) => void;
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
      values: (_, times, __, ___, step) => times.map((at) => (step < 60 ? formatSecond(at * 1000) : formatClock(at * 1000))),
    },
    { ...common, size: 74, incrs: BYTE_STEPS, values: (_, values) => values.map((value) => formatBytes(value)) },
  ];
}

export function makeOptions(hooks: Hooks): uPlot.Options {
  const { colors } = hooks;
  return {
    ...hooks.size,
    legend: { show: false },
    padding: [12, 12, 0, 0],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { range: hooks.range.x }, y: { range: (_, low, high) => hooks.range.y(low ?? 0, high ?? 1) } },
    axes: axes(colors),
    series: [
      {},
      { label: 'live', scale: 'y', stroke: colors.live, width: 1.75, points: { show: false } },
      { label: 'live, smallest', scale: 'y', stroke: faded(colors.live, 0), width: 0, points: { show: false } },
      { label: 'resident', scale: 'y', stroke: colors.rss, width: 1.5, points: { show: false } },
    ],
    bands: [{ series: [1, 2], fill: faded(colors.live, 0.16) }],
    hooks: {
      drawAxes: [hooks.behind],
      draw: [hooks.inFront],
      setCursor: [(plot) => hooks.onCursor(plot.cursor.idx ?? null)],
    },
  };
}
