// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { api, asApiError } from '../api/client';
import type { Receiver } from '../api/types';
import { formatCount } from '../format/bytes';
import { Ago } from '../ui/ago';
import { Copyable } from '../ui/copyable';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';

const REFRESH_MS = 10000;

const POLL_MS = 300;
const POLLS_MAX = 40;

function outcome(receiver: Receiver): string {
  const status = receiver.last_status ? ` (HTTP ${receiver.last_status})` : '';
  return receiver.last_error ? `Not delivered${status}: ${receiver.last_error}` : `Delivered${status}`;
}

/** A test is queued like every notice: the receiver tells what became of it. */
async function runTest(name: string): Promise<string> {
  const before = await api.receiver(name);
  await api.testReceiver(name);
  for (let poll = 0; poll < POLLS_MAX; poll++) {
    await new Promise((done) => window.setTimeout(done, POLL_MS));
    const now = await api.receiver(name);
    if (now.last_attempt_ms && now.last_attempt_ms !== before.last_attempt_ms) return outcome(now);
  }
  return 'Queued; it has not been tried yet';
}

function Last({ receiver }: { receiver: Receiver }) {
  if (!receiver.last_attempt_ms) return <span class="faint">nothing yet</span>;
  return <>{outcome(receiver)}, <Ago ms={receiver.last_attempt_ms} /></>;
}

function Row({ receiver }: { receiver: Receiver }) {
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const test = async (): Promise<void> => {
    setBusy(true);
    setSaid('Sending …');
    try {
      setSaid(await runTest(receiver.name));
    } catch (error) {
      setSaid(asApiError(error).message);
    }
    setBusy(false);
  };
  return (
    <tr>
      <th scope="row"><b>{receiver.name}</b></th>
      <td>{receiver.type ?? '–'}</td>
      <td class="wide">{receiver.place ? <code>{receiver.place}</code> : '–'}</td>
      <td>{receiver.min_severity ?? '–'}</td>
      <td class="right">{formatCount(receiver.queued)}</td>
      <td class="right">{formatCount(receiver.dead_letters)}</td>
      <td class="wide"><Last receiver={receiver} /></td>
      <td class="wide">
        <button class="button button-small" type="button" disabled={busy} aria-label={`Test ${receiver.name}`} onClick={() => void test()}>
          Test
        </button>{' '}
        <span role="status">{said}</span>
      </td>
    </tr>
  );
}

function None() {
  return (
    <>
      <p>Nobody is told: no receiver is configured. Add one to leakd.conf, then reload leakd:</p>
      <Copyable text={'[receiver "ops"]\ntype = webhook\nurl = https://alerts.example.com/leakd\nsecret = /etc/leakd/ops.key'} label="the lines" />
    </>
  );
}

export function Receivers() {
  const { data, error } = useFetch('receivers', REFRESH_MS, (signal) => api.receivers(signal));
  if (!data) return <Missing error={error} what="list of receivers" />;
  if (data.length === 0) return <None />;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Receivers">
      <table class="plain">
        <thead>
          <tr>
            {['Receiver', 'Type', 'Place', 'From severity', 'Queued', 'Given up', 'Last', 'Test notice'].map((name) => (
              <th key={name} scope="col" class={name === 'Queued' || name === 'Given up' ? 'right' : undefined}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.map((receiver) => (
            <Row key={receiver.name} receiver={receiver} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
