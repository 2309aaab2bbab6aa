// SPDX-License-Identifier: MIT
import { useState } from 'preact/hooks';
import type { Site } from '../api/types';
import { formatBytes, formatCount, formatGrowth } from '../format/bytes';
import { formatSpan } from '../format/time';
import { culpritIndex } from '../format/words';
import { Estimate } from '../ui/estimate';
import { Place } from '../ui/place';
import { VerdictBadge } from '../ui/verdict';
import { Stack } from './stack';

const KIND_WORDS: Readonly<Record<string, string>> = {
  python: 'Python',
  native: 'native',
  mixed: 'Python and native',
};

function SiteRows(props: { site: Site }) {
  const { site } = props;
  const [open, setOpen] = useState(false);
  const culprit = site.frames[culpritIndex(site)];
  const stackId = `stack-${site.id}`;
  return (
    <>
      <tr>
        <th scope="row" class="cell-site">
          <button
            class="disclose"
            type="button"
            aria-expanded={open}
            aria-controls={stackId}
            onClick={() => setOpen(!open)}
          >
            <Place where={culprit ? { function: culprit.function ?? culprit.module, file: culprit.file, line: culprit.line } : null} />
          </button>
        </th>
        <td class="right"><Estimate value={formatGrowth(site.growth_bytes_per_s)} /></td>
        <td class="right">{formatBytes(site.live_bytes)}</td>
        <td class="right">{formatCount(site.live_count)}</td>
        <td class="right">{site.oldest_s == null ? '–' : formatSpan(site.oldest_s)}</td>
        <td>{site.verdict ? <VerdictBadge verdict={site.verdict} /> : '–'}</td>
        <td class="faint">{KIND_WORDS[site.kind] ?? site.kind}</td>
      </tr>
      <tr id={stackId} class="stack-row" hidden={!open}>
        <td colSpan={7}>{open && <Stack site={site} />}</td>
      </tr>
    </>
  );
}

export function Sites(props: { sites: readonly Site[] }) {
  if (props.sites.length === 0) {
    return (
      <p class="faint">
        No allocation was sampled yet. A program that allocates little takes a while until the first sample; a smaller
        period (<code>leakctl run --period 64KiB -- CMD</code>) brings it sooner.
      </p>
    );
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Sites">
      <table class="plain sites">
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col" class="right">Growth <span class="faint">95 %</span></th>
            <th scope="col" class="right">Live</th>
            <th scope="col" class="right">Blocks</th>
            <th scope="col" class="right">Oldest</th>
            <th scope="col">Verdict</th>
            <th scope="col">Kind</th>
          </tr>
        </thead>
        <tbody>
          {props.sites.map((site) => (
            <SiteRows key={site.id} site={site} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
