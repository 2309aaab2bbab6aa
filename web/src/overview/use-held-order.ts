// SPDX-License-Identifier: MIT
// Rows must not move away from under a hand or a focus: while either is in the table the order
// stays, new rows join at the end.

import { useRef } from 'preact/hooks';

export function useHeldOrder(sorted: readonly string[], held: boolean): readonly string[] {
  const shown = useRef<readonly string[]>(sorted);
  if (held) {
    const wanted = new Set(sorted);
    const before = shown.current.filter((id) => wanted.has(id));
    const known = new Set(before);
    shown.current = [...before, ...sorted.filter((id) => !known.has(id))];
  } else {
    shown.current = sorted;
  }
  return shown.current;
}
