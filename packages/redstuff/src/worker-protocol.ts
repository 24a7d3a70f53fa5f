/**
 * What a pool and its workers say to each other. Bytes are moved, not copied, so they are first put into buffers of
 * their own; a blob in shared memory is neither.
 */
import { FloeError, type ErrorData, type ErrorKind } from '@floe/platform';
import type { Job, JobResults } from './jobs.ts';
import { allocate } from './steps.ts';

/** To a worker: one job at a time. */
export interface JobMessage {
  readonly type: 'job';
  readonly job: Job;
  readonly wantProgress: boolean;
  /** Non-zero when the job should stop; missing where memory cannot be shared. */
  readonly stop: Int32Array | undefined;
}

/** From a worker. */
export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly fraction: number }
  | { readonly type: 'done'; readonly result: JobResults[keyof JobResults] }
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly error: SentError };

/** An error without its class, which does not survive the way. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly floe: { readonly code: string; readonly kind: ErrorKind; readonly data: ErrorData } | undefined;
}

export function sendableError(error: unknown): SentError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const floe = error instanceof FloeError ? { code: error.code, kind: error.kind, data: error.data } : undefined;
  return { message, stack, floe };
}

export function receivedError({ message, stack, floe }: SentError): Error {
  const error = floe === undefined ? new Error(message) : new FloeError({ ...floe, message });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** A job whose bytes may be moved away, and the buffers to move. @throws OUT_OF_MEMORY */
export function packJob(job: Job): { job: Job; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const own = (bytes: Uint8Array): Uint8Array => {
    if (!(bytes.buffer instanceof ArrayBuffer)) return bytes; // shared memory
    const copy = allocate(bytes.length, `'${job.kind}' input`);
    copy.set(bytes);
    transfer.push(copy.buffer);
    return copy;
  };
  switch (job.kind) {
    case 'encode': // what it brings back is copied into the caller's memory afterwards
      return { job: { ...job, blob: own(job.blob), into: undefined }, transfer };
    case 'pairHashes':
      return { job: { ...job, blob: own(job.blob) }, transfer };
    case 'batch':
      return { job: { ...job, blobs: joined(job.blobs, transfer) }, transfer };
    case 'share':
    case 'stream':
    case 'restore':
      return { job, transfer };
    case 'decode':
      return { job: { ...job, slivers: joined(job.slivers, transfer), into: undefined }, transfer };
    case 'roots':
      return { job: { ...job, slivers: joined(job.slivers, transfer) }, transfer };
    case 'expand':
      return { job: { ...job, sliver: own(job.sliver) }, transfer };
    case 'recover':
      return { job: { ...job, symbols: joined(job.symbols, transfer) }, transfer };
  }
}

/** Copies of arrays as views of one buffer: moving one costs less than moving hundreds. */
function joined(arrays: readonly Uint8Array[], transfer: ArrayBuffer[]): Uint8Array[] {
  const whole = allocate(
    arrays.reduce((sum, { length }) => sum + length, 0),
    'slivers or symbols',
  );
  transfer.push(whole.buffer);
  let offset = 0;
  return arrays.map((array) => {
    whole.set(array, offset);
    offset += array.length;
    return whole.subarray(offset - array.length, offset);
  });
}

/** The buffers of a result, which the worker no longer needs. */
export function resultBuffers(result: JobResults[keyof JobResults]): ArrayBuffer[] {
  if (result === undefined) return [];
  const arrays = result instanceof Uint8Array ? [result] : Object.values(result).flat();
  return [...new Set((arrays as Uint8Array<ArrayBuffer>[]).map(({ buffer }) => buffer))];
}
