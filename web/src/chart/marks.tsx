// SPDX-License-Identifier: MIT
import type { Mark } from '../api/types';
import { capital } from '../format/words';
import { Ago } from '../ui/ago';

const SHOWN_MAX = 8;

/** The flags of the chart in words, the newest first. */
export function Marks(props: { marks: readonly Mark[] }) {
  if (props.marks.length === 0) return null;
  const newest = [...props.marks].sort((a, b) => b.t_ms - a.t_ms).slice(0, SHOWN_MAX);
  return (
    <ul class="marks" aria-label="Marks">
      {newest.map((mark, index) => (
        <li key={index}>
          <span aria-hidden="true">⚑</span> {capital(mark.kind)} {mark.text && <b>{mark.text}</b>} <Ago ms={mark.t_ms} />
        </li>
      ))}
    </ul>
  );
}
