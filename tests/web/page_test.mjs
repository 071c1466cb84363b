// Checks the web page in a headless browser against a running server:
//
//     node tests/web/page_test.mjs http://127.0.0.1:8080 [--screenshot out.png]
//
// Prints a line a check and a last line with the counts; exits with 1 when one fails. With
// --screenshot, out.png shows the page on a desktop and out-phone.png on a phone. Needs Node 20 and
// Chromium. It asks no particular layer of the server, only a base and one overlay that can be shown.

import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

import { launch } from './chrome.mjs';
import { serveUnder } from './stage.mjs';

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844, scale: 2, touch: true };
const HOSTILE = '<img src=x onerror="document.title=\'owned\'">';

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { screenshot: { type: 'string' } } });
const server = new URL(positionals[0] ?? 'http://127.0.0.1:8080');
const { layers } = await (await fetch(new URL('layers', server))).json();
const [base, ...overlays] = layers;
const overlay = overlays.find(({ status }) => status === 'ok');
assert(base?.status === 'ok' && overlay, 'the server has no base layer with an overlay to test the page with');

// What runs on the page.

const tilesPainted = () => {
  const tiles = [...document.querySelectorAll('.leaflet-tile-container img')];
  return tiles.length > 0 && tiles.every((tile) => tile.complete && tile.classList.contains('leaflet-tile-loaded'));
};
const isOn = (id) => document.querySelector(`#layers [data-layer="${CSS.escape(id)}"] input`).checked;
const hashIs = (hash) => location.hash === hash;
const readout = () => document.querySelector('#readout:not([hidden]) .value')?.textContent.replace('…', '');
const noticeText = () => document.querySelector('.notice p')?.textContent;
/** How many different colours the first tile has that is not all transparent. */
const colorsOfATile = () => {
  const canvas = document.createElement('canvas');
  for (const tile of document.querySelectorAll('.leaflet-tile-loaded')) {
    const { naturalWidth: width, naturalHeight: height } = tile;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    context.drawImage(tile, 0, 0);
    const colors = new Set(new Uint32Array(context.getImageData(0, 0, width, height).data.buffer).filter((color) => color >>> 24));
    if (colors.size > 1) return colors.size;
  }
  return 0;
};

const viewOf = (...ids) => `#3/20.00/10.00/${ids.map(encodeURIComponent).join(',')}/0.6`;
const both = viewOf(base.id, overlay.id);

// Each check has a page of its own, a desktop's unless it says otherwise.

