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
import { incidentsAt, processesAt, seriesOf, sitesOf, typesOf } from './world.mjs';

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

const isView = (path) => path === '/' || path === '/incidents' || /^\/(p|i)\/[^/]+$/.test(path);

export async function startMock({ page = findPage(), port = 0 } = {}) {
  const startMs = Date.now();
  const streams = new Set();
  const mock = {
    url: '',
    down: false,
    /** Virtual seconds a second that orders-api grows by. */
    speed: 1,
    processes: () => processesAt(startMs, startMs + (Date.now() - startMs) * mock.speed),
    incidents: () => incidentsAt(startMs, Date.now()),
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

  const status = () => ({ version: '0.1.0', host: 'web-01', agents_connected: 7, rss_bytes: 21_400_000, uptime_s: 86_400 });

  function openStream(response) {
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 500\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
  }

  function sendProcess(response, id, view, query) {
    const process = mock.processes().find((one) => one.id === id);
    if (!process) return problem(response, 404, 'No such process');
    if (view === undefined) return sendJson(response, process);
    if (view === 'sites') return sendJson(response, { sites: process.name === 'orders-api' ? sitesOf() : [] });
    if (view === 'types') return sendJson(response, { types: process.name === 'orders-api' ? typesOf() : [] });
    const rssGrows = process.verdict === 'fragmentation';
    const step = query.has('step') ? parseInt(query.get('step'), 10) : undefined;
    const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
    return sendJson(response, seriesOf(startMs, query.get('name'), from, to, rssGrows, step));
  }

  function sendApi(response, path, query) {
    const [list, id, view] = path.split('/').slice(3).map(decodeURIComponent);
    if (list === 'events') return openStream(response);
    if (list === 'status') return sendJson(response, status());
    if (list === 'processes' && id === undefined) return sendJson(response, { processes: mock.processes() });
    if (list === 'processes') return sendProcess(response, id, view, query);
    if (list !== 'incidents') return problem(response, 404, 'No such resource');
    if (id === undefined) return sendJson(response, { incidents: mock.incidents() });
    const incident = mock.incidents().find((one) => one.id === id);
    return incident ? sendJson(response, incident) : problem(response, 404, 'No such incident');
  }

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://mock');
    mock.requests.push(pathname);
    if (mock.down) return request.socket.destroy();
    if (pathname.startsWith('/api/v1/')) return sendApi(response, pathname, searchParams);
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
