/**
 * Errors with a stable code. Every failure that a caller can meet is a {@link FloeError} from a catalogue; a broken
 * invariant is an {@link AssertionError} and means a bug in Floe.
 */

/** What kind of failure it is; decides HTTP status, exit code and whether to try again. */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'unauthorized'
  | 'exhausted'
  | 'unavailable'
  | 'integrity'
  | 'internal';

/** Values that make an error useful to a machine; everything in it can be printed as JSON. */
export type ErrorData = Readonly<Record<string, string | number | boolean | bigint | null | readonly string[]>>;

export class FloeError extends Error {
  override readonly name = 'FloeError';
  /** Stable, UPPER_SNAKE; never changes once released. */
  readonly code: string;
  readonly kind: ErrorKind;
  readonly data: ErrorData;

  constructor(init: { code: string; kind: ErrorKind; message: string; data?: ErrorData; cause?: unknown }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.kind = init.kind;
    this.data = init.data ?? {};
  }

  /** The form printed by `--json` and sent over HTTP: no stack, no cause. */
  toJSON(): { code: string; kind: ErrorKind; message: string; data: Record<string, unknown> } {
    const data = Object.fromEntries(
      Object.entries(this.data).map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
    );
    return { code: this.code, kind: this.kind, message: this.message, data };
  }
}

export interface ErrorSpec<Data extends ErrorData> {
  readonly kind: ErrorKind;
  /** Names the thing, what was expected and what came. */
  readonly message: (data: Data) => string;
}

type SpecData<Spec> = Spec extends ErrorSpec<infer Data> ? Data : never;

/** `errors.CODE(data, cause?)` makes the error; the keys are the codes. */
export type ErrorCatalogue<Specs> = {
  readonly [Code in keyof Specs]: (data: SpecData<Specs[Code]>, cause?: unknown) => FloeError;
};

/**
 * Makes a package's error catalogue.
 *
 * @example
 * export const errors = errorCatalogue({
 *   BLOB_TOO_LARGE: spec<{ sizeBytes: number; maxBytes: number }>('invalid',
 *     ({ sizeBytes, maxBytes }) => `blob of ${sizeBytes} bytes is larger than the maximum of ${maxBytes}`),
 * });
 * throw errors.BLOB_TOO_LARGE({ sizeBytes: 5, maxBytes: 4 });
 */
export function errorCatalogue<Specs extends Record<string, ErrorSpec<never>>>(specs: Specs): ErrorCatalogue<Specs> {
  const entries = Object.entries(specs).map(([code, { kind, message }]) => [
    code,
    (data: ErrorData, cause?: unknown) =>
      new FloeError({ code, kind, message: (message as (data: ErrorData) => string)(data), data, cause }),
  ]);
  return Object.fromEntries(entries) as ErrorCatalogue<Specs>;
}

/** Gives an entry of {@link errorCatalogue} its data type. */
export function spec<Data extends ErrorData>(kind: ErrorKind, message: (data: Data) => string): ErrorSpec<Data> {
  return { kind, message };
}

/** Whether `error` is a {@link FloeError} (of `code`, when given). Works across copies of this module. */
export function isFloeError(error: unknown, code?: string): error is FloeError {
  if (!(error instanceof Error) || error.name !== 'FloeError') return false;
  return code === undefined || (error as FloeError).code === code;
}

/** A broken invariant: a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Checks what can only be false through a bug in Floe; stays on in production. */
export function assert(condition: unknown, message: string, data?: Record<string, unknown>): asserts condition {
  if (condition) return;
  throw new AssertionError(data === undefined ? message : `${message} ${describe(data)}`);
}

function describe(data: Record<string, unknown>): string {
  return JSON.stringify(data, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}
