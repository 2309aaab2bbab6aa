// SPDX-License-Identifier: MIT
import type { Snapshot } from '../api/types';
import { formatBytes, formatCount } from '../format/bytes';
import { Ago } from '../ui/ago';
import { RetainerList } from './retainer-list';
import { Types } from './types-table';

const pauseText = (us: number): string => (us < 1000 ? `${us} µs` : `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`);

function Line({ snapshot }: { snapshot: Snapshot }) {
  const at = snapshot.ended_ms ?? snapshot.requested_ms;
  return (
    <p class="snapshot-line">
      <b>Snapshot {snapshot.number}</b>
      {at ? <Ago ms={at} full /> : null}
      {snapshot.objects != null && <span>{formatCount(snapshot.objects)} objects</span>}
      {snapshot.bytes != null && <span>{formatBytes(snapshot.bytes)}</span>}
      {snapshot.pause_us != null && <span>the program stood still for {pauseText(snapshot.pause_us)}</span>}
      {snapshot.partial && <span>a part of the heap: it met its limit of time or size</span>}
    </p>
  );
}

/** A finished snapshot: who keeps what alive, then the exact counts. */
export function SnapshotFacts({ snapshot }: { snapshot: Snapshot }) {
  const retainers = snapshot.retainers ?? [];
  return (
    <>
      <Line snapshot={snapshot} />
      <h3>Kept alive by</h3>
      {retainers.length === 0 ? (
        <p class="faint">No growing type was traced to a root: nothing grew yet when it was taken, or what grows is native.</p>
      ) : (
        <RetainerList retainers={retainers} />
      )}
      {(snapshot.types ?? []).length > 0 && (
        <>
          <h3>Types, counted exactly</h3>
          <Types types={snapshot.types ?? []} />
        </>
      )}
    </>
  );
}
