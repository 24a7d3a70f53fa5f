/** How execution stops: thrown inside the executor, caught at its top, and turned into the effects' status. */
import { isFloeError } from '@floe/platform';
import type { ArgumentErrorKind, ExecutionError } from '../api.ts';

export class ExecutionFailure extends Error {
  override readonly name = 'ExecutionFailure';
  readonly failure: ExecutionError;

  constructor(failure: ExecutionError) {
    super(failure.kind);
    this.failure = failure;
  }
}

/**
 * How an error is recorded that stopped a command; undefined for what is no outcome of the transaction.
 *
 * An error that blames its input is a function of transaction and state: it is recorded and charged, or the transaction
 * could be sent for ever at no cost. All else is a defect or the store's trouble, and leaves no trace: on record it would
 * bind whoever replays the chain to the defect.
 */
export function failureOf(error: unknown): ExecutionError | undefined {
  if (error instanceof ExecutionFailure) return error.failure;
  return isFloeError(error) && error.kind === 'invalid' ? { kind: 'InvariantViolation' } : undefined;
}

export function fail(failure: ExecutionError): never {
  throw new ExecutionFailure(failure);
}

/** Refuses one argument of a command. */
export function failArgument(
  argumentIndex: number,
  argumentError: ArgumentErrorKind,
  indices: { index?: number; secondaryIndex?: number } = {},
): never {
  throw new ExecutionFailure({ kind: 'CommandArgumentError', argumentIndex, argumentError, ...indices });
}
