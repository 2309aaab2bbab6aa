// SPDX-License-Identifier: MIT
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { readColors, watchTheme } from './colors';
import type { Columns } from './data';
import { CHART_HEIGHT, makeOptions } from './options';
import { drawBehind, drawInFront } from './overlay';
import type { Overlay } from './overlay';

export interface View {
  columns: Columns;
  overlay: Overlay;
  x: [number, number];
  /** Must be in sight besides the data. */
  yMost: number;
}

const dataOf = ({ columns }: View): uPlot.AlignedData => [columns.x, columns.live, columns.liveMin, columns.rss];

/** Air above and below; never below nothing, and never so near that noise looks like growth. */
function yRange(low: number, high: number, most: number): [number, number] {
  const top = Math.max(high, most);
  const span = Math.max(top - low, top * 0.05, 4096);
  return [Math.max(0, top - span * 1.08), top + span * 0.08];
}

function build(host: HTMLElement, view: { current: View }, onCursor: (index: number | null) => void): uPlot {
  const colors = readColors(host);
  const options = makeOptions({
    size: { width: host.clientWidth, height: CHART_HEIGHT },
    colors,
    range: { x: () => view.current.x, y: (low, high) => yRange(low, high, view.current.yMost) },
    onCursor,
    behind: (plot) => drawBehind(plot, view.current.overlay, colors),
    inFront: (plot) => drawInFront(plot, view.current.overlay, colors),
  });
  return new uPlot(options, dataOf(view.current), host);
}

export function Canvas(props: { view: View; summary: string; onCursor: (index: number | null) => void }) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const view = useRef(props.view);
  view.current = props.view;

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const rebuild = (): void => {
      plot.current?.destroy();
      plot.current = build(element, view, props.onCursor);
    };
    rebuild();
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: CHART_HEIGHT }));
    sizes.observe(element);
    const unwatch = watchTheme(rebuild);
    return () => {
      unwatch();
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => plot.current?.setData(dataOf(props.view)), [props.view]);

  return <div ref={host} class="chart" role="img" aria-label={props.summary} />;
}
