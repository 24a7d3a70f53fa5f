/** The browser client in headless Chromium, against a network of real processes and sockets. */
import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { parseBlobId } from '@floe/protocol';
import { type DevProcess, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectFloe } from '../src/node/index.ts';
import type { PageInput, PageResult } from './support/browser-page.ts';

const SIZE_BYTES = 300_000;

let dev: DevProcess;
let browser: Browser;
let server: Server;
let pageUrl: string;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const state = await temporaryDirectory('browser-dev');
  const site = await temporaryDirectory('browser-site');
  cleanUps.push(
    () => state.remove(),
    () => site.remove(),
  );
  const redstuff = join(import.meta.dirname, '../../redstuff/dist/web/worker.js');
  await build({
    // The worker lies beside the page's script, where the codec looks for it.
    entryPoints: { page: join(import.meta.dirname, 'support/browser-page.ts'), worker: redstuff },
    bundle: true,
    platform: 'browser',
    format: 'esm',
    outdir: site.path,
    logLevel: 'silent',
  });
  server = createServer((request, response) => void serve(site.path, request.url ?? '/', response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  pageUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  dev = await startDev(state.path, ['--nodes', '7', '--shards', '20']);
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await dev?.stop();
  for (const cleanUp of cleanUps) await cleanUp();
}, 60_000);

async function serve(directory: string, url: string, response: ServerResponse): Promise<void> {
  if (url === '/') {
    const html = '<!doctype html><title>Floe</title><script type="module" src="/page.js"></script>';
    response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    return;
  }
  try {
    const file = await readFile(join(directory, url.slice(1)));
    const type = extname(url) === '.js' ? 'text/javascript' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type }).end(file);
  } catch {
    response.writeHead(404, {}).end('');
  }
}

async function openPage() {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(pageUrl);
  await page.waitForFunction(() => 'floePage' in window);
  return { page, errors };
}

describe('in Chromium', () => {
  test('a page stores a blob and reads it back whole, in part and as a stream', async () => {
    const { page, errors } = await openPage();
    const input: PageInput = { ledger: dev.network.ledger, faucetUrl: dev.network.faucet.url, sizeBytes: SIZE_BYTES };
    const result: PageResult = await page.evaluate((given) => window.floePage.storeAndRead(given), input);
    expect(result).toMatchObject({ equal: true, rangeEqual: true, streamedBytes: SIZE_BYTES });
    expect(result.stages).toEqual(['encoding', 'checking', 'registering', 'uploading', 'certifying', 'finishing']);
    expect(errors).toEqual([]);

    // What the page wrote, Node.js reads.
    const { client, close } = await connectNode();
    expect(await client.read(parseBlobId(result.blobId))).toHaveLength(SIZE_BYTES);
    await close();
    await page.close();
  }, 120_000);

  test('a page reads what Node.js stored', async () => {
    const { client, close } = await connectNode();
    const signer = new Ed25519Keypair();
    await dev.fund(signer.toSuiAddress());
    const blob = new TextEncoder().encode('from Node.js '.repeat(5_000));
    const { blobId } = await client.store(blob, { epochs: 1, signer });
    await close();
    const { page, errors } = await openPage();
    const given = { ledger: dev.network.ledger, blobId };
    const hash = await page.evaluate(({ ledger, blobId: id }) => window.floePage.hashOf(ledger, id), given);
    expect(hash).toBe(createHash('sha256').update(blob).digest('hex'));
    expect(errors).toEqual([]);
    await page.close();
  }, 120_000);
});

function connectNode() {
  return connectFloe({ ledger: dev.ledger, nodeUrlScheme: 'http' });
}
