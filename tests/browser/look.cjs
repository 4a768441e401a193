// Opens pages in a real Chromium, tries everything that a page must not do,
// and prints what it saw as one JSON document. It judges nothing: the Rust test
// that starts it does.
//
// usage: node look.cjs CHROMIUM JOB.json   (NODE_PATH names the node_modules)
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { chromium } = require('playwright-core');

const axeSource = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

async function open(browser, file, seen, options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const url = pathToFileURL(file).href;
  page.on('console', (m) => seen.console.push(`${m.type()}: ${m.text()}`));
  page.on('pageerror', (e) => seen.console.push(`error: ${e}`));
  page.on('dialog', async (d) => {
    seen.console.push(`dialog: ${d.message()}`);
    await d.dismiss();
  });
  await context.route('**', (route) => {
    const asked = route.request().url();
    if (asked === url) return route.continue();
    seen.requests.push(asked);
    return route.abort();
  });
  await page.goto(url);
  return { context, page };
}

// The same words in the same order, however they are laid out.
const words = (page) => page.evaluate(() => document.body.innerText.replace(/\s+/g, ' ').trim());

async function inOneScheme(browser, job, { name, file, axe }, scheme, seen) {
  const { context, page } = await open(browser, file, seen, { colorScheme: scheme });
  const one = { scheme };
  one.title = await page.title();
  one.text = await words(page);
  one.canary = await page.evaluate(() => typeof window.pwned);
  one.background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  one.widths = {};
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    one.widths[width] = await page.evaluate(() => document.documentElement.scrollWidth);
    if (job.pictures) {
      await page.screenshot({ path: path.join(job.pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
    }
  }
  await page.keyboard.press('Tab');
  one.first_focus = await page.evaluate(() => {
    const at = document.activeElement;
    const box = at.getBoundingClientRect();
    return { href: at.getAttribute('href'), visible: box.top >= 0 && box.height > 0 };
  });
  if (axe) {
    await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
    await page.evaluate(axeSource);
    const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    one.axe_passes = result.passes.length;
    one.violations = result.violations.map(
      (v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`,
    );
  }
  await context.close();
  return one;
}

async function inPrint(browser, job, { name, file, pdf }, seen) {
  // Dark on the screen: paper must not care.
  const { context, page } = await open(browser, file, seen, { colorScheme: 'dark' });
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const print = await page.evaluate(() => {
    const band = getComputedStyle(document.querySelector('.band'));
    const folds = [...document.querySelectorAll('details')];
    return {
      background: getComputedStyle(document.documentElement).backgroundColor,
      ink: getComputedStyle(document.body).color,
      band: `${band.borderTopStyle} ${band.borderTopWidth}`,
      folds: folds.length,
      folded: folds.filter((d) => !d.lastElementChild.checkVisibility({ contentVisibilityAuto: true })
        || d.lastElementChild.getBoundingClientRect().height < 10).length,
    };
  });
  if (pdf) {
    print.pdf = path.join(job.out, `${name}.pdf`);
    await page.pdf({ path: print.pdf, format: 'A4' });
  }
  await context.close();
  return print;
}

async function withoutScripts(browser, { file }, seen) {
  const { context, page } = await open(browser, file, seen, { javaScriptEnabled: false });
  const text = await words(page);
  // A fold opens without a script.
  const fold = page.locator('details').first();
  let opens = null;
  if (await fold.count()) {
    const before = await fold.getAttribute('open');
    await fold.locator('summary').click();
    opens = before !== (await fold.getAttribute('open'));
  }
  await context.close();
  return { text, opens };
}

async function lookAt(browser, job, spec) {
  const seen = { name: spec.name, requests: [], console: [], schemes: [] };
  for (const scheme of ['light', 'dark']) {
    seen.schemes.push(await inOneScheme(browser, job, spec, scheme, seen));
  }
  seen.print = await inPrint(browser, job, spec, seen);
  seen.without_scripts = await withoutScripts(browser, spec, seen);
  return seen;
}

async function main() {
  const [executablePath, jobFile] = process.argv.slice(2);
  const job = JSON.parse(fs.readFileSync(jobFile, 'utf8'));
  const browser = await chromium.launch({ executablePath });
  const pages = [];
  const todo = job.pages.entries();
  // A few at a time: a page mostly waits for its own renderer.
  const worker = async () => {
    for (const [at, spec] of todo) pages[at] = await lookAt(browser, job, spec);
  };
  await Promise.all([worker(), worker(), worker()]);
  process.stdout.write(JSON.stringify({ browser: browser.version(), pages }));
  await browser.close();
}

main().catch((e) => {
  process.stderr.write(`${e.stack}\n`);
  process.exit(1);
});
