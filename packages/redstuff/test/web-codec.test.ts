import { Worker as Thread } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { geometryOf } from '@floe/protocol';
import { createInlineCodec } from '../src/inline-codec.ts';
import { createWebCodec } from '../src/web/index.ts';
import { seededBytes } from './helpers.ts';

const geometry = geometryOf(100);
const blob = seededBytes(300_000, 1);
const expected = createInlineCodec().computeMetadata(geometry, blob);

const threads: Thread[] = [];
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
});

/** A thread with the part of a browser's worker scope that `web/worker.js` uses, as a browser's `Worker`. */
function workerLikeABrowsers(script: URL): Worker {
  const thread = new Thread(
    `const { parentPort, workerData } = require('node:worker_threads');
     globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
     globalThis.addEventListener = (type, listener) => parentPort.on(type, (data) => listener({ data }));
     import(workerData).catch((error) => { throw error; });`,
    { eval: true, workerData: script.href },
  );
  threads.push(thread);
  const shim = {
    postMessage: (message: unknown, transfer: ArrayBuffer[]) => thread.postMessage(message, transfer),
    addEventListener(type: string, listener: (event: { data?: unknown; message?: string }) => void) {
      if (type === 'message') thread.on('message', (data: unknown) => listener({ data }));
      if (type === 'error') thread.on('error', (error) => listener({ message: error.message }));
    },
    terminate: () => void thread.terminate(),
  };
  return shim as unknown as Worker;
}

describe('web codec', () => {
  it('computes in workers', async () => {
    const script = new URL('../dist/web/worker.js', import.meta.url);
    const codec = createWebCodec({ workers: 1, createWorker: () => workerLikeABrowsers(script) });
    expect(await codec.computeMetadata(geometry, blob)).toEqual(await expected);
    expect((await codec.encode(geometry, blob)).verified).toEqual(await expected);
    expect(threads.length).toBe(1);
    await codec.close();
  });

  it('computes here when workers cannot start', async () => {
    const missing = new URL('../dist/web/no-such-worker.js', import.meta.url);
    const codec = createWebCodec({ createWorker: () => workerLikeABrowsers(missing) });
    expect(await codec.computeMetadata(geometry, blob)).toEqual(await expected);
    expect(await codec.computeMetadata(geometry, blob)).toEqual(await expected);
    await codec.close();
  });

  it('computes here when making a worker throws, and where there are no workers at all', async () => {
    const forbidden = createWebCodec({
      createWorker: () => {
        throw new Error('refused by the content policy');
      },
    });
    for (const codec of [forbidden, createWebCodec()]) {
      expect(await codec.computeMetadata(geometry, blob)).toEqual(await expected);
      await codec.close();
    }
  });
});
