// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';

/** What to say where there is nothing to show. */
export function Notice(props: { title: string; children?: ComponentChildren }) {
  return (
    <section class="notice">
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}
