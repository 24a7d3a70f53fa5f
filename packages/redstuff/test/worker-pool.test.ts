import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { deferred } from '@floe/platform';
import { geometryOf, type SliverIndex } from '@floe/protocol';
import { createInlineCodec } from '../src/inline-codec.ts';
import { InlineRunner } from '../src/inline-runner.ts';
import { isCheap } from '../src/job-cost.ts';
import { createJobCodec } from '../src/job-codec.ts';
import { createWorkerCodec, spawnThread, yieldToEventLoop } from '../src/node/worker-codec.ts';
import { type WorkerHandle, WorkerPool } from '../src/worker-pool.ts';
import type { JobMessage, WorkerMessage } from '../src/worker-protocol.ts';
import { sameBytes, seededBytes } from './helpers.ts';

const geometry = geometryOf(100);
const blob = seededBytes(300_000, 1);
const job = { kind: 'pairHashes', nShards: 100, blob } as const;

/** A worker that does only what the test tells it to. */
class ScriptedWorker implements WorkerHandle {
  readonly received: JobMessage[] = [];
  alive = false;
  terminated = 0;
  say: (message: WorkerMessage) => void = () => undefined;
  fail: (reason: unknown) => void = () => undefined;

  post(message: JobMessage): void {
    this.received.push(message);
  }
  onMessage(listener: (message: WorkerMessage) => void): void {
    this.say = listener;
  }
  onFailure(listener: (reason: unknown) => void): void {
    this.fail = listener;
  }
  async terminate(): Promise<void> {
    this.terminated += 1;
  }
  keepAlive(alive: boolean): void {
    this.alive = alive;
  }
}

function scriptedPool(options: { workers?: number; maxQueued?: number; fallBack?: boolean } = {}) {
  const workers: ScriptedWorker[] = [];
  const pool = new WorkerPool(
    { workers: options.workers ?? 1, maxQueued: options.maxQueued ?? 2 },
    {
      spawn: () => {
        workers.push(new ScriptedWorker());
        return workers.at(-1) as ScriptedWorker;
      },
      local: new InlineRunner({ pause: yieldToEventLoop }),
      fallBack: options.fallBack ?? false,
    },
  );
  const worker = (i: number) => workers[i] as ScriptedWorker;
  return { pool, workers, worker };
}

const result = (value: number) => ({ type: 'done', result: Uint8Array.of(value) }) as const;

