// SPDX-License-Identifier: MIT
import { useParam } from '../router';

export interface Choice {
  value: string;
  label: string;
}

/** One of several, kept in the address under name; the first is what its absence means. */
export function Tabs(props: { name: string; label: string; choices: readonly Choice[]; small?: boolean }) {
  const [value, set] = useParam(props.name, props.choices[0]?.value ?? '');
  return (
    <div class={props.small ? 'segments' : 'tabs'} role="group" aria-label={props.label}>
      {props.choices.map((choice) => (
        <button key={choice.value} type="button" aria-pressed={choice.value === value} onClick={() => set(choice.value)}>
          {choice.label}
        </button>
      ))}
    </div>
  );
}
