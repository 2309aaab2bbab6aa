// Bytes and rates of bytes for people: IEC units, three digits, a true minus sign.

import type { Interval } from '../api/types';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
export const NONE = '–';

function power(bytes: number): number {
  let at = 0;
  for (let rest = Math.abs(bytes); rest >= 999.5 && at < UNITS.length - 1; rest /= 1024) at++;
  return at;
}

function digits(value: number, whole: boolean): string {
  const size = Math.abs(value);
  const places = whole || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  const text = value.toFixed(places);
  const short = places > 0 ? text.replace(/\.?0+$/, '') : text;
  return short.replace(/^-(?=.*[1-9])/, '\u2212').replace(/^-/, '');
}

function at(bytes: number, unit: number): string {
  return digits(bytes / 1024 ** unit, unit === 0);
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null || !Number.isFinite(bytes)) return NONE;
  const unit = power(bytes);
  return `${at(bytes, unit)} ${UNITS[unit]}`;
}

export interface FormattedInterval {
  estimate: string;
  /** "12.9 to 15.6", in the unit of the estimate where that reads well; null when not known. */
  range: string | null;
}

/** Growth is told per hour everywhere, so that rows compare at a glance. */
export function formatGrowth(growth: Interval | null | undefined): FormattedInterval | null {
  if (growth?.estimate == null) return null;
  const estimate = growth.estimate * 3600;
  const unit = power(Math.max(Math.abs(estimate), Math.abs((growth.upper ?? 0) * 3600)));
  const sign = estimate > 0 ? '+' : '';
  const range =
    growth.lower == null || growth.upper == null
      ? null
      : `${at(growth.lower * 3600, unit)} to ${at(growth.upper * 3600, unit)}`;
  return { estimate: `${sign}${at(estimate, unit)} ${UNITS[unit]}/h`, range };
}

export function formatCount(count: number | null | undefined): string {
  return count == null ? NONE : count.toLocaleString('en-US');
}

export function formatShare(part: number, whole: number): string {
  const share = (100 * part) / whole;
  return share > 0 && share < 1 ? 'under 1 %' : `${Math.round(share)} %`;
}
