// SPDX-License-Identifier: MIT
import { capital } from '../format/words';
import type { Incident } from '../api/types';

export function Severity(props: { incident: Incident }) {
  const { severity, state } = props.incident;
  const tone = state === 'resolved' ? 'resolved' : severity === 'critical' ? 'leak' : severity === 'warning' ? 'suspect' : 'ok';
  return (
    <span class={`badge tone-${tone}`}>
      <svg class="mark" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
        <path d={severity === 'critical' ? 'M8 2 L14.5 13.5 H1.5 Z M8 6.5 V9.5 M8 11.5 V11.7' : 'M8 2 A6 6 0 1 1 7.99 2 M8 5 V9 M8 11 V11.2'} />
      </svg>
      {capital(severity)}
    </span>
  );
}
