// SPDX-License-Identifier: MIT
// The dashboard in a real browser against the mock. Every name is a fact about the page.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axeViolations, retry } from './page.mjs';
import { browser, log, mock, page, visit } from './stage.mjs';

const ORDERS = '/p/2210-15470';

async function open(path = '/', options = {}) {
  await visit(path, options);
  await page.locator('h1').waitFor();
  // What the mock sends before the stream is there is heard by nobody.
  await page.locator('.link-live').waitFor();
}

const processOf = (name) => mock.processes().find((process) => process.name === name);
const names = () => page.locator('.row-link').allTextContents();
const rowOf = (name) => page.locator('tr.row', { has: page.getByRole('link', { name, exact: true }) });

describe('overview', () => {
  test('lists_every_process_the_earliest_to_its_limit_first_and_the_ended_last', async () => {
    await open();
    const listed = await names();
    assert.deepEqual(listed.slice(0, 5), ['thumbnailer', 'orders-api', 'render', 'ingest-worker', 'worker']);
    assert.deepEqual(listed.slice(-2), ['backup', 'migrate']);
    assert.equal(listed.length, mock.processes().length);
  });

  test('says_state_and_verdict_in_words', async () => {
    await open();
    for (const [name, word] of [['orders-api', 'Leak'], ['render', 'Fragmentation'], ['ingest-worker', 'Suspect'], ['worker', 'Learning'], ['nginx', 'Steady'], ['backup', 'OOM-killed'], ['migrate', 'Exited']]) {
      assert.equal(await rowOf(name).locator('.badge').textContent(), word, name);
    }
  });

  test('gives_growth_and_time_to_limit_with_their_intervals_and_the_culprit', async () => {
    await open();
    const text = await rowOf('orders-api').innerText();
    assert.match(text, /\+14\.4 MiB\/h\s+13\.1 to 15\.7/);
    assert.match(text, /22 h\s+20 to 24 h/);
    assert.match(text, /orders\/cache\.py:88\s+store/);
    assert.match(text, /of 768 MiB/);
  });

  test('sums_the_host_up_in_one_sentence', async () => {
    await open();
    assert.equal(await page.locator('h1').textContent(), '3 of 7 processes keep growing. thumbnailer reaches its limit in about 72 min.');
    assert.match(await page.title(), /^\(3\) leakd$/);
  });

  test('shows_open_incidents_on_top_and_not_the_resolved', async () => {
    await open();
    const lines = page.locator('.incidents li');
    assert.equal(await lines.count(), 2);
    assert.match(await lines.first().innerText(), /Critical[\s\S]*thumbnailer/);
  });

  test('a_growing_process_updates_by_itself', async () => {
    await open();
    const figure = rowOf('orders-api').locator('.figure');
    const first = await figure.textContent();
    mock.speed = 40;
    await retry(async () => assert.ok(parseFloat(await figure.textContent()) > parseFloat(first) + 1));
  });

  test('a_verdict_that_changes_is_drawn_and_spoken', async () => {
    await open();
    mock.send('process', { ...processOf('nginx'), verdict: 'leak' });
    await retry(async () => assert.equal(await rowOf('nginx').locator('.badge').textContent(), 'Leak'));
    await retry(async () => assert.equal(await page.locator('[aria-live]').textContent(), 'nginx: Leak'));
  });

  test('the_filter_narrows_the_list_and_is_kept_in_the_address', async () => {
    await open();
    await page.keyboard.press('/');
    await page.keyboard.type('cpython leak');
    assert.deepEqual(await names(), ['orders-api']);
    assert.equal(new URL(page.url()).searchParams.get('q'), 'cpython leak');
    await page.reload();
    await retry(async () => assert.deepEqual(await names(), ['orders-api']));
  });

  test('rows_keep_their_order_while_one_has_the_focus', async () => {
    await open();
    const order = await names();
    await page.keyboard.press('j');
    mock.send('process', { ...processOf('worker'), time_to_limit_s: { estimate: 60, lower: 50, upper: 70 } });
    await retry(async () => assert.match(await rowOf('worker').innerText(), /60 s/));
    assert.deepEqual(await names(), order);
    await page.locator('h1').click();
    await page.evaluate(() => document.activeElement.blur());
    await retry(async () => assert.equal((await names())[0], 'worker'));
  });

  test('an_empty_host_teaches_the_next_step', async () => {
    mock.processes = () => [];
    mock.incidents = () => [];
    await open();
    assert.match(await page.locator('main').innerText(), /Nothing is watched yet/);
    assert.equal(await page.locator('.copyable code').first().textContent(), 'leakctl run -- CMD');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.locator('.copyable button').first().click();
    await retry(async () => assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'leakctl run -- CMD'));
  });
});

