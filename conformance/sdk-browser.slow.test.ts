/** The official SDK in headless Chromium, page and network on different origins as in real life. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageNetwork } from './chromium-page.ts';
import { type ConformanceNetwork, startNetwork } from './network.ts';
import { scenarios } from './sdk-scenarios.ts';

let network: ConformanceNetwork;
let browser: Browser;
let server: Server;
let page: Page;
let given: PageNetwork;
const errors: string[] = [];

beforeAll(async () => {
  const bundled = await build({
    entryPoints: [`${import.meta.dirname}/chromium-page.ts`],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  const wasm = await readFile(createRequire(import.meta.url).resolve('@mysten/walrus-wasm/web/walrus_wasm_bg.wasm'));
  const html = '<!doctype html><title>Floe</title><script type="module" src="/page.js"></script>';
  const files = new Map<string, readonly [type: string, body: string | Uint8Array]>([
    ['/', ['text/html', html]],
    ['/page.js', ['text/javascript', bundled.outputFiles[0]?.text ?? '']],
    ['/walrus.wasm', ['application/wasm', wasm]],
  ]);
  server = createServer(({ url = '/' }, response) => {
    const file = files.get(url);
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': file?.[0] ?? 'text/plain' }).end(file?.[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  network = await startNetwork();
  const { ledger, nShards, nodes } = network.dev.network;
  const { url: ledgerUrl, systemObjectId, stakingObjectId, walType } = ledger;
  given = {
    ledgerUrl,
    systemObjectId,
    stakingObjectId,
    walType,
    nShards,
    nodes: nodes.length,
    wasmUrl: `${origin}/walrus.wasm`,
    secretKey: (await network.fundedKey()).getSecretKey(),
  };
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  page = await browser.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(origin);
  await page.waitForFunction(() => 'conformance' in window);
});

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await network?.close();
});

describe('the official SDK in Chromium', () => {
  it.each(Object.keys(scenarios))('%s', async (name) => {
    const failure = await page.evaluate(([scenario, input]) => window.conformance.runScenario(scenario, input), [
      name,
      given,
    ] as const);
    expect(failure).toBeUndefined();
  });

  it('raised no error that nobody caught', () => {
    expect(errors).toEqual([]);
  });
});
