/** How execution stops: thrown inside the executor, caught at its top, and turned into the effects' status. */
import type { ArgumentErrorKind, ExecutionError } from '../api.ts';

export class ExecutionFailure extends Error {
  override readonly name = 'ExecutionFailure';
  readonly failure: ExecutionError;

  constructor(failure: ExecutionError) {
    super(failure.kind);
    this.failure = failure;
  }
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
