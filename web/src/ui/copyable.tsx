// SPDX-License-Identifier: MIT
import { useRef, useState } from 'preact/hooks';

/** A command or place to take along. Without clipboard rights (plain HTTP from afar) it is selected
 * instead, one key from being copied. */
export function Copyable(props: { text: string; label: string }) {
  const code = useRef<HTMLElement>(null);
  const [said, setSaid] = useState('');
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(props.text);
      setSaid('Copied');
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      setSaid('Selected: press Ctrl+C');
    }
    window.setTimeout(() => setSaid(''), 2500);
  };
  return (
    <span class="copyable">
      <code ref={code}>{props.text}</code>
      <button class="button button-small" type="button" aria-label={`Copy ${props.label}`} onClick={() => void copy()}>
        {said || 'Copy'}
      </button>
    </span>
  );
}
