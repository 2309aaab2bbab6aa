// SPDX-License-Identifier: MIT
// Spans and moments for people.

import type { Interval } from '../api/types';
import type { FormattedInterval } from './bytes';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

function two(value: number, unit: string, rest: number, restUnit: string): string {
  return rest > 0 ? `${value} ${unit} ${rest} ${restUnit}` : `${value} ${unit}`;
}

/** "45 s", "12 min", "5 h 20 min", "3 d 4 h": two units at most. */
export function formatSpan(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE) return `${s} s`;
  const minutes = Math.round(s / MINUTE);
  if (minutes < 60) return s < 10 * MINUTE ? two(Math.floor(s / MINUTE), 'min', s % MINUTE, 's') : `${minutes} min`;
  if (s < DAY) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(s / HOUR);
  if (hours < 100 * 24) return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
  return `${Math.round(s / DAY)} d`;
}

interface Scale {
  name: string;
  seconds: number;
}

function scaleOf(seconds: number): Scale {
  if (seconds < 100) return { name: 's', seconds: 1 };
  if (seconds < 180 * MINUTE) return { name: 'min', seconds: MINUTE };
  if (seconds < 48 * HOUR) return { name: 'h', seconds: HOUR };
  return { name: 'd', seconds: DAY };
}

function inScale(seconds: number, scale: Scale): string {
  const value = seconds / scale.seconds;
  const whole = value >= 9.95 || scale.seconds === 1;
  return value.toFixed(whole ? 0 : 1).replace(/\.0$/, '');
}

/** A forecast: the estimate, and the ends of its interval in the same unit. */
export function formatForecast(span: Interval | null | undefined): FormattedInterval | null {
  if (span == null || (span.estimate == null && span.lower == null)) return null;
  const middle = span.estimate ?? span.lower ?? 0;
  const scale = scaleOf(middle);
  const lower = span.lower == null ? null : inScale(span.lower, scale);
  const upper = span.upper == null ? null : inScale(span.upper, scale);
  const open = lower === null ? null : `${lower} ${scale.name} or more`;
  if (span.estimate == null) return { estimate: open ?? '', range: null, sure: true };
  const range = lower === null || upper === null ? open : `${lower} to ${upper} ${scale.name}`;
  return { estimate: `${inScale(middle, scale)} ${scale.name}`, range, sure: true };
}

const absolute = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export const formatMoment = (ms: number): string => absolute.format(ms);
export const formatDay = (ms: number): string => day.format(ms);
export const formatClock = (ms: number): string => clock.format(ms);
export const formatSecond = (ms: number): string => clockWithSeconds.format(ms);

/** Whole minutes from the first on: figures that change every second draw the eye for nothing. */
export const coarse = (seconds: number): number => (seconds < 60 ? Math.floor(seconds) : Math.floor(seconds / 60) * 60);

export function formatAgo(ms: number, nowMs: number): string {
  const seconds = (nowMs - ms) / 1000;
  if (seconds < -1) return `in ${formatSpan(-seconds)}`;
  if (seconds < 2) return 'now';
  return `${formatSpan(coarse(seconds))} ago`;
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** For an input of type datetime-local, which knows no time zone but the viewer's. */
export function toLocalInput(ms: number): string {
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function fromLocalInput(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) ? ms : null;
}
