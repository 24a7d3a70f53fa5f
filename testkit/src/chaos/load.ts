/**
 * A continuous load of stores and reads that keeps accounts: what was certified, and every byte, read, store and blob that went wrong. It
 * knows no client: whoever writes and reads are ports, so that a test brings clients, gateways and commands.
 */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { mapConcurrent, type Rng } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import { systemScheduler } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import type { ActionLog } from './action-log.ts';
import { testBytes, wrongBytes } from './test-blob.ts';

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface BlobWriter {
  readonly name: string;
  /** Resolves when the blob is certified. */
  store(bytes: Uint8Array): Promise<{ readonly blobId: BlobId; readonly endEpoch?: number }>;
}

export interface BlobReader {
  readonly name: string;
  read(blobId: BlobId, range?: ByteRange): Promise<Uint8Array>;
}

export interface LoadOptions {
  readonly seed: number | string;
  /** Each store takes one of these by chance, and is at most so large. */
  readonly sizesBytes: readonly number[];
  /** Most that each writer and reader waits between two acts. */
  readonly pauseMs: { readonly writers: number; readonly readers: number };
}

export interface LoadModules {
  readonly writers: readonly BlobWriter[];
  readonly readers: readonly BlobReader[];
  readonly log: ActionLog;
  /** The epoch that the ledger is in, where blobs end during the load: a read that fails is none of a blob that has ended. */
  readonly currentEpoch?: () => Promise<number>;
}

export interface CertifiedBlob {
  readonly blobId: BlobId;
  /** Of its contents. */
  readonly seed: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly writer: string;
  /** Not known where the writer does not say. */
  readonly endEpoch: number | undefined;
}

export interface LoadFailure {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/** Where the blobs are all there, and what came back wrong is 0, all is well. */
export interface LoadCounts {
  stores: number;
  storedBytes: number;
  reads: number;
  rangeReads: number;
  /** Reads of ended blobs that failed, as they may. */
  endedReads: number;
  wrongBytes: number;
  failedReads: number;
  failedStores: number;
}

/** Ranges are checked by what they hold; a few are at the very end of a blob. */
const RANGE_SHARE = 3;
const CHECKS_AT_ONCE = 4;

export class Load {
  /** Certified, and not taken out by {@link takeEnded}. */
  readonly blobs = new Map<BlobId, CertifiedBlob>();
  readonly failures: LoadFailure[] = [];
  readonly counts: LoadCounts = {
    stores: 0,
    storedBytes: 0,
    reads: 0,
    rangeReads: 0,
    endedReads: 0,
    wrongBytes: 0,
    failedReads: 0,
    failedStores: 0,
  };
  /** How long stores and reads took that came to an end. */
  readonly storeMs: number[] = [];
  readonly readMs: number[] = [];
  readonly #options: LoadOptions;
  readonly #modules: LoadModules;
  readonly #rng: Rng;
  #stop = new AbortController();
  #running: Promise<void>[] = [];
  #serial = 0;

  constructor(options: LoadOptions, modules: LoadModules) {
    this.#options = options;
    this.#modules = modules;
    this.#rng = seededRng(`load ${options.seed}`);
  }

