// SPDX-License-Identifier: MIT
import type { ApiError } from '../api/client';

/** In place of what did not come: still asked for, not known to this leakd, or why it failed. */
export function Missing(props: { error: ApiError | null; what: string }) {
  if (!props.error) return <p class="waiting">Asking leakd …</p>;
  if (!props.error.isMissing) return <p class="waiting" role="alert">{props.error.message}</p>;
  return <p class="waiting">This leakd has no {props.what} for it: {props.error.message}</p>;
}
