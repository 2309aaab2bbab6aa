// SPDX-License-Identifier: MIT
// One function between its callers and its callees, against the mock.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { sharedFlame } from './mock-more.mjs';
import { axeViolations, retry } from './page.mjs';
import { log, mock, page, visit } from './stage.mjs';

const FLAMES = '/p/2210-15470?tab=flame';
const ROW_PIXELS = 22;

beforeEach(() => {
  mock.flame = sharedFlame;
});

async function open(query = '', options = {}) {
  await visit(FLAMES + query, options);
  await page.locator('.flame canvas, .panel .plain').first().waitFor();
}

const param = (name) => new URL(page.url()).searchParams.get(name);
const summary = () => page.locator('.chart-summary').last().textContent();
const press = async (...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const says = (pattern) => retry(async () => assert.match(await page.locator('.flame-told').textContent(), pattern));

/** main, parse, buffer_new: the widest at each step. */
async function openAroundBuffer(query = '') {
  await open(query);
  await page.locator('.flame').focus();
  await press('ArrowDown', 'ArrowDown', 'ArrowDown');
  await says(/^buffer_new in \/src\/net\/buffer\.c:31/);
  await press('s');
  await page.getByText('Callers above and callees below buffer_new').waitFor();
}

test('the_function_is_put_together_from_all_its_places_and_recursion_counts_once', async () => {
  await openAroundBuffer();
  assert.equal(await summary(), 'buffer_new: 115 MiB, 97 % of all, in 2 places. Above, 2 callers; below, 2 functions that it calls.');
  assert.notEqual(param('around'), null);
  await page.reload();
  await retry(async () => assert.match(await summary(), /^buffer_new: 115 MiB/));
});

test('the_arrows_walk_up_through_callers_and_down_through_callees', async () => {
  await openAroundBuffer();
  await says(/^buffer_new in \/src\/net\/buffer\.c:31: 115 MiB/);
  await press('ArrowUp');
  await says(/^parse in .*: 65 MiB, 55 % of all, through this caller$/);
  await press('ArrowRight');
  await says(/^reply in .*: 50 MiB, .*through this caller$/);
  await press('ArrowUp');
  await says(/^main in .*: 50 MiB/);
  await press('ArrowDown', 'ArrowDown');
  await says(/^buffer_new/);
  await press('ArrowDown');
  await says(/^buffer_new in .*:44: 25 MiB, .*called from here$/);
  await press('ArrowRight');
  await says(/^calloc in libc\.so\.6: 15 MiB/);
  await press('ArrowRight');
  await says(/^calloc/);
});

test('enter_puts_another_frame_in_the_middle_and_escape_leads_back_with_the_focus', async () => {
  await openAroundBuffer();
  await press('ArrowUp', 'Enter');
  await page.getByText('Callers above and callees below parse').waitFor();
  await press('Escape');
  await retry(async () => assert.equal(param('around'), null));
  await press('ArrowDown');
  await says(/^main/);
});

test('a_button_does_the_same_and_a_click_on_a_caller_takes_it_into_the_middle', async () => {
  await open();
  await page.locator('.flame').focus();
  await press('ArrowDown', 'ArrowDown', 'ArrowDown');
  await page.getByRole('button', { name: /^Callers and callees of buffer_new/ }).click();
  await page.getByText('Callers above and callees below buffer_new').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.className), 'flame');
  // Rows: main, parse | reply, buffer_new, its callees.
  await page.locator('.flame canvas').click({ position: { x: 20, y: ROW_PIXELS * 1.5 } });
  await page.getByText('Callers above and callees below parse').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await retry(async () => assert.equal(param('around'), null));
});

test('a_difference_keeps_its_signs_above_and_below', async () => {
  await openAroundBuffer('&metric=diff');
  await press('ArrowUp');
  await says(/: \+10 MiB, now 65 MiB, through this caller$/);
  await press('ArrowRight');
  await says(/: −8\.75 MiB, now 50 MiB, through this caller$/);
  assert.match(await summary(), /^buffer_new: \+1\.25 MiB, now 115 MiB/);
});

test('the_table_names_callers_and_callees_and_walks_by_its_buttons', async () => {
  await open('&as=table');
  await page.getByRole('button', { name: /buffer_new/ }).first().click();
  const table = page.getByRole('region', { name: 'Callers and callees' });
  await retry(async () => assert.match(await table.innerText(), /parse\.c:7\s+parse\s+Caller\s+65 MiB\s+57 %[\s\S]*reply\s+Caller\s+50 MiB\s+43 %[\s\S]*buffer_new\s+In the middle\s+115 MiB[\s\S]*Callee\s+25 MiB[\s\S]*calloc\s+Callee\s+15 MiB/));
  await table.getByRole('button', { name: /parse/ }).click();
  await retry(async () => assert.match(await table.innerText(), /main\s+Caller\s+66 MiB/));
});

test('a_function_that_is_gone_is_said_to_be', async () => {
  await open('&around=zzz');
  await page.getByText('is not among these frames').waitFor();
  await page.locator('.flame canvas').waitFor();
});

for (const colorScheme of ['light', 'dark']) {
  test(`in_${colorScheme}_axe_finds_nothing_and_320_px_suffice`, async () => {
    await open('', { colorScheme, viewport: { width: 320, height: 800 } });
    await page.locator('.flame').focus();
    await press('ArrowDown', 'ArrowDown', 'ArrowDown', 's');
    for (const shape of ['Flames', 'Table']) {
      await page.getByRole('group', { name: 'Shown as' }).last().getByRole('button', { name: shape }).click();
      assert.deepEqual(await axeViolations(page), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    }
    assert.deepEqual(log.console, []);
  });
}
