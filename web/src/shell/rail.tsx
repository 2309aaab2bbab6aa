// SPDX-License-Identifier: MIT
import { readSetting, writeSetting } from '../settings';
import { useState } from 'preact/hooks';
import type { Route } from '../router';
import { useCell } from '../store/cell';
import { world } from '../store/store';
import { Link } from '../ui/link';
import { isIll } from '../health/status';

const THEMES = ['system', 'light', 'dark'] as const;

function ThemeButton() {
  const [theme, setTheme] = useState(readSetting('theme') ?? 'system');
  const turn = (): void => {
    const next = THEMES[(THEMES.findIndex((name) => name === theme) + 1) % THEMES.length] ?? 'system';
    setTheme(next);
    writeSetting('theme', next === 'system' ? null : next);
    if (next === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
  };
  return (
    <button class="rail-button" type="button" onClick={turn} title="Change the theme">
      Theme: {theme}
    </button>
  );
}

export function Rail(props: { route: Route; onHelp: () => void }) {
  const { page } = props.route;
  const host = useCell(world, (now) => now.status.host ?? null);
  const ill = useCell(world, (now) => isIll(now.status));
  const open = useCell(world, (now) => [...now.incidents.values()].filter((one) => one.state !== 'resolved').length);
  return (
    <header class="rail">
      <Link href="/" class="brand">
        <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
          <path class="brand-drop" d="M16 3c5.2 6.7 8.3 10.8 8.3 15a8.3 8.3 0 0 1-16.6 0C7.7 13.8 10.8 9.7 16 3z" />
          <path class="brand-line" d="M10.2 20.6l3.8-3 3 1.7 4.8-4.8" />
        </svg>
        <span>leakd</span>
      </Link>
      {host && <p class="rail-host">{host}</p>}
      <nav class="rail-nav" aria-label="Pages">
        <Link href="/" current={page === 'overview'}>
          Overview
        </Link>
        <Link href="/incidents" current={page === 'incidents'}>
          Incidents{open > 0 && <span class="count">{open}<span class="unseen"> open</span></span>}
        </Link>
        <Link href="/compare" current={page === 'compare'}>
          Compare
        </Link>
        <Link href="/health" current={page === 'health'}>
          Health{ill && <span class="count">!<span class="unseen"> something is wrong</span></span>}
        </Link>
      </nav>
      <div class="rail-tools">
        <ThemeButton />
        <button class="rail-button" type="button" onClick={props.onHelp}>
          Keys <kbd>?</kbd>
        </button>
      </div>
    </header>
  );
}
