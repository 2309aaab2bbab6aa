// SPDX-License-Identifier: MIT
// Where the page is: all of it is in the address, so that a copied link shows the same view.

import { useMemo } from 'preact/hooks';
import { cell, useCell } from './store/cell';

export type Route =
  | { page: 'overview' }
  | { page: 'process'; id: string }
  | { page: 'incidents' }
  | { page: 'incident'; id: string }
  | { page: 'unknown' };

const here = cell(location.pathname + location.search);

window.addEventListener('popstate', () => here.set(location.pathname + location.search));

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseRoute(path: string): Route {
  const [first = '', second = '', rest] = path.split('/').slice(1);
  if (rest !== undefined) return { page: 'unknown' };
  if (first === '' && second === '') return { page: 'overview' };
  if (first === 'p' && second !== '') return { page: 'process', id: decode(second) };
  if (first === 'incidents' && second === '') return { page: 'incidents' };
  if (first === 'i' && second !== '') return { page: 'incident', id: decode(second) };
  return { page: 'unknown' };
}

export const processHref = (id: string): string => `/p/${encodeURIComponent(id)}`;
export const incidentHref = (id: string): string => `/i/${encodeURIComponent(id)}`;

export function navigate(href: string): void {
  history.pushState(null, '', href);
  here.set(location.pathname + location.search);
  window.scrollTo(0, 0);
}

export function useRoute(): Route {
  const path = useCell(here, (href) => href.split('?')[0] ?? '/');
  return useMemo(() => parseRoute(path), [path]);
}

/** A parameter of the address; fallback is what its absence means. Setting it makes no new entry
 * in the history: Back leaves the page, not the last key pressed. */
export function useParam(name: string, fallback: string): [string, (value: string) => void] {
  const value = useCell(here, () => new URLSearchParams(location.search).get(name) ?? fallback);
  const set = (next: string): void => {
    const params = new URLSearchParams(location.search);
    if (next === fallback) params.delete(name);
    else params.set(name, next);
    const query = params.toString();
    history.replaceState(null, '', location.pathname + (query === '' ? '' : `?${query}`));
    here.set(location.pathname + location.search);
  };
  return [value, set];
}
