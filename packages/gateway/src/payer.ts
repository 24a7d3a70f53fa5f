/** Who pays for stores, and what happens when the money is gone. */
import type { Signer, StoreOptions, StoreRegistration } from '@floe/client';
import { isFloeError, type Logger } from '@floe/platform';

/** Fills the wallet of the gateway up; rejects when it cannot. */
export type Refill = () => Promise<void>;

/** What ties the tries of one store together. */
export type StoreTry = Pick<StoreOptions, 'registration' | 'onRegistered'>;

export class Payer {
  readonly signer: Signer;
  readonly #refill: Refill | undefined;
  readonly #logger: Logger;
  #refilling: Promise<void> | undefined;

  constructor(signer: Signer, modules: { readonly refill?: Refill; readonly logger: Logger }) {
    this.signer = signer;
    this.#refill = modules.refill;
    this.#logger = modules.logger;
  }

  /**
   * Runs a store; when funds are short and there is a way to get more, once again after that: then from what the first
   * try registered, which is paid for.
   *
   * @throws INSUFFICIENT_WAL, INSUFFICIENT_SUI, and whatever `store` throws
   */
  async pay<T>(store: (link: StoreTry) => Promise<T>): Promise<T> {
    let registration: StoreRegistration | undefined;
    const onRegistered = (made: StoreRegistration): void => {
      registration = made;
    };
    try {
      return await store({ onRegistered });
    } catch (error) {
      const short = isFloeError(error, 'INSUFFICIENT_WAL') || isFloeError(error, 'INSUFFICIENT_SUI');
      if (!short || !(await this.#refilled(error))) throw error;
      return await store({ registration });
    }
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
