// SPDX-License-Identifier: MIT
import type { State, Verdict } from '../api/types';

export type MarkKind = Verdict | Exclude<State, 'watching'>;

/** One shape each, so that the column reads without its colours. */
const SHAPES: Readonly<Record<MarkKind, string>> = {
  leak: 'M2 13 L7 7 L9.5 9.5 L14 3 M9.5 3 H14 V7.5',
  suspect: 'M2 11 C5 11 5 6 8 6 S11 8 14 4',
  fragmentation: 'M2 13 H5 V9.5 H8 V6.5 H11 V3.5 H14',
  learning: 'M3 8 H3.2 M8 8 H8.2 M13 8 H13.2',
  ok: 'M2 8 H14',
  resolved: 'M3 8.5 L6.5 12 L13 4.5',
  exited: 'M4 4 H12 V12 H4 Z',
  killed: 'M4 4 L12 12 M12 4 L4 12',
  'oom-killed': 'M4 4 L12 12 M12 4 L4 12 M2 2 H14',
  lost: 'M3 13 L13 3 M4 6 A6 6 0 0 1 8 3 M12 10 A6 6 0 0 1 8 13',
};

export function Mark(props: { kind: MarkKind }) {
  return (
    <svg class="mark" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={SHAPES[props.kind] ?? SHAPES.learning} />
    </svg>
  );
}
