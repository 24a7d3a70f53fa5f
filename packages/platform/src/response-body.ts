/**
 * The receiving half of an HTTP response, for transports that get pushed chunks.
 *
 * Invariants: one reader; chunks come out in order; a failure comes after the chunks before it; `pause` is asked for
 * while more than the buffer's limit waits, and nothing is buffered on the way to `bytes`, which copies each chunk
 * straight to its place when the size is known.
 */
import type { FloeError } from './errors.ts';
import { httpErrors } from './http.ts';
import { LIMITS } from './limits.ts';

export interface ResponseSource {
  /** Stops reading from the peer until `resume`. */
  pause(): void;
  resume(): void;
  /** Gives the response up. */
  abort(reason: Error): void;
  /** The reader begins (true) or ends (false) to wait for the peer; for timeouts. */
  waiting(isWaiting: boolean): void;
}

export interface BodyOptions {
  readonly method: string;
  readonly url: string;
  /** From `content-length`; undefined when there is none, or the response has no body. */
  readonly sizeBytes: number | undefined;
  readonly source: ResponseSource;
}

/** Collects or hands on the chunks of one response. */
export class ResponseBody {
  readonly #options: BodyOptions;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #paused = false;
  #ended: { readonly error?: unknown } | undefined;
  #taken = false;
  #wake: (() => void) | undefined;
  #sink: ((chunk: Uint8Array) => void) | undefined;

  constructor(options: BodyOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended !== undefined) return;
    if (this.#sink !== undefined) {
      this.#sink(chunk);
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (!this.#paused && this.#queuedBytes >= LIMITS.responseBufferBytes) {
      this.#paused = true;
      this.#options.source.pause();
    }
    this.#wake?.();
  }

  /** The peer is done, or failed with `error`. */
  end(error?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#take();
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#queuedBytes -= chunk.length;
          this.#resumeBelowLimit();
          yield chunk;
        } else if (this.#ended === undefined) {
          await this.#change();
        } else {
          if ('error' in this.#ended) throw this.#ended.error;
          return;
        }
      }
    } finally {
      this.cancel();
    }
  }

  async bytes(maxBytes: number): Promise<Uint8Array> {
    const { sizeBytes, method, url } = this.#options;
    this.#take();
    if ((sizeBytes ?? 0) > maxBytes) {
      this.cancel();
      throw httpErrors.RESPONSE_TOO_LARGE({ method, url, maxBytes });
    }
    let whole = new Uint8Array(sizeBytes ?? Math.min(maxBytes, 16_384));
    let length = 0;
    let tooLarge: FloeError | undefined;
    this.#sink = (chunk) => {
      if (tooLarge !== undefined) return;
      const end = length + chunk.length;
      if (end > maxBytes) {
        tooLarge = httpErrors.RESPONSE_TOO_LARGE({ method, url, maxBytes });
        this.#options.source.abort(tooLarge);
        this.end(tooLarge);
        return;
      }
      if (end > whole.length) {
        const larger = new Uint8Array(Math.min(maxBytes, Math.max(end, whole.length * 2)));
        larger.set(whole.subarray(0, length));
        whole = larger;
      }
      whole.set(chunk, length);
      length = end;
    };
    for (const chunk of this.#queue.splice(0)) this.#sink(chunk);
    this.#queuedBytes = 0;
    this.#resumeBelowLimit();
    while (this.#ended === undefined) await this.#change();
    // The end may have come before the first look at the queue.
    if (tooLarge !== undefined) throw tooLarge as FloeError;
    if ('error' in this.#ended) throw this.#ended.error;
    return length === whole.length ? whole : whole.slice(0, length);
  }

  /** Drops what is left. Does nothing after the end. */
  cancel(): void {
    this.#taken = true;
    this.#queue.length = 0;
    if (this.#ended !== undefined) return;
    const { method, url } = this.#options;
    const error = httpErrors.HTTP_UNREACHABLE({ method, url, reason: 'the reader gave the response up' });
    this.end(error);
    this.#options.source.abort(error);
  }

  #take(): void {
    if (this.#taken) throw new TypeError(`body of ${this.#options.method} ${this.#options.url} was already read`);
    this.#taken = true;
  }

  #resumeBelowLimit(): void {
    if (!this.#paused || this.#queuedBytes >= LIMITS.responseBufferBytes) return;
    this.#paused = false;
    this.#options.source.resume();
  }

  async #change(): Promise<void> {
    this.#options.source.waiting(true);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    this.#options.source.waiting(false);
  }
}
