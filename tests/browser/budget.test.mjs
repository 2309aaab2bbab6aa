// SPDX-License-Identifier: MIT
// The page's budgets. Sizes are facts and asserted; times are measured and printed (# lines), with
// the work behind them asserted: how much was drawn, not how long it took.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bigFlame } from './mock-more.mjs';
import { findPage, startMock } from './mock.mjs';
import { retry } from './page.mjs';
import { mock, page, visit } from './stage.mjs';

const ORDERS = '/p/2210-15470';
const LONG = process.env.LEAKD_LONG === '1';
/** Updates of all processes; at one a second the long run is an hour. */
const UPDATES = LONG ? 3600 : 120;
const HEAP_GROWTH_MAX = 1.5 * 1024 * 1024;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function open(path, options) {
  await page?.context().close();
  await visit(path, options);
  await page.locator('h1').waitFor();
}

/** Seconds of script since the page began, and bytes of its heap. */
async function metrics(session) {
  const { metrics: all } = await session.send('Performance.getMetrics');
  return Object.fromEntries(all.map(({ name, value }) => [name, value]));
}

async function perf() {
  const session = await page.context().newCDPSession(page);
  // The processor's time, not the clock's: a busy machine makes nothing slower.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return session;
}

function manyServices(count) {
  const [first] = mock.processes();
  return Array.from({ length: count }, (_, at) => ({
    ...first,
    id: `${3000 + at}-1`,
    pid: 3000 + at,
    name: `service-${at}`,
    rss_bytes: (40 + at) * 1024 * 1024,
    verdict: at % 20 === 0 ? 'leak' : 'ok',
  }));
}

/** One tick of the daemon: every process has changed. */
function tick(services, turn) {
  services.forEach((service, at) => {
    services[at] = { ...service, rss_bytes: service.rss_bytes + (1 + (at % 3)) * 300_000, sparkline: service.sparkline.map((value) => value + turn * 1000) };
    mock.send('process', services[at]);
  });
}

const sizeOf = (name) => gzipSync(readFileSync(join(findPage(), name)), { level: 9 }).length;
const sumOf = (names) => names.reduce((sum, name) => sum + sizeOf(name), 0);
const loaded = (kind) => [...new Set(mock.requests.filter((path) => path.startsWith('/assets/') && path.endsWith(kind)))];

test('script_and_styles_keep_their_budgets', async (t) => {
  await open('/');
  const overview = sumOf(loaded('.js'));
  await open(ORDERS);
  await page.locator('.uplot').waitFor();
  const process = sumOf(loaded('.js'));
  const styles = sumOf(loaded('.css'));
  const all = sumOf(readdirSync(join(findPage(), 'assets')).filter((name) => name.endsWith('.js')).map((name) => `assets/${name}`));
  t.diagnostic(`script of the overview ${overview} B gzip of 40000, with the page of a process ${process} B of 60000, in all ${all} B; styles ${styles} B of 12000`);
  assert.ok(overview <= 40_000 && process <= 60_000 && styles <= 12_000);
});

