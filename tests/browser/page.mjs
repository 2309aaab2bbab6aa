// SPDX-License-Identifier: MIT
// A page that keeps book: what the console said, what broke the policy, who else was asked.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Long enough for a machine that does much else at the same time. */
const RETRY_MS = 20000;

export async function openPage(browser, url, options = {}) {
  const { before, ...rest } = options;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...rest });
  const page = await context.newPage();
  const log = { console: [], foreign: [], violations: () => log.console.filter((line) => /Content Security Policy/i.test(line)) };
  page.setDefaultTimeout(RETRY_MS);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) log.console.push(message.text());
  });
  page.on('pageerror', (error) => log.console.push(String(error)));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (to.origin !== new URL(url).origin && to.protocol !== 'data:') log.foreign.push(request.url());
  });
  if (before) await before(page);
  await page.goto(url);
  return { page, log };
}

/** Asks again until the assertion holds; its last word when it never does. The policy of the page
 * forbids the eval that Playwright's own waiting needs. Between two askings something may be tried. */
export async function retry(assertion, { forMs = RETRY_MS, between = () => new Promise((done) => setTimeout(done, 60)) } = {}) {
  const endMs = Date.now() + forMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > endMs) throw error;
      await between();
    }
  }
}

export async function axeViolations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(' | ')}`);
}
