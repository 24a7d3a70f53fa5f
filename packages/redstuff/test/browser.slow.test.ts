/**
 * The codec in headless Chromium, bit for bit against the vectors and against the official encoder in the same page: in the
 * page itself and in web workers, with memory that they share (a cross-origin isolated page) and without.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from '@floe/testkit';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vectors } from './helpers.ts';
import type { Form } from './support/browser-page.ts';

const WASM = '@mysten/walrus-wasm/web/walrus_wasm_bg.wasm';
const EVERY_TAIL = Array.from({ length: 65 }, (_, i) => 2 * (i + 1));
/** Of these shards, codes of columns are at high rate (4, 7, 13: with as many points on both sides) or low rate (10, 31). */
const EVERY_RATE = [4, 7, 10, 13, 31];

let browser: Browser;
let server: Server;
let origin: string;
let removeSite: () => Promise<unknown>;

beforeAll(async () => {
  const site = await temporaryDirectory('browser-codec');
  removeSite = () => site.remove();
  await build({
    entryPoints: {
      page: join(import.meta.dirname, 'support/browser-page.ts'),
      worker: join(import.meta.dirname, '../dist/web/worker.js'),
    },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    outdir: site.path,
    logLevel: 'silent',
  });
  const wasm = createRequire(import.meta.url).resolve(WASM);
  const files: Record<string, { path: string; type: string }> = {
    '/page.js': { path: join(site.path, 'page.js'), type: 'text/javascript' },
    '/worker.js': { path: join(site.path, 'worker.js'), type: 'text/javascript' },
    '/official.wasm': { path: wasm, type: 'application/wasm' },
  };
  const html = '<!doctype html><title>Codec</title><script type="module" src="/page.js"></script>';
  server = createServer((request, response) => {
    const url = request.url ?? '/';
    // A worker script must say so too, or an isolated page may not start it.
    const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    const headers = url === '/plain' ? {} : isolation;
    const file = files[url];
    if (file === undefined) response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end(html);
    else
      readFile(file.path).then(
        (body) => response.writeHead(200, { ...headers, 'content-type': file.type }).end(body),
        (error: Error) => response.destroy(error),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await removeSite?.();
}, 60_000);

async function openPage(path: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(origin + path);
  await page.waitForFunction(() => 'codecPage' in window);
  await page.evaluate(() => window.codecPage.load('/official.wasm'));
  return { page, errors };
}

describe.each([
  ['/isolated', true, 'in the page'],
  ['/isolated', true, 'in workers'],
  ['/plain', false, 'in workers'],
] as const)('in Chromium, %s (memory can be shared: %s), %s', (path, isShared, form: Form) => {
  let opened: Awaited<ReturnType<typeof openPage>>;
  beforeAll(async () => {
    opened = await openPage(path);
    expect(await opened.page.evaluate(() => crossOriginIsolated)).toBe(isShared);
  }, 60_000);
  afterAll(async () => {
    expect(opened.errors).toEqual([]);
    await opened.page.close();
  });

  it('gives the ids and hashes of the vectors', async () => {
    const input = { form, blobs: vectors.blobs };
    const result = await opened.page.evaluate((given) => {
      return window.codecPage.compareVectors(given.form, given.blobs);
    }, input);
    expect(result).toEqual({ cases: vectors.blobs.length, differences: [] });
  });

  it('encodes and decodes every tail at every rate as the official encoder does', async () => {
    const input = { form, shards: EVERY_RATE, sizes: EVERY_TAIL };
    const result = await opened.page.evaluate((given) => {
      return window.codecPage.compareSymbolSizes(given.form, given.shards, given.sizes);
    }, input);
    expect(result).toEqual({ cases: EVERY_RATE.length * EVERY_TAIL.length, differences: [] });
  });

  it('does so at 100 and at 1,000 shards', async () => {
    const result = await opened.page.evaluate(async (given) => {
      const hundred = await window.codecPage.compareSymbolSizes(given, [100], [2, 62, 64, 130]);
      const thousand = await window.codecPage.compareSymbolSizes(given, [1000], [2, 6]);
      return [hundred, thousand];
    }, form);
    expect(result).toEqual([
      { cases: 4, differences: [] },
      { cases: 2, differences: [] },
    ]);
  });
});
