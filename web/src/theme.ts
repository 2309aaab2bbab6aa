// SPDX-License-Identifier: MIT
// Runs before the first paint: a theme that somebody chose must not flash the other one.

import { readSetting } from './settings';

const theme = readSetting('theme');
if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
