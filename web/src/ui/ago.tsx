// SPDX-License-Identifier: MIT
import { coarse, formatAgo, formatMoment, formatSpan } from '../format/time';
import { useNow } from './now';

/** "5 h 20 min": how long since then. */
export function For(props: { ms: number }) {
  const span = useNow((nowMs) => formatSpan(coarse((nowMs - props.ms) / 1000)));
  return (
    <time dateTime={new Date(props.ms).toISOString()} title={`since ${formatMoment(props.ms)}`}>
      {span}
    </time>
  );
}

/** "5 min ago"; the moment itself on hover, or in words where there is room. */
export function Ago(props: { ms: number; full?: boolean }) {
  const ago = useNow((nowMs) => formatAgo(props.ms, nowMs));
  const moment = formatMoment(props.ms);
  return (
    <time dateTime={new Date(props.ms).toISOString()} title={moment}>
      {ago}
      {props.full && <span class="faint"> · {moment}</span>}
    </time>
  );
}
