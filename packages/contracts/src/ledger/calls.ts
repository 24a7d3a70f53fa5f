/** One gRPC client for a ledger, with bounded retries and typed errors around every call. */
import { type Clock, isFloeError, type Scheduler } from '@floe/platform';
import { SuiGrpcClient } from '@mysten/sui/grpc';
import {
  EXECUTE_TIMEOUT_MS,
  FIRST_RETRY_DELAY_MS,
  MAX_ATTEMPTS,
  MAX_RETRY_DELAY_MS,
  REQUEST_TIMEOUT_MS,
} from '../limits.ts';
import { createBoundedFetch } from './bounded-fetch.ts';
import { callFailure, isRetryable } from './failures.ts';

export interface CallModules {
  readonly fetch?: typeof fetch;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

export class LedgerCalls {
  readonly url: string;
  /** For what the SDK itself does over the same transport, such as resolving a transaction. */
  readonly sui: SuiGrpcClient;
  readonly clock: Clock;
  readonly scheduler: Scheduler;

  constructor(url: string, modules: CallModules) {
    this.url = url;
    this.clock = modules.clock;
    this.scheduler = modules.scheduler;
    const boundedFetch = createBoundedFetch(
      { timeoutMs: callTimeoutMs },
      // Called through a closure: a browser's fetch refuses to be a method of another object.
      { fetch: modules.fetch ?? ((input, init) => fetch(input, init)), scheduler: modules.scheduler },
    );
    // The Walrus extension and name resolution look at `network`; the address is what `baseUrl` says.
    this.sui = new SuiGrpcClient({ network: 'testnet', baseUrl: url, fetch: boundedFetch, format: 'binary' });
  }

  /** Makes a unary call, again after failures that may pass. */
  async unary<T>(
    name: string,
    call: (options: { abort?: AbortSignal }) => PromiseLike<{ readonly response: T }>,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      return await this.retrying(async () => (await call({ abort: signal })).response, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw callFailure(this.url, name, error, callTimeoutMs(name));
    }
  }

  /** Runs `work` until it succeeds, fails for good, or has failed `MAX_ATTEMPTS` times; errors pass unchanged. */
  async retrying<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !isRetryable(error)) throw error;
        await this.scheduler.sleep(retryDelayMs(attempt), signal);
      }
    }
  }

  /** Runs `work` until the ledger can be reached; any other failure passes at once. */
  async untilReachable<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (!(isFloeError(error) && error.kind === 'unavailable')) throw error;
        await this.scheduler.sleep(retryDelayMs(attempt), signal);
      }
    }
  }
}

/** Wait before the try after the `attempt`-th: doubles up to a maximum. */
export function retryDelayMs(attempt: number): number {
  return Math.min(FIRST_RETRY_DELAY_MS * 2 ** (attempt - 1), MAX_RETRY_DELAY_MS);
}

export function callTimeoutMs(method: string): number {
  return method === 'ExecuteTransaction' ? EXECUTE_TIMEOUT_MS : REQUEST_TIMEOUT_MS;
}
