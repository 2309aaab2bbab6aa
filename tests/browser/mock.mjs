// SPDX-License-Identifier: MIT
// A stand-in for leakd: serves the built page and the API's shapes, with the headers leakd sends.
//
//   node tests/browser/mock.mjs [--port N] [--page DIR]      then open the address it prints
//
// Tests steer it through the object that startMock returns.

import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { changeIncident, flameOf, makeMemory, mapsOf, snapshotOf } from './mock-more.mjs';
import { incidentsAt, processesAt, seriesOf, serverAt, sitesOf, typesOf } from './world.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const PAGES = ['build/web/page', 'web/dist/page'].map((folder) => join(ROOT, folder));

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml', txt: 'text/plain; charset=utf-8' };
const TICK_MS = 500;

export function findPage() {
  const given = process.env.LEAKD_PAGE;
  const found = given ? resolve(given) : PAGES.find((folder) => existsSync(join(folder, 'index.html')));
  if (!found) throw new Error('no built page: run `node web/build.mjs` or build with CMake first');
  return found;
}

function sendJson(response, body, status = 200) {
  const type = status < 400 ? 'application/json' : 'application/problem+json';
  response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}

const problem = (response, status, title) => sendJson(response, { type: 'about:blank', title, status }, status);

function sendFile(response, page, path) {
  const file = join(page, normalize(path));
  if (!file.startsWith(page) || !existsSync(file)) return problem(response, 404, 'No such file');
  response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[file.split('.').pop()] });
  return response.end(readFileSync(file));
}

const isView = (path) => ['/', '/incidents', '/compare', '/health'].includes(path) || /^\/(p|i)\/[^/]+$/.test(path);

