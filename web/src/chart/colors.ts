// SPDX-License-Identifier: MIT
// A canvas knows no CSS variables: colours are read off invisible elements that wear them.

const NAMES = ['live', 'rss', 'fit', 'limit', 'grid', 'ink', 'sheet', 'grown', 'native', 'text'] as const;
export type ColorName = (typeof NAMES)[number];
export type Colors = Readonly<Record<ColorName, string>>;

export function readColors(host: HTMLElement): Colors {
  const probe = document.createElement('i');
  host.append(probe);
  const colors = Object.fromEntries(
    NAMES.map((name) => {
      probe.className = `ink-${name}`;
      return [name, getComputedStyle(probe).color];
    }),
  ) as Record<ColorName, string>;
  probe.remove();
  return colors;
}

const channels = new Map<string, string>();

/** rgb(r, g, b) with another opacity; asked for once a frame, so what was read is kept. */
export function faded(color: string, alpha: number): string {
  let known = channels.get(color);
  if (known === undefined) {
    known = color.match(/[\d.]+/g)?.slice(0, 3).join(' ') ?? '0 0 0';
    channels.set(color, known);
  }
  return `rgb(${known} / ${alpha})`;
}

/** Calls back when the look may have changed: the system's scheme or the chosen theme. */
export function watchTheme(onChange: () => void): () => void {
  const media = matchMedia('(prefers-color-scheme: dark)');
  const observer = new MutationObserver(onChange);
  media.addEventListener('change', onChange);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  return () => {
    media.removeEventListener('change', onChange);
    observer.disconnect();
  };
}
