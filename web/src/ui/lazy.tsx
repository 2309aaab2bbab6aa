// SPDX-License-Identifier: MIT
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

type Later = typeof import('../later');

let later: Later | null = null;

/** leakd may have been replaced since this page was loaded: its files have other names then. */
function Unloadable() {
  return (
    <p class="waiting" role="alert">
      This part of the page could not be loaded; leakd may have been updated. <a href={location.href}>Load the page anew</a>
    </p>
  );
}

/** A component of later.ts, in place as soon as that is there. */
export function lazy<Props extends object>(pick: (later: Later) => ComponentType<Props>): ComponentType<Props> {
  return function Lazy(props: Props) {
    const [state, setState] = useState<'waiting' | 'there' | 'failed'>(later ? 'there' : 'waiting');
    useEffect(() => {
      if (later) return;
      import('../later').then(
        (loaded) => {
          later = loaded;
          setState('there');
        },
        () => setState('failed'),
      );
    }, []);
    if (state === 'failed') return <Unloadable />;
    if (!later) return <p class="waiting">Loading …</p>;
    const Loaded = pick(later);
    return <Loaded {...props} />;
  };
}
