// SPDX-License-Identifier: MIT
// The world that the mock shows: processes of every kind, computed from the time since its start, so
// that a test can wait for what must change.

const MIB = 1024 * 1024;
const HOSTILE = '<img src=x onerror="document.title=1">';

const grown = (estimate, spread = 0.09) => ({
  estimate,
  lower: estimate * (1 - spread),
  upper: estimate * (1 + spread),
});

const forecast = (rate, left) => ({ estimate: left / rate, lower: left / rate / 1.09, upper: left / rate / 0.91 });

function sparkline(level, slopePerStep, noise, nulls = 0) {
  return Array.from({ length: 60 }, (_, at) =>
    at < nulls ? null : Math.round(level - slopePerStep * (59 - at) + noise * Math.sin(at * 2.1) * Math.cos(at * 0.7)),
  );
}

function base(startMs, pid, name, more) {
  return {
    id: `${pid}-${pid * 7}`,
    pid,
    name,
    unit: null,
    exe: `/usr/bin/${name}`,
    runtime: 'native',
    state: 'watching',
    verdict: 'ok',
    since_ms: null,
    verdict_since_ms: startMs - 40 * 60_000,
    summary: `${name} is steady.`,
    growth_bytes_per_s: { estimate: 2, lower: -60, upper: 64 },
    live_bytes: 40 * MIB,
    rss_bytes: 55 * MIB,
    limit_bytes: null,
    time_to_limit_s: null,
    alloc_bytes_total: 9_000_000_000,
    free_bytes_total: 8_900_000_000,
    alloc_count_total: 1_200_000,
    sample_period_bytes: 524288,
    started_ms: startMs - 3 * 3600_000,
    ended_ms: null,
    labels: {},
    sparkline: sparkline(40 * MIB, 0, 0.2 * MIB),
    culprit: null,
    reason: '',
    argv0: name,
    parent_pid: 1,
    uid: 1000,
    live_known: true,
    rss_known: true,
    pss_bytes: null,
    limit_source: null,
    profile: 'default',
    domains: { native: { method: 'usable', live_bytes: 4 * MIB, live_count: 12_004 }, mmap: { method: 'exact', live_bytes: 12 * MIB, live_count: 3 } },
    gc: null,
    release: null,
    marks: [],
    tests: [],
    agent: {
      version: '0.1.0',
      attributing: false,
      samples: 18_204,
      dropped_samples: 0,
      dropped_sites: 0,
      dropped_names: 0,
      skipped_flushes: 2,
      reentrant: 0,
      overhead_s_total: 0.412,
    },
    ...more,
  };
}

/** Orders grows four times as fast as life, so that a test sees it within a second or two. */
const ORDERS_RATE = 4200;

function orders(startMs, nowMs) {
  const live = 412 * MIB + 60_000 * ((nowMs - startMs) / 1000);
  return base(startMs, 2210, 'orders-api', {
    unit: 'orders.service',
    exe: '/usr/bin/python3.11',
    runtime: 'cpython 3.11.2',
    verdict: 'leak',
    since_ms: startMs - 5.3 * 3600_000,
    summary:
      'Growing 14.4 MiB/h (95 %: 13.1 to 15.7) for 5 h 20 min; reaches memory.max (768 MiB) in 21 to 26 h; 83 % of the growth is created at orders/cache.py:88.',
    growth_bytes_per_s: grown(ORDERS_RATE),
    live_bytes: Math.round(live),
    rss_bytes: Math.round(live * 1.1),
    limit_bytes: 768 * MIB,
    time_to_limit_s: forecast(ORDERS_RATE, 768 * MIB - live * 1.1),
    sparkline: sparkline(live, 0.4 * MIB, 0.6 * MIB),
    culprit: { function: 'store', file: '/srv/orders/app/orders/cache.py', line: 88, module: null },
    limit_source: 'memory.max',
    labels: { release: '2024.11.2' },
    release: '2024.11.2',
    marks: [{ at_ms: startMs - 9 * 60_000, kind: 'release', text: '2024.11.2 <b>' }],
    gc: { pause_s_total: 1.25, generations: [{ collections: 9120, collected: 88_001, uncollectable: 0 }, { collections: 829, collected: 10_233, uncollectable: 0 }, { collections: 31, collected: 4011, uncollectable: 0 }] },
    tests: [
      { name: 'straight', text: 'rises straight: 14.2, at least 4', value: 14.2, needed: 4, at_most: false, passed: true },
      { name: 'lasting', text: 'for long enough: 5 h 20 min, at least 20 min', value: 19200, needed: 1200, at_most: false, passed: true },
      { name: 'day', text: 'not the course of a day: 5 h, at least 24 h', value: 5, needed: 24, at_most: false, passed: false },
    ],
    domains: { native: { method: 'usable', live_bytes: 98 * MIB, live_count: 12_004 }, python: { method: 'exact', live_bytes: 318 * MIB, live_count: 802_004 }, mmap: { method: 'exact', live_bytes: 12 * MIB, live_count: 3 } },
  });
}

