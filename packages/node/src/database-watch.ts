/**
 * Notices that the node's database is not what was written, and ends the node: what its rows said so far cannot be relied on, and the next opening
 * sets the database aside and makes it anew from segments, ledger and network.
 *
 * A damaged row of a table whose rows are replaced singly while the node runs (slivers, metadata, challenges) does not end it; damage of the file's
 * structure does, and rows that say what the ledger said.
 */
import {
  deferred,
  isFloeError,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  type Logger,
  type Scheduler,
  type VerifyOptions,
} from '@floe/platform';
import { errors } from './errors.ts';
import type { NodeLimits } from './limits.ts';
import { tables } from './tables.ts';

/** Tables of which a single row may be lost: it is seen to be missing, and comes back. */
const SINGLY_REPLACED: ReadonlySet<string> = new Set([
  tables.slivers,
  tables.metadata,
  tables.challenges,
  tables.damaged,
]);

export class DatabaseWatch {
  readonly #limits: Pick<NodeLimits, 'databaseCheckMs' | 'scrubMaxBytesPerSecond'>;
  readonly #store: KeyValueStore;
  readonly #modules: { readonly scheduler: Scheduler; readonly logger: Logger };
  readonly #failed = deferred<never>();
  /** The store, watched. */
  readonly store: KeyValueStore;

  constructor(
    options: { readonly limits: Pick<NodeLimits, 'databaseCheckMs' | 'scrubMaxBytesPerSecond'> },
    modules: { readonly store: KeyValueStore; readonly scheduler: Scheduler; readonly logger: Logger },
  ) {
    this.#limits = options.limits;
    this.#modules = modules;
    this.#store = modules.store;
    // Whoever awaits `failed` hears of it; nobody need.
    this.#failed.promise.catch(() => undefined);
    const store = modules.store;
    this.store = {
      get: (table, key) => this.#seeing(() => store.get(table, key)),
      entries: (table, range) => this.#entries(table, range),
      count: (table) => this.#seeing(() => store.count(table)),
      write: (operations: readonly KeyValueOperation[]) => store.write(operations),
      verify: (verifyOptions?: VerifyOptions) => store.verify(verifyOptions),
      close: () => store.close(),
    };
  }

  /** Rejects with DATABASE_DAMAGED when the node must not go on; does not resolve. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Looks at the whole database now and whenever it is due again, until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { scheduler, logger } = this.#modules;
    while (!signal.aborted) {
      try {
        const why = await this.#store.verify({ bytesPerSecond: this.#limits.scrubMaxBytesPerSecond, signal });
        if (why !== undefined) this.#fail(why);
      } catch (error) {
        if (signal.aborted) return;
        logger.error('the database could not be checked; it is tried again when it is due', { error });
      }
      await scheduler.sleep(this.#limits.databaseCheckMs, signal).catch(() => undefined);
    }
  }

  *#entries(table: string, range?: KeyRange): IterableIterator<readonly [Uint8Array, Uint8Array]> {
    try {
      yield* this.#store.entries(table, range);
    } catch (error) {
      throw this.#seen(error);
    }
  }

  #seeing<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#seen(error);
    }
  }

  #seen(error: unknown): unknown {
    const isRow = isFloeError(error, 'STORE_CORRUPT') && !SINGLY_REPLACED.has(String(error.data['table']));
    const isFile = isFloeError(error, 'STORE_FAILED') && error.data['operation'] === 'read';
    if (isRow || isFile) this.#fail(error.message);
    return error;
  }

  #fail(why: string): void {
    const error = errors.DATABASE_DAMAGED({ why });
    this.#modules.logger.error('the database is damaged; the node has to be started again', { why });
    this.#failed.reject(error);
  }
}
