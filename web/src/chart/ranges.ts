// SPDX-License-Identifier: MIT
// The two ranges that are compared, in the address as ?a=FROM-TO&b=FROM-TO.

import type { Span } from '../api/client';
import { readParam, setParams, useParam } from '../router';

export interface Ranges {
  a: Span | null;
  b: Span | null;
}

export function parseSpan(text: string): Span | null {
  const found = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  if (!found) return null;
  const [fromMs, toMs] = [Number(found[1]), Number(found[2])];
  return toMs >= fromMs ? { fromMs, toMs } : null;
}

export const spanText = (span: Span): string => `${Math.round(span.fromMs)}-${Math.round(span.toMs)}`;

export function useRanges(): Ranges {
  const [a] = useParam('a', '');
  const [b] = useParam('b', '');
  return { a: parseSpan(a), b: parseSpan(b) };
}

/** Both, the earlier one as A: a difference reads from before to after. The flames follow. */
export function setRanges(one: Span, other: Span): void {
  const [a, b] = one.fromMs <= other.fromMs ? [one, other] : [other, one];
  setParams({ a: spanText(a), b: spanText(b), tab: 'flame', metric: 'diff' });
}

/** The first drag is A, the second B, a third begins anew. */
export function addRange(span: Span): void {
  const a = parseSpan(readParam('a') ?? '');
  if (a && readParam('b') === null) setRanges(a, span);
  else setParams({ a: spanText(span), b: null });
}

export const clearRanges = (): void => setParams({ a: null, b: null });
