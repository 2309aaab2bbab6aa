// SPDX-License-Identifier: MIT
// The dashboard as a real leakd serves it, with a real program under the agent.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';
import { axeViolations, openPage, retry } from './page.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const BUILD = process.env.LEAKD_BUILD ?? join(ROOT, 'build');
const NAME = 'orders <img src=x onerror=alert(1)>';

const folder = mkdtempSync(join(tmpdir(), 'leakd-live-'));
const children = [];
let browser;
let url;

function start(...words) {
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(words[0], words.slice(1), { cwd: ROOT, stdio: ['ignore', log, log] });
  children.push(child);
  return child;
}

const log = () => readFileSync(join(folder, 'log'), 'utf8');

async function startDaemon(port) {
  writeFileSync(
    join(folder, 'leakd.conf'),
    `[http]\nlisten = 127.0.0.1:${port}\n[receiver "ops"]\ntype = webhook\nurl = http://127.0.0.1:${receiver.address().port}/\nsecret = ${secret}\n`,
  );
  const from = children.length === 0 ? 0 : log().length;
  const child = start(join(BUILD, 'leakd'), '--user', '--config', join(folder, 'leakd.conf'),
    '--runtime-dir', join(folder, 'run'), '--state-dir', join(folder, 'state'));
  const found = await retry(async () => {
    const match = /^info ready .* port=(\d+)/m.exec(log().slice(from));
    assert.ok(match, log());
    return match;
  });
  url = `http://127.0.0.1:${found[1]}`;
  return child;
}

let daemon;
let receiver;
let received = 0;
const secret = join(folder, 'secret');

async function startReceiver() {
  writeFileSync(secret, randomBytes(32).toString('base64'), { mode: 0o600 });
  receiver = createServer((request, response) => {
    received++;
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise((ready) => receiver.listen(0, '127.0.0.1', ready));
}

before(async () => {
  browser = await launch();
  await startReceiver();
  daemon = await startDaemon(0);
  start(join(BUILD, 'leakctl'), 'run', '--socket', join(folder, 'run', 'agent.sock'), '--name', NAME, '--profile', 'fast',
    '--', '/usr/bin/python3', join(ROOT, 'tests', 'targets', 'steady.py'));
  start(join(BUILD, 'leakctl'), 'run', '--socket', join(folder, 'run', 'agent.sock'), '--name', 'reporter', '--profile', 'fast',
    '--', join(BUILD, 'demo', 'reporter'));
});

const rowOf = (page, name) => page.locator('tr.row', { has: page.getByRole('link', { name, exact: true }) });

after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await browser.close();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a_program_under_the_agent_is_on_the_overview_and_its_page_shows_its_sites', async () => {
  const { page, log: seen } = await openPage(browser, `${url}/`);
  await rowOf(page, NAME).waitFor();
  assert.equal(await page.locator('img').count(), 0);
  await rowOf(page, NAME).locator('.row-link').click();
  await retry(async () => assert.ok((await page.locator('.disclose').count()) > 0, 'sites are listed'));
  await page.locator('.disclose').first().click();
  await retry(async () => assert.match(await page.locator('body').innerText(), /steady\.py/));
  assert.deepEqual(seen.console, []);
  assert.deepEqual(seen.foreign, []);
  assert.deepEqual(await axeViolations(page), []);
  await page.context().close();
});

test('figures_change_by_themselves', async () => {
  const { page } = await openPage(browser, `${url}/`);
  const row = rowOf(page, 'reporter'); // it leaks, so its live bytes move
  await row.waitFor();
  const text = () => row.innerText();
  const first = await text();
  await retry(async () => assert.notEqual(await text(), first));
  await page.context().close();
});

/** Asks the page's own address bar: what is in it is what a colleague gets. */
const pageOf = async (name) => {
  const { processes } = await (await fetch(`${url}/api/v1/processes`)).json();
  return `/p/${encodeURIComponent(processes.find((one) => one.name === name).id)}`;
};

