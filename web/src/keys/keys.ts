// SPDX-License-Identifier: MIT
// Single keys, and "g" followed by one. They never act while somebody types, never with a modifier,
// and can be switched off (WCAG 2.1.4).

import { useLayoutEffect, useRef } from 'preact/hooks';
import { readSetting, writeSetting } from '../settings';
import { cell } from '../store/cell';

export type KeyName =
  | '/'
  | '?'
  | ' '
  | 'j'
  | 'k'
  | '['
  | ']'
  | '-'
  | '+'
  | '='
  | '0'
  | 'd'
  | 'x'
  | 'g o'
  | 'g i'
  | 'g c'
  | 'g h';

const SEQUENCE_MS = 1000;
const handlers = new Map<KeyName, () => void>();
let prefix = '';
let prefixAt = 0;

export const keysOn = cell(readSetting('keys') !== 'off');

export function setKeysOn(on: boolean): void {
  keysOn.set(on);
  writeSetting('keys', on ? null : 'off');
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, select, dialog') !== null;
}

/** Space presses the button or opens the summary that has the focus: that is theirs. */
function ownsSpace(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, summary, [role=button]') !== null;
}

function nameOf(event: KeyboardEvent): string {
  const sequence = prefix !== '' && event.timeStamp - prefixAt < SEQUENCE_MS ? `${prefix} ${event.key}` : event.key;
  prefix = event.key === 'g' ? 'g' : '';
  prefixAt = event.timeStamp;
  return sequence;
}

function onKey(event: KeyboardEvent): void {
  if (!keysOn.get() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || (event.key === ' ' && ownsSpace(event.target))) return;
  const handler = handlers.get(nameOf(event) as KeyName);
  if (!handler) return;
  event.preventDefault();
  handler();
}

window.addEventListener('keydown', onKey);

/** While the component is shown, the key does this: from its first moment in sight, however busy the
 * host, not some time after it. */
export function useKey(name: KeyName, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useLayoutEffect(() => {
    const handler = (): void => latest.current();
    handlers.set(name, handler);
    return () => {
      if (handlers.get(name) === handler) handlers.delete(name);
    };
  }, [name]);
}
