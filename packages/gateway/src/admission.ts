/**
 * A bound on the requests of one kind that are under way, by number and by the bytes they hold in memory. First come,
 * first served: a large request is not overtaken for ever by small ones. What comes past the line is told to try again.
 * No network address has more than its share, in a place or in line; who waits for others of its own address is overtaken.
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
  /** Of places, bytes and the line, the part that one address may have, above 0 and up to 1. Default: all. */
  readonly addressShare?: number;
}

/** Room taken by one request. */
export interface Place {
  /** Gives it back; calling it again does nothing. */
  readonly release: () => void;
  /** Keeps only so many of its bytes. */
  readonly shrinkTo: (sizeBytes: number) => void;
  /** Keeps at least so many; false, and nothing has changed, when there is no room for them. */
  readonly growTo: (sizeBytes: number) => boolean;
}

/** What a request asks a place for. */
export interface PlaceRequest {
  readonly signal: AbortSignal;
  /** More than there are in all count as all of them. */
  readonly sizeBytes?: number;
  /** Whose share it takes; undefined: nobody's. */
  readonly address?: string;
}

/** Keeps the place until a body made of these parts has been sent, or dropped. */
export type Hold = (parts: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

interface Wanted {
  readonly bytes: number;
  readonly address: string | undefined;
}

interface Waiter extends Wanted {
  readonly grant: () => void;
}

export class Admission {
  readonly #name: string;
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #maxBytes: number;
  readonly #addressShare: number;
  readonly #line: Waiter[] = [];
  /** By addresses that have something. */
  readonly #taken = new Map<string, { readonly places: number; readonly bytes: number }>();
  #free: number;
  #freeBytes: number;

  constructor(options: AdmissionOptions) {
    this.#name = options.name;
    this.#atOnce = options.atOnce;
    this.#maxWaiting = options.waiting;
    this.#maxBytes = options.bytesAtOnce ?? Number.POSITIVE_INFINITY;
    this.#addressShare = options.addressShare ?? 1;
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
    answer: (hold: Hold, place: Omit<Place, 'release'>) => Promise<Response>,
  ): Promise<Response> {
    const place = await this.enter(request);
    const { release } = place;
    let held = false;
    try {
      const response = await answer((parts) => {
        held = true;
        return holding(parts, release);
      }, place);
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
  async enter({ signal, sizeBytes = 0, address }: PlaceRequest): Promise<Place> {
    const wanted: Wanted = { bytes: Math.min(sizeBytes, this.#maxBytes), address };
    signal.throwIfAborted();
    if (this.#mayPass(wanted)) return this.#take(wanted);
    this.#checkLine(address);
    return new Promise<Place>((resolve, reject) => {
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        reject(signal.reason as Error);
        // Whoever stood behind may need less.
        this.#admit();
      };
      const grant = (): void => {
        signal.removeEventListener('abort', leave);
        resolve(this.#take(wanted));
      };
      const waiter: Waiter = { ...wanted, grant };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiter);
    });
  }

  /** A place if one is free and nobody waits for it. */
  tryEnter(sizeBytes: number): Place | undefined {
    const wanted: Wanted = { bytes: Math.min(sizeBytes, this.#maxBytes), address: undefined };
    return this.#mayPass(wanted) ? this.#take(wanted) : undefined;
  }

  /** Who waits for others of its own address keeps nobody else waiting. */
  #mayPass(wanted: Wanted): boolean {
    const isFree = (waiter: Waiter): boolean => waiter.address !== wanted.address && !this.#isWithinShare(waiter);
    return this.#isWithinShare(wanted) && this.#hasRoom(wanted) && this.#line.every(isFree);
  }

  #hasRoom({ bytes }: Wanted): boolean {
    return this.#free > 0 && bytes <= this.#freeBytes;
  }

  /** More than the share of an address is given to one that has nothing. */
  #isWithinShare({ bytes, address }: Wanted): boolean {
    const taken = address === undefined ? undefined : this.#taken.get(address);
    if (taken === undefined) return true;
    return taken.places < this.#shareOf(this.#atOnce) && taken.bytes + bytes <= this.#shareOf(this.#maxBytes);
  }

  #shareOf(total: number): number {
    return Math.ceil(total * this.#addressShare);
  }

  #checkLine(address: string | undefined): void {
    const queue = this.#name;
    const limit = this.#maxWaiting;
    if (this.#line.length >= limit) throw concurrencyErrors.QUEUE_FULL({ queue, limit });
    if (address === undefined) return;
    const own = this.#line.filter((waiter) => waiter.address === address).length;
    const ownLimit = this.#shareOf(limit);
    if (own >= ownLimit) throw concurrencyErrors.QUEUE_FULL({ queue: `${queue} of one address`, limit: ownLimit });
  }

  #take({ bytes, address }: Wanted): Place {
    this.#count(address, 1, bytes);
    let heldBytes = bytes;
    let isTaken = true;
    const resize = (sizeBytes: number): void => {
      this.#count(address, 0, sizeBytes - heldBytes);
      heldBytes = sizeBytes;
    };
    const shrinkTo = (sizeBytes: number): void => {
      resize(Math.min(heldBytes, sizeBytes));
      this.#admit();
    };
    const growTo = (sizeBytes: number): boolean => {
      const moreBytes = Math.min(sizeBytes, this.#maxBytes) - heldBytes;
      if (moreBytes <= 0) return true;
      if (moreBytes > this.#freeBytes || !this.#mayGrow(address, moreBytes)) return false;
      resize(heldBytes + moreBytes);
      return true;
    };
    const release = (): void => {
      if (!isTaken) return;
      isTaken = false;
      this.#count(address, -1, -heldBytes);
      heldBytes = 0;
      this.#admit();
    };
    return { release, shrinkTo, growTo };
  }

  #mayGrow(address: string | undefined, moreBytes: number): boolean {
    const taken = address === undefined ? undefined : this.#taken.get(address);
    return taken === undefined || taken.places === 1 || taken.bytes + moreBytes <= this.#shareOf(this.#maxBytes);
  }

  #count(address: string | undefined, places: number, bytes: number): void {
    this.#free -= places;
    this.#freeBytes -= bytes;
    if (address === undefined) return;
    const before = this.#taken.get(address) ?? { places: 0, bytes: 0 };
    const after = { places: before.places + places, bytes: before.bytes + bytes };
    if (after.places === 0) this.#taken.delete(address);
    else this.#taken.set(address, after);
  }

  #admit(): void {
    const heldUp = new Set<string | undefined>();
    for (let at = 0; at < this.#line.length;) {
      const waiter = this.#line[at] as Waiter;
      if (heldUp.has(waiter.address) || !this.#isWithinShare(waiter)) {
        heldUp.add(waiter.address);
        at += 1;
      } else if (this.#hasRoom(waiter)) {
        this.#line.splice(at, 1);
        waiter.grant();
      } else return;
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
