// SPDX-License-Identifier: MIT
// The paths of a person on call, against the mock: ranges and flames, snapshots, incidents, receivers.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axeViolations, retry } from './page.mjs';
import { log, mock, page, visit } from './stage.mjs';

const ORDERS = '/p/2210-15470';

async function open(path, options = {}) {
  await visit(path, options);
  await page.locator('h1').waitFor();
}

const param = (name) => new URL(page.url()).searchParams.get(name);
const told = () => page.locator('.flame-told').textContent();

async function drag(fromShare, toShare) {
  const box = await page.locator('.u-over').boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * fromShare, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * toShare, y, { steps: 4 });
  await page.mouse.up();
}

describe('flames', () => {
  test('two_drags_on_the_chart_choose_a_and_b_and_the_flames_show_what_grew_between', async () => {
    await open(ORDERS);
    await page.locator('.u-over').scrollIntoViewIfNeeded();
    await drag(0.1, 0.2);
    await retry(async () => assert.match(param('a') ?? '', /^\d+-\d+$/));
    await page.getByText('Drag again for range B').waitFor();
    await drag(0.6, 0.7);
    await retry(async () => assert.match(param('b') ?? '', /^\d+-\d+$/));
    assert.equal(param('metric'), 'diff');
    await page.locator('.flame canvas').waitFor();
    const asked = mock.requests.filter((path) => path.endsWith('/flamegraph'));
    assert.ok(asked.length > 0);
    await retry(async () => assert.match(await page.locator('.flame canvas').getAttribute('aria-label'), /\+31\.8 MiB in frames that grew.*store/));
    const [a, b] = [param('a'), param('b')];
    await page.reload();
    await page.locator('.flame canvas').waitFor();
    assert.deepEqual([param('a'), param('b')], [a, b]);
    assert.equal(await page.locator('.range-bar input').count(), 4);
  });

  test('the_keyboard_walks_the_frames_zooms_and_comes_back', async () => {
    await open(`${ORDERS}?tab=flame`);
    await page.locator('.flame').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    await retry(async () => assert.match(await told(), /^store in \/srv\/orders\/app\/orders\/cache\.py:88: 318 MiB, \d+ % of all$/));
    await page.keyboard.press('Enter');
    await retry(async () => assert.notEqual(param('frame'), null));
    await page.getByRole('button', { name: 'Show all' }).waitFor();
    await page.keyboard.press('Escape');
    await retry(async () => assert.equal(param('frame'), null));
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
    await retry(async () => assert.match(await told(), /^connect /));
  });

  test('a_click_zooms_and_the_address_keeps_it', async () => {
    await open(`${ORDERS}?tab=flame`);
    await page.locator('.flame canvas').click({ position: { x: 60, y: 3 * 22 + 11 } });
    await retry(async () => assert.notEqual(param('frame'), null));
    await page.reload();
    await page.locator('.flame-path').waitFor();
    assert.match(await page.locator('.flame-path').innerText(), /frames deep in\s+store/);
  });

  test('the_interpreter_is_hidden_until_asked_for_and_the_table_has_the_same', async () => {
    await open(`${ORDERS}?tab=flame&as=table`);
    const text = () => page.locator('.panel').last().innerText();
    await retry(async () => assert.match(await text(), /cache\.py:88\s+store\s+318 MiB/));
    assert.doesNotMatch(await text(), /_PyObject_Malloc/);
    await page.getByLabel('Hide the interpreter').uncheck();
    await retry(async () => assert.match(await text(), /_PyObject_Malloc/));
    await page.getByRole('button', { name: 'With callees' }).click();
    await retry(async () => assert.equal(param('by'), 'total'));
  });

  test('finding_tells_how_much_the_found_frames_hold', async () => {
    await open(`${ORDERS}?tab=flame&find=upstream.py`);
    await page.getByText('Found: 41 MiB, 11 %').waitFor();
  });

  test('two_times_of_a_process_are_compared_frame_by_frame', async () => {
    await open('/compare?a=2210-15470&b=2210-15470');
    await page.getByRole('button', { name: 'an hour ago' }).click();
    await retry(async () => assert.match(await page.locator('main').innerText(), /Where they differ: \+30\.9 MiB/));
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    await retry(async () => assert.match(await page.locator('tbody tr').first().innerText(), /store\s+\+31\.8 MiB/));
  });
});

