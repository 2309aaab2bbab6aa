// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { api, asApiError } from '../api/client';
import type { Mark } from '../api/types';
import { capital } from '../format/words';
import { readSetting } from '../settings';
import { Ago } from '../ui/ago';

const SHOWN_MAX = 8;

/** A deploy, a change of configuration: what somebody will want to see in the chart tomorrow. */
function AddMark(props: { id: string; onAdded: () => void }) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const add = async (): Promise<void> => {
    try {
      await api.mark(props.id, text, readSetting('by') ?? '');
      setText('');
      setProblem('');
      props.onAdded();
    } catch (error) {
      setProblem(asApiError(error).message);
    }
  };
  return (
    <form
      class="mark-form"
      aria-label="Mark this moment"
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <input aria-label="What happens now" placeholder="Mark this moment: deploy, change …" value={text} maxLength={150} required onInput={(event) => setText(event.currentTarget.value)} />
      <button class="button button-small" type="submit">Mark</button>
      {problem && <span role="alert">{problem}</span>}
    </form>
  );
}

/** The flags of the chart in words, the newest first; and a new one. */
export function Marks(props: { id: string; marks: readonly Mark[]; onAdded: () => void }) {
  const newest = [...props.marks].sort((a, b) => b.at_ms - a.at_ms).slice(0, SHOWN_MAX);
  return (
    <div class="marks">
      {newest.length > 0 && (
        <ul aria-label="Marks">
          {newest.map((mark, index) => (
            <li key={index}>
              <span aria-hidden="true">⚑</span> {capital(mark.kind)} {mark.text && <b>{mark.text}</b>} <Ago ms={mark.at_ms} />
            </li>
          ))}
        </ul>
      )}
      <AddMark id={props.id} onAdded={props.onAdded} />
    </div>
  );
}
