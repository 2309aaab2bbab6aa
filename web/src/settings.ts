// SPDX-License-Identifier: MIT
// What this browser remembers: theme, keys, and who acts. A browser that forbids storage just forgets.

type Setting = 'theme' | 'keys' | 'by';

export function readSetting(name: Setting): string | null {
  try {
    return localStorage.getItem(`leakd.${name}`);
  } catch {
    return null;
  }
}

export function writeSetting(name: Setting, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`leakd.${name}`);
    else localStorage.setItem(`leakd.${name}`, value);
  } catch {
    // Holds for this page only.
  }
}
