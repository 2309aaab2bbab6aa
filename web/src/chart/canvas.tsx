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
  fromZero: boolean;
}

interface CanvasProps {
  view: View;
  summary: string;
  onCursor: (index: number | null) => void;
  onSelect: (fromMs: number, toMs: number) => void;
}

const dataOf = ({ columns }: View): uPlot.AlignedData => [columns.x, columns.python, columns.live, columns.rss];

/** Python's share lies under the live bytes and would always draw the scale down to itself: unless
 * the scale begins at zero it is cut off below. */
function lowest(view: View): number {
  let low = Number.POSITIVE_INFINITY;
  for (const column of [view.columns.live, view.columns.rss]) {
    for (const bytes of column) if (bytes != null && bytes < low) low = bytes;
  }
  return low === Number.POSITIVE_INFINITY ? 0 : low;
}

/** Air above and below; never below nothing, and never so near that noise looks like growth. */
function yRange(high: number, view: View): [number, number] {
  const top = Math.max(high, view.yMost);
  if (view.fromZero) return [0, Math.max(top, 4096) * 1.06];
  const span = Math.max(top - lowest(view), top * 0.05, 4096);
  return [Math.max(0, top - span * 1.08), top + span * 0.08];
}

function build(host: HTMLElement, props: { current: CanvasProps }): uPlot {
  const colors = readColors(host);
  const view = (): View => props.current.view;
  const options = makeOptions({
    size: { width: host.clientWidth, height: CHART_HEIGHT },
    colors,
    range: { x: () => view().x, y: (_, high) => yRange(high, view()) },
    onCursor: (index) => props.current.onCursor(index),
    onSelect: (fromMs, toMs) => props.current.onSelect(fromMs, toMs),
    behind: (plot) => drawBehind(plot, view().overlay, colors),
    inFront: (plot) => drawInFront(plot, view().overlay, colors),
  });
  return new uPlot(options, dataOf(view()), host);
}

export function Canvas(props: CanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const rebuild = (): void => {
      plot.current?.destroy();
      plot.current = build(element, latest);
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
