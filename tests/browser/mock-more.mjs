// SPDX-License-Identifier: MIT
// The mock's answers beside processes and incidents: flames, snapshots, mappings, receivers, marks.

const MIB = 1024 * 1024;

const frame = (name, file, line, language, self, children = [], module = null) => ({
  name,
  file,
  line,
  module,
  language,
  self,
  value: self + children.reduce((sum, child) => sum + child.value, 0),
  children,
});

const interpreter = (name, self, children) => frame(name, './Python/ceval.c', 5310, 'native', self, children, 'libpython3.11.so.1.0');

/** What orders-api holds; part 0..1 is how much of the leak is there already. */
function rootAt(part) {
  const store = frame('store', '/srv/orders/app/orders/cache.py', 88, 'python', 0, [
    interpreter('_PyObject_Malloc', Math.round(318 * MIB * part), []),
  ]);
  const views = frame('handle', '/srv/orders/app/orders/views.py', 41, 'python', 3 * MIB, [interpreter('_PyEval_EvalFrameDefault', 0, [store])]);
  const tls = frame('connect', '/srv/orders/app/orders/upstream.py', 19, 'python', 0, [
    frame('SSL_new', null, null, 'native', 41 * MIB, [], 'libssl.so.3'),
  ]);
  const odd = frame('<lambda>"><script>alert(1)</script>', '/srv/<b>bold</b>.py', 3, 'python', Math.round(9 * MIB * (2 - part)), []);
  const main = frame('__call__', '/usr/lib/python3/dist-packages/werkzeug/serving.py', 333, 'python', MIB, [views, tls, odd]);
  return { ...frame('all', null, null, null, 0, [frame('main', null, null, 'native', 0, [main], 'python3.11')]) };
}

function withBefore(after, before) {
  const children = after.children.map((child, at) => withBefore(child, before.children[at]));
  return { ...after, before: before.value, delta: after.value - before.value, self_delta: after.self - before.self, children };
}

export function flameOf(query, nowMs) {
  const metric = query.get('metric') ?? 'live';
  const from = Number(query.get('from')) || nowMs - 3600_000;
  const root = metric === 'diff' ? withBefore(rootAt(1), rootAt(0.9)) : rootAt(query.has('to') ? 0.9 : 1);
  return { metric, unit: 'bytes', from_ms: from, to_ms: nowMs, before_range_ms: [from, from], range_ms: [nowMs, nowMs], is_cut: false, root };
}

/** buffer_new is called from two places, and by itself in one of them: its 60 MiB there count once. */
export function sharedFlame(query) {
  const at = (part) => {
    const buffer = (line, self, children = []) => frame('buffer_new', '/src/net/buffer.c', line, 'native', self, children, 'serverd');
    const parse = frame('parse', '/src/net/parse.c', 7, 'native', MIB, [buffer(31, Math.round(40 * MIB * part), [buffer(44, 20 * MIB, [frame('calloc', null, null, 'native', 5 * MIB, [], 'libc.so.6')])])], 'serverd');
    const reply = frame('reply', '/src/net/reply.c', 90, 'native', 0, [buffer(31, Math.round(35 * MIB * (2 - part)), [frame('calloc', null, null, 'native', 15 * MIB, [], 'libc.so.6')])], 'serverd');
    return frame('all', null, null, null, 0, [frame('main', '/src/main.c', 3, 'native', 2 * MIB, [parse, reply], 'serverd')]);
  };
  const metric = query.get('metric') ?? 'live';
  return { metric, unit: 'bytes', from_ms: 1, to_ms: Date.now(), is_cut: false, root: metric === 'diff' ? withBefore(at(1), at(0.75)) : at(1) };
}

/** A tree of so many frames, for the budgets. */
export function bigFlame(count) {
  let made = 0;
  const grow = (depth, budget) => {
    made++;
    const children = [];
    let rest = budget - 1;
    for (let width = 2 + (made % 3); width > 0 && rest > 0 && depth < 40; width--) {
      const part = width === 1 ? rest : Math.max(1, Math.floor(rest / 2));
      children.push(grow(depth + 1, part));
      rest -= part;
    }
    return frame(`function_${made}`, `/srv/app/module_${made % 97}.py`, made % 900, made % 3 ? 'python' : 'native', 1000 + ((made * 7919) % 5000), children);
  };
  return { metric: 'live', unit: 'bytes', from_ms: null, to_ms: Date.now(), is_cut: false, root: { ...grow(0, count), name: 'all' } };
}

export function mapsOf() {
  const row = (kind, name, rss, count = 1) => ({ kind, name, count, size_bytes: rss * 2, rss_bytes: rss, pss_bytes: rss, private_bytes: rss, swap_bytes: 0 });
  return {
    state: 'read',
    taken_ms: Date.now(),
    truncated: false,
    maps: [row('anonymous', null, 380 * MIB, 41), row('heap', null, 31 * MIB), row('arena', null, 12 * MIB, 3), row('file', '/usr/lib/libpython3.11.so.1.0', 6 * MIB, 5), row('file', '/tmp/<img src=x>', MIB), row('stack', null, 0.2 * MIB)],
  };
}

export const snapshotOf = (number, state) => ({
  number,
  state,
  reason: null,
  requested_ms: Date.now() - 2000,
  ended_ms: state === 'done' ? Date.now() : null,
  pause_us: state === 'done' ? 3800 : null,
  objects: state === 'done' ? 1_204_331 : 0,
  bytes: state === 'done' ? 290 * MIB : 0,
  partial: false,
  types: state === 'done' ? [{ name: 'builtins.dict', live_bytes: 290 * MIB, live_count: 790_112, growth_bytes_per_s: null, source: 'snapshot' }] : [],
  retainers: state === 'done' ? [{ type: 'builtins.dict', share: 0.97, path: ['module orders.cache', '._by_id', 'dict[…]', 'orders.models.Order', '.__dict__'] }] : [],
});

/** What the mock remembers of what was asked of it. */
export function makeMemory() {
  return {
    snapshots: [],
    marks: [],
    changes: new Map(),
    receiver: { name: 'ops', type: 'webhook', place: 'https://alerts.example.com', state: 'ok', min_severity: 'warning', send_resolved: true, queued: 0, dead_letters: 1, delivered_total: 12, last_attempt_ms: Date.now() - 60_000, last_delivery_ms: Date.now() - 60_000, last_status: 204, last_error: null },
  };
}

const STATES = { acknowledge: 'acknowledged', silence: 'silenced', resolve: 'resolved' };

export function changeIncident(memory, incident, action, body) {
  const nowMs = Date.now();
  const hours = { '1h': 1, '4h': 4, '1d': 24, '7d': 168 }[body.duration];
  const change = {
    state: STATES[action],
    until_ms: hours ? nowMs + hours * 3600_000 : null,
    resolved_ms: action === 'resolve' ? nowMs : null,
    log: [...(incident.log ?? []), { at_ms: nowMs, what: STATES[action], by: body.by, text: body.reason }],
  };
  memory.changes.set(incident.id, change);
  return { ...incident, ...change };
}