describe('worker pool', () => {
  it('gives a worker one job at a time, in order', async () => {
    const { pool, worker, workers } = scriptedPool();
    const [first, second] = [pool.run(job, {}), pool.run(job, {})];
    expect(worker(0).received.length).toBe(0); // not ready yet
    worker(0).say({ type: 'ready' });
    expect(worker(0).received.length).toBe(1);
    worker(0).say(result(1));
    expect(await first).toEqual(Uint8Array.of(1));
    worker(0).say(result(2));
    expect(await second).toEqual(Uint8Array.of(2));
    expect(workers.length).toBe(1);
    expect(worker(0).alive).toBe(false);
    await pool.close();
  });

  it('refuses jobs beyond its workers and its queue, and takes new ones when there is room', async () => {
    const { pool, worker } = scriptedPool({ workers: 1, maxQueued: 1 });
    const [first, second] = [pool.run(job, {}), pool.run(job, {})];
    worker(0).say({ type: 'ready' });
    await expect(pool.run(job, {})).rejects.toMatchObject({ code: 'QUEUE_FULL', data: { limit: 1 } });
    worker(0).say(result(1));
    await first;
    const third = pool.run(job, {});
    worker(0).say(result(2));
    worker(0).say(result(3));
    expect([await second, await third]).toEqual([Uint8Array.of(2), Uint8Array.of(3)]);
    await pool.close();
  });

  it('fails the job of a worker that ends, and starts another for the next', async () => {
    const { pool, worker, workers } = scriptedPool();
    const [first, second] = [pool.run(job, {}), pool.run(job, {})];
    worker(0).say({ type: 'ready' });
    worker(0).fail(new Error('segmentation fault'));
    await expect(first).rejects.toMatchObject({
      code: 'CODEC_WORKER_FAILED',
      kind: 'internal',
      data: { reason: 'segmentation fault' },
    });
    expect(workers.length).toBe(2);
    worker(1).say({ type: 'ready' });
    worker(1).say(result(2));
    expect(await second).toEqual(Uint8Array.of(2));
    await pool.close();
  });

  it('fails one job for each worker that cannot start, so that none waits for ever', async () => {
    const { pool, worker, workers } = scriptedPool();
    const jobs = [pool.run(job, {}), pool.run(job, {})];
    worker(0).fail('no such file');
    worker(1).fail('no such file');
    for (const failed of jobs) await expect(failed).rejects.toMatchObject({ code: 'CODEC_WORKER_FAILED' });
    expect(workers.length).toBe(2);
    await pool.close();
  });

  it('can do without workers when none can be started', async () => {
    const { pool, worker, workers } = scriptedPool({ fallBack: true });
    const jobs = [pool.run(job, {}), pool.run(job, {})];
    worker(0).fail('forbidden by the content policy');
    const expected = await new InlineRunner({}).run(job, {});
    for (const done of [...jobs, pool.run(job, {})]) expect(await done).toEqual(expected);
    expect(workers.length).toBe(1);
    await pool.close();
  });

  it('forgets a waiting job that is aborted, and tells the worker of a running one', async () => {
    const { pool, worker } = scriptedPool({ workers: 1 });
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = pool.run(job, { signal: running.signal });
    const second = pool.run(job, { signal: waiting.signal });
    worker(0).say({ type: 'ready' });
    waiting.abort(new Error('changed my mind'));
    await expect(second).rejects.toThrow('changed my mind');
    expect(pool.queued).toBe(0);
    running.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(worker(0).received[0]?.stop?.[0]).toBe(1);
    const third = pool.run(job, {});
    expect(worker(0).received.length).toBe(1); // still busy with the stopped one
    worker(0).say({ type: 'stopped' });
    worker(0).say(result(3));
    expect(await third).toEqual(Uint8Array.of(3));
    await expect(pool.run(job, { signal: running.signal })).rejects.toThrow('enough');
    await pool.close();
  });

  it('passes on progress and errors', async () => {
    const { pool, worker } = scriptedPool();
    const fractions: number[] = [];
    const first = pool.run(job, { onProgress: (fraction) => fractions.push(fraction) });
    worker(0).say({ type: 'ready' });
    worker(0).say({ type: 'progress', fraction: 0.5 });
    worker(0).say({
      type: 'failed',
      error: { message: 'too large', stack: undefined, floe: { code: 'BLOB_TOO_LARGE', kind: 'invalid', data: {} } },
    });
    await expect(first).rejects.toMatchObject({ name: 'FloeError', code: 'BLOB_TOO_LARGE', message: 'too large' });
    expect(fractions).toEqual([0.5]);
    await pool.close();
  });

  it('ends a job whose onProgress throws, tells its worker, and goes on with the next', async () => {
    const { pool, worker } = scriptedPool();
    let calls = 0;
    const onProgress = () => {
      calls += 1;
      throw new Error('the terminal is gone');
    };
    const [broken, next] = [pool.run(job, { onProgress }), pool.run(job, {})];
    worker(0).say({ type: 'ready' });
    const { stop } = worker(0).received[0] as JobMessage;
    worker(0).say({ type: 'progress', fraction: 0.5 });
    await expect(broken).rejects.toThrow('the terminal is gone');
    expect(stop?.[0]).toBe(1);
    worker(0).say({ type: 'progress', fraction: 0.75 });
    expect(calls).toBe(1);
    worker(0).say({ type: 'stopped' });
    worker(0).say(result(2));
    expect(await next).toEqual(Uint8Array.of(2));
    await pool.close();
  });

  it('ends a job whose onProgress throws at its end', async () => {
    const { pool, worker } = scriptedPool();
    const broken = pool.run(job, {
      onProgress() {
        throw new Error('the terminal is gone');
      },
    });
    worker(0).say({ type: 'ready' });
    worker(0).say(result(1));
    await expect(broken).rejects.toThrow('the terminal is gone');
    await pool.close();
  });

  it('rejects what is under way when closed, may be closed twice, and takes nothing after', async () => {
    const { pool, worker } = scriptedPool();
    const [first, second] = [pool.run(job, {}), pool.run(job, {})];
    worker(0).say({ type: 'ready' });
    const closing = pool.close();
    await expect(first).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
    await expect(second).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
    await closing;
    await pool.close();
    expect(worker(0).terminated).toBe(1);
    await expect(pool.run(job, {})).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
  });
});

describe('job costs', () => {
  it('keep small jobs here, and send the others to workers', () => {
    expect(isCheap({ kind: 'encode', nShards: 10, blob: new Uint8Array(1000) })).toBe(true);
    expect(isCheap({ kind: 'encode', nShards: 10, blob: new Uint8Array(1_000_000) })).toBe(false);
    expect(isCheap({ kind: 'pairHashes', nShards: 1000, blob: new Uint8Array() })).toBe(false);
    const slivers = Array.from({ length: 34 }, () => new Uint8Array(67 * 200));
    const decode = { kind: 'decode', nShards: 100, axis: 'primary', unencodedLength: 455_000, slivers } as const;
    expect(isCheap({ ...decode, indices: slivers.map((_, i) => i + 1) })).toBe(false);
  });
});

