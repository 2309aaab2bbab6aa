// SPDX-License-Identifier: MIT
import type { Culprit } from '../api/types';
import { placeOf, shortPlaceOf } from '../format/words';

/** File and line in short, the whole path on hover, the function beneath. */
export function Place(props: { where: Culprit | null | undefined }) {
  const { where } = props;
  if (!where || (!where.file && !where.function)) return <span class="faint">–</span>;
  const place = shortPlaceOf(where);
  return (
    <span class="place" title={placeOf(where) ?? undefined}>
      {place && <span class="place-file">{place}</span>}
      {where.function && <span class={place ? 'place-function' : 'place-file'}>{where.function}</span>}
    </span>
  );
}
