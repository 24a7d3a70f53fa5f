/** Cancellation: scopes that end with their parent, and deadlines on the scheduler's time. */
import type { Scheduler } from './time.ts';

/** A signal that aborts with its parent or by itself. `end` aborts it for good and lets go of the parent. */
export interface AbortScope {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Aborts what still listens (with a reason nobody sees) and forgets the parent. */
  end(): void;
}

/** The reason given to work that is no longer wanted: its result was not needed any more. */
export class NoLongerNeeded extends Error {
  override readonly name = 'AbortError';
  constructor() {
    super('the result is no longer needed');
  }
}

export function abortScope(parent?: AbortSignal): AbortScope {
  const controller = new AbortController();
  const release = parent === undefined ? () => undefined : onAbort(parent, (reason) => controller.abort(reason));
  const abort = (reason: unknown) => {
    release();
    if (!controller.signal.aborted) controller.abort(reason);
  };
  return { signal: controller.signal, abort, end: () => abort(new NoLongerNeeded()) };
}

const callbacksOf = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/**
 * Calls `callback` once the signal aborts, at once if it has; the function returned takes it back. However many
 * callbacks a signal has, it has one listener: runtimes warn of a leak at eleven, and a store has one per node.
 */
export function onAbort(signal: AbortSignal, callback: (reason: unknown) => void): () => void {
  if (signal.aborted) {
    callback(signal.reason);
    return () => undefined;
  }
  let callbacks = callbacksOf.get(signal);
  if (callbacks === undefined) {
    const created = new Set<(reason: unknown) => void>();
    callbacks = created;
    callbacksOf.set(signal, created);
    signal.addEventListener('abort', () => created.forEach((each) => each(signal.reason)), { once: true });
  }
  callbacks.add(callback);
  return () => callbacks.delete(callback);
}

/** Sleeps; rejects with the signal's reason. For signals that many sleep on. */
export async function pause(scheduler: Scheduler, delayMs: number, signal: AbortSignal): Promise<void> {
  const scope = abortScope(signal);
  try {
    await scheduler.sleep(delayMs, scope.signal);
  } finally {
    scope.end();
  }
}

/**
 * Runs `work` with a signal that aborts after `timeoutMs` with the error of `onTimeout` (asked then, so that it can
 * tell how far the work had come) or with `parent`. Rejects as soon as the signal aborts, whether or not `work` listens.
 */
export async function withDeadline<T>(
  options: { scheduler: Scheduler; timeoutMs: number; parent: AbortSignal | undefined; onTimeout: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { scheduler, timeoutMs, parent, onTimeout } = options;
  parent?.throwIfAborted();
  const scope = abortScope(parent);
  const timer = abortScope();
  scheduler.sleep(timeoutMs, timer.signal).then(
    () => scope.abort(onTimeout()),
    () => undefined,
  );
  try {
    return await raceAbort(work(scope.signal), scope.signal);
  } finally {
    timer.end();
    scope.end();
  }
}

/** `promise`, or a rejection with the signal's reason when that aborts first. */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let release: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    release = onAbort(signal, reject);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    release?.();
  }
}
