// SPDX-License-Identifier: MIT
// What tests against the mock have in common: one browser a file; a mock, a page and its log a test.

import { after, afterEach, before, beforeEach } from 'node:test';
import { launch } from './browser.mjs';
import { startMock } from './mock.mjs';
import { openPage } from './page.mjs';

export let browser;
export let mock;
export let page;
export let log;

before(async () => {
  browser = await launch();
});
after(() => browser.close());
beforeEach(async () => {
  mock = await startMock();
});
afterEach(async () => {
  await page?.context().close();
  page = undefined;
  await mock.close();
});

/** Opens a page of the mock; from now on it is the page. */
export async function visit(path, options) {
  ({ page, log } = await openPage(browser, mock.url + path, options));
}