export async function startMock({ page = findPage(), port = 0 } = {}) {
  const startMs = Date.now();
  const streams = new Set();
  const memory = makeMemory();
  const mock = {
    url: '',
    down: false,
    /** Virtual seconds a second that orders-api grows by. */
    speed: 1,
    processes: () => processesAt(startMs, startMs + (Date.now() - startMs) * mock.speed),
    /** Puts a prefork server beside them. */
    addServer(options) {
      const alone = mock.processes;
      mock.processes = () => [...alone(), ...serverAt(startMs, options)];
    },
    incidents: () => incidentsAt(startMs, Date.now()).map((one) => ({ ...one, ...memory.changes.get(one.id) })),
    flame: (query) => flameOf(query, Date.now()),
    requests: [],
    send(event, data) {
      for (const stream of streams) stream.write(`id: ${Date.now()}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    /** As if the daemon had died: no stream, no answer, until up() . */
    drop() {
      mock.down = true;
      for (const stream of streams) stream.destroy();
    },
    up() {
      mock.down = false;
    },
    close() {
      clearInterval(timer);
      server.closeAllConnections();
      return new Promise((done) => server.close(done));
    },
  };

  const status = () => ({
    version: '0.1.0',
    host: 'web-01',
    now_ms: Date.now(),
    started_ms: startMs - 86_400_000,
    agents_connected: 7,
    frames_total: 1_204_118,
    bad_frames_total: 0,
    refused_connections_total: 0,
    event_clients: streams.size,
    store_bytes: 2_400_000,
    rss_bytes: 21_400_000,
    cpu_seconds_total: 312.5,
    notices: { queued: 0, delivered_total: 12, failed_total: 1, given_up_total: 0 },
    storage: { state: 'ok', problem: null, bytes: 401_408, history_bytes: 9_437_184, incidents_unstored: 0 },
  });

  function sendSnapshot(response, number, method) {
    if (method === 'POST') {
      memory.snapshots.push(0);
      return sendJson(response, snapshotOf(memory.snapshots.length, 'requested'), 202);
    }
    // Under way until it was asked for a few times.
    const at = (index) => (memory.snapshots[index]++ < 4 ? 'running' : 'done');
    if (number === undefined) return sendJson(response, { snapshots: memory.snapshots.map((_, index) => ({ ...snapshotOf(index + 1, at(index)), types: [], retainers: [] })) });
    return memory.snapshots[number - 1] !== undefined ? sendJson(response, snapshotOf(Number(number), at(number - 1))) : problem(response, 404, 'No such snapshot');
  }

  function sendReceiver(response, name, action) {
    if (name === undefined) return sendJson(response, { receivers: [memory.receiver] });
    if (action !== 'test') return sendJson(response, memory.receiver);
    memory.receiver = { ...memory.receiver, last_attempt_ms: Date.now() };
    return sendJson(response, { receiver: name, queued: 1 }, 202);
  }

  function change(response, id, action, body) {
    const changed = changeIncident(memory, mock.incidents().find((one) => one.id === id), action, body);
    mock.send('incident', changed);
    return sendJson(response, changed);
  }

  function sendMark(response, method, body) {
    if (method !== 'POST') return sendJson(response, { marks: memory.marks });
    memory.marks.push({ id: 'm', at_ms: Date.now(), kind: 'event', text: body.text, unit: null, process_id: body.process, by: body.by ?? null });
    return sendJson(response, memory.marks.at(-1), 201);
  }

  function openStream(response) {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 500\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
  }

  function sendProcess(response, id, view, query, rest, method) {
    const process = mock.processes().find((one) => one.id === id);
    if (!process) return problem(response, 404, 'No such process');
    if (view === undefined) return sendJson(response, process);
    if (view === 'sites') return sendJson(response, { sites: process.name === 'orders-api' ? sitesOf() : [] });
    if (view === 'types') return sendJson(response, { types: process.name === 'orders-api' ? typesOf() : [] });
    if (view === 'flamegraph') return sendJson(response, mock.flame(query));
    if (view === 'maps') return sendJson(response, mapsOf());
    if (view === 'snapshots') return sendSnapshot(response, rest, method);
    const rssGrows = process.verdict === 'fragmentation';
    const step = query.has('step') ? parseInt(query.get('step'), 10) : undefined;
    const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
    return sendJson(response, seriesOf(startMs, query.get('name'), from, to, rssGrows, step));
  }

  function sendApi(response, path, query, method, body) {
    const [list, id, view, rest] = path.split('/').slice(3).map(decodeURIComponent);
    if (list === 'events') return openStream(response);
    if (list === 'status') return sendJson(response, status());
    if (list === 'processes' && id === undefined) return sendJson(response, { processes: mock.processes() });
    if (list === 'processes') return sendProcess(response, id, view, query, rest, method);
    if (list === 'receivers') return sendReceiver(response, id, view);
    if (list === 'marks') return sendMark(response, method, body);
    if (list === 'incidents' && method === 'POST') return change(response, id, view, body);
    if (list !== 'incidents') return problem(response, 404, 'No such resource');
    if (id === undefined) return sendJson(response, { incidents: mock.incidents() });
    const incident = mock.incidents().find((one) => one.id === id);
    return incident ? sendJson(response, incident) : problem(response, 404, 'No such incident');
  }

  const bodyOf = async (request) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    return text === '' ? {} : JSON.parse(text);
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://mock');
    mock.requests.push(pathname);
    if (mock.down) return request.socket.destroy();
    if (pathname.startsWith('/api/v1/')) return sendApi(response, pathname, searchParams, request.method, await bodyOf(request));
    if (isView(pathname)) return sendFile(response, page, '/index.html');
    return sendFile(response, page, pathname);
  });
  const timer = setInterval(() => {
    const growing = mock.processes().find((one) => one.name === 'orders-api');
    if (growing) mock.send('process', growing);
    mock.send('status', status());
  }, TICK_MS);

  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  return mock;
}

function argument(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = argument('--page');
  const mock = await startMock({ port: Number(argument('--port') ?? 7474), ...(page && { page: resolve(page) }) });
  console.log(mock.url);
}
