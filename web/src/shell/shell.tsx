// SPDX-License-Identifier: MIT
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { KeyHelp } from '../keys/help';
import { useKey } from '../keys/keys';
import { navigate } from '../router';
import type { Route } from '../router';
import { world, setPaused } from '../store/store';
import { Announcer } from '../ui/announcer';
import { Footer } from './footer';
import { Rail } from './rail';
import { useNews } from './news';

const keyOf = (route: Route): string => ('id' in route ? `${route.page}/${route.id}` : route.page);

/** After a step to another page, reading goes on at its beginning. Before that page is in sight: a late
 * focus would take it from what somebody has chosen there. */
function useFocusOnArrival(route: Route) {
  const main = useRef<HTMLElement>(null);
  const arrived = useRef(keyOf(route));
  useLayoutEffect(() => {
    if (arrived.current === keyOf(route)) return;
    arrived.current = keyOf(route);
    main.current?.focus({ preventScroll: true });
  }, [route]);
  return main;
}

export function Shell(props: { route: Route; children: ComponentChildren }) {
  const [helping, setHelping] = useState(false);
  const main = useFocusOnArrival(props.route);
  useNews();
  useKey('g o', () => navigate('/'));
  useKey('g i', () => navigate('/incidents'));
  useKey('g c', () => navigate('/compare'));
  useKey('g h', () => navigate('/health'));
  useKey(' ', () => setPaused(!world.get().paused));
  useKey('?', () => setHelping(true));
  return (
    <div class="shell">
      <a class="skip" href="#main">
        To the content
      </a>
      <Rail route={props.route} onHelp={() => setHelping(true)} />
      <main id="main" class="main" tabIndex={-1} ref={main}>
        {props.children}
      </main>
      <Footer />
      <Announcer />
      {helping && <KeyHelp onClose={() => setHelping(false)} />}
    </div>
  );
}
