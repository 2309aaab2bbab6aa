// SPDX-License-Identifier: MIT
// Prefork servers on the page, against the mock: one row each, its workers behind it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axeViolations, retry } from './page.mjs';
import { log, mock, page, visit } from './stage.mjs';

const FIRST = '8800-61600';
const WORKER = '8801-61607';

async function open(path, options = {}) {
  mock.addServer({ silent: options.silent });
  await visit(path, options.page);
  await page.locator('h1').waitFor();
}

const row = () => page.locator('tr.row', { has: page.getByRole('link', { name: 'shop', exact: true }) });
const workers = () => page.locator('.row-worker');
const param = (name) => new URL(page.url()).searchParams.get(name);

test('a_server_is_one_row_with_the_memory_of_all_and_its_workers_are_behind_a_button', async () => {
  await open('/');
  const text = await row().innerText();
  assert.match(text, /Leak[\s\S]*2 workers, 1 ended[\s\S]*315 MiB[\s\S]*31 % of 1 GiB[\s\S]*\+60\.1 MiB\/h/);
  assert.equal(await workers().count(), 0);
  const button = row().getByRole('button', { name: '2 workers, 1 ended' });
  assert.equal(await button.getAttribute('aria-expanded'), 'false');
  await button.click();
  assert.equal(await button.getAttribute('aria-expanded'), 'true');
  assert.deepEqual(await workers().locator('.row-link').allTextContents(), ['worker 8801', 'worker 8802', 'worker 8790']);
  assert.match(await workers().last().innerText(), /Exited/);
  assert.equal(param('open'), FIRST);
  await page.reload();
  await retry(async () => assert.equal(await workers().count(), 3));
});

test('the_host_is_summed_up_by_services_and_a_worker_counts_for_none', async () => {
  await open('/');
  assert.match(await page.locator('h1').textContent(), /^4 of 8 services keep growing\. thumbnailer/);
  assert.match(await page.title(), /^\(4\) /);
  assert.match(await page.locator('.bar').innerText(), /Services\s+10, 13 processes/);
});

test('x_unfolds_the_row_with_the_focus_and_folds_it_from_one_of_its_workers', async () => {
  await open('/');
  await row().locator('.row-link').focus();
  await page.keyboard.press('x');
  await retry(async () => assert.equal(await workers().count(), 3));
  await page.keyboard.press('j');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'worker 8801');
  await page.keyboard.press('x');
  await retry(async () => assert.equal(await workers().count(), 0));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'shop');
});

test('two_servers_unfold_side_by_side_and_one_folds_alone', async () => {
  mock.addServer();
  const one = mock.processes;
  const again = (text) => text.replace(/^8/, '9');
  mock.processes = () => one().concat(one().filter((row) => row.group).map((row) => ({ ...row, id: again(row.id), name: 'cart', group: { ...row.group, id: again(row.group.id) } })));
  await visit('/');
  const buttons = page.locator('.crowd');
  await buttons.first().click();
  await buttons.last().click();
  await retry(async () => assert.equal(await workers().count(), 6));
  await buttons.first().click();
  await retry(async () => assert.equal(await workers().count(), 3));
});

test('looking_for_a_worker_shows_it_under_its_server', async () => {
  await open('/');
  await page.keyboard.press('/');
  await page.keyboard.type('8802');
  await retry(async () => assert.deepEqual(await page.locator('.row-link').allTextContents(), ['shop', 'worker 8802']));
  assert.match(await row().innerText(), /1 of 2 workers found/);
});

test('a_server_that_never_spoke_shows_what_its_workers_hold', async () => {
  await open('/', { silent: true });
  assert.match(await row().innerText(), /Leak[\s\S]*260 MiB[\s\S]*25 % of 1 GiB/);
  await row().locator('.row-link').click();
  await page.getByText('It has said nothing of itself').waitFor();
});

test('a_workers_page_leads_to_its_first_and_that_one_lists_its_workers', async () => {
  await open(`/p/${WORKER}`);
  assert.match(await page.locator('.belonging').innerText(), /A worker of shop, pid 8800, which is judged\s+together with all its workers/);
  await page.getByRole('link', { name: 'shop, pid 8800' }).click();
  await retry(async () => assert.match(await page.locator('.belonging').innerText(), /Speaks for 2 workers and 1 that ended[\s\S]*300 MiB; workers gained 96 MiB/));
  await page.getByRole('button', { name: 'List them' }).click();
  const table = page.getByRole('region', { name: 'Workers' });
  await retry(async () => assert.match(await table.innerText(), /pid 8801\s+Suspect\s+110 MiB\s+130 MiB\s+\+27\.5 MiB\/h/));
  await table.getByRole('link', { name: 'pid 8790' }).click();
  await retry(async () => assert.match(page.url(), /8790-/));
});

test('workers_who_outlive_their_server_stand_for_themselves', async () => {
  mock.addServer();
  const all = mock.processes;
  mock.processes = () => all().map((one) => (one.id === FIRST ? { ...one, state: 'exited', ended_ms: Date.now() } : one));
  await visit('/?q=shop');
  await retry(async () => assert.equal(await page.locator('.row').count(), 3));
  assert.equal(await workers().count(), 0);
});

for (const colorScheme of ['light', 'dark']) {
  test(`unfolded_in_${colorScheme}_axe_finds_nothing_and_320_px_suffice`, async () => {
    await open(`/?open=${FIRST}`, { page: { colorScheme, viewport: { width: 320, height: 800 } } });
    await workers().first().waitFor();
    assert.deepEqual(await axeViolations(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    await page.goto(`${mock.url}/p/${FIRST}?tab=workers`);
    await page.getByRole('region', { name: 'Workers' }).waitFor();
    assert.deepEqual(await axeViolations(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    assert.deepEqual(log.console, []);
  });
}