const checks = {
  async 'the page loads, lists every layer and paints tiles, with no error and no request elsewhere'(page) {
    await open(page, '');
    await page.until(tilesPainted);
    const titles = await page.evaluate(() => [...document.querySelectorAll('#layers .layer-title')].map((one) => one.textContent));
    assert.deepEqual(titles, [...overlays, base].map(({ title }) => title));
    assert(await page.evaluate(colorsOfATile) > 1, 'every tile is blank');
    assert.deepEqual(page.errors, []);
    const elsewhere = page.requests.filter((url) => !url.startsWith(server.origin) && !url.startsWith('data:'));
    assert.deepEqual(elsewhere, []);
    if (options.screenshot) await page.screenshot(options.screenshot);
  },

  async 'an address with a view round-trips, and a changed one is followed'(page) {
    await open(page, both);
    assert.equal(await page.evaluate('location.hash'), both);
    assert(await page.evaluate(isOn, overlay.id) && await page.evaluate(isOn, base.id));
    const other = viewOf(base.id).replace('#3/20.00/10.00', '#5/-12.500/130.250');
    await page.evaluate((hash) => { location.hash = hash; }, other);
    await page.until((id) => !document.querySelector(`#layers [data-layer="${CSS.escape(id)}"] input`).checked, overlay.id);
    assert(await page.evaluate(hashIs, other));
    await page.until((id) => [...document.querySelectorAll('.leaflet-tile')].some((tile) => tile.src.includes(`/tiles/${id}/5/`)), base.id);
  },

  async 'nonsense in the address is passed over'(page) {
    await open(page, '#x/999//%E0%A4%A,no-such-layer/7');
    assert.match(await page.until(noticeText), /no-such-layer/);
    assert.deepEqual(page.errors, []);
  },

  async 'the keyboard turns a layer on, and the address and the attribution follow'(page) {
    await open(page, viewOf(base.id));
    await page.evaluate((id) => document.querySelector(`#layers [data-layer="${CSS.escape(id)}"] input`).focus(), overlay.id);
    await page.press(' ');
    await page.until(hashIs, both);
    await page.until(tilesPainted);
    const attribution = await page.evaluate(() => document.querySelector('.leaflet-control-attribution').textContent);
    for (const layer of [base, overlay]) assert(attribution.includes(layer.attribution ?? ''), attribution);
    await page.press(' ');
    await page.until(hashIs, viewOf(base.id));
  },

  async 'the base can be turned off'(page) {
    await open(page, both);
    await page.evaluate((id) => document.querySelector(`#layers [data-layer="${CSS.escape(id)}"] input`).click(), base.id);
    assert.equal(await page.evaluate('location.hash'), viewOf(overlay.id));
    assert.equal(await page.evaluate(() => document.querySelectorAll('.leaflet-layer').length), 1);
  },

  async 'opacity changes the overlay and not the base'(page) {
    await open(page, both);
    await page.evaluate(() => {
      const slider = document.querySelector('#opacity');
      slider.value = 35;
      slider.dispatchEvent(new Event('input'));
    });
    assert.equal(await page.evaluate('location.hash'), both.replace('0.6', '0.35'));
    const opacities = await page.evaluate(() => [...document.querySelectorAll('.leaflet-layer')].map((layer) => layer.style.opacity));
    assert.deepEqual(opacities.sort(), ['0.35', '1']);
  },

  async 'the value under the cursor is shown, and longitude is wrapped'(page) {
    await open(page, viewOf(base.id).replace('/10.00/', '/170.00/'));
    await page.moveMouse(1000, 400);
    assert.match(await page.until(readout), /\d|no data/);
    const points = page.requests.filter((url) => url.includes('/point/'));
    const [lon, lat] = points.at(-1).split('/point/')[1].split(',').map(Number);
    assert(lon > -180 && lon < -100 && Math.abs(lat - 20) < 1, points.at(-1));
    assert.deepEqual(page.errors, []);
  },

  async 'a moving cursor asks only where it rests'(page) {
    await open(page, viewOf(base.id));
    for (let x = 500; x < 600; x += 5) await page.moveMouse(x, 400);
    await page.until(readout);
    const points = page.requests.filter((url) => url.includes('/point/'));
    assert(points.length < 5, `${points.length} requests`);
  },

  async 'the keyboard moves the map and reads its middle'(page) {
    await open(page, viewOf(base.id));
    await page.evaluate(() => document.querySelector('#map').focus({ focusVisible: true }));
    await page.press('ArrowRight');
    assert.match(await page.until(readout), /\d|no data/);
  },

  async 'the legend of the layer on top is shown'(page) {
    for (const { id, title, legend } of overlays.filter((layer) => layer.legend && layer.status === 'ok')) {
      await open(page, viewOf(base.id, id));
      await page.until((text) => document.querySelector('#legend:not([hidden]) h2')?.textContent === text, title);
      if (legend.kind === 'classes') {
        const labels = await page.evaluate(() => [...document.querySelectorAll('.classes li')].map((item) => item.textContent));
        assert.deepEqual(labels, legend.classes.map(({ name }) => name));
      } else {
        await page.until(() => document.querySelector('.ramp')?.naturalWidth > 0);
      }
    }
  },

  async 'every legend image can be shown'(page) {
    await open(page, '');
    for (const { legend } of layers.filter((layer) => layer.legend && layer.status === 'ok')) {
      const loads = (src) => new Promise((done) => {
        Object.assign(new Image(), { onload: () => done(true), onerror: () => done(false), src });
      });
      assert(await page.evaluate(loads, `${legend.image}?width=256&height=16&orientation=horizontal`), legend.image);
    }
  },

  async 'zooming to a layer turns it on and shows its place'(page) {
    await open(page, viewOf(base.id));
    const isLocal = ({ status, bounds: [west, , east] }) => status === 'ok' && west < east && east - west < 90;
    const layer = overlays.find(isLocal) ?? overlay;
    await page.evaluate((id) => document.querySelector(`#layers [data-layer="${CSS.escape(id)}"] .zoom-to`).click(), layer.id);
    await page.until(isOn, layer.id);
    const [, south, , north] = layer.bounds;
    await page.until((low, high) => {
      const lat = Number(location.hash.split('/')[1]);
      return lat > low && lat < high;
    }, south, north);
    await page.until(tilesPainted);
    assert.deepEqual(page.errors, []);
  },

  async 'tiles that fail are told of in the words of the server, as text'(page) {
    await page.answer(new RegExp(`/tiles/${overlay.id}/`), 502, { detail: `block 3 is corrupt ${HOSTILE}`, code: 'source' });
    await open(page, both);
    assert((await page.until(noticeText)).includes(`block 3 is corrupt ${HOSTILE}`));
    assert.notEqual(await page.evaluate('document.title'), 'owned');
    await page.until(colorsOfATile);
  },

  async 'hostile texts of the catalogue stay text'(page) {
    const owned = layers.map((layer) => ({ ...layer, title: HOSTILE, description: HOSTILE, attribution: HOSTILE }));
    await page.answer(/\/layers$/, 200, { layers: [...owned, { ...base, id: '"],a', status: 'error', detail: HOSTILE }] });
    await page.answer(/\/point\//, 404, { detail: HOSTILE, code: 'unknown' });
    await open(page, both);
    await page.moveMouse(700, 400);
    assert((await page.until(readout)).includes(HOSTILE));
    assert.equal(await page.evaluate(() => document.querySelectorAll('[onerror]').length), 0);
    assert.notEqual(await page.evaluate('document.title'), 'owned');
    assert.deepEqual(page.errors.filter((text) => !text.includes('404')), []);
  },

  async 'a catalogue that fails leaves a map and a way to try again'(page) {
    await page.answer(/\/layers$/, 503, { detail: 'busy: try again', code: 'busy' });
    await page.goto(new URL(both, server).href);
    assert.match(await page.until(noticeText), /busy: try again/);
    assert(await page.evaluate(() => document.querySelector('.leaflet-control-zoom') !== null));
    await page.answer(/\/layers$/, 200, { layers });
    await page.evaluate(() => document.querySelector('.notice button').click());
    await page.until(tilesPainted);
    assert.equal(await page.evaluate('location.hash'), both);
  },

  async 'every control has a name'(page) {
    await open(page, both);
    const { nodes } = await page.send('Accessibility.getFullAXTree');
    const controls = nodes.filter(({ ignored, role }) => !ignored && ['checkbox', 'button', 'slider', 'link', 'application'].includes(role?.value));
    assert(controls.length >= 2 * layers.length, `only ${controls.length} controls`);
    assert.deepEqual(controls.filter(({ name }) => !name?.value).map(({ role }) => role.value), []);
  },

  async 'the page works under a stage path'(page) {
    const stage = await serveUnder('/prod', server);
    try {
      await page.goto(`${stage.url}${both}`);
      await page.until(tilesPainted);
      assert.deepEqual(page.errors, []);
      assert.deepEqual(page.requests.filter((url) => !url.startsWith(stage.url) && !url.startsWith('data:')), []);
    } finally {
      stage.close();
    }
  },

  async 'a phone sees the map first, sharp tiles, and a value where it is tapped'(page) {
    await open(page, both);
    await page.until(tilesPainted);
    const tiles = page.requests.filter((url) => url.includes('/tiles/'));
    assert.deepEqual(tiles.filter((url) => !url.includes('@2x.png')), []);
    await page.tap(195, 500);
    assert.match(await page.until(readout), /./);
    if (options.screenshot) await page.screenshot(options.screenshot.replace(/(\.\w+)?$/, '-phone$1'));
    assert(await page.evaluate(() => document.querySelector('#panel-body').hidden));
    assert(!await page.evaluate(() => document.querySelector('.by-keyboard')), 'a finger is taken for the keyboard');
    assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the screen');
    await page.evaluate(() => document.querySelector('#panel-toggle').click());
    assert(await page.evaluate(() => document.querySelector('#layers input').getBoundingClientRect().height > 0));
  },
};

/** Opens the page at a hash and waits for the catalogue to be listed. */
async function open(page, hash) {
  await page.goto(new URL(hash, server).href);
  await page.until((count) => document.querySelectorAll('#layers li').length >= count, layers.length);
}

const browser = await launch();
let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const page = await browser.newPage(name.startsWith('a phone') ? PHONE : DESKTOP);
  try {
    await check(page);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.message.replace(/^/gm, '        ')}`);
  }
  await page.close();
}
await browser.close();
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