describe('process page', () => {
  test('the_window_moves_zooms_and_returns_by_keys_and_is_in_the_address', async () => {
    await open(ORDERS);
    await page.locator('.uplot').waitFor();
    await page.keyboard.press('[');
    const first = Number(param('to')) - Number(param('from'));
    assert.equal(first, 15 * 60_000);
    await page.keyboard.press('-');
    assert.equal(Number(param('to')) - Number(param('from')), 30 * 60_000);
    await retry(async () => assert.match(await page.locator('.chart-summary').first().textContent(), /^From /));
    await page.keyboard.press('0');
    assert.equal(param('from'), null);
  });

  test('the_fits_of_four_windows_stand_side_by_side_and_are_asked_for_only_when_unfolded', async () => {
    await open(ORDERS);
    await page.locator('.uplot').waitFor();
    const asked = () => mock.requests.filter((path) => path.endsWith('/series')).length;
    const before = asked();
    await page.getByRole('button', { name: 'Fits of 1 h, 6 h, 24 h and 7 d' }).click();
    const table = page.getByRole('region', { name: 'Fits side by side' });
    await retry(async () => assert.match(await table.innerText(), /1 h\s+\+14\.7 MiB\/h\s+14\.4 to 15\.0\s+1 h\s+all of it/));
    const text = await table.innerText();
    assert.match(text, /24 h\s+\+14\.7 MiB\/h\s+14\.4 to 15\.0\s+3 h( 1 min)?\s+nothing older is known/);
    assert.match(text, /7 d\s+No line: fewer than twelve steps/);
    assert.match(text, /The verdict’s\s+\+14\.4 MiB\/h\s+13\.1 to 15\.7\s+10 min/);
    assert.ok(asked() >= before + 4);
    assert.equal(param('fits'), 'open');
    assert.deepEqual(await axeViolations(page), []);
  });

  test('kinds_are_stacked_and_named_with_their_bytes', async () => {
    await open(`${ORDERS}?ahead=zero`);
    await retry(async () => assert.match(await page.locator('.legend').innerText(), /of it Python\s+31\d MiB[\s\S]*slack, code and other\s+4\d(\.\d+)? MiB/));
  });

  test('a_snapshot_is_taken_with_progress_and_ends_in_the_path_to_who_keeps_it', async () => {
    await open(`${ORDERS}?tab=retainers`);
    await page.getByRole('button', { name: 'Take a snapshot' }).click();
    await page.locator('progress').waitFor();
    await page.locator('.retainer-path').waitFor();
    const text = await page.locator('.panel').last().innerText();
    assert.match(text, /stood still for 3\.8 ms/);
    assert.match(text, /module orders\.cache[\s\S]*\._by_id[\s\S]*orders\.models\.Order/);
    assert.equal(await page.locator('.retainer-guilty').count(), 1);
    assert.equal(param('snapshot'), '1');
  });

  test('mappings_unfold_by_kind_and_collections_have_a_sentence', async () => {
    await open(`${ORDERS}?tab=maps`);
    await page.getByRole('button', { name: /Files/ }).click();
    await page.getByText('/tmp/<img src=x>').waitFor();
    await page.getByRole('button', { name: 'GC', exact: true }).click();
    await page.getByText('kept alive by a reference, not by a cycle').waitFor();
  });

  test('raw_series_leave_as_csv', async () => {
    await open(`${ORDERS}?tab=raw`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save as CSV' }).click()]);
    const lines = (await (await download.createReadStream()).toArray()).join('').split('\n');
    assert.equal(lines[0], 'time,live_bytes,live_bytes_min,python_bytes,rss_bytes');
    assert.match(lines[1], /^\d{4}-\d\d-\d\dT[\d:.]+Z,\d+,\d+,\d+,\d+$/);
  });

  test('the_tests_behind_the_verdict_are_named_with_their_figures', async () => {
    await open(`${ORDERS}?tab=about`);
    await page.getByText('2 of 3 tests pass.').waitFor();
    assert.match(await page.locator('.test-failed').innerText(), /Not yet\s+Not the course of a day: 5 h, at least 24 h/);
  });

  test('a_moment_is_marked_and_stands_under_the_chart', async () => {
    await open(ORDERS);
    await page.getByLabel('What happens now').fill('deploy <i>3</i>');
    await page.keyboard.press('Enter');
    await retry(async () => assert.match(await page.getByRole('list', { name: 'Marks' }).innerText(), /deploy <i>3<\/i>/));
  });
});

describe('incident', () => {
  test('it_is_acknowledged_then_silenced_with_an_end_then_resolved_all_by_keyboard', async () => {
    await open('/i/7F3K');
    const act = async (name, type) => {
      await page.getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press('Enter');
      await page.getByLabel('Your name').focus();
      await page.keyboard.press('Control+A');
      await page.keyboard.type('ada');
      await page.keyboard.press('Tab');
      await page.keyboard.type(type);
      await page.keyboard.press('Enter');
    };
    await act('Acknowledge', 'looking');
    await retry(async () => assert.match(await page.locator('.verdict-line').innerText(), /Acknowledged/));
    await act('Silence', 'until the release');
    await retry(async () => assert.match(await page.locator('main').innerText(), /Silenced until/));
    assert.match(await page.locator('.timeline').innerText(), /Acknowledged by ada: looking[\s\S]*Silenced by ada: until the release/);
    await act('Resolve', 'fixed');
    await retry(async () => assert.match(await page.locator('.verdict-line').innerText(), /Resolved/));
    assert.equal(await page.locator('.actions').count(), 0);
  });

  test('it_is_copied_as_markdown_without_markup_of_its_names', async () => {
    await open('/i/7F3K');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy as Markdown' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(text, /^# orders-api: Growing 14\.4 MiB\/h/);
    assert.match(text, /> store {2}\/srv\/orders\/app\/orders\/cache\.py:88/);
    assert.match(text, /- passed: rises straight/);
    assert.match(text, /http:\/\/127\.0\.0\.1:\d+\/i\/7F3K/);
  });
});

describe('health', () => {
  test('a_test_notice_is_sent_and_its_result_said', async () => {
    await open('/health');
    await page.getByRole('button', { name: 'Test ops' }).click();
    await page.getByText('Delivered (HTTP 204)', { exact: true }).waitFor();
    const text = await page.locator('main').innerText();
    assert.match(text, /leakd’s own memory/);
    assert.match(text, /nothing was dropped|dropped \d/);
  });

  test('an_older_leakd_without_these_routes_is_said_not_an_error', async () => {
    const missing = (fresh) => fresh.route(/receivers|flamegraph|snapshots|maps/, (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{"detail":"there is nothing at this path"}' }));
    await visit('/health', { before: missing });
    await page.getByText('This leakd has no list of receivers').waitFor();
    await page.goto(`${mock.url}${ORDERS}?tab=flame`);
    await page.getByText('This leakd has no flames').waitFor();
    await page.getByRole('button', { name: 'Maps' }).click();
    await page.getByText('This leakd has no mappings').waitFor();
  });
});

describe('java', () => {
  test('a_heap_that_leaks_is_measured_against_its_own_maximum_and_shows_its_collections', async () => {
    const MIB = 1 << 20;
    const java = {
      runtime: 'openjdk 17.0.15', verdict: 'leak', growth_in: 'java_heap', limit_bytes: 512 * MIB, limit_source: 'java_heap_max',
      rss_bytes: 700 * MIB,
      java_heap: { used_bytes: 128 * MIB, committed_bytes: 440 * MIB, max_bytes: 512 * MIB, young_collections: 1204, cycle_pauses: 6, full_collections: 2, pause_s_total: 3.5 },
    };
    await open('/');
    await page.route(/\/api\/v1\/processes(\/[\d-]+)?(\?|$)/, async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      for (const process of body.processes ?? [body.process ?? body]) if (process.name === 'nginx') Object.assign(process, java);
      await route.fulfill({ response: answer, json: body });
    });
    await page.reload();
    const row = page.locator('tr', { hasText: 'nginx' });
    await retry(async () => assert.match(await row.textContent(), /25 % of Java heap’s 512 MiB/));
    await row.getByRole('link').first().click();
    await page.getByRole('button', { name: 'GC', exact: true }).click();
    await page.getByText('Left by the last collection').waitFor();
    const facts = await page.locator('.panel').last().textContent();
    assert.match(facts, /128 MiB.*440 MiB.*512 MiB.*1,204.*6.*2.*3\.5 s/);
  });
});

const SCREENS = [
  `${ORDERS}?tab=flame&metric=diff`,
  `${ORDERS}?tab=flame&as=table`,
  `${ORDERS}?tab=maps&kind=file`,
  `${ORDERS}?tab=gc&range=24h&a=1-2`,
  `${ORDERS}?tab=raw`,
  '/compare?a=2210-15470&at=1&b=2210-15470',
  '/health',
];

describe('access', () => {
  for (const scheme of ['light', 'dark']) {
    test(`axe_finds_nothing_on_the_further_screens_in_${scheme}`, async () => {
      await open('/', { colorScheme: scheme });
      for (const path of SCREENS) {
        await page.goto(mock.url + path);
        await page.locator('.panel').last().waitFor();
        await retry(async () => assert.equal(await page.locator('.waiting').count(), 0));
        assert.deepEqual(await axeViolations(page), [], path);
      }
      await page.goto(`${mock.url}/i/7F3K`);
      await page.getByRole('button', { name: 'Silence', exact: true }).click();
      assert.deepEqual(await axeViolations(page), [], 'silence');
      await page.goto(`${mock.url}${ORDERS}?tab=retainers`);
      await page.getByRole('button', { name: 'Take a snapshot' }).click();
      await page.locator('.retainer-path').waitFor();
      assert.deepEqual(await axeViolations(page), [], 'retainers');
      assert.deepEqual(log.console.filter((line) => !/404/.test(line)), []);
      assert.deepEqual(log.foreign, []);
    });
  }

  test('no_further_screen_scrolls_sideways_at_320_pixels', async () => {
    await open('/', { viewport: { width: 320, height: 640 } });
    for (const path of [...SCREENS, `${ORDERS}?a=1-2&b=3-4`]) {
      await page.goto(mock.url + path);
      await page.locator('.panel').last().waitFor();
      await page.waitForTimeout(150);
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= seen, `${path}: ${wide} > ${seen}`);
    }
  });
});
