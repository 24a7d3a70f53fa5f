/**
 * Who pays for stores, what happens when the money is gone, and what becomes of what was paid for.
 *
 * Invariants: a store that has begun to pay goes on without the client that asked for it, within its own time and until
 * the payer is closed; what one has paid for and nobody was told of is there for the next of the same blob on the same
 * terms.
 */
import type { Signer, StoreOptions, StoreRegistration } from '@floe/client';
import { abortScope, isFloeError, type Logger, onAbort } from '@floe/platform';
import type { BlobId } from '@floe/protocol';
import { gatewayErrors } from './errors.ts';
import { MAX_UNUSED_REGISTRATIONS } from './limits.ts';

/** Fills the wallet of the gateway up; rejects when it cannot. */
export type Refill = () => Promise<void>;

/** A store as it was asked for; its client has left when the signal aborts. */
export interface PaidStoreOptions extends StoreOptions {
  readonly signal: AbortSignal;
}

export class Payer {
  readonly signer: Signer;
  readonly #refill: Refill | undefined;
  readonly #logger: Logger;
  readonly #closing = abortScope();
  readonly #underWay = new Set<Promise<unknown>>();
  /** By blob and terms, the oldest first. */
  readonly #unused = new Map<string, StoreRegistration>();
  #refilling: Promise<void> | undefined;

  constructor(signer: Signer, modules: { readonly refill?: Refill; readonly logger: Logger }) {
    this.signer = signer;
    this.#refill = modules.refill;
    this.#logger = modules.logger;
  }

  /**
   * Runs a store, with options that tie its tries together; when funds are short and there is a way to get more, once
   * again after that: then from what the first try registered, which is paid for.
   *
   * @throws INSUFFICIENT_WAL, INSUFFICIENT_SUI, GATEWAY_CLOSED, and whatever `store` throws
   */
  async pay<T>(options: PaidStoreOptions, store: (options: StoreOptions) => Promise<T>): Promise<T> {
    const paid = this.#pay(options, store);
    this.#underWay.add(paid);
    try {
      return await paid;
    } finally {
      this.#underWay.delete(paid);
    }
  }

  /** Ends what is under way, with or without a client. Can be called twice. */
  async close(): Promise<void> {
    this.#closing.abort(gatewayErrors.GATEWAY_CLOSED({}));
    await Promise.allSettled(this.#underWay);
  }

  async #pay<T>(options: PaidStoreOptions, store: (options: StoreOptions) => Promise<T>): Promise<T> {
    const scope = abortScope(this.#closing.signal);
    const stay = onAbort(options.signal, (reason) => scope.abort(reason));
    let key: string | undefined;
    let taken: StoreRegistration | undefined;
    let registration: StoreRegistration | undefined;
    const attempt: StoreOptions = {
      ...options,
      signal: scope.signal,
      registration: (blobId) => {
        key ??= keyOf(blobId, options);
        if (registration === undefined) registration = taken = this.#take(key);
        return registration;
      },
      onProgress: ({ stage }) => {
        // From here on the transaction may be on its way: whether it is executed is not the client's to say any more.
        if (stage === 'registering') stay();
      },
      onRegistered: (made) => {
        registration = made;
      },
    };
    try {
      scope.signal.throwIfAborted();
      const result = await this.#withRefill(() => store(attempt));
      if (options.signal.aborted) this.#keep(key, registration);
      return result;
    } catch (error) {
      // One that fails again for a reason that does not pass is not of use any more: it may have changed hands.
      const passes = scope.signal.aborted || (isFloeError(error) && error.kind === 'unavailable');
      if (registration !== taken || passes) this.#keep(key, registration);
      throw error;
    } finally {
      stay();
      scope.end();
    }
  }

  async #withRefill<T>(store: () => Promise<T>): Promise<T> {
    try {
      return await store();
    } catch (error) {
      const short = isFloeError(error, 'INSUFFICIENT_WAL') || isFloeError(error, 'INSUFFICIENT_SUI');
      if (!short || !(await this.#refilled(error))) throw error;
      return await store();
    }
  }

  #take(key: string | undefined): StoreRegistration | undefined {
    if (key === undefined) return undefined;
    const registration = this.#unused.get(key);
    this.#unused.delete(key);
    return registration;
  }

  #keep(key: string | undefined, registration: StoreRegistration | undefined): void {
    if (key === undefined || registration === undefined) return;
    this.#unused.delete(key);
    this.#unused.set(key, registration);
    const [oldest] = this.#unused.keys();
    if (this.#unused.size > MAX_UNUSED_REGISTRATIONS) this.#unused.delete(oldest as string);
  }

  /** Stores that run out together are served by one refill. */
  async #refilled(shortage: Error): Promise<boolean> {
    if (this.#refill === undefined) return false;
    this.#logger.info('refilling the wallet', { shortage: shortage.message });
    this.#refilling ??= this.#refill().finally(() => {
      this.#refilling = undefined;
    });
    try {
      await this.#refilling;
      return true;
    } catch (error) {
      this.#logger.warn('the wallet could not be refilled', { error });
      return false;
    }
  }
}

/** What makes two orders the same; undefined for one that wants an object of its own whatever there is. */
function keyOf(blobId: BlobId, { epochs, deletable, owner, force }: StoreOptions): string | undefined {
  return force === true ? undefined : [blobId, epochs, deletable === true, owner ?? ''].join(' ');
}
