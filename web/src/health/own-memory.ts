// SPDX-License-Identifier: MIT
// leakd's own memory since this page was opened: one value every so often, the oldest given up.

import { world } from '../store/store';
import { numberOf } from './status';

const VALUES_MAX = 360;
const values: number[] = [];
let last: object | null = null;

world.watch(() => {
  const { status } = world.get();
  if (status === last) return;
  last = status;
  const bytes = numberOf(status, 'rss_bytes');
  if (bytes === null) return;
  values.push(bytes);
  if (values.length > VALUES_MAX) values.shift();
});

export const ownMemory = (): readonly number[] => [...values];
