// SPDX-License-Identifier: MIT
import type { Delivery } from '../api/types';
import { Ago } from '../ui/ago';

function resultOf(delivery: Delivery): string {
  if (delivery.delivered) return `Delivered${delivery.http_status ? ` (${delivery.http_status})` : ''}`;
  const why = delivery.error || (delivery.http_status ? `answered ${delivery.http_status}` : 'no answer');
  return `Not delivered: ${why}`;
}

export function Deliveries(props: { rows: readonly Delivery[] }) {
  if (props.rows.length === 0) return <p class="faint">Nobody was told: no receiver is configured, or none wanted this severity.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Deliveries">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Receiver</th>
            <th scope="col">Event</th>
            <th scope="col">Result</th>
            <th scope="col" class="right">Attempts</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {props.rows.map((delivery, index) => (
            <tr key={index}>
              <th scope="row">{delivery.receiver}</th>
              <td><code>{delivery.event}</code></td>
              <td>{resultOf(delivery)}</td>
              <td class="right">{delivery.attempts}</td>
              <td>{delivery.at_ms ? <Ago ms={delivery.at_ms} /> : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
