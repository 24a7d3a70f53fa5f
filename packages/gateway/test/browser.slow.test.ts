/** A video of a real network in headless Chromium: the page stores it through the gateway and seeks in it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type DevProcess, startDev, temporaryDirectory } from '@floe/testkit';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredVideo } from './support/video-page.ts';

const QUIET = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((what) => `--disable-${what}`);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dev: DevProcess;
let server: Server;
let browser: Browser;
let page: Page;
let video: StoredVideo;

beforeAll(async () => {
  directory = await temporaryDirectory('gateway-browser');
  dev = await startDev(join(directory.path, 'network'), ['--log-level', 'info']);
  server = await servePage();
  browser = await chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--no-first-run', ...QUIET],
  });
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => 'floeVideoPage' in window);
  video = await page.evaluate((url) => window.floeVideoPage.storeVideo(url), dev.network.gateway.publisherUrl);
});

afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await dev?.stop();
  await directory?.remove();
});

/** A page of another origin than the gateway's. */
async function servePage(): Promise<Server> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'support/video-page.ts')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  const script = outputFiles[0]?.text ?? '';
  const html = `<!doctype html><title>Floe</title><body><script type="module">${script}</script>`;
  const pageServer = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(html);
  });
  await new Promise<void>((resolve) => pageServer.listen(0, '127.0.0.1', resolve));
  return pageServer;
}

interface LogLine {
  readonly msg: string;
  readonly path?: string;
  readonly status?: number;
  readonly range?: string;
}

/** Where the ranges began that the gateway says it answered with 206. */
function rangeStartsInLog(path: string): number[] {
  const lines = dev.output.stderr.split('\n').filter((line) => line.startsWith('{'));
  return lines
    .map((line) => JSON.parse(line) as LogLine)
    .filter(({ msg, path: asked, status }) => msg === 'request' && asked === path && status === 206)
    .map(({ range }) => Number(/^bytes (\d+)-/.exec(range ?? '')?.[1]));
}

describe('a video that a page stored', () => {
  it('is large enough that seeking in it takes a range', () => {
    expect(video.sizeBytes).toBeGreaterThan(5_000_000);
  });

  it.each(['blob', 'object'])('plays from its %s, and seeks near its end without what lies before', async (what) => {
    const path = what === 'blob' ? `/v1/blobs/${video.blobId}` : `/v1/blobs/by-object-id/${video.objectId}`;
    const url = dev.network.gateway.aggregatorUrl + path;
    const statuses: number[] = [];
    page.on('response', (response) => {
      if (response.url() === url) statuses.push(response.status());
    });
    const result = await page.evaluate((given) => window.floeVideoPage.seekVideo(given, 0.9), url);
    expect(result).toMatchObject({ durationSeconds: video.durationSeconds, width: 320 });
    expect(result.currentTime).toBeCloseTo(video.durationSeconds * 0.9, 2);
    expect(Math.abs(result.frame - result.expectedFrame)).toBeLessThanOrEqual(1);
    expect(new Set(statuses)).toEqual(new Set([206]));
    const starts = rangeStartsInLog(path);
    expect(starts).toContain(0);
    expect(Math.max(...starts)).toBeGreaterThan(video.sizeBytes * 0.5);
  });

  it('is whole when the page fetches it', async () => {
    const url = `${dev.network.gateway.aggregatorUrl}/v1/blobs/${video.blobId}`;
    const seen = await page.evaluate(async (given) => {
      const response = await fetch(given);
      return { etag: response.headers.get('etag'), size: (await response.arrayBuffer()).byteLength };
    }, url);
    expect(seen).toEqual({ etag: `"${video.blobId}"`, size: video.sizeBytes });
  });
});
