// SPDX-License-Identifier: MIT
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { readColors, watchTheme } from '../chart/colors';
import { draw, frameAt, heightOf } from './draw';
import type { FlameColors, Scene } from './draw';
import { walk } from './layout';
import type { Layout, Step } from './layout';
import { flameSummary } from './words';

const STEPS: Readonly<Record<string, Step>> = {
  ArrowUp: 'parent',
  ArrowDown: 'child',
  ArrowRight: 'next',
  ArrowLeft: 'previous',
};

function colorsOf(host: HTMLElement): FlameColors {
  const { native, grown, text, live } = readColors(host);
  return { python: live, native, grown, shrunk: live, ink: text, accent: live };
}

/** Device pixels, so that text is sharp. */
function paint(canvas: HTMLCanvasElement, scene: Scene, colors: FlameColors): void {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(scene.width * ratio), Math.round(heightOf(scene) * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  performance.mark('flame-start');
  draw(context, scene, colors);
  performance.measure('flame', 'flame-start');
  performance.clearMarks('flame-start');
}

interface FlameCanvasProps {
  layout: Layout;
  zoomed: number;
  selected: number;
  matches: ((index: number) => boolean) | null;
  onSelect: (index: number) => void;
  /** Enter, or a click. */
  onOpen: (index: number) => void;
  onBack: () => void;
  /** Its callers and callees are asked for. */
  onAround: (index: number) => void;
  onHover: (index: number) => void;
}

export function FlameCanvas(props: FlameCanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [theme, setTheme] = useState(0);
  const [hovered, setHovered] = useState(-1);
  const scene: Scene = { ...props, hovered, width };

  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    setWidth(element.clientWidth); // at once: a click into a picture without a width hits no frame
    const sizes = new ResizeObserver(() => setWidth(element.clientWidth));
    sizes.observe(element);
    const unwatch = watchTheme(() => setTheme((count) => count + 1));
    return () => {
      sizes.disconnect();
      unwatch();
    };
  }, []);

  useEffect(() => {
    if (host.current && canvas.current && width > 0) paint(canvas.current, scene, colorsOf(host.current));
  }, [props.layout, props.zoomed, props.selected, props.matches, hovered, width, theme]);

  const at = (event: MouseEvent): number => {
    const box = canvas.current?.getBoundingClientRect();
    return box ? frameAt(scene, event.clientX - box.left, event.clientY - box.top) : -1;
  };
  const hover = (index: number): void => {
    if (index === hovered) return;
    setHovered(index);
    props.onHover(index);
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step) props.onSelect(walk(props.layout, props.selected, step));
    else if (event.key === 'Enter') props.onOpen(props.selected);
    else if (event.key === 'Escape' || event.key === 'Home') props.onBack();
    else if (event.key === 's' && !event.ctrlKey && !event.metaKey && !event.altKey) props.onAround(props.selected);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={host}
      class="flame"
      role="application"
      tabIndex={0}
      aria-label={
        props.layout.sandwich
          ? 'Callers above, callees below: the arrow keys walk, Enter puts a frame in the middle, Escape goes back'
          : 'Flames: the arrow keys walk, Enter zooms, s shows callers and callees, Escape shows all'
      }
      onKeyDown={onKey}
    >
      <canvas
        ref={canvas}
        role="img"
        aria-label={flameSummary(props.layout)}
        onMouseMove={(event) => hover(at(event))}
        onMouseLeave={() => hover(-1)}
        onClick={(event) => {
          const index = at(event);
          if (index < 0) return;
          props.onSelect(index);
          props.onOpen(index === props.zoomed ? Math.max(props.layout.parent[index] ?? 0, 0) : index);
        }}
      />
    </div>
  );
}
