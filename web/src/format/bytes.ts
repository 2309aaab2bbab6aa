// SPDX-License-Identifier: MIT
// Bytes and rates of bytes for people: IEC units, three digits, a true minus sign.

import type { Interval } from '../api/types';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
export const NONE = '–';

function power(bytes: number): number {
  let at = 0;
  for (let rest = Math.abs(bytes); rest >= 999.5 && at < UNITS.length - 1; rest /= 1024) at++;
  return at;
}

/** Decimals that make three digits of the value. */
function placesOf(bytes: number, unit: number): number {
  const size = Math.abs(bytes) / 1024 ** unit;
  return unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
}

function at(bytes: number, unit: number, places: number): string {
  const text = (bytes / 1024 ** unit).toFixed(places);
  return text.replace(/^-(?=.*[1-9])/, '\u2212').replace(/^-/, '');
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null || !Number.isFinite(bytes)) return NONE;
  const unit = power(bytes);
  const places = placesOf(bytes, unit);
  const text = at(bytes, unit, places);
  return `${places > 0 ? text.replace(/\.?0+$/, '') : text} ${UNITS[unit]}`;
}

/** With its sign, for differences. */
export const formatSigned = (bytes: number): string => (bytes > 0 ? `+${formatBytes(bytes)}` : formatBytes(bytes));

export interface FormattedInterval {
  estimate: string;
  /** "12.9 to 15.6", in the unit of the estimate where that reads well; null when not known. */
  range: string | null;
  /** False while the interval still holds zero. */
  sure: boolean;
}

/** Growth is told per hour everywhere, so that rows compare at a glance. */
export function formatGrowth(growth: Interval | null | undefined): FormattedInterval | null {
  if (growth?.estimate == null) return null;
  const estimate = growth.estimate * 3600;
  const most = Math.max(Math.abs(estimate), Math.abs((growth.upper ?? 0) * 3600));
  const unit = power(most);
  const places = placesOf(most, unit);
  const sign = estimate > 0 ? '+' : '';
  const range =
    growth.lower == null || growth.upper == null
      ? null
      : `${at(growth.lower * 3600, unit, places)} to ${at(growth.upper * 3600, unit, places)}`;
  const sure = growth.lower !== null && growth.lower > 0;
  return { estimate: `${sign}${at(estimate, unit, places)} ${UNITS[unit]}/h`, range, sure };
}

export function formatCount(count: number | null | undefined): string {
  return count == null ? NONE : count.toLocaleString('en-US');
}

export function formatShare(part: number, whole: number): string {
  const share = (100 * part) / whole;
  return share > 0 && share < 1 ? 'under 1 %' : `${Math.round(share)} %`;
}
