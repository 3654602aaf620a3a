// Drives the triage page of a running server in Chromium, as a person would:
// types, presses keys, reads what is shown, on a desk and on a phone.
//
//   HELIOGRAPH_URL    base URL of the public listener (http://127.0.0.1:8080)
//   HELIOGRAPH_SITE   bucket of the site, to visit it under its own addresses too
//   HELIOGRAPH_SHOTS  directory for desktop.png, dark.png and phone.png
//   CHROMIUM          the browser (/usr/bin/chromium)

import assert from 'node:assert/strict';
import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {chromium} from 'playwright-core';

const base = process.env.HELIOGRAPH_URL ?? 'http://127.0.0.1:8080';
const site = process.env.HELIOGRAPH_SITE;
const shots = process.env.HELIOGRAPH_SHOTS;
const request = 'I was charged twice for my subscription this month. Please refund the second payment to my card.';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/**
 * Runs one visit in a browser of its own. Afterwards nothing may have been said
 * on the console, and nothing asked of other hosts.
 * @param {string} name
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {(page: import('playwright-core').Page) => Promise<void>} visit
 * @param {{url?: string, expected?: RegExp}} [more] expected: what the console may say
 */
async function check(name, options, visit, {url = `${base}/`, expected} = {}) {
  const context = await browser.newContext({reducedMotion: 'reduce', ...options});
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    /** @type {string[]} */
    const faults = [];
    page.on('console', (message) => {
      if (!expected?.test(message.text())) faults.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`page: ${error}`));
    const hosts = new Set([new URL(base).port, new URL(url).port]);
    page.on('request', (r) => {
      const to = new URL(r.url());
      if (!/^(127\.0\.0\.1|(.+\.)?localhost)$/.test(to.hostname) && to.hostname !== new URL(base).hostname || !hosts.has(to.port)) {
        faults.push(`request to ${r.url()}`);
      }
    });
    const response = await page.goto(url);
    assert.equal(response?.status(), 200);
    await visit(page);
    assert.deepEqual(faults, []);
    console.log(`ok   ${name}`);
  } catch (error) {
    console.log(`FAIL ${name}`);
    throw error;
  } finally {
    await context.close();
  }
}

/**
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
async function shoot(page, name) {
  if (!shots) return;
  await mkdir(shots, {recursive: true});
  await page.screenshot({path: join(shots, `${name}.png`), fullPage: true});
}

/** @param {import('playwright-core').Page} page */
async function answered(page) {
  await page.waitForSelector('#result[data-state="done"][aria-busy="false"]');
}

/**
 * @param {import('playwright-core').Page} page
 */
async function fits(page) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, `the page is ${wider} px wider than the window`);
}

/**
 * Checks that the answer on the page is whole, and returns what it says.
 * @param {import('playwright-core').Page} page
 */
async function readAnswer(page) {
  const priority = page.getByRole('meter', {name: 'Priority', exact: true});
  const number = Number(await priority.getAttribute('aria-valuenow'));
  assert.ok(Number.isInteger(number) && number >= 0 && number <= 100, `priority ${number}`);
  assert.equal(await page.locator('#number').textContent(), String(number));
  assert.match(await page.locator('#reason').innerText(), /request \(>?\d+%\) of \w+ urgency/);
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [aspect, count] of /** @type {const} */ ([['Category', 3], ['Urgency', 4], ['Tone', 5]])) {
    const list = page.getByRole('list', {name: aspect, exact: true});
    const bars = await list.getByRole('meter').all();
    assert.equal(bars.length, count, `${aspect} has ${bars.length} bars`);
    let total = 0;
    let before = Infinity;
    for (const bar of bars) {
      const value = Number(await bar.getAttribute('aria-valuenow'));
      assert.ok(value <= before, `${aspect} is not sorted`);
      before = value;
      total += value;
      assert.match(await bar.getAttribute('aria-valuetext') ?? '', /%$/);
    }
    assert.ok(Math.abs(total - 100) < 1, `${aspect} adds up to ${total}`);
    labels[aspect] = await bars[0].getAttribute('aria-label') ?? '';
    const heading = page.locator('.aspect', {has: page.getByRole('heading', {name: aspect, exact: true})});
    assert.ok((await heading.locator('.label').innerText()).startsWith(labels[aspect]));
  }
  return {number, labels};
}

