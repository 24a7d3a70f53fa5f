/** Reads that begin at fixed times, whether or not those before have ended: what the readers of a busy network feel. */
import type { FloeClient } from '@floe/client';
import { systemRng, systemScheduler } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';

export const READS_PER_SECOND = 25;
export const READ_BYTES = 100 * 1024;
/** For loads of their own: few enough to be stored soon. */
export const READ_BLOBS = 16;
/** What stands below a table. */
export const READS = `${READS_PER_SECOND} reads a second of blobs of ${READ_BYTES / 1024} KiB, begun at fixed times by one client`;
const SECOND_MS = 1_000;
const IDLE_S = 10;
const QUICK_IDLE_S = 2;

export interface Read {
  /** When it was due, from the beginning of the load; its time counts from there. */
  readonly startMs: number;
  readonly tookMs: number;
}

export class ReadLoad {
  /** In the order in which they were due, once the load has ended. */
  readonly reads: Read[] = [];
  failed = 0;
  readonly #client: FloeClient;
  readonly #ids: readonly BlobId[];
  #startMs = 0;

  constructor(client: FloeClient, ids: readonly BlobId[]) {
    this.#client = client;
    this.#ids = ids;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** Resolves when the last read has ended. */
  async runFor(durationMs: number): Promise<void> {
    await this.#run((dueMs) => dueMs < durationMs);
  }

  /** Resolves when the last read has ended. */
  async runUntil(isOver: () => boolean): Promise<void> {
    await this.#run(() => !isOver());
  }

  /** How long reads took that were under way at some time between these two, in ms. */
  timesBetween(fromMs: number, toMs: number): number[] {
    return this.reads
      .filter(({ startMs, tookMs }) => startMs < toMs && startMs + tookMs > fromMs)
      .map(({ tookMs }) => tookMs);
  }

  async #run(goesOn: (dueMs: number) => boolean): Promise<void> {
    this.#startMs = performance.now();
    const running = new Set<Promise<void>>();
    for (let dueMs = 0; goesOn(dueMs); dueMs += SECOND_MS / READS_PER_SECOND) {
      const waitMs = dueMs - this.elapsedMs;
      if (waitMs > 0) await systemScheduler.sleep(waitMs);
      const read = this.#read(dueMs).finally(() => running.delete(read));
      running.add(read);
    }
    await Promise.all(running);
    this.reads.sort((a, b) => a.startMs - b.startMs);
  }

  async #read(startMs: number): Promise<void> {
    const blobId = this.#ids[systemRng.below(this.#ids.length)] as BlobId;
    await this.#client.read(blobId).then(
      () => this.reads.push({ startMs, tookMs: Number((this.elapsedMs - startMs).toFixed(1)) }),
      () => (this.failed += 1),
    );
  }
}

/** How long reads take while nothing else happens, in ms. */
export async function idleReads(client: FloeClient, ids: readonly BlobId[], quick: boolean): Promise<number[]> {
  const load = new ReadLoad(client, ids);
  await load.runFor((quick ? QUICK_IDLE_S : IDLE_S) * SECOND_MS);
  return load.reads.map(({ tookMs }) => tookMs);
}
