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
  language: 'python' | 'native' | 'kernel';
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
  parent_pid?: number;
  gc?: Gc | null;
  java_heap?: JavaHeap | null;
  marks?: readonly Mark[];
  release?: string | null;
  tests?: readonly Test[];
  group?: Group | null;
  agent?: Readonly<Record<string, unknown>> | null;
  /** In an incident: the process itself is known no more. */
  forgotten?: boolean;
}

export interface JavaHeap {
  /** What the last collection left: part of the live bytes. */
  used_bytes: number;
  /** Mapped for it: no part of them. */
  committed_bytes: number;
  max_bytes: number | null;
  young_collections: number;
  cycle_pauses: number;
  full_collections: number;
  pause_s_total: number;
}

/** Of a prefork server. The first process, after which it is called, speaks for all: its verdict and
 * growth are those of its workers together, and it alone has the figures. */
export interface Group {
  id: string;
  /** Living ones, the first with them. */
  members?: number;
  /** Workers that have ended. */
  ended?: number;
  live_bytes?: number;
  /** By workers, living and ended, since each had warmed up. */
  gained_bytes?: number;
}

/** A moment that somebody or something marked: a deploy, a restart. */
export interface Mark {
  at_ms: number;
  kind: string;
  text: string;
  by?: string | null;
  unit?: string | null;
  process_id?: string | null;
}

/** A test behind a verdict: what was measured, what it takes, and both as a sentence. */
export interface Test {
  name: string;
  passed: boolean;
  value?: number | null;
  needed?: number | null;
  text?: string;
}

export interface GcGeneration {
  collections: number;
  collected: number;
  uncollectable: number;
}

/** Of the interpreter's collector; a newer daemon tells more than these. */
export interface Gc {
  pause_s_total?: number | null;
  generations?: readonly GcGeneration[];
  [more: string]: unknown;
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

export type SnapshotState = 'requested' | 'running' | 'done' | 'refused' | 'failed';

export interface Snapshot {
  number: number;
  state: SnapshotState;
  reason?: string | null;
  ended_ms?: number | null;
  requested_ms?: number | null;
  pause_us?: number | null;
  objects?: number | null;
  bytes?: number | null;
  /** Not the whole heap: a limit of time or size was met. */
  partial?: boolean;
  types?: readonly TypeRow[];
  retainers?: readonly Retainer[];
}

export interface FlameNode {
  name: string;
  file?: string | null;
  line?: number | null;
  module?: string | null;
  language?: string | null;
  value: number;
  self?: number;
  before?: number;
  delta?: number;
  self_delta?: number;
  children?: readonly FlameNode[];
}

export interface Flame {
  metric: 'live' | 'alloc' | 'diff';
  from_ms?: number | null;
  to_ms?: number | null;
  /** The moments that were found for what was asked; the second one of a mean. */
  range_ms?: readonly [number, number] | null;
  before_range_ms?: readonly [number, number] | null;
  oldest_ms?: number | null;
  /** Deeper or narrower frames were left out. */
  is_cut?: boolean;
  root: FlameNode;
}

/** Mappings of one file, or of one kind without a file. */
export interface MapRow {
  kind: string;
  name: string | null;
  count: number;
  size_bytes: number;
  rss_bytes: number;
  pss_bytes: number;
  private_bytes: number;
  swap_bytes: number;
}

export interface Maps {
  state: 'read' | 'reading';
  taken_ms: number | null;
  truncated: boolean;
  maps: readonly MapRow[];
}

export interface Receiver {
  name: string;
  type?: string;
  /** Where it is, without what is secret in it. */
  place?: string | null;
  state?: string;
  min_severity?: string | null;
  send_resolved?: boolean;
  queued?: number;
  dead_letters?: number;
  delivered_total?: number;
  last_attempt_ms?: number | null;
  last_delivery_ms?: number | null;
  last_status?: number | null;
  last_error?: string | null;
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
  /** What the verdict rests on. */
  fit: Fit | null;
  /** The plain line through these points, or why there is none. */
  window_fit?: Fit | null;
  window_fit_missing?: string | null;
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
  /** Those that have this leak, 16 at most; process_count is of all. */
  processes?: readonly { id: string; pid: number; name: string; state: string }[];
  process_count?: number;
  summary: string;
  growth_bytes_per_s: Interval | null;
  verdict?: Verdict;
  end?: string | null;
  tests?: readonly Test[];
  live_bytes?: number;
  rss_bytes?: number;
  limit_bytes?: number | null;
  time_to_limit_s?: Interval | null;
  stored?: boolean;
  log?: readonly LogEntry[];
  /** When an acknowledgement or a silence ends by itself. */
  until_ms?: number | null;
  since_ms?: number | null;
  seen_before?: SeenBefore | null;
  release?: string | null;
  sites?: readonly Site[];
  types?: readonly TypeRow[];
  retainers?: readonly Retainer[];
  deliveries?: readonly Delivery[];
}

/** What people did with an incident. */
export interface LogEntry {
  at_ms: number;
  what: string;
  by?: string | null;
  text?: string | null;
}

/** Earlier incidents of the same leak. */
export interface SeenBefore {
  count: number;
  first_ms: number;
  last_id: string;
  first_release?: string | null;
  again_since?: string | null;
}

/** Shown as far as it is there: daemons of other versions tell more or less. */
export interface Status {
  [more: string]: unknown;
  version?: string;
  host?: string;
  agents_connected?: number;
  rss_bytes?: number;
}
