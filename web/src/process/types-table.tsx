// SPDX-License-Identifier: MIT
import type { TypeRow } from '../api/types';
import { formatBytes, formatCount, formatGrowth } from '../format/bytes';
import { Estimate } from '../ui/estimate';

export function Types(props: { types: readonly TypeRow[] }) {
  if (props.types.length === 0) {
    return <p class="faint">No types: they are known for Python programs, once some of their objects were sampled.</p>;
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Types">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Type</th>
            <th scope="col" class="right">Growth <span class="faint">95 %</span></th>
            <th scope="col" class="right">Live</th>
            <th scope="col" class="right">Objects</th>
            <th scope="col">Counted by</th>
          </tr>
        </thead>
        <tbody>
          {props.types.map((type) => (
            <tr key={type.name}>
              <th scope="row"><code>{type.name}</code></th>
              <td class="right"><Estimate value={formatGrowth(type.growth_bytes_per_s)} /></td>
              <td class="right">{formatBytes(type.live_bytes)}</td>
              <td class="right">{formatCount(type.live_count)}</td>
              <td class="faint">{type.source === 'snapshot' ? 'snapshot (exact)' : type.source === 'sampled' ? 'sampling (estimate)' : type.source}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