try {
  await check('a person types, presses Ctrl+Enter and reads the answer', {viewport: {width: 1280, height: 900}, colorScheme: 'light'}, async (page) => {
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'text', 'the text box has the focus');
    await page.keyboard.type(request);
    await page.keyboard.press('Control+Enter');
    await answered(page);
    const {number, labels} = await readAnswer(page);
    assert.equal(labels.Category, 'Billing');
    const said = await page.locator('#live').textContent();
    assert.ok(said?.includes(`Priority ${number} of 100`) && said.includes('Category: billing'), `the live region says ${said}`);
    const points = await page.locator('#points dd').allInnerTexts();
    assert.ok(Math.abs(points.reduce((sum, p) => sum + Number(p), 0) - number) < 0.8, `points ${points} make ${number}`);
    assert.ok((await page.locator('#curl').innerText()).startsWith(`curl ${base}/triage`));
  });

  await check('an example answers at a click, and the queue sorts by priority', {viewport: {width: 1280, height: 900}, colorScheme: 'light'}, async (page) => {
    for (const name of ['Thank you', 'Charged twice', 'Nothing works']) {
      await page.getByRole('button', {name, exact: true}).click();
      await answered(page);
      await page.waitForFunction(() => document.querySelector('#queue [aria-current] .excerpt')?.textContent ===
        /** @type {HTMLTextAreaElement} */ (document.querySelector('#text')).value);
    }
    const ranks = (await page.locator('#queue .rank').allInnerTexts()).map((text) => parseInt(text, 10));
    assert.equal(ranks.length, 3);
    assert.deepEqual(ranks, ranks.toSorted((a, b) => b - a));
    await page.locator('#text').blur();
    await fits(page);
    await shoot(page, 'desktop');
    await page.locator('#queue button').last().click();
    assert.equal(await page.locator('#number').textContent(), String(ranks[2]));
  });

  await check('the keyboard reaches everything', {viewport: {width: 1280, height: 900}, colorScheme: 'dark'}, async (page) => {
    await page.keyboard.type('Hello there');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'send');
    await page.keyboard.press('Enter');
    await answered(page);
    for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => document.activeElement?.textContent);
    assert.equal(focused, 'Can’t sign in');
    assert.notEqual(await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle), 'none', 'the focus shows');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => document.querySelectorAll('#queue li').length === 2);
    await answered(page);
    await readAnswer(page);
    await page.keyboard.press('Shift+Tab');
    await shoot(page, 'dark');
  });

  await check('an empty text is a hint, not a request', {}, async (page) => {
    await page.getByRole('button', {name: 'Triage', exact: true}).click();
    assert.equal(await page.locator('#complaint').innerText(), 'Write a request first.');
    assert.equal(await page.locator('#text').getAttribute('aria-invalid'), 'true');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'text');
    assert.equal(await page.locator('#result').getAttribute('data-state'), 'empty');
  });

  await check('it fits a phone of 360 px', {viewport: {width: 360, height: 740}, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: 'light'}, async (page) => {
    await fits(page);
    await page.getByLabel('Customer’s request').fill(request);
    await page.getByRole('button', {name: 'Triage', exact: true}).tap();
    await answered(page);
    await readAnswer(page);
    await fits(page);
    assert.ok(await page.locator('#priority').evaluate((ring) => {
      const box = ring.getBoundingClientRect();
      return box.top >= 0 && box.bottom <= innerHeight;
    }), 'the priority is in view');
    await shoot(page, 'phone');
  });

  await check('a failure says what to do and can be tried again', {}, async (page) => {
    await page.route('**/triage', (route) => route.fulfill({status: 503, contentType: 'application/json', body: '{"message": "The endpoint \\"tone\\" is missing."}'}));
    await page.keyboard.type(request);
    await page.keyboard.press('Control+Enter');
    const alert = page.getByRole('alert');
    await alert.getByText('A model isn’t ready').waitFor();
    assert.match(await alert.innerText(), /The endpoint "tone" is missing\./);
    await page.unroute('**/triage');
    await alert.getByRole('button', {name: 'Try again'}).click();
    await answered(page);
    await readAnswer(page);
    assert.ok(await alert.isHidden());
  }, {expected: /503/});

  if (site) {
    const port = new URL(base).port;
    for (const url of [`${base}/_site/${site}/`, `http://${site}.s3-website.localhost:${port}/`]) {
      await check(`it works at ${url}`, {}, async (page) => {
        await page.keyboard.type(request);
        await page.keyboard.press('Control+Enter');
        await answered(page);
        await readAnswer(page);
      }, {url});
    }
  }
} finally {
  await browser.close();
}
