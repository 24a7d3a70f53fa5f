/** A stream that can be read only once, put aside so that it can be read again. */
import { deferred, isFloeError } from '@floe/platform';
import { errors } from '../errors.ts';
import { SPOOL_MEMORY_SIZE_BYTES } from '../limits.ts';
import { allocate } from '../steps.ts';
import type { OpenSource } from './file-source.ts';
import { guardedScratch } from './guards.ts';
import type { Scratch, ScratchSpace, StreamOptions } from './ports.ts';

export interface SpoolOptions extends StreamOptions {
  /** Longest stream. */
  readonly maxBytes: number;
}

/**
 * Reads a stream of unknown length to its end, into memory while it is short, then into a scratch. Close the result to
 * give the space back.
 * @throws SOURCE_TOO_LARGE, SOURCE_FAILED, SCRATCH_FULL, SCRATCH_FAILED, and what the stream throws as `FloeError`;
 *   nothing stays behind
 */
export async function spool(
  stream: AsyncIterable<Uint8Array>,
  space: ScratchSpace,
  options: SpoolOptions,
): Promise<OpenSource> {
  const spooler = new Spooler(space, options);
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await nextChunk(chunks, spooler.sizeBytes, options.signal);
      if (next === undefined) return spooler.source();
      await spooler.add(next);
    }
  } catch (error) {
    // Not waited for: a stream that hangs may do so here too.
    void chunks.return?.().catch(() => undefined);
    await spooler.close();
    throw error;
  }
}

async function nextChunk(
  chunks: AsyncIterator<Uint8Array>,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  signal?.throwIfAborted();
  const aborted = deferred<never>();
  const abort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const next = await Promise.race([chunks.next(), aborted.promise]);
    return next.done === true ? undefined : next.value;
  } catch (error) {
    if (signal?.aborted === true || isFloeError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw errors.SOURCE_FAILED({ offset, sizeBytes: 0, reason }, error);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

class Spooler {
  readonly #space: ScratchSpace;
  readonly #options: SpoolOptions;
  #memory: Uint8Array = new Uint8Array(0);
  #scratch: Scratch | undefined;
  sizeBytes = 0;

  constructor(space: ScratchSpace, options: SpoolOptions) {
    this.#space = space;
    this.#options = options;
  }

  async add(chunk: Uint8Array): Promise<void> {
    const { maxBytes, signal } = this.#options;
    const size = this.sizeBytes + chunk.length;
    if (size > maxBytes) throw errors.SOURCE_TOO_LARGE({ maxBytes });
    if (this.#scratch === undefined && size > SPOOL_MEMORY_SIZE_BYTES) await this.#moveOut();
    if (this.#scratch === undefined) {
      if (size > this.#memory.length) this.#memory = grown(this.#memory, size);
      this.#memory.set(chunk, this.sizeBytes);
    } else {
      await guardedScratch(this.#scratch, signal).write(this.sizeBytes, chunk);
    }
    this.sizeBytes = size;
  }

  source(): OpenSource {
    const [memory, scratch] = [this.#memory, this.#scratch];
    return {
      sizeBytes: this.sizeBytes,
      async read(offset, into) {
        if (scratch === undefined) into.set(memory.subarray(offset, offset + into.length));
        else await scratch.read(offset, into);
      },
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    await this.#scratch?.close();
  }

  async #moveOut(): Promise<void> {
    const { signal } = this.#options;
    this.#scratch = await this.#space.open(this.sizeBytes);
    await guardedScratch(this.#scratch, signal).write(0, this.#memory.subarray(0, this.sizeBytes));
    this.#memory = new Uint8Array(0);
  }
}

function grown(memory: Uint8Array, least: number): Uint8Array {
  const larger = allocate(Math.min(SPOOL_MEMORY_SIZE_BYTES, Math.max(least, 2 * memory.length, 65_536)), 'stream');
  larger.set(memory);
  return larger;
}
