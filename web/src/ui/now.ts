// One clock for all relative times. It stands still while the page is paused: what is shown then
// is one moment.

import { useEffect, useReducer } from 'preact/hooks';
import { world } from '../store/store';

const watchers = new Set<() => void>();
let nowMs = Date.now();

window.setInterval(() => {
  if (world.get().paused || document.hidden) return;
  nowMs = Date.now();
  for (const watcher of [...watchers]) watcher();
}, 1000);

export function useNow(): number {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    const watcher = (): void => redraw();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
    };
  }, []);
  return nowMs;
}
