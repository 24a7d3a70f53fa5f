/**
 * A bound on the requests of one kind that are under way, by number and by the bytes they hold in memory. First come,
 * first served: a large request is not overtaken for ever by small ones. What comes past the line is told to try again.
 */
import { concurrencyErrors } from '@floe/platform';

export interface AdmissionOptions {
  readonly name: string;
  /** Under way at once. */
  readonly atOnce: number;
  /** In line for a place; past them `QUEUE_FULL`. */
  readonly waiting: number;
  /** Bytes that those under way may declare together; a larger one takes them all. Default: not bounded. */
  readonly bytesAtOnce?: number;
}

/** Room taken by one request. */
export interface Place {
  /** Gives it back; calling it again does nothing. */
  readonly release: () => void;
  /** Keeps only so many of its bytes. */
  readonly shrinkTo: (sizeBytes: number) => void;
}

/** What a request asks a place for. */
export interface PlaceRequest {
  readonly signal: AbortSignal;
  /** More than there are in all count as all of them. */
  readonly sizeBytes?: number;
}

/** Keeps the place until a body made of these parts has been sent, or dropped. */
export type Hold = (parts: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

export class Admission {
  readonly #name: string;
  readonly #maxWaiting: number;
  readonly #maxBytes: number;
  readonly #line: Waiter[] = [];
  #free: number;
  #freeBytes: number;

  constructor(options: AdmissionOptions) {
    this.#name = options.name;
    this.#maxWaiting = options.waiting;
    this.#maxBytes = options.bytesAtOnce ?? Number.POSITIVE_INFINITY;
    this.#free = options.atOnce;
    this.#freeBytes = this.#maxBytes;
  }

  /**
   * Runs `answer` in a place, which is given back when the answer is there, unless its body goes through the `hold`
   * it is given: then when that has been sent or dropped.
   *
   * @throws QUEUE_FULL, or the signal's reason while it waits
   */
  async run(
    request: PlaceRequest,
    answer: (hold: Hold, shrinkTo: Place['shrinkTo']) => Promise<Response>,
  ): Promise<Response> {
    const { release, shrinkTo } = await this.enter(request);
    let held = false;
    try {
      const response = await answer((parts) => {
        held = true;
        return holding(parts, release);
      }, shrinkTo);
      if (!held) release();
      return response;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * A place, which the caller must release.
   *
   * @throws QUEUE_FULL, or the signal's reason while it waits
   */
  async enter({ signal, sizeBytes = 0 }: PlaceRequest): Promise<Place> {
    const bytes = Math.min(sizeBytes, this.#maxBytes);
    signal.throwIfAborted();
    if (this.#line.length === 0 && this.#fits(bytes)) return this.#take(bytes);
    if (this.#line.length >= this.#maxWaiting) {
      throw concurrencyErrors.QUEUE_FULL({ queue: this.#name, limit: this.#maxWaiting });
    }
    return new Promise<Place>((resolve, reject) => {
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal.reason as Error);
        // Whoever stood behind may need less.
        this.#admit();
      };
      const grant = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(this.#take(bytes));
      };
      const waiter: Waiter = { bytes, grant };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiter);
    });
  }

  /** A place if one is free and nobody waits for it. */
  tryEnter(sizeBytes: number): Place | undefined {
    const bytes = Math.min(sizeBytes, this.#maxBytes);
    return this.#line.length === 0 && this.#fits(bytes) ? this.#take(bytes) : undefined;
  }

  #fits(bytes: number): boolean {
    return this.#free > 0 && bytes <= this.#freeBytes;
  }

  #take(bytes: number): Place {
    this.#free -= 1;
    this.#freeBytes -= bytes;
    let heldBytes = bytes;
    let taken = true;
    const shrinkTo = (sizeBytes: number): void => {
      const givenBack = Math.max(0, heldBytes - sizeBytes);
      heldBytes -= givenBack;
      this.#freeBytes += givenBack;
      this.#admit();
    };
    const release = (): void => {
      if (!taken) return;
      taken = false;
      this.#free += 1;
      shrinkTo(0);
    };
    return { release, shrinkTo };
  }

  #admit(): void {
    for (let first = this.#line[0]; first !== undefined && this.#fits(first.bytes); first = this.#line[0]) {
      this.#line.shift();
      first.grant();
    }
  }
}

/** Written out, because a generator that is dropped before its first part never runs its `finally`. */
function holding(parts: AsyncIterable<Uint8Array>, release: () => void): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = parts[Symbol.asyncIterator]();
      return {
        next: async () => {
          try {
            const result = await iterator.next();
            if (result.done === true) release();
            return result;
          } catch (error) {
            release();
            throw error;
          }
        },
        return: async () => {
          release();
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