test('two_dragged_ranges_show_the_frame_that_grew_between_them', { timeout: 180_000 }, async () => {
  const { page, log: seen } = await openPage(browser, url + (await pageOf('reporter')));
  // Shots of the sites are taken every ten seconds to a minute: the difference needs two.
  await retry(async () => assert.match(await page.locator('.flame canvas').getAttribute('aria-label', { timeout: 500 }), /grew.*line_copy/), {
    forMs: 150_000,
    between: async () => {
      await page.getByRole('button', { name: 'Clear' }).click({ timeout: 300 }).catch(() => {});
      const box = await page.locator('.u-over').boundingBox();
      for (const [from, to] of [[0.02, 0.1], [0.7, 0.85]]) {
        await page.mouse.move(box.x + box.width * from, box.y + 40);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * to, box.y + 60, { steps: 3 });
        await page.mouse.up();
      }
      await page.waitForTimeout(4000);
    },
  });
  const { page: other } = await openPage(browser, page.url());
  await other.locator('.flame canvas').waitFor();
  assert.equal(await other.locator('.range-bar input').first().inputValue(), await page.locator('.range-bar input').first().inputValue());
  assert.deepEqual(seen.console, []);
  assert.deepEqual(seen.foreign, []);
  await other.context().close();
  await page.context().close();
});

test('mappings_exports_and_health_come_from_the_daemon_itself', async () => {
  const { page, log: seen } = await openPage(browser, `${url}${await pageOf('reporter')}?tab=maps`);
  await retry(async () => assert.match(await page.locator('.panel').last().innerText(), /Heap \(brk\)[\s\S]*Stack/));
  await page.getByRole('button', { name: 'Raw' }).click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'collapsed' }).click()]);
  assert.match((await (await download.createReadStream()).toArray()).join(''), /line_copy \(report\.c:\d+\) \d+/);
  await page.goto(`${url}/health`);
  await page.getByRole('button', { name: 'Test ops' }).click();
  await page.getByText('Delivered (HTTP 204)', { exact: true }).waitFor({ timeout: 30_000 });
  assert.ok(received > 0);
  assert.deepEqual(seen.console, []);
  await page.context().close();
});

test('a_snapshot_of_a_running_program_ends_in_the_path_that_keeps_its_objects', { timeout: 120_000 }, async () => {
  const { page, log: seen } = await openPage(browser, `${url}${await pageOf(NAME)}?tab=retainers`);
  await page.getByRole('button', { name: 'Take a snapshot' }).click();
  // main() of steady.py holds its list of bytearrays in a variable.
  await retry(async () => assert.match(await page.locator('.panel').last().innerText(), /main[\s\S]*kept[\s\S]*bytearray/), { forMs: 60_000 });
  // How long it stood still is the program's own word, which comes with its next flush.
  await retry(async () => assert.match(await page.locator('.panel').last().innerText(), /stood still for/), {
    forMs: 20_000,
    between: async () => {
      await page.waitForTimeout(1000);
      await page.reload();
      await page.getByText('Kept alive by').waitFor();
    },
  });
  assert.deepEqual(seen.console, []);
  assert.deepEqual(seen.foreign, []);
  await page.context().close();
});

/** As soon as leakd is sure that it leaks. */
const incidentOf = (name) =>
  retry(async () => {
    const { incidents } = await (await fetch(`${url}/api/v1/incidents`)).json();
    const found = incidents.find((one) => one.process.name === name);
    assert.ok(found, `the leak of ${name} is an incident`);
    return found;
  }, { forMs: 240_000, between: () => new Promise((done) => setTimeout(done, 1000)) });

const stateOf = async (incident) => (await (await fetch(`${url}/api/v1/incidents/${incident.id}`)).json()).state;

/** What stands here with real data is readable by everybody: both themes, and on the narrowest screen. */
async function inspect(page, where) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await axeViolations(page), [], `${where}, ${colorScheme}`);
  }
  await page.setViewportSize({ width: 320, height: 800 });
  await retry(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), `${where} is wider than 320 px`));
  await page.setViewportSize({ width: 1440, height: 900 });
}

