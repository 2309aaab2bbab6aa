const WIDTH = 120;
const HEIGHT = 28;
const PAD = 3;

/** Noise of less than this part of the level is drawn flat: a line must not look like a leak just
 * because it fills its box. */
const MIN_SPAN = 0.04;

function pathOf(values: readonly (number | null)[]): { path: string; last: [number, number] } | null {
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
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
    last = [x, y];
  });
  return { path, last };
}

/** The shape of the last minutes; the figures beside it say what it shows. */
export function Sparkline(props: { values: readonly (number | null)[] | null | undefined }) {
  const drawn = props.values ? pathOf(props.values) : null;
  if (drawn === null) return <span class="sparkline sparkline-none" aria-hidden="true" />;
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" focusable="false">
      <path d={drawn.path} />
      <circle cx={drawn.last[0].toFixed(1)} cy={drawn.last[1].toFixed(1)} r="2" />
    </svg>
  );
}
