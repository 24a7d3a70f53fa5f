/** The codec on web workers. */
import type { Codec } from '../codec.ts';
import { createInlineCodec } from '../inline-codec.ts';
import { InlineRunner } from '../inline-runner.ts';
import { createJobCodec } from '../job-codec.ts';
import { DEFAULT_KEPT_ARENA_SIZE_BYTES, DEFAULT_MAX_QUEUED } from '../limits.ts';
import { TeamRunner } from '../team/team-runner.ts';
import { type WorkerHandle, WorkerPool } from '../worker-pool.ts';
import type { WorkerMessage } from '../worker-protocol.ts';

export interface WebCodecOptions {
  /** Most workers; 2 by default. */
  readonly workers?: number;
  /** Most jobs that wait for a worker; more are refused with QUEUE_FULL. Each holds its input. */
  readonly maxQueued?: number;
  /**
   * Makes a worker that runs this package's `web/worker.js`; needed only where a bundler or a content policy cannot
   * follow `new Worker(new URL('./worker.js', import.meta.url))`.
   */
  readonly createWorker?: () => Worker;
}

/**
 * A codec that computes in web workers or, where none can be started, in the calling thread in short steps.
 *
 * Jobs that are under way stop early on abort only where memory can be shared (cross-origin isolated pages); elsewhere
 * their results are dropped.
 */
export function createWebCodec(options: WebCodecOptions = {}): Codec {
  const modules = { pause: yieldToEventLoop };
  if (options.createWorker === undefined && typeof Worker === 'undefined') return createInlineCodec(modules);
  const create = options.createWorker ?? defaultWorker;
  const workers = options.workers ?? 2;
  const pool = new WorkerPool(
    { workers, maxQueued: options.maxQueued ?? DEFAULT_MAX_QUEUED },
    { spawn: () => workerHandle(create()), local: new InlineRunner(modules), fallBack: true },
  );
  if (typeof SharedArrayBuffer === 'undefined') return createJobCodec(pool);
  const team = { members: workers, keptSizeBytes: DEFAULT_KEPT_ARENA_SIZE_BYTES };
  return createJobCodec(new TeamRunner(team, { pool, pause: yieldToEventLoop }));
}

/** Bundlers recognise exactly this form. */
function defaultWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}

/** A turn of the event loop. A message comes sooner than a timer, which browsers delay by 4 ms. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

function workerHandle(worker: Worker): WorkerHandle {
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => {
      worker.addEventListener('message', (event: MessageEvent<WorkerMessage>) => listener(event.data));
    },
    onFailure(listener) {
      let reported = false;
      const report = (event: Event) => {
        if (reported) return;
        reported = true;
        worker.terminate();
        listener('message' in event && event.message !== '' ? event.message : 'it could not be started');
      };
      worker.addEventListener('error', report);
      worker.addEventListener('messageerror', report);
    },
    async terminate() {
      worker.terminate();
    },
    // Workers of a page end with it.
    keepAlive: () => undefined,
  };
}
