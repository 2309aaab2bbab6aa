// SPDX-License-Identifier: MIT
// Pictures of every screen into tests/out/, to be looked at: node tests/browser/shots.mjs

import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';
import { sharedFlame } from './mock-more.mjs';
import { startMock } from './mock.mjs';

const OUT = join(dirname(fileURLToPath(import.meta.url)), '../out');

/** Names that function in the address. */
const BUFFER_NEW = 'b8z5sb';

const SHOTS = [
  ['overview-light', '/', { width: 1440, height: 900 }, 'light'],
  ['overview-dark', '/', { width: 1440, height: 900 }, 'dark'],
  ['overview-laptop', '/', { width: 1100, height: 800 }, 'light'],
  ['overview-phone', '/', { width: 390, height: 844 }, 'light'],
  ['process-light', '/p/2210-15470', { width: 1440, height: 1000 }, 'light'],
  ['process-dark', '/p/2210-15470?ahead=limit', { width: 1440, height: 1000 }, 'dark'],
  ['process-phone', '/p/2210-15470', { width: 390, height: 844 }, 'dark'],
  ['flame-light', '/p/2210-15470?tab=flame&metric=diff', { width: 1440, height: 1000 }, 'light'],
  ['flame-dark', '/p/2210-15470?tab=flame', { width: 1440, height: 1000 }, 'dark'],
  ['fits-light', '/p/2210-15470?fits=open', { width: 1440, height: 1000 }, 'light'],
  ['fits-phone', '/p/2210-15470?fits=open', { width: 320, height: 844 }, 'dark'],
  ['maps-light', '/p/2210-15470?tab=maps&ahead=zero', { width: 1440, height: 1000 }, 'light'],
  ['gc-dark', '/p/2210-15470?tab=gc&range=24h', { width: 1440, height: 1000 }, 'dark'],
  ['compare-light', '/compare?a=2210-15470&at=1&b=2210-15470', { width: 1440, height: 900 }, 'light'],
  ['health-light', '/health', { width: 1440, height: 900 }, 'light'],
  ['health-phone', '/health', { width: 390, height: 844 }, 'light'],
  ['incidents-light', '/incidents', { width: 1440, height: 700 }, 'light'],
  ['incident-light', '/i/7F3K', { width: 1440, height: 1000 }, 'light'],
];

async function shoot(browser, mock, [name, path, viewport, colorScheme]) {
  const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(mock.url + path);
  await page.locator('h1').waitFor();
  if (path.startsWith('/p/')) {
    await page.locator('.uplot').waitFor();
    if (!path.includes('tab=')) await page.locator('.disclose').first().click();
  }
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(OUT, `${name}.png`), fullPage: true });
  await context.close();
}

mkdirSync(OUT, { recursive: true });
const mock = await startMock();
const browser = await launch();
for (const shot of SHOTS) await shoot(browser, mock, shot);
mock.addServer();
await shoot(browser, mock, ['services-light', '/?open=8800-61600', { width: 1440, height: 900 }, 'light']);
await shoot(browser, mock, ['services-phone', '/?open=8800-61600&q=shop', { width: 320, height: 844 }, 'dark']);
mock.flame = sharedFlame;
await shoot(browser, mock, ['sandwich-light', `/p/2210-15470?tab=flame&around=${BUFFER_NEW}`, { width: 1440, height: 1000 }, 'light']);
await shoot(browser, mock, ['sandwich-dark', `/p/2210-15470?tab=flame&metric=diff&around=${BUFFER_NEW}`, { width: 1440, height: 1000 }, 'dark']);
mock.processes = () => [];
mock.incidents = () => [];
await shoot(browser, mock, ['empty-light', '/', { width: 1440, height: 800 }, 'light']);
await browser.close();
await mock.close();
