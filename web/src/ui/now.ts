// SPDX-License-Identifier: MIT
// One clock for all relative times. It stands still while the page is paused: what is shown then
// is one moment.

import { useEffect, useReducer, useRef } from 'preact/hooks';
import { world } from '../store/store';

const watchers = new Set<() => void>();
let nowMs = Date.now();

window.setInterval(() => {
  if (world.get().paused || document.hidden) return;
  nowMs = Date.now();
  for (const watcher of [...watchers]) watcher();
}, 1000);

/** What say makes of this moment; the component is drawn again only when that reads differently. */
export function useNow(say: (nowMs: number) => string): string {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  const text = say(nowMs);
  const shown = useRef({ say, text });
  shown.current = { say, text };
  useEffect(() => {
    const watcher = (): void => {
      if (shown.current.say(nowMs) !== shown.current.text) redraw();
    };
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
    };
  }, []);
  return text;
}