test('the_first_screen_loads_no_more_than_it_needs', async (t) => {
  await open('/');
  assert.ok(!loaded('.js').some((path) => /later|process/.test(path)), loaded('.js').join());
  const usable = [];
  for (let turn = 0; turn < 5; turn++) {
    await page.goto(mock.url);
    await page.locator('.row').first().waitFor();
    usable.push(await page.evaluate(() => performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint')?.startTime ?? 0));
  }
  t.diagnostic(`usable after ${median(usable).toFixed(0)} ms (median of 5; budget 300 on a quiet machine)`);
});

/** So many prefork servers with four workers each. */
function manyServers(count) {
  const [first] = mock.processes();
  return Array.from({ length: count * 5 }, (_, at) => {
    const leader = `${3000 + at - (at % 5)}-1`;
    const group = at % 5 === 0 ? { id: leader, members: 5, ended: 0, live_bytes: 1, gained_bytes: 0 } : { id: leader };
    return { ...first, id: `${3000 + at}-1`, pid: 3000 + at, name: `server-${Math.floor(at / 5)}`, rss_bytes: (40 + at) * 1024 * 1024, group };
  });
}

/** Rows that were drawn, and what a tick costs in script. */
async function measureTicks(services) {
  const session = await perf();
  await page.evaluate(() => {
    globalThis.changed = new Set();
    new MutationObserver((records) => {
      for (const record of records) {
        const row = (record.target.nodeType === 1 ? record.target : record.target.parentElement)?.closest('.row');
        if (row) globalThis.changed.add(row);
      }
    }).observe(document.querySelector('.processes'), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  const before = await metrics(session);
  const TICKS = 8;
  for (let turn = 0; turn < TICKS; turn++) {
    tick(services, turn);
    await page.waitForTimeout(400);
  }
  const now = await metrics(session);
  const drawn = await page.evaluate(() => globalThis.changed.size);
  return { drawn, ms: ((1000 * (now.ScriptDuration - before.ScriptDuration)) / TICKS).toFixed(1) };
}

/** Rows out of sight are drawn anew every ten seconds; a page whose clock stands still never gets that
 * old, however long a busy host takes for these ticks. */
const ageless = (fresh) => fresh.addInitScript(() => {
  performance.now = () => 0;
});

for (const [what, make] of [['services', manyServices], ['servers_of_five_processes', (count) => manyServers(count / 5)]]) {
  test(`of_200_processes_as_${what}_only_the_rows_in_sight_are_drawn_in_a_tick`, async (t) => {
    const services = make(200);
    mock.processes = () => services;
    await open('/', { before: ageless });
    await retry(async () => assert.equal(await page.locator('.row').count(), what === 'services' ? 200 : 40));
    const { drawn, ms } = await measureTicks(services);
    t.diagnostic(`overview of 200 processes as ${what}: ${ms} ms of script a tick (budget 16 on a quiet machine), ${drawn} rows drawn`);
    assert.ok(drawn > 0 && drawn < Math.min(60, 30 + await page.locator('.row').count() / 5), `${drawn} rows were drawn`);
  });
}

test('a_day_of_chart_is_drawn_at_once', async (t) => {
  await open(`${ORDERS}?range=24h`);
  await page.locator('.uplot').waitFor();
  const session = await perf();
  const before = await metrics(session);
  await page.getByRole('button', { name: 'From 0' }).click();
  await page.waitForTimeout(200);
  const now = await metrics(session);
  t.diagnostic(`24 h of chart: ${(1000 * (now.ScriptDuration - before.ScriptDuration)).toFixed(1)} ms of script to draw it anew (budget 50)`);
  assert.ok(Number(await page.locator('.uplot canvas').evaluate((canvas) => canvas.width)) > 500);
});

test('20000_frames_are_zoomed_by_drawing_only_what_is_wide_enough', async (t) => {
  const flame = bigFlame(20_000);
  mock.flame = () => flame;
  await open(`${ORDERS}?tab=flame&frames=all`);
  await page.locator('.flame canvas').waitFor();
  await page.locator('.flame').focus();
  const session = await perf();
  const times = [];
  for (let turn = 0; turn < 6; turn++) {
    await page.keyboard.press('ArrowDown');
    await page.evaluate(() => performance.clearMeasures('flame'));
    const before = await metrics(session);
    await page.keyboard.press('Enter');
    await retry(async () => assert.ok(await page.evaluate(() => performance.getEntriesByName('flame').length > 0)));
    times.push(1000 * ((await metrics(session)).ScriptDuration - before.ScriptDuration));
  }
  assert.match(await page.locator('.chart-summary').last().textContent(), /in 19,?\d\d\d frames|in 20,?000 frames|in 1\d{4} frames/);
  t.diagnostic(`20,000 frames: a zoom takes ${median(times).toFixed(1)} ms of script (median of 6; budget 50)`);
});

test('callers_and_callees_of_a_function_in_20000_frames_are_put_together_in_one_go', async (t) => {
  const flame = bigFlame(20_000);
  // One function in very many places is the most work.
  const rename = (node) => ({ ...node, ...(node.line % 7 === 3 && { name: 'allocate', file: '/srv/app/pool.py' }), children: node.children.map(rename) });
  flame.root = { ...rename(flame.root), name: 'all' };
  mock.flame = () => flame;
  await open(`${ORDERS}?tab=flame&frames=all&find=allocate`);
  await page.locator('.flame canvas').waitFor();
  await page.locator('.flame').focus();
  const session = await perf();
  const times = [];
  for (let turn = 0; turn < 6; turn++) {
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    const before = await metrics(session);
    await page.keyboard.press('s');
    await page.getByText('Callers above and callees below').waitFor();
    times.push(1000 * ((await metrics(session)).ScriptDuration - before.ScriptDuration));
    assert.match(await page.locator('.chart-summary').last().textContent(), /in [\d,]+ places?\. Above/);
    await page.keyboard.press('Escape');
    await page.getByText('Callers above').waitFor({ state: 'detached' });
  }
  t.diagnostic(`20,000 frames: callers and callees take ${median(times).toFixed(1)} ms of script (median of 6; budget 50)`);
});

test(`the_pages_own_heap_is_flat_over_${UPDATES}_updates`, async (t) => {
  const services = manyServices(40);
  mock.processes = () => services;
  await open('/');
  const session = await perf();
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    await session.send('HeapProfiler.collectGarbage');
    return (await metrics(session)).JSHeapUsedSize;
  };
  const run = async (updates) => {
    for (let turn = 0; turn < updates; turn++) {
      tick(services, 0);
      if (turn % 10 === 0) await page.waitForTimeout(130);
    }
    await page.waitForTimeout(400);
  };
  await run(UPDATES / 3);
  const before = await heap();
  await run((UPDATES * 2) / 3);
  const growth = (await heap()) - before;
  t.diagnostic(`heap after ${UPDATES} updates of 40 services: ${(before / 1048576).toFixed(2)} MiB, ${(growth / 1024).toFixed(0)} KiB more`);
  assert.ok(growth < HEAP_GROWTH_MAX, `${growth} bytes more`);
});
