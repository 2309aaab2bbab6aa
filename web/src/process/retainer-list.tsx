// SPDX-License-Identifier: MIT
import type { Retainer } from '../api/types';
import { formatShare } from '../format/bytes';

/** The edge to look at: the last named place before the anonymous containers that lead to the
 * object. */
function guiltyEdge(path: readonly string[]): number {
  for (let at = path.length - 2; at >= 0; at--) {
    if (/^(\.|module |frame |thread |local |global |class )/.test(path[at] ?? '')) return at;
  }
  return Math.max(0, path.length - 2);
}

function Path({ path }: { path: readonly string[] }) {
  const guilty = guiltyEdge(path);
  return (
    <ol class="retainer-path">
      {path.map((part, at) => (
        <li key={at}>
          <code class={at === guilty ? 'retainer-guilty' : undefined}>{part}</code>
          {at === guilty && <span class="unseen"> (look here)</span>}
        </li>
      ))}
    </ol>
  );
}

/** From a root to the objects: who would have to let go. */
export function RetainerList(props: { retainers: readonly Retainer[] }) {
  return (
    <ul class="retainers">
      {props.retainers.map((retainer, index) => (
        <li key={index}>
          <p>
            <code>{retainer.type}</code>{' '}
            <span class="faint">{formatShare(retainer.share, 1)} of those looked at</span>
          </p>
          <Path path={retainer.path} />
        </li>
      ))}
    </ul>
  );
}