export function processesAt(startMs, nowMs) {
  return [
    base(startMs, 811, 'nginx', { unit: 'nginx.service', exe: '/usr/sbin/nginx' }),
    orders(startMs, nowMs),
    base(startMs, 3107, 'thumbnailer', {
      unit: 'thumbs@2.service',
      runtime: 'native',
      verdict: 'leak',
      since_ms: startMs - 50 * 60_000,
      summary: 'Growing 210 MiB/h (95 %: 196 to 224) for 50 min; reaches memory.max (512 MiB) in 66 to 80 min.',
      growth_bytes_per_s: grown(61_000, 0.07),
      live_bytes: 236 * MIB,
      rss_bytes: 262 * MIB,
      limit_bytes: 512 * MIB,
      time_to_limit_s: forecast(61_000, 250 * MIB),
      sparkline: sparkline(236 * MIB, 1.3 * MIB, 1.5 * MIB),
      culprit: { function: 'decode_strip', file: '/build/thumbnailer/src/tiff.c', line: 412 },
    }),
    base(startMs, 4120, 'ingest-worker', {
      runtime: 'cpython 3.12.4',
      verdict: 'suspect',
      since_ms: startMs - 12 * 60_000,
      summary: 'Growing 3.1 MiB/h (95 %: 0.4 to 5.8) for 12 min; too short to be sure.',
      growth_bytes_per_s: { estimate: 900, lower: 120, upper: 1690 },
      live_bytes: 88 * MIB,
      rss_bytes: 120 * MIB,
      sparkline: sparkline(88 * MIB, 0.05 * MIB, 0.5 * MIB),
      culprit: { function: 'Batch.__init__', file: '/opt/ingest/lib/python3.12/site-packages/ingest/batch.py', line: 31 },
    }),
    base(startMs, 5001, 'render', {
      verdict: 'fragmentation',
      since_ms: startMs - 2 * 3600_000,
      summary: 'Resident memory grows 8 MiB/h while live bytes stay flat: the allocator does not give back what it took.',
      growth_bytes_per_s: grown(2330, 0.3),
      live_bytes: 71 * MIB,
      rss_bytes: 301 * MIB,
      sparkline: sparkline(301 * MIB, 0.2 * MIB, 0.4 * MIB),
    }),
    base(startMs, 6200, 'worker', {
      verdict: 'learning',
      started_ms: nowMs - 40_000,
      summary: 'Learning: 40 s of data, a first verdict takes 2 min.',
      growth_bytes_per_s: null,
      live_bytes: 12 * MIB,
      rss_bytes: 19 * MIB,
      sparkline: sparkline(12 * MIB, 0.1 * MIB, 0.3 * MIB, 48),
    }),
    base(startMs, 7300, HOSTILE, {
      exe: `/tmp/${HOSTILE}`,
      unit: '"><script>document.title=2</script>.service',
      summary: `${HOSTILE} is steady. </script><b>not bold</b> \u0007\u202e`,
      culprit: { function: '<svg onload=alert(1)>', file: '/tmp/"><script>alert(1)</script>.py', line: 1 },
    }),
    base(startMs, 1999, 'backup', {
      state: 'oom-killed',
      verdict: 'leak',
      ended_ms: startMs - 18 * 60_000,
      summary: 'OOM-killed after growing 1.2 GiB/h for 40 min; 91 % of the growth came from archive.c:204.',
      live_bytes: 990 * MIB,
      rss_bytes: 1020 * MIB,
      limit_bytes: 1024 * MIB,
      sparkline: sparkline(990 * MIB, 9 * MIB, 2 * MIB),
      culprit: { function: 'archive_entry_add', file: '/src/backup/archive.c', line: 204 },
    }),
    base(startMs, 1500, 'migrate', { state: 'exited', ended_ms: startMs - 2 * 3600_000, summary: 'Ended by exit.' }),
  ];
}

