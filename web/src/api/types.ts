// SPDX-License-Identifier: MIT
// The shapes of the HTTP API, version 1. Fields are only ever added; what a newer daemon sends
// beyond these is ignored.

export type State = 'watching' | 'exited' | 'killed' | 'oom-killed' | 'lost';
export type Verdict = 'learning' | 'ok' | 'suspect' | 'leak' | 'fragmentation' | 'resolved';

/** 95 %; an end is null where it is not known (growth that may be zero never reaches a limit). */
export interface Interval {
  estimate: number | null;
  lower: number | null;
  upper: number | null;
}

export interface Frame {
  language: 'python' | 'native';
  function: string | null;
  file: string | null;
  line: number | null;
  module: string | null;
  inlined: boolean;
  /** False: function is no name but module and offset. */
  named?: boolean;
}

export interface Culprit {
  function: string | null;
  file: string | null;
  line: number | null;
}

export interface Process {
  id: string;
  pid: number;
  name: string;
  unit: string | null;
  exe: string;
  runtime: string;
  state: State;
  verdict: Verdict;
  since_ms: number | null;
  summary: string;
  growth_bytes_per_s: Interval | null;
  /** 0 and not known yet are told apart by live_known and rss_known. */
  live_bytes: number | null;
  rss_bytes: number | null;
  limit_bytes: number | null;
  time_to_limit_s: Interval | null;
  sample_period_bytes: number;
  started_ms: number;
  labels?: Readonly<Record<string, string>>;
  sparkline?: readonly (number | null)[] | null;
  culprit?: Culprit | null;
  ended_ms?: number | null;
  verdict_since_ms?: number | null;
  live_known?: boolean;
  rss_known?: boolean;
  pss_bytes?: number | null;
  limit_source?: string | null;
  argv0?: string | null;
  profile?: string | null;
  domains?: Readonly<Record<string, Domain>>;
  reason?: string | null;
  agent?: Readonly<Record<string, unknown>> | null;
  /** In an incident: the process itself is known no more. */
  forgotten?: boolean;
}

/** What one allocator holds, and how that is counted. */
export interface Domain {
  method: string;
  live_bytes: number;
  live_count: number;
}

export interface Site {
  id: string;
  fingerprint: string;
  kind: 'python' | 'native' | 'mixed';
  verdict: Verdict;
  growth_bytes_per_s: Interval | null;
  live_bytes: number;
  live_count: number;
  oldest_s: number | null;
  frames: readonly Frame[];
  culprit?: Culprit | null;
}

export interface TypeRow {
  name: string;
  live_bytes: number;
  live_count: number;
  growth_bytes_per_s: Interval | null;
  source: string;
}

export interface Retainer {
  type: string;
  share: number;
  path: readonly string[];
}

export interface Fit {
  from_ms: number;
  to_ms: number;
  bytes_at_from: number;
  growth_bytes_per_s: Interval;
}

/** A point is [time in ms, smallest of the step, mean of the step]. */
export type Point = readonly [number, number, number];

export interface Series {
  name: string;
  step_ms: number;
  points: readonly Point[];
  fit: Fit | null;
  limit_bytes: number | null;
}

export interface Delivery {
  receiver: string;
  event: string;
  attempts: number;
  http_status: number | null;
  delivered: boolean;
  at_ms: number | null;
  error: string | null;
}

export interface Incident {
  id: string;
  fingerprint: string;
  state: 'open' | 'acknowledged' | 'silenced' | 'resolved';
  severity: string;
  opened_ms: number;
  resolved_ms: number | null;
  process: Partial<Process> & { id: string; name: string };
  summary: string;
  growth_bytes_per_s: Interval | null;
  verdict?: Verdict;
  end?: string | null;
  sites?: readonly Site[];
  types?: readonly TypeRow[];
  retainers?: readonly Retainer[];
  deliveries?: readonly Delivery[];
}

export interface Status {
  version?: string;
  host?: string;
  agents_connected?: number;
  rss_bytes?: number;
}
