// SPDX-License-Identifier: MIT
import type { Frame, Site } from '../api/types';
import { culpritIndex, placeOf } from '../format/words';

function FrameLine(props: { frame: Frame; guilty: boolean }) {
  const { frame, guilty } = props;
  const where = placeOf(frame) ?? (frame.named === false ? null : frame.module);
  return (
    <li class={`frame frame-${frame.language}${guilty ? ' frame-guilty' : ''}`}>
      <span class="frame-language">{frame.language === 'python' ? 'Python' : 'native'}</span>
      <span class="frame-function">{frame.function ?? '(no symbol)'}</span>
      {where && <span class="frame-place">{where}</span>}
      {frame.file && frame.module && <span class="frame-module">{frame.module}</span>}
      {frame.inlined && <span class="frame-note">inlined</span>}
      {guilty && <span class="frame-note frame-culprit">culprit</span>}
    </li>
  );
}

/** One stack for both languages, the allocation at the top, its callers below. */
export function Stack(props: { site: Site }) {
  const { site } = props;
  if (site.frames.length === 0) return <p class="faint">No frame could be read.</p>;
  const guilty = culpritIndex(site);
  return (
    <ol class="stack" aria-label="Stack, the allocation first">
      {site.frames.map((frame, index) => (
        <FrameLine key={index} frame={frame} guilty={index === guilty} />
      ))}
    </ol>
  );
}
