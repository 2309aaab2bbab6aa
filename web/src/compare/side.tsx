// SPDX-License-Identifier: MIT
import type { Process } from '../api/types';
import { formatBytes } from '../format/bytes';
import { formatMoment, fromLocalInput, toLocalInput } from '../format/time';
import { hasEnded, memoryOf, stateWord } from '../format/words';
import { setParams, useParam } from '../router';

export interface Side {
  id: string;
  /** null: now, or the end of a process that has ended. */
  atMs: number | null;
}

export function useSide(letter: 'a' | 'b', fallback: string): Side {
  const [id] = useParam(letter, fallback);
  const [at] = useParam(`${letter}t`, '');
  const ms = Number(at);
  return { id, atMs: at !== '' && Number.isFinite(ms) ? ms : null };
}

const label = (process: Process): string =>
  [process.name || '(no name)', process.release, `pid ${process.pid}`, hasEnded(process) ? stateWord(process.state).toLowerCase() : null]
    .filter(Boolean)
    .join(' · ');

interface PickerProps {
  letter: 'a' | 'b';
  side: Side;
  processes: readonly Process[];
}

/** Which process, and when. */
export function SidePicker({ letter, side, processes }: PickerProps) {
  const process = processes.find((one) => one.id === side.id);
  const upper = letter.toUpperCase();
  return (
    <fieldset class="side">
      <legend><b class={`span-letter span-${letter}`}>{upper}</b> {letter === 'a' ? 'Before' : 'After'}</legend>
      <label>
        <span>Process</span>
        <select value={side.id} onChange={(event) => setParams({ [letter]: event.currentTarget.value })}>
          {!process && <option value={side.id}>{side.id === '' ? 'Choose one' : `${side.id} (not known any more)`}</option>}
          {processes.map((one) => (
            <option key={one.id} value={one.id}>{label(one)}</option>
          ))}
        </select>
      </label>
      <label>
        <span>Time</span>
        <input
          type="datetime-local"
          step="1"
          value={side.atMs === null ? '' : toLocalInput(side.atMs)}
          onChange={(event) => {
            const ms = fromLocalInput(event.currentTarget.value);
            setParams({ [`${letter}t`]: ms === null ? null : String(ms) });
          }}
        />
      </label>
      <p class="faint">
        {side.atMs === null ? 'Now' : formatMoment(side.atMs)}
        {process && side.atMs === null ? `, ${formatBytes(memoryOf(process))}` : ''}{' '}
        {side.atMs !== null && (
          <button class="button button-small" type="button" onClick={() => setParams({ [`${letter}t`]: null })}>
            Take now
          </button>
        )}
      </p>
    </fieldset>
  );
}
