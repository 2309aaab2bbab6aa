// SPDX-License-Identifier: MIT
// Where the page is: all of it is in the address, so that a copied link shows the same view.

import { useMemo } from 'preact/hooks';
import { cell, useCell } from './store/cell';

const PAGES = ['incidents', 'compare', 'health'] as const;

export type Route =
  | { page: 'overview' }
  | { page: 'process'; id: string }
  | { page: (typeof PAGES)[number] }
  | { page: 'incident'; id: string }
  | { page: 'unknown' };

const address = (): string => location.pathname + location.search;
const here = cell(address());

window.addEventListener('popstate', () => here.set(address()));

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
  if (first === 'i' && second !== '') return { page: 'incident', id: decode(second) };
  const page = PAGES.find((name) => name === first && second === '');
  return page ? { page } : { page: 'unknown' };
}

export const processHref = (id: string, query = ''): string => `/p/${encodeURIComponent(id)}${query}`;
export const incidentHref = (id: string): string => `/i/${encodeURIComponent(id)}`;

export function navigate(href: string): void {
  history.pushState(null, '', href);
  here.set(address());
  window.scrollTo(0, 0);
}

/** null takes a parameter out. Makes no new entry in the history: Back leaves the page, not the last
 * key pressed. */
export function setParams(changes: Readonly<Record<string, string | null>>): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  const query = params.toString();
  history.replaceState(null, '', location.pathname + (query === '' ? '' : `?${query}`));
  here.set(address());
}

export const readParam = (name: string): string | null => new URLSearchParams(location.search).get(name);

export function useRoute(): Route {
  const path = useCell(here, (href) => href.split('?')[0] ?? '/');
  return useMemo(() => parseRoute(path), [path]);
}

/** A parameter of the address; fallback is what its absence means. */
export function useParam(name: string, fallback: string): [string, (value: string) => void] {
  const value = useCell(here, () => readParam(name) ?? fallback);
  return [value, (next) => setParams({ [name]: next === fallback ? null : next })];
}
