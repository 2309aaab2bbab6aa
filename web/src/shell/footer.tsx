// SPDX-License-Identifier: MIT
import { formatBytes, formatCount } from '../format/bytes';
import { formatAgo } from '../format/time';
import { useCell } from '../store/cell';
import { setPaused, world } from '../store/store';
import { useNow } from '../ui/now';

function LinkWords() {
  const link = useCell(world, (now) => now.link);
  const paused = useCell(world, (now) => now.paused);
  const heardMs = useCell(world, (now) => now.heardMs);
  const ago = useNow((nowMs) => (heardMs > 0 ? formatAgo(heardMs, Math.max(nowMs, heardMs)) : ''));
  if (link !== 'live') {
    const since = ago === '' ? '' : `; what you see is from ${ago}`;
    return (
      <span class="link link-lost">
        <i aria-hidden="true" />
        {link === 'connecting' ? 'Connecting' : `Reconnecting${since}`}
      </span>
    );
  }
  return (
    <span class={`link ${paused ? 'link-paused' : 'link-live'}`}>
      <i aria-hidden="true" />
      {paused ? 'Paused' : 'Live'}
    </span>
  );
}

export function Footer() {
  const status = useCell(world, (now) => now.status);
  const paused = useCell(world, (now) => now.paused);
  return (
    <footer class="footer">
      <LinkWords />
      <button class="button button-small" type="button" aria-keyshortcuts="Space" onClick={() => setPaused(!paused)}>
        {paused ? 'Go on live' : 'Pause'}
      </button>
      <span class="footer-facts">
        {status.agents_connected !== undefined && (
          <span>
            {formatCount(status.agents_connected)} {status.agents_connected === 1 ? 'agent' : 'agents'} connected
          </span>
        )}
        {status.rss_bytes !== undefined && <span>leakd itself {formatBytes(status.rss_bytes)}</span>}
        {status.version !== undefined && <span>version {status.version}</span>}
      </span>
    </footer>
  );
}