/** A prefork server: its first process speaks for three workers, one of which has ended. */
export function serverAt(startMs, { silent = false } = {}) {
  const group = { id: '8800-61600', members: 3, ended: 1, live_bytes: 300 * MIB, gained_bytes: 96 * MIB };
  const shop = { unit: 'shop.service', exe: '/usr/bin/python3.11', runtime: 'cpython 3.11.2', limit_bytes: 1024 * MIB, limit_source: 'memory.max' };
  const one = (pid, more) => base(startMs, pid, 'shop', { ...shop, group: { id: group.id }, ...more });
  const worker = (pid, rss, more) => one(pid, { parent_pid: 8800, live_bytes: rss - 20 * MIB, rss_bytes: rss, pss_bytes: rss - 10 * MIB, sparkline: sparkline(rss, 0.3 * MIB, MIB), ...more });
  const mute = { live_known: false, rss_known: false, live_bytes: 0, rss_bytes: 0, sparkline: null, limit_bytes: null, limit_source: null, reason: 'it has allocated too little to say anything: known by what it forked' };
  return [
    one(8800, {
      group,
      verdict: 'leak',
      since_ms: startMs - 40 * 60_000,
      summary: 'leak: growing 60 MiB/h (95 %: 55 to 65) for 40 min; 88 % of it allocated at shop/views.py:12 basket() as dict.',
      growth_bytes_per_s: grown(17_500),
      time_to_limit_s: forecast(17_500, 700 * MIB),
      culprit: { function: 'basket', file: '/srv/shop/views.py', line: 12 },
      ...(silent && mute),
    }),
    worker(8801, 130 * MIB, { verdict: 'suspect', growth_bytes_per_s: { estimate: 8000, lower: 200, upper: 16_000 } }),
    worker(8802, 150 * MIB, { verdict: 'learning', growth_bytes_per_s: null, started_ms: startMs - 60_000 }),
    worker(8790, 260 * MIB, { state: 'exited', ended_ms: startMs - 5 * 60_000 }),
  ];
}

function python(fn, file, line) {
  return { language: 'python', function: fn, file, line, module: null, inlined: false };
}

function native(fn, module, file = null, line = null, inlined = false) {
  return { language: 'native', function: fn ?? `${module}+0x1f30`, file, line, module, inlined, named: fn !== null };
}

function site(id, verdict, growth, live, count, oldest, frames) {
  return {
    id,
    fingerprint: `fp${id}`.padEnd(16, '0'),
    kind: 'mixed',
    verdict,
    growth_bytes_per_s: growth,
    live_bytes: live,
    live_count: count,
    oldest_s: oldest,
    frames,
  };
}

export function sitesOf() {
  return [
    site('11', 'leak', grown(3500), 318 * MIB, 812_443, 19_080, [
      native('_PyObject_Malloc', 'libpython3.11.so.1.0', './Objects/obmalloc.c', 1608, true),
      native('new_dict', 'libpython3.11.so.1.0', './Objects/dictobject.c', 673),
      native('_PyEval_EvalFrameDefault', 'libpython3.11.so.1.0', './Python/ceval.c', 5310),
      python('store', '/srv/orders/app/orders/cache.py', 88),
      python('handle', '/srv/orders/app/orders/views.py', 41),
      python('__call__', '/usr/lib/python3/dist-packages/werkzeug/serving.py', 333),
      native('main', 'python3.11'),
    ]),
    site('12', 'suspect', { estimate: 480, lower: 30, upper: 930 }, 41 * MIB, 1201, 18_200, [
      native('malloc', 'libc.so.6'),
      native('CRYPTO_zalloc', 'libcrypto.so.3'),
      native('SSL_new', 'libssl.so.3'),
      python('connect', '/srv/orders/app/orders/upstream.py', 19),
    ]),
    site('13', 'ok', null, 9 * MIB, 33, 12, [
      native(null, 'libmystery.so'),
      python('<lambda>"><script>alert(1)</script>', '/srv/<b>bold</b>.py', 3),
    ]),
  ];
}

