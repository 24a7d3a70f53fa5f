/**
 * Work in steps of a few milliseconds: a generator that yields how far it is (0 to 1) after each step and returns the
 * result. Between steps its driver may look at a signal, report progress or let others run; a step itself keeps nothing
 * in kernel memory that the next one relies on.
 */
import { errors } from './errors.ts';

export type Steps<T> = Generator<number, T, void>;

/** A zeroed array. @throws OUT_OF_MEMORY */
export function allocate(sizeBytes: number, purpose: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(sizeBytes);
  } catch (cause) {
    throw errors.OUT_OF_MEMORY({ sizeBytes, purpose }, cause);
  }
}

/** How many codewords of `wordSize` bytes one step takes: at least one, at most `most`. */
export function perStep(stepSize: number, wordSize: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(stepSize / wordSize)));
}
