// SPDX-License-Identifier: MIT
// One polite voice for the whole page: at most one message in ten seconds, the newest wins.

import { useEffect, useState } from 'preact/hooks';
import { cell, useCell } from '../store/cell';

const QUIET_MS = 10000;
const spoken = cell('');
let timer = 0;
let next = '';
let lastMs = -QUIET_MS;

function speak(): void {
  timer = 0;
  lastMs = performance.now();
  spoken.set(next);
}

export function announce(message: string): void {
  next = message;
  if (timer !== 0) return;
  timer = window.setTimeout(speak, Math.max(50, lastMs + QUIET_MS - performance.now()));
}

export function Announcer() {
  const message = useCell(spoken, (text) => text);
  const [shown, setShown] = useState('');
  useEffect(() => setShown(message), [message]);
  return (
    <div class="unseen" role="status" aria-live="polite">
      {shown}
    </div>
  );
}