export function typesOf() {
  return [
    { name: 'builtins.dict', live_bytes: 290 * MIB, live_count: 790_112, growth_bytes_per_s: grown(3300), source: 'sampled' },
    { name: 'orders.models.Order', live_bytes: 38 * MIB, live_count: 790_020, growth_bytes_per_s: grown(410, 0.2), source: 'sampled' },
    { name: '<b>app</b>.Session', live_bytes: 2 * MIB, live_count: 4000, growth_bytes_per_s: null, source: 'snapshot' },
  ];
}

export function incidentsAt(startMs, nowMs) {
  const processes = new Map(processesAt(startMs, nowMs).map((process) => [process.name, process]));
  const one = (id, name, severity, state, openedAgoMs, more) => ({
    id,
    fingerprint: `0123456789ab${id.toLowerCase()}`,
    state,
    severity,
    opened_ms: startMs - openedAgoMs,
    resolved_ms: null,
    process: processes.get(name),
    summary: processes.get(name).summary,
    growth_bytes_per_s: processes.get(name).growth_bytes_per_s,
    end: null,
    until_ms: null,
    log: [],
    tests: processes.get(name).tests,
    live_bytes: processes.get(name).live_bytes,
    rss_bytes: processes.get(name).rss_bytes,
    sites: sitesOf().slice(0, 2),
    types: typesOf().slice(0, 2),
    retainers: [
      { type: 'orders.models.Order', share: 0.94, path: ['module orders.cache', '._by_id', 'dict[…]', 'orders.models.Order'] },
    ],
    deliveries: [
      { receiver: 'ops', event: 'leak.incident.opened', attempts: 2, http_status: 204, delivered: true, at_ms: startMs - openedAgoMs + 5000, error: '' },
      { receiver: 'pager', event: 'leak.incident.opened', attempts: 1, http_status: null, delivered: false, at_ms: startMs - openedAgoMs + 900, error: 'no route to host <i>' },
    ],
    ...more,
  });
  return [
    one('7F3K', 'orders-api', 'warning', 'open', 4 * 3600_000),
    one('9QXM', 'thumbnailer', 'critical', 'acknowledged', 30 * 60_000),
    one('2B8D', 'backup', 'critical', 'resolved', 60 * 60_000, { resolved_ms: startMs - 18 * 60_000, end: 'OOM-killed at 14:02.' }),
  ];
}

/** Live or resident bytes of orders-api: a saw over a slope, and 60 kB a second while the mock runs. */
export function seriesOf(startMs, name, fromMs, toMs, rssGrows, askedMs) {
  const spanMs = toMs - fromMs;
  const stepMs = askedMs ?? (spanMs <= 16 * 60_000 ? 1000 : 10_000);
  const lift = name === 'rss_bytes' ? 1.1 : name === 'python_bytes' ? 0.76 : 1;
  const at = (ms) => {
    const before = Math.min(ms, startMs);
    const level = 412 * MIB + (ORDERS_RATE * (before - startMs)) / 1000 + Math.max(0, ms - startMs) * 60;
    return level * lift;
  };
  const points = [];
  for (let ms = Math.ceil(fromMs / stepMs) * stepMs; ms <= toMs; ms += stepMs) {
    const saw = (ms / 1000) % 47;
    const noise = 9_000 * saw + 60_000 * Math.sin(ms / 9100);
    points.push([ms, Math.round(at(ms) + noise * 0.4), Math.round(at(ms) + noise)]);
  }
  const fitFromMs = startMs - 10 * 60_000;
  const fit = name === (rssGrows ? 'rss_bytes' : 'live_bytes')
    ? { from_ms: fitFromMs, to_ms: startMs, bytes_at_from: at(fitFromMs), growth_bytes_per_s: grown(ORDERS_RATE) }
    : null;
  // It runs for three hours, so that what is older is not known.
  const spanFromMs = Math.max(fromMs, startMs - 3 * 3600_000);
  const isShort = toMs - spanFromMs < 12 * stepMs;
  const window_fit = isShort ? null : { from_ms: spanFromMs, to_ms: toMs, bytes_at_from: at(spanFromMs), growth_bytes_per_s: grown(ORDERS_RATE * 1.02, 0.02) };
  return { name, step_ms: stepMs, points, fit, window_fit, window_fit_missing: isShort ? 'fewer than twelve steps of it were measured' : null, limit_bytes: 768 * MIB };
}