  /** Everybody begins; a load that was stopped goes on. */
  start(): void {
    const { writers, readers } = this.#modules;
    const { pauseMs } = this.#options;
    this.#stop = new AbortController();
    this.#running = [
      ...writers.map((writer) => this.#goOn(pauseMs.writers, () => this.#storeAndRead(writer))),
      ...readers.map((reader) => this.#goOn(pauseMs.readers, () => this.#readAny(reader))),
    ];
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** Stores one blob; undefined when that failed, which counts. */
  async store(writer: BlobWriter): Promise<CertifiedBlob | undefined> {
    const { sizesBytes, seed } = this.#options;
    const sizeBytes = 1 + this.#rng.below(sizesBytes[this.#rng.below(sizesBytes.length)] as number);
    this.#serial += 1;
    const blobSeed = `${seed} ${this.#serial}`;
    const bytes = testBytes(blobSeed, 0, sizeBytes);
    const startMs = performance.now();
    try {
      const { blobId, endEpoch } = await writer.store(bytes);
      this.storeMs.push(performance.now() - startMs);
      this.counts.stores += 1;
      this.counts.storedBytes += sizeBytes;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const blob = { blobId, seed: blobSeed, sizeBytes, sha256, writer: writer.name, endEpoch };
      this.blobs.set(blobId, blob);
      return blob;
    } catch (error) {
      this.counts.failedStores += 1;
      this.#fail(writer.name, `could not store ${sizeBytes} bytes after ${elapsed(startMs)}`, error);
      return undefined;
    }
  }

  /** Reads a blob, or a range of it, and compares; whether it was right. */
  async read(reader: BlobReader, blob: CertifiedBlob, range?: ByteRange): Promise<boolean> {
    const { start, end } = range ?? { start: 0, end: blob.sizeBytes };
    const what = `${blob.blobId} (${blob.sizeBytes} bytes of ${blob.writer}) ${start}-${end}`;
    const startMs = performance.now();
    let came: Uint8Array;
    try {
      came = await reader.read(blob.blobId, range);
    } catch (error) {
      if (await this.#hasEnded(blob)) {
        this.counts.endedReads += 1;
        return true;
      }
      this.counts.failedReads += 1;
      this.#fail(reader.name, `could not read ${what} after ${elapsed(startMs)}`, error);
      return false;
    }
    this.readMs.push(performance.now() - startMs);
    if (range === undefined) this.counts.reads += 1;
    else this.counts.rangeReads += 1;
    const wrong = wrongBytes(came, testBytes(blob.seed, start, end));
    this.counts.wrongBytes += wrong;
    if (wrong > 0) this.#fail(reader.name, `read ${wrong} wrong bytes of ${what}; ${came.length} came`);
    return wrong === 0;
  }

  /** Every blob is read whole by every reader; those that none of them could read right. */
  async checkAll(): Promise<CertifiedBlob[]> {
    const lost: CertifiedBlob[] = [];
    await mapConcurrent([...this.blobs.values()], CHECKS_AT_ONCE, async (blob) => {
      const outcomes: boolean[] = [];
      for (const reader of this.#modules.readers) outcomes.push(await this.read(reader, blob));
      if (!outcomes.includes(true)) lost.push(blob);
    });
    return lost;
  }

  /** Takes the blobs out that have ended in `epoch`. */
  takeEnded(epoch: number): CertifiedBlob[] {
    const ended = [...this.blobs.values()].filter(({ endEpoch }) => endEpoch !== undefined && endEpoch <= epoch);
    for (const { blobId } of ended) this.blobs.delete(blobId);
    return ended;
  }

  /** One paragraph: what was done, what went wrong, and how long it took. */
  report(): string {
    const { counts } = this;
    const times = (values: readonly number[]): string =>
      [0.5, 0.99, 1].map((share) => `${percentile(values, share).toFixed(0)}`).join(' / ');
    return [
      `stores ${counts.stores} (${(counts.storedBytes / 1e6).toFixed(1)} MB), whole reads ${counts.reads}, reads of ranges ${counts.rangeReads}`,
      `wrong bytes ${counts.wrongBytes}, failed reads ${counts.failedReads}, failed stores ${counts.failedStores}`,
      `ms, median / p99 / longest: stores ${times(this.storeMs)}, reads ${times(this.readMs)}`,
    ].join('\n');
  }

  async #goOn(pauseMs: number, act: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await act();
      await systemScheduler.sleep(1 + this.#rng.below(pauseMs), signal).catch(() => undefined);
    }
  }

  async #storeAndRead(writer: BlobWriter): Promise<void> {
    const blob = await this.store(writer);
    if (blob === undefined) return;
    for (const reader of this.#modules.readers) await this.read(reader, blob);
  }

  async #readAny(reader: BlobReader): Promise<void> {
    const blobs = [...this.blobs.values()];
    const blob = blobs[this.#rng.below(Math.max(1, blobs.length))];
    if (blob === undefined) return;
    if (this.#rng.below(RANGE_SHARE) !== 0) await this.read(reader, blob);
    else await this.read(reader, blob, this.#range(blob.sizeBytes));
  }

  #range(sizeBytes: number): ByteRange {
    const start = this.#rng.below(sizeBytes);
    const isTail = this.#rng.below(4) === 0;
    return { start, end: isTail ? sizeBytes : start + 1 + this.#rng.below(sizeBytes - start) };
  }

  async #hasEnded({ endEpoch }: CertifiedBlob): Promise<boolean> {
    const { currentEpoch } = this.#modules;
    return currentEpoch !== undefined && endEpoch !== undefined && (await currentEpoch()) >= endEpoch;
  }

  #fail(who: string, what: string, error?: unknown): void {
    const detail = error === undefined ? '' : `: ${inspect(error)}`;
    this.failures.push({ atMs: this.#modules.log.elapsedMs, who, what: `${what}${detail}` });
    this.#modules.log.note(`FAILURE: ${who} ${what}${detail}`);
  }
}

function elapsed(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}

/** The value below or at which `share` of all are; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
