// SPDX-License-Identifier: MIT
// Which rows are in sight: with 200 services most are not, and need not be drawn every second.

type OnSeen = (seen: boolean) => void;

const MARGIN = '150px';
const watched = new WeakMap<Element, OnSeen>();
let observer: IntersectionObserver | null = null;

function shared(): IntersectionObserver {
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) watched.get(entry.target)?.(entry.isIntersecting);
    },
    { rootMargin: MARGIN },
  );
  return observer;
}

export function watchSeen(element: Element, onSeen: OnSeen): () => void {
  watched.set(element, onSeen);
  shared().observe(element);
  return () => {
    watched.delete(element);
    shared().unobserve(element);
  };
}
