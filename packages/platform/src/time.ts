/** Ports of time and chance. Code that takes them runs the same on a virtual clock. */

/** Wall-clock time. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
}

/** Waiting. */
export interface Scheduler {
  /**
   * Resolves after `delayMs`; rejects with the signal's reason when it aborts first.
   * The timer does not keep a process alive on its own.
   */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Chance: cryptographic in production, seeded in tests. */
export interface Rng {
  /** `size` random bytes. */
  bytes(size: number): Uint8Array<ArrayBuffer>;
  /** A uniform integer in `[0, bound)`; `1 <= bound <= 2^32`. */
  below(bound: number): number;
}

/** A new array with the items of `items` in random order (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], rng: Rng): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = rng.below(i + 1);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
