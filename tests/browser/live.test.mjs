// SPDX-License-Identifier: MIT
// The dashboard as a real leakd serves it, with a real program under the agent.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  writeFileSync(join(folder, 'leakd.conf'), `[http]\nlisten = 127.0.0.1:${port}\n`);
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

before(async () => {
  browser = await launch();
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
