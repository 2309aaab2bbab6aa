// SPDX-License-Identifier: MIT
import { formatBytes, formatShare } from '../format/bytes';

/** How full: a bar and the same in words. The width is set through the CSSOM, which the policy
 * without inline styles allows. */
export function LimitBar(props: { bytes: number; limitBytes: number; source?: string | null | undefined }) {
  const share = Math.min(1, props.bytes / props.limitBytes);
  return (
    <span class="limit">
      <span class="limit-track" aria-hidden="true">
        <span class={`limit-fill${share >= 0.9 ? ' limit-near' : ''}`} style={{ width: `${share * 100}%` }} />
      </span>
      <span class="limit-words">
        {formatShare(props.bytes, props.limitBytes)} of {props.source === 'host' && 'host’s '}
        {props.source === 'java_heap_max' && 'Java heap’s '}
        {formatBytes(props.limitBytes)}
      </span>
    </span>
  );
}