describe('worker codec', () => {
  it('reads a blob in shared memory where it is, and leaves inputs as they were', async () => {
    const codec = createWorkerCodec({ workers: 1 });
    const shared = new Uint8Array(new SharedArrayBuffer(blob.length));
    shared.set(blob);
    const expected = await createInlineCodec().computeMetadata(geometry, blob);
    expect(await codec.computeMetadata(geometry, shared)).toEqual(expected);
    expect(await codec.computeMetadata(geometry, blob)).toEqual(expected);
    expect(sameBytes(shared, blob)).toBe(true);
    expect(blob.length).toBe(300_000);
    await codec.close();
  });

  it('reports progress that never falls and ends at 1', async () => {
    for (const codec of [createWorkerCodec({ workers: 1 }), createInlineCodec()]) {
      const fractions: number[] = [];
      await codec.encode(geometry, seededBytes(5_000_000, 1), { onProgress: (fraction) => fractions.push(fraction) });
      expect(fractions.length).toBeGreaterThan(3);
      expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
      expect(fractions.at(-1)).toBe(1);
      await codec.close();
    }
  });

  it('stops in the middle when aborted, and goes on with the next job', async () => {
    for (const codec of [createWorkerCodec({ workers: 1 }), createInlineCodec({ pause: yieldToEventLoop })]) {
      const controller = new AbortController();
      const begun = deferred<void>();
      const encoding = codec.encode(geometry, seededBytes(20_000_000, 1), {
        signal: controller.signal,
        onProgress: () => begun.resolve(),
      });
      await Promise.race([begun.promise, encoding]);
      controller.abort(new Error('no longer wanted'));
      await expect(encoding).rejects.toThrow('no longer wanted');
      const { verified } = await codec.encode(geometry, blob);
      expect(verified.blobId).toBe((await createInlineCodec().computeMetadata(geometry, blob)).blobId);
      await codec.close();
    }
  });

  it('rejects jobs under way when closed', async () => {
    for (const codec of [createWorkerCodec({ workers: 1 }), createInlineCodec({ pause: yieldToEventLoop })]) {
      const encoding = codec.encode(geometry, seededBytes(5_000_000, 1));
      const rejected = expect(encoding).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
      await codec.close();
      await codec.close();
      await rejected;
      await expect(codec.encode(geometry, blob)).rejects.toMatchObject({ code: 'CODEC_CLOSED' });
    }
  });

  it('survives threads that crash with a job, and threads that cannot start', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'floe-redstuff-'));
    try {
      const crashing = join(directory, 'crashing.mjs');
      await writeFile(
        crashing,
        `import { parentPort } from 'node:worker_threads';
         parentPort.on('message', () => process.exit(3));
         parentPort.postMessage({ type: 'ready' });`,
      );
      const real = new URL('../dist/node/worker.js', import.meta.url);
      const scripts = [pathToFileURL(crashing), pathToFileURL(join(directory, 'missing.mjs')), real];
      const pool = new WorkerPool(
        { workers: 1, maxQueued: 4 },
        { spawn: () => spawnThread(scripts.shift() ?? real), local: new InlineRunner({}), fallBack: false },
      );
      const codec = createJobCodec(pool);
      await expect(codec.encode(geometry, blob)).rejects.toMatchObject({
        code: 'CODEC_WORKER_FAILED',
        data: { reason: 'the thread ended with code 3' },
      });
      await expect(codec.encode(geometry, blob)).rejects.toMatchObject({ code: 'CODEC_WORKER_FAILED' });
      const encoded = await codec.encode(geometry, blob);
      await codec.verifySliver(encoded.verified, encoded.sliver('primary', 50 as SliverIndex));
      await codec.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('does not keep a process alive that forgets to close it', async () => {
    const script = `
      import { createWorkerCodec } from '@floe/redstuff/node';
      import { geometryOf } from '@floe/protocol';
      const { verified } = await createWorkerCodec().encode(geometryOf(100), new Uint8Array(300000));
      console.log(verified.blobId);`;
    const cwd = new URL('..', import.meta.url);
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd });
    const expected = await createInlineCodec().computeMetadata(geometry, new Uint8Array(300_000));
    expect((await run).stdout.trim()).toBe(expected.blobId);
  });
});
