// SPDX-License-Identifier: MIT
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { api, asApiError } from '../api/client';
import type { IncidentAction } from '../api/client';
import type { Incident } from '../api/types';
import { readSetting, writeSetting } from '../settings';
import { announce } from '../ui/announcer';

const DURATIONS: readonly [string, string][] = [
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['1d', '1 day'],
  ['7d', '1 week'],
];

const WORDS: Readonly<Record<IncidentAction, { button: string; done: string; help: string }>> = {
  acknowledge: { button: 'Acknowledge', done: 'acknowledged', help: 'Somebody looks after it. It stays open; its reminders stop.' },
  silence: { button: 'Silence', done: 'silenced', help: 'Nobody is told of it again before the time is over.' },
  resolve: { button: 'Resolve', done: 'resolved', help: 'It is over. When the same leak comes back, it is told as seen before.' },
};

interface FormProps {
  incident: Incident;
  action: IncidentAction;
  onClose: () => void;
}

function ActionForm({ incident, action, onClose }: FormProps) {
  const [by, setBy] = useState(readSetting('by') ?? '');
  const [reason, setReason] = useState('');
  const [duration, setDuration] = useState('4h');
  const [problem, setProblem] = useState('');
  const words = WORDS[action];
  const form = useRef<HTMLFormElement>(null);
  // Before it is shown: a late focus would take the field from under the fingers.
  useLayoutEffect(() => {
    const fields = [...(form.current?.querySelectorAll('input') ?? [])];
    (fields.find((field) => field.value === '') ?? fields[0])?.focus();
  }, []);
  const act = async (): Promise<void> => {
    writeSetting('by', by || null);
    try {
      await api.act(incident.id, action, { by, reason, ...(action === 'silence' && { duration }) });
      announce(`Incident ${words.done}`);
      if (form.current) onClose(); // else another one is open by now, which stays
    } catch (error) {
      const { message } = asApiError(error);
      if (form.current) setProblem(message);
      else announce(`Not ${words.done}: ${message}`);
    }
  };
  return (
    <form
      ref={form}
      class="action-form"
      aria-label={words.button}
      onSubmit={(event) => {
        event.preventDefault();
        void act();
      }}
    >
      <p class="faint">{words.help}</p>
      <label>
        <span>Your name</span>
        <input value={by} maxLength={60} required autocomplete="username" onInput={(event) => setBy(event.currentTarget.value)} />
      </label>
      <label>
        <span>Reason</span>
        <input value={reason} maxLength={200} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      {action === 'silence' && (
        <label>
          <span>For</span>
          <select value={duration} onChange={(event) => setDuration(event.currentTarget.value)}>
            {DURATIONS.map(([value, text]) => (
              <option key={value} value={value}>{text}</option>
            ))}
          </select>
        </label>
      )}
      <span class="action-buttons">
        <button class="button button-first" type="submit">{words.button} it</button>
        <button class="button" type="button" onClick={onClose}>Cancel</button>
      </span>
      {problem && <p class="remark" role="alert">{problem}</p>}
    </form>
  );
}

/** What people may do to an incident that is not over. */
export function Actions({ incident }: { incident: Incident }) {
  const [open, setOpen] = useState<IncidentAction | null>(null);
  const buttons = useRef<HTMLDivElement>(null);
  /** The focus goes back to where it came from. */
  const close = (): void => {
    buttons.current?.querySelector<HTMLElement>('[aria-expanded="true"]')?.focus();
    setOpen(null);
  };
  if (incident.state === 'resolved') return null;
  const actions: readonly IncidentAction[] = ['acknowledge', 'silence', 'resolve'];
  return (
    <div ref={buttons} class="actions">
      {actions.map((action) => (
        <button key={action} class="button" type="button" aria-expanded={open === action} onClick={() => setOpen(open === action ? null : action)}>
          {WORDS[action].button}
        </button>
      ))}
      {open && <ActionForm key={open} incident={incident} action={open} onClose={close} />}
    </div>
  );
}
