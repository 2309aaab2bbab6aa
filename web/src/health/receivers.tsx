// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import { api, asApiError } from '../api/client';
import type { Receiver, ReceiverResult } from '../api/types';
import { Ago } from '../ui/ago';
import { announce } from '../ui/announcer';
import { Copyable } from '../ui/copyable';
import { Missing } from '../ui/missing';
import { useFetch } from '../ui/use-fetch';

const REFRESH_MS = 10000;

function resultWords(result: ReceiverResult): string {
  const status = result.http_status ? ` (${result.http_status})` : '';
  if (result.delivered) return `Delivered${status}`;
  if (result.delivered === undefined && !result.error) return `Sent${status}`;
  return `Not delivered: ${result.error || `it answered${status}`}`;
}

function Row({ receiver }: { receiver: Receiver }) {
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const test = async (): Promise<void> => {
    setBusy(true);
    setSaid('Sending …');
    try {
      const result = await api.testReceiver(receiver.name);
      setSaid(result ? resultWords(result) : 'Sent');
    } catch (error) {
      setSaid(asApiError(error).message);
    }
    announce(`Test of ${receiver.name} ended`);
    setBusy(false);
  };
  const last = receiver.last;
  return (
    <tr>
      <th scope="row"><b>{receiver.name}</b></th>
      <td>{receiver.type ?? '–'}</td>
      <td class="wide">{receiver.url ? <code>{receiver.url}</code> : '–'}</td>
      <td>{receiver.min_severity ?? '–'}</td>
      <td>{last ? <>{resultWords(last)}{last.at_ms ? <>, <Ago ms={last.at_ms} /></> : null}</> : <span class="faint">nothing yet</span>}</td>
      <td>
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
            {['Receiver', 'Type', 'Address', 'From severity', 'Last', 'Test notice'].map((name) => (
              <th key={name} scope="col">{name}</th>
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
