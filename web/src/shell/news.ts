// SPDX-License-Identifier: MIT
// What the world says beyond its screen: the tab's title, and the spoken changes.

import { useEffect } from 'preact/hooks';
import type { Process } from '../api/types';
import { isGrowing, verdictWord } from '../format/words';
import { firstOf } from '../overview/service';
import { world } from '../store/store';
import type { World } from '../store/store';
import { announce } from '../ui/announcer';

function sayLink(before: World, now: World): void {
  if (before.link === now.link || !before.loaded) return;
  if (now.link === 'reconnecting') announce('Connection to leakd lost. Trying again.');
  if (before.link === 'reconnecting' && now.link === 'live') announce('Connected to leakd again.');
}

/** A worker is judged with its first, whose word counts. */
function changedVerdict(before: World, now: World, process: Process): boolean {
  const old = before.processes.get(process.id);
  return old !== undefined && old.verdict !== process.verdict && firstOf(process, now.processes) === null;
}

function sayVerdicts(before: World, now: World): void {
  if (before.processes === now.processes || !before.loaded) return;
  const changed = [...now.processes.values()].filter((process) => changedVerdict(before, now, process));
  if (changed.length === 0) return;
  announce(changed.map((process) => `${process.name}: ${verdictWord(process.verdict)}`).join('. '));
}

function countIntoTitle(now: World): void {
  const growing = [...now.processes.values()].filter((process) => isGrowing(process) && firstOf(process, now.processes) === null).length;
  const bare = document.title.replace(/^\(\d+\) /, '');
  const title = growing > 0 ? `(${growing}) ${bare}` : bare;
  if (title !== document.title) document.title = title;
}

export function useNews(): void {
  useEffect(() => {
    let before = world.get();
    return world.watch(() => {
      const now = world.get();
      sayLink(before, now);
      sayVerdicts(before, now);
      countIntoTitle(now);
      before = now;
    });
  }, []);
}

/** Names the page in the tab; the count of leaks in front stays. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title;
    countIntoTitle(world.get());
  }, [title]);
}