/** One key after the other until what has the focus reads so. */
async function pressUntil(page, key, pattern) {
  for (let times = 0; times < 80; times++) {
    await page.keyboard.press(key);
    if (pattern.test(await page.evaluate(() => document.activeElement?.textContent ?? ''))) return;
  }
  assert.fail(`${key} never leads to ${pattern}`);
}

test('the_keyboard_alone_leads_from_the_overview_over_the_line_to_the_acknowledged_incident', { timeout: 300_000 }, async (t) => {
  const incident = await incidentOf('reporter');
  const beganMs = Date.now();
  const { page, log: seen } = await openPage(browser, `${url}/`);
  await rowOf(page, 'reporter').getByText('Leak').waitFor();
  await inspect(page, 'overview');
  await pressUntil(page, 'j', /^reporter$/);
  await page.keyboard.press('Enter');
  await page.locator('.disclose').first().waitFor();
  await page.locator('.uplot').waitFor();
  await page.keyboard.press('x');
  await retry(async () => assert.match(await page.locator('.frame-guilty').innerText(), /report\.c:\d+/));
  await inspect(page, 'process');
  await page.keyboard.press('g');
  await page.keyboard.press('i');
  await page.getByText(/incidents? (is|are) open/).waitFor();
  await inspect(page, 'incidents');
  await pressUntil(page, 'Tab', /reporter/);
  await page.keyboard.press('Enter');
  await page.getByText(/report\.c:\d+/).first().waitFor();
  await pressUntil(page, 'Tab', /^Acknowledge$/);
  await page.keyboard.press('Enter');
  await page.getByLabel('Your name').waitFor();
  await inspect(page, 'incident with its form');
  // The form takes the focus: nobody has to look for it.
  await page.keyboard.type('ada');
  await page.keyboard.press('Tab');
  await page.keyboard.type('because of <b>Acknowledge</b>');
  await page.keyboard.press('Enter');
  await retry(async () => assert.equal(await stateOf(incident), 'acknowledged'));
  await retry(async () => assert.match(await page.locator('.timeline').innerText(), /by ada: because of <b>Acknowledge<\/b>/));
  t.diagnostic(`the walk took ${((Date.now() - beganMs) / 1000).toFixed(0)} s`);
  assert.deepEqual(seen.console, []);
  assert.deepEqual(seen.foreign, []);
  await page.context().close();
});

test('what_a_person_says_of_an_incident_is_what_leakd_keeps', { timeout: 300_000 }, async () => {
  const incident = await incidentOf('reporter');
  const { page, log: seen } = await openPage(browser, `${url}/`);
  await page.getByRole('link', { name: /Incidents/ }).first().click();
  await page.getByRole('link', { name: /reporter/ }).first().click();
  await page.getByText(/report\.c:\d+/).first().waitFor();
  const say = async (what, why) => {
    await page.getByRole('button', { name: what, exact: true }).first().click();
    await page.getByLabel('Your name').fill('ada');
    await page.getByLabel('Your name').press('Tab');
    await page.keyboard.type(why);
    await page.keyboard.press('Enter');
  };
  for (const [what, becomes] of [['Silence', 'silenced'], ['Resolve', 'resolved']]) {
    await say(what, `because of <b>${what}</b>`);
    await retry(async () => assert.equal(await stateOf(incident), becomes));
  }
  await retry(async () => assert.match(await page.locator('.timeline').innerText(), /by ada: because of <b>Resolve<\/b>/));
  assert.deepEqual(seen.console, []);
  assert.deepEqual(await axeViolations(page), []);
  await page.context().close();
});

test('the_page_says_that_leakd_is_away_and_recovers_when_it_is_back', async () => {
  const { page } = await openPage(browser, `${url}/`);
  await page.locator('.link-live').waitFor();
  daemon.kill('SIGKILL');
  await page.locator('.link-lost').waitFor();
  daemon = await startDaemon(new URL(url).port);
  await page.locator('.link-live').waitFor({ timeout: 20000 });
  await rowOf(page, NAME).waitFor({ timeout: 20000 });
  await rowOf(page, 'reporter').waitFor({ timeout: 20000 });
  await page.context().close();
});
