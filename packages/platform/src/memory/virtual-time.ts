/**
 * Time that passes only when told to. Sleepers wake in the order of their deadlines, equal ones in the order they went
 * to sleep; what a sleeper starts runs before the next one wakes.
 */
import type { Clock, Scheduler } from '../time.ts';

export interface VirtualTime extends Clock, Scheduler {
  /** Lets `ms` pass, waking whoever is due on the way. */
  advance(ms: number): Promise<void>;
  /** Lets as much time pass as `work` needs to settle. */
  run<T>(work: Promise<T>): Promise<T>;
  /** How many sleep. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Starts a clock at `startMs` since the Unix epoch, default 0. */
export function createVirtualTime(options: { readonly startMs?: number } = {}): VirtualTime {
  return new VirtualClock(options.startMs ?? 0);
}

class VirtualClock implements VirtualTime {
  readonly #startMs: number;
  /** In the order of waking. */
  readonly #sleepers: Sleeper[] = [];
  #elapsedMs = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  get sleepers(): number {
    return this.#sleepers.length;
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const abort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        dueMs: this.#elapsedMs + Math.max(0, delayMs),
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      const later = this.#sleepers.findIndex((other) => other.dueMs > sleeper.dueMs);
      this.#sleepers.splice(later === -1 ? this.#sleepers.length : later, 0, sleeper);
    });
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    await turn();
    for (let next = this.#sleepers[0]; next !== undefined && next.dueMs <= endMs; next = this.#sleepers[0]) {
      await this.#wakeFirst();
    }
    this.#elapsedMs = endMs;
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    work.then(settle, settle);
    await turn();
    while (!settled) {
      // Nobody sleeps: the work waits for something real, such as a file; give it turns.
      if (this.#sleepers.length === 0) await turn();
      else await this.#wakeFirst();
    }
    return await work;
  }

  async #wakeFirst(): Promise<void> {
    const sleeper = this.#sleepers.shift();
    if (sleeper === undefined) return;
    this.#elapsedMs = Math.max(this.#elapsedMs, sleeper.dueMs);
    sleeper.wake();
    await turn();
  }
}

/** Resolves after every microtask that is queued now, and those they queue. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate: immediately } = globalThis as { setImmediate?: (callback: () => void) => unknown };
    if (immediately === undefined) setTimeout(resolve, 0);
    else immediately(resolve);
  });
}
