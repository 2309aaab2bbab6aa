// SPDX-License-Identifier: MIT
// A value that components can watch.

import { useLayoutEffect, useReducer, useRef } from 'preact/hooks';

export interface Cell<T> {
  get(): T;
  set(next: T): void;
  watch(onChange: () => void): () => void;
}

export function cell<T>(initial: T): Cell<T> {
  let value = initial;
  const watchers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const onChange of [...watchers]) onChange();
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
}

/** What pick takes out of the cell; the component is drawn again only when that changes. */
export function useCell<T, U>(source: Cell<T>, pick: (value: T) => U): U {
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  const picked = pick(source.get());
  const last = useRef(picked);
  const picker = useRef(pick);
  last.current = picked;
  picker.current = pick;
  // Before it is in sight: a click on what is just drawn is answered.
  useLayoutEffect(() => {
    const check = (): void => {
      if (!Object.is(picker.current(source.get()), last.current)) redraw();
    };
    check();
    return source.watch(check);
  }, [source]);
  return picked;
}
