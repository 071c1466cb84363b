// Drives a headless Chromium over its DevTools pipe, with nothing but Node's own modules.
// Owns the browser process and the protocol; knows nothing of the page under test.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where to find the browser; CHROMIUM names another. */
const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
/** How long anything on the page may take: a first tile of a debug build is slow on a busy machine. */
const PATIENCE_MS = 30_000;
const POLL_MS = 50;

const FLAGS = [
  '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars',
  '--remote-debugging-pipe',
  // Chromium's sandbox refuses to run as root, which is what a container usually is.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

/** Starts a browser; `close` ends it and removes its profile. */
export async function launch() {
  const profile = await mkdtemp(join(tmpdir(), 'page-test-'));
  const child = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const connection = new Connection(child.stdio[3], child.stdio[4]);
  child.once('error', (cause) => connection.fail(`cannot start ${CHROMIUM} (CHROMIUM names another): ${cause.message}`));
  child.once('exit', () => connection.fail(`${CHROMIUM} has ended`));
  return {
    newPage: (screen) => Page.open(connection, screen),
    async close() {
      connection.send('Browser.close').catch(() => {});
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The protocol's messages: JSON, each closed by a zero byte. */
class Connection {
  #lastId = 0;
  #waiting = new Map();
  #listeners = new Map();
  #rest = '';
  #failure = null;

  constructor(input, output) {
    this.input = input;
    input.on('error', () => {}); // the browser is gone: `fail` reports it
    output.setEncoding('utf8').on('data', (text) => this.#receive(text));
  }

  send(method, params = {}, sessionId = undefined) {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    this.input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject: (error) => reject(new Error(`${method}: ${error.message}`)) });
    });
  }

  /** Fails every message that waits for its answer, and all later ones. */
  fail(reason) {
    this.#failure ??= new Error(reason);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
  }

  listen(sessionId, listener) {
    this.#listeners.set(sessionId, listener);
  }

  #receive(text) {
    const messages = (this.#rest + text).split('\0');
    this.#rest = messages.pop();
    for (const message of messages.map((one) => JSON.parse(one))) {
      if (message.id) {
        const { resolve, reject } = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.error) reject(message.error);
        else resolve(message.result);
      } else {
        this.#listeners.get(message.sessionId)?.(message.method, message.params);
      }
    }
  }
}

/** One tab, with a record of what it asked for and what went wrong on it. */
class Page {
  /** Addresses of all requests. */
  requests = [];
  /** Console errors and uncaught exceptions. */
  errors = [];
  #answers = [];

  /** @param {{width: number, height: number, scale?: number, touch?: boolean}} screen */
  static async open(connection, { width, height, scale = 1, touch = false }) {
    const { browserContextId } = await connection.send('Target.createBrowserContext');
    const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page();
    page.send = (method, params) => connection.send(method, params, sessionId);
    page.close = () => connection.send('Target.disposeBrowserContext', { browserContextId });
    connection.listen(sessionId, (method, params) => page.#on(method, params));
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility']) await page.send(`${domain}.enable`);
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: touch });
    await page.send('Emulation.setTouchEmulationEnabled', { enabled: touch });
    return page;
  }

  #on(method, params) {
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    if (method === 'Runtime.exceptionThrown') this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error') this.errors.push(params.args.map((arg) => arg.value ?? arg.description).join(' '));
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.errors.push(`${params.entry.text} ${params.entry.url ?? ''}`);
    if (method === 'Fetch.requestPaused') this.#answer(params);
  }

  goto(url) {
    return this.send('Page.navigate', { url });
  }

  /** The value of an expression, or of a function called on the page with arguments. */
  async evaluate(code, ...args) {
    const expression = typeof code === 'function' ? `(${code})(...${JSON.stringify(args)})` : code;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is truthy and answers its value. */
  async until(code, ...args) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await this.evaluate(code, ...args);
      if (value) return value;
      if (Date.now() > end) throw new Error(`still not so after ${PATIENCE_MS / 1000} s: ${code}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  moveMouse(x, y) {
    return this.send('Input.dispatchMouseEvent', { type: 'mouseMoved', x, y });
  }

  async tap(x, y) {
    await this.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
    await this.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  }

  /** Presses a key, such as 'Tab', ' ' or 'ArrowRight'. */
  async press(key) {
    const windowsVirtualKeyCode = { Tab: 9, ' ': 32, ArrowRight: 39 }[key];
    const code = key === ' ' ? 'Space' : key;
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, code, windowsVirtualKeyCode, text: key === ' ' ? ' ' : undefined });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, code, windowsVirtualKeyCode });
  }

  /**
   * From now on answers requests of a path itself, in place of the server.
   * @param {RegExp} pattern of the path
   * @param {number} status
   * @param {object} body sent as JSON
   */
  async answer(pattern, status, body) {
    this.#answers.push({ pattern, status, body });
    await this.send('Fetch.enable');
  }

  #answer({ requestId, request }) {
    const found = this.#answers.findLast(({ pattern }) => pattern.test(new URL(request.url).pathname));
    const sent = found
      ? this.send('Fetch.fulfillRequest', {
        requestId,
        responseCode: found.status,
        responseHeaders: [{ name: 'Content-Type', value: 'application/json' }],
        body: Buffer.from(JSON.stringify(found.body)).toString('base64'),
      })
      : this.send('Fetch.continueRequest', { requestId });
    sent.catch(() => {}); // the page has moved on
  }

  async screenshot(file) {
    const { data } = await this.send('Page.captureScreenshot');
    await writeFile(file, data, 'base64');
  }
}
