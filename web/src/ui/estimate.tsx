// SPDX-License-Identifier: MIT
import type { FormattedInterval } from '../format/bytes';
import { NONE } from '../format/bytes';

/** An estimate with its 95 % interval beneath; never the one without the other. */
export function Estimate(props: { value: FormattedInterval | null; none?: string }) {
  if (props.value === null) return <span class="faint">{props.none ?? NONE}</span>;
  return (
    <span class={props.value.sure ? 'estimate' : 'estimate estimate-unsure'}>
      <span class="estimate-value">{props.value.estimate}</span>
      {props.value.range !== null && (
        <span class="estimate-range" title="95 % interval">
          {props.value.range}
        </span>
      )}
    </span>
  );
}
