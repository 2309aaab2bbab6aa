// SPDX-License-Identifier: MIT
import { Component } from 'preact';

const WIDTH = 120;
const HEIGHT = 28;
const PAD = 3;

/** Noise of less than this part of the level is drawn flat: a line must not look like a leak just
 * because it fills its box. */
const MIN_SPAN = 0.04;

type Values = readonly (number | null)[];

const tenth = (value: number): number => Math.round(value * 10) / 10;

function pathOf(values: Values): { path: string; last: [number, number] } | null {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return null;
  const top = Math.max(...known);
  const span = Math.max(top - Math.min(...known), top * MIN_SPAN, 1);
  const base = top - span;
  let path = '';
  let pen = 'M';
  let last: [number, number] = [0, 0];
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = PAD + ((WIDTH - 2 * PAD) * index) / (values.length - 1);
    const y = HEIGHT - PAD - ((HEIGHT - 2 * PAD) * (value - base)) / span;
    path += `${pen}${tenth(x)} ${tenth(y)}`;
    pen = 'L';
    last = [tenth(x), tenth(y)];
  });
  return { path, last };
}

function same(a: Values, b: Values): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

interface SparklineProps {
  values: Values | null | undefined;
  large?: boolean;
}

/** The shape of the last minutes; the figures beside it say what it shows. Its values change far
 * more rarely than the process around them. */
export class Sparkline extends Component<SparklineProps> {
  override shouldComponentUpdate(next: SparklineProps): boolean {
    return !same(next.values ?? [], this.props.values ?? []);
  }

  override render({ values, large }: SparklineProps) {
    const drawn = values ? pathOf(values) : null;
    if (drawn === null) return <span class="sparkline sparkline-none" aria-hidden="true" />;
    return (
      <svg class={large ? 'sparkline sparkline-large' : 'sparkline'} preserveAspectRatio={large ? 'none' : 'xMidYMid'} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
        <path d={drawn.path} />
        <circle cx={drawn.last[0]} cy={drawn.last[1]} r="2" />
      </svg>
    );
  }
}