describe('process page', () => {
  test('two_clicks_lead_from_the_overview_to_the_culprit_line', async () => {
    await open();
    await rowOf('orders-api').locator('.row-link').click();
    await retry(async () => assert.match(await page.locator('h1').textContent(), /^Growing 14\.4 MiB\/h/));
    await page.locator('.disclose').first().click();
    assert.match(await page.locator('.frame-guilty').innerText(), /Python\s+store\s+\/srv\/orders\/app\/orders\/cache\.py:88\s+culprit/);
  });

  test('the_stack_mixes_both_languages_and_names_each', async () => {
    await open(ORDERS);
    const button = page.locator('.disclose').first();
    assert.equal(await button.getAttribute('aria-expanded'), 'false');
    await button.click();
    assert.equal(await button.getAttribute('aria-expanded'), 'true');
    const languages = await page.locator('.stack .frame-language').allTextContents();
    assert.deepEqual([...new Set(languages)].sort(), ['Python', 'native']);
    assert.match(await page.locator('.frame').first().innerText(), /_PyObject_Malloc/);
    await button.click();
    assert.equal(await page.locator('.stack').count(), 0);
  });

  test('the_chart_has_a_summary_and_a_table', async () => {
    await open(ORDERS);
    const chart = page.locator('[role=img]');
    await chart.locator('canvas').waitFor();
    assert.match(await chart.getAttribute('aria-label'), /live bytes rose from .* to .* The line fitted from .* 95 %: 13\.1 to 15\.7.*limit of 768 MiB/);
    await page.getByRole('button', { name: 'Table', exact: true }).click();
    const rows = page.locator('.chart-table tbody tr');
    assert.ok((await rows.count()) > 20);
    assert.match(await rows.first().innerText(), /MiB/);
    assert.equal(new URL(page.url()).searchParams.get('view'), 'table');
  });

  test('the_chart_draws_something_and_follows_the_range', async () => {
    await open(ORDERS);
    await page.locator('.uplot canvas').waitFor();
    const inked = await page.evaluate(() => {
      const canvas = document.querySelector('.uplot canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count++;
      return count;
    });
    assert.ok(inked > 2000, `${inked} pixels drawn`);
    await page.getByRole('button', { name: '6 h', exact: true }).click();
    await retry(async () => assert.match(await page.locator('[role=img]').getAttribute('aria-label'), /^In the last 6 h/));
  });

  test('a_line_can_be_hidden_so_that_the_scale_fits_the_other', async () => {
    await open(ORDERS);
    const resident = page.getByRole('button', { name: /^Resident/ });
    await resident.click();
    assert.equal(await resident.getAttribute('aria-pressed'), 'false');
    assert.equal(new URL(page.url()).searchParams.get('hide'), 'rss');
  });

  test('types_and_facts_are_one_click_away', async () => {
    await open(ORDERS);
    await page.getByRole('button', { name: 'Types' }).click();
    await page.getByText('orders.models.Order').waitFor();
    await page.getByRole('button', { name: 'About the process' }).click();
    assert.match(await page.locator('.facts').first().innerText(), /One sample per\s+512 KiB/);
  });

  test('a_link_opened_elsewhere_shows_the_same_view', async () => {
    await open(`${ORDERS}?range=1h&view=table&tab=types`);
    await page.locator('.chart-table').waitFor();
    for (const name of ['1 h', 'Table', 'Types']) {
      assert.equal(await page.getByRole('button', { name, exact: true }).getAttribute('aria-pressed'), 'true', name);
    }
  });

  test('an_unknown_process_is_said_to_be_unknown', async () => {
    await visit('/p/1-1');
    await page.getByText('leakd does not know this process').waitFor();
  });
});

describe('incidents', () => {
  test('the_list_leads_to_the_incident_with_its_evidence_and_deliveries', async () => {
    await open('/incidents');
    assert.equal(await page.locator('.incidents li').count(), 3);
    await page.locator('.incident-link', { hasText: 'orders-api' }).click();
    await page.getByText('Deliveries').first().waitFor();
    const text = await page.locator('main').innerText();
    assert.match(text, /Warning\s+Open\s+orders-api/);
    assert.match(text, /orders\/cache\.py:88/);
    assert.match(text, /builtins\.dict/);
    assert.match(text, /Delivered \(204\)/);
    assert.match(text, /Not delivered: no route to host <i>/);
    assert.match(text, /module orders\.cache/);
  });
});

describe('live', () => {
  test('pause_holds_what_is_shown_until_it_goes_on', async () => {
    await open();
    await page.keyboard.press(' ');
    await page.getByText('Paused').waitFor();
    const figure = rowOf('nginx').locator('.figure');
    const before = await figure.textContent();
    mock.send('process', { ...processOf('nginx'), rss_bytes: 900 * 1024 * 1024 });
    await page.waitForTimeout(700);
    assert.equal(await figure.textContent(), before);
    await page.getByRole('button', { name: 'Go on live' }).click();
    await retry(async () => assert.equal(await figure.textContent(), '900 MiB'));
  });

  test('a_lost_daemon_is_said_and_its_return_brings_everything_anew', async () => {
    await open();
    mock.drop();
    await page.locator('.link-lost', { hasText: 'Reconnecting' }).waitFor();
    await retry(async () => assert.match(await page.locator('[aria-live]').textContent(), /Connection to leakd lost/));
    assert.ok((await names()).length > 5, 'what was known stays in sight');
    const kept = processOf('nginx');
    mock.processes = () => [kept];
    mock.up();
    await retry(async () => assert.deepEqual(await names(), ['nginx']));
    await page.locator('.link-live').waitFor();
  });

  test('a_process_that_leakd_forgets_leaves_the_list', async () => {
    await open();
    mock.send('process_removed', { id: processOf('nginx').id });
    await retry(async () => assert.ok(!(await names()).includes('nginx')));
  });

  test('what_the_stream_brings_is_newer_than_an_answer_that_was_under_way', async () => {
    await open();
    let answer = null;
    await page.route('**/api/v1/processes', async (route) => {
      const old = await route.fetch();
      await new Promise((go) => (answer = go));
      await route.fulfill({ response: old });
    });
    mock.send('reset', {});
    await retry(() => assert.ok(answer));
    mock.send('process_removed', { id: processOf('nginx').id });
    await retry(async () => assert.ok(!(await names()).includes('nginx')));
    const answered = page.waitForResponse('**/api/v1/processes');
    answer();
    await answered;
    mock.send('process', { ...processOf('worker'), rss_bytes: 901 * 1024 * 1024 });
    await retry(async () => assert.equal(await rowOf('worker').locator('.figure').textContent(), '901 MiB'));
    assert.ok(!(await names()).includes('nginx'), 'it has not come back');
  });

  test('a_reset_fetches_everything_anew', async () => {
    await open();
    const kept = processOf('nginx');
    mock.processes = () => [kept];
    mock.send('reset', {});
    await retry(async () => assert.deepEqual(await names(), ['nginx']));
  });

  test('a_daemon_that_does_not_answer_at_first_is_said_and_waited_for', async () => {
    await visit('/', { before: (fresh) => fresh.route('**/api/v1/**', (route) => route.abort()) });
    await page.getByText('leakd does not answer').waitFor();
    await page.unroute('**/api/v1/**');
    await retry(async () => assert.ok((await names()).length > 5));
  });

  test('one_event_stream_serves_the_whole_tab', async () => {
    await open();
    await rowOf('orders-api').locator('.row-link').click();
    await page.locator('.uplot').waitFor();
    await page.goBack();
    await retry(async () => assert.ok((await names()).length > 5));
    assert.equal(mock.requests.filter((path) => path === '/api/v1/events').length, 1);
  });
});

describe('safety', () => {
  for (const path of ['/', ORDERS, '/p/7300-51100', '/incidents', '/i/7F3K']) {
    test(`no_error_no_violation_and_no_foreign_request_on_${path}`, async () => {
      await open(path);
      await page.waitForTimeout(800);
      assert.deepEqual(log.console, []);
      assert.deepEqual(log.violations(), []);
      assert.deepEqual(log.foreign, []);
    });
  }

  test('markup_in_names_files_and_frames_stays_text', async () => {
    await open();
    assert.ok((await names()).includes('<img src=x onerror="document.title=1">'));
    await page.locator('tr.row', { hasText: '<img' }).locator('.row-link').click();
    await retry(async () => assert.match(await page.locator('h1').textContent(), /<b>not bold<\/b>/));
    await page.goto(mock.url + ORDERS);
    await page.locator('.disclose').nth(2).click();
    assert.match(await page.locator('.stack').innerText(), /<lambda>"><script>alert\(1\)<\/script>/);
    assert.equal(await page.locator('main img, main b b, main script, main svg[onload]').count(), 0);
    assert.match(await page.title(), /leakd$/);
  });
});

describe('access', () => {
  for (const scheme of ['light', 'dark']) {
    for (const path of ['/', ORDERS, `${ORDERS}?view=table&tab=types`, `${ORDERS}?tab=about`, '/incidents', '/i/7F3K']) {
      test(`axe_finds_nothing_in_${scheme}_on_${path}`, async () => {
        await open(path, { colorScheme: scheme });
        if (path === ORDERS) await page.locator('.disclose').first().click();
        await page.waitForTimeout(300);
        assert.deepEqual(await axeViolations(page), []);
      });
    }
  }

  for (const path of ['/', ORDERS, `${ORDERS}?view=table`, '/incidents', '/i/7F3K']) {
    test(`no_sideways_scroll_at_320_pixels_on_${path}`, async () => {
      await open(path, { viewport: { width: 320, height: 640 } });
      await page.waitForTimeout(300);
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= seen, `${wide} > ${seen}`);
    });
  }

  test('the_keyboard_alone_reaches_the_stack_and_comes_back', async () => {
    await open();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('j');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'orders-api');
    await page.keyboard.press('Enter');
    await page.locator('.disclose').first().waitFor();
    await page.locator('.disclose').first().focus();
    await page.keyboard.press('Enter');
    await page.locator('.stack').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('i');
    await retry(() => assert.equal(new URL(page.url()).pathname, '/incidents'));
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await retry(() => assert.equal(new URL(page.url()).pathname, '/'));
  });

  test('keys_act_from_the_moment_the_page_is_shown_however_busy_the_host', async () => {
    // Whatever the page leaves for after the next frame comes late.
    const busy = (fresh) => fresh.addInitScript(() => {
      const later = globalThis.setTimeout;
      globalThis.setTimeout = (act, ms = 0, ...rest) => later(act, ms + 5000, ...rest);
      globalThis.requestAnimationFrame = (act) => later(() => act(performance.now()), 5000);
    });
    await visit('/', { before: busy });
    await page.locator('h1').waitFor();
    await page.keyboard.press('j');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'thumbnailer');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Types' }).click();
    assert.equal(await page.getByRole('button', { name: 'Types' }).getAttribute('aria-pressed'), 'true');
  });

  test('the_help_opens_by_key_and_can_switch_single_keys_off', async () => {
    await open();
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.getByLabel('Single keys act').uncheck();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press(' ');
    await page.waitForTimeout(200);
    assert.equal(await page.locator('.link-paused').count(), 0);
  });

  test('a_chosen_theme_is_remembered', async () => {
    await open('/', { colorScheme: 'light' });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await page.getByRole('button', { name: 'Theme: system' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    assert.notEqual(await paper(), light);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    assert.notEqual(await paper(), light);
  });

  test('nothing_moves_for_those_who_ask_for_stillness', async () => {
    await open('/', { reducedMotion: 'reduce' });
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });
});
