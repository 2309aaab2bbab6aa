// SPDX-License-Identifier: MIT
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** leakd may have been replaced since this page was loaded: its files have other names then. */
function Unloadable() {
  return (
    <p class="waiting" role="alert">
      This part of the page could not be loaded; leakd may have been updated. <a href={location.href}>Load the page anew</a>
    </p>
  );
}

type Pick<Part> = <Props extends object>(pick: (part: Part) => ComponentType<Props>) => ComponentType<Props>;

/** Makes components of a part of the page that is a file of its own: each is in place as soon as that
 * file is there. */
export function lazyFrom<Part>(load: () => Promise<Part>): Pick<Part> {
  let part: Part | null = null;
  return <Props extends object>(pick: (part: Part) => ComponentType<Props>) =>
    function Lazy(props: Props) {
      const [state, setState] = useState<'waiting' | 'there' | 'failed'>(part ? 'there' : 'waiting');
      useEffect(() => {
        if (part) return;
        load().then(
          (loaded) => {
            part = loaded;
            setState('there');
          },
          () => setState('failed'),
        );
      }, []);
      if (state === 'failed') return <Unloadable />;
      if (!part) return <p class="waiting">Loading …</p>;
      const Loaded = pick(part);
      return <Loaded {...props} />;
    };
}

export const lazy = lazyFrom(() => import('../later'));
