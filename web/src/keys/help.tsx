// SPDX-License-Identifier: MIT
import { useEffect, useRef } from 'preact/hooks';
import { useCell } from '../store/cell';
import { keysOn, setKeysOn } from './keys';

const ROWS: readonly [readonly string[], string][] = [
  [['/'], 'Filter the processes'],
  [['j', 'k'], 'Next row, previous row'],
  [['Enter'], 'Open the row'],
  [['[', ']'], 'Earlier, later'],
  [['-', '+'], 'A longer, a shorter time'],
  [['0'], 'Back to now'],
  [['d'], 'What grew: the difference as flames'],
  [['s'], 'In the flames: callers and callees of the frame'],
  [['x'], 'Unfold the workers of the row, or the first site'],
  [['g', 'o'], 'Go to the overview'],
  [['g', 'i'], 'Go to the incidents'],
  [['g', 'c'], 'Compare'],
  [['g', 'h'], 'Health of leakd'],
  [['Space'], 'Pause, or go on live'],
  [['?'], 'This help'],
];

export function KeyHelp(props: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const on = useCell(keysOn, (value) => value);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="keys-title" onClose={props.onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {ROWS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={on} onChange={(event) => setKeysOn(event.currentTarget.checked)} />
        Single keys act
      </label>
      <button class="button" type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
