/** The codec on worker threads of Node.js. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Codec } from '../codec.ts';
import { InlineRunner } from '../inline-runner.ts';
import { createJobCodec } from '../job-codec.ts';
import { DEFAULT_KEPT_ARENA_SIZE_BYTES, DEFAULT_MAX_QUEUED, MAX_DEFAULT_WORKERS } from '../limits.ts';
import { TeamRunner } from '../team/team-runner.ts';
import { type WorkerHandle, WorkerPool } from '../worker-pool.ts';
import type { WorkerMessage } from '../worker-protocol.ts';

export interface WorkerCodecOptions {
  /** Most threads; by default one less than there are processors, at least 1 and at most 4. */
  readonly workers?: number;
  /** Most jobs that wait for a thread; more are refused with QUEUE_FULL. Each holds its input. */
  readonly maxQueued?: number;
  /**
   * Most bytes of shared memory kept between encodes, 64 MiB by default. An encode of b bytes at 1,000 shards takes about
   * 5.7 b, or 1.8 b when only the metadata is wanted; touching as much new memory can take as long as the encode.
   */
  readonly keptMemorySizeBytes?: number;
}

/**
 * A codec that computes on worker threads, started when needed. Idle threads do not keep the process alive; close the
 * codec to end them. A blob in a `SharedArrayBuffer` is read where it is, other inputs are copied to the thread.
 *
 * @example
 * const codec = createWorkerCodec({ workers: 2 });
 * const { verified } = await codec.encode(geometryOf(1000), blob, { signal });
 * await codec.close();
 */
export function createWorkerCodec(options: WorkerCodecOptions = {}): Codec {
  const workers = options.workers ?? Math.min(MAX_DEFAULT_WORKERS, Math.max(1, availableParallelism() - 1));
  const pool = new WorkerPool(
    { workers, maxQueued: options.maxQueued ?? DEFAULT_MAX_QUEUED },
    {
      spawn: () => spawnThread(new URL('./worker.js', import.meta.url)),
      local: new InlineRunner({ pause: yieldToEventLoop }),
      fallBack: false,
    },
  );
  const keptSizeBytes = options.keptMemorySizeBytes ?? DEFAULT_KEPT_ARENA_SIZE_BYTES;
  return createJobCodec(new TeamRunner({ members: workers, keptSizeBytes }, { pool, pause: yieldToEventLoop }));
}

/** A turn of the event loop: for `createInlineCodec({ pause: yieldToEventLoop })`. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A thread that runs a module. */
export function spawnThread(script: URL): WorkerHandle {
  // Flags of the process are for its main thread: some, such as --input-type, no thread with a file can start with.
  const worker = new Worker(script, { execArgv: [] });
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => worker.on('message', (message: WorkerMessage) => listener(message)),
    onFailure(listener) {
      let reported = false;
      const report = (reason: unknown) => {
        if (!reported) listener(reason);
        reported = true;
      };
      worker.on('error', report);
      worker.on('messageerror', report);
      worker.on('exit', (code) => report(new Error(`the thread ended with code ${code}`)));
    },
    async terminate() {
      await worker.terminate();
    },
    keepAlive: (alive) => (alive ? worker.ref() : worker.unref()),
  };
}
