/** A call context for testing built-in functions on their own: aborts become text, signatures all verify. */
import { abortCode, packageAddresses } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { concatBytes } from '@floe/platform';
import type { Call, ChildPlace, FieldPlace, FieldRef } from '../../src/execution/call.ts';
import { ExecutionFailure, fail } from '../../src/execution/failure.ts';

export function nativeCall(
  options: { fields?: Map<string, unknown> } = {},
): Call & { events: unknown[]; /** Objects that got an owner. */ transferred: unknown[] } {
  const addresses = packageAddresses({
    walrus: `0x${'a'.repeat(64)}` as ObjectId,
    wal: `0x${'b'.repeat(64)}` as ObjectId,
  });
  const fields = options.fields ?? new Map<string, unknown>();
  const events: unknown[] = [];
  const transferred: unknown[] = [];
  let ids = 0;
  return {
    events,
    transferred,
    sender: `0x${'c'.repeat(64)}` as ObjectId,
    timestampMs: 0n,
    addresses,
    typeArguments: [],
    certificates: {
      verify: () => true,
      verifyPossession: (key) => concatBytes(key, key),
      aggregate: () => new Uint8Array(48),
    },
    freshId() {
      ids += 1;
      return `0x${ids.toString(16).padStart(64, '0')}` as ObjectId;
    },
    isNew: () => true,
    deleteId() {},
    transfer: (_type, value) => transferred.push(value),
    emit: (event) => events.push(event),
    field: <T>(place: FieldPlace): FieldRef<T> => ({
      get value() {
        return fields.get(place.fieldId) as T | undefined;
      },
      set value(value) {
        fields.set(place.fieldId, value);
      },
    }),
    child: <T>(place: ChildPlace): FieldRef<T> => ({
      get value() {
        return fields.get(place.id) as T | undefined;
      },
      set value(value) {
        fields.set(place.id, value);
      },
    }),
    abort(module, constant, packageName = 'walrus') {
      const location = {
        package: addresses[packageName],
        module,
        functionIndex: 0,
        instruction: 0,
        functionName: undefined,
      };
      return fail({
        kind: 'MoveAbort',
        location,
        code: abortCode(module, constant, packageName === 'std' || packageName === 'sui'),
      });
    },
    work() {},
    elements() {},
  };
}

/** What a call gave: its value, or `module::code`, or `ARITHMETIC_ERROR`. */
export function outcomeOf<T>(run: () => T): { value: T } | { abort: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (!(error instanceof ExecutionFailure)) throw error;
    const { failure } = error;
    if (failure.kind === 'MoveAbort') return { abort: `${failure.location.module}::${failure.code}` };
    return { abort: failure.kind === 'MovePrimitiveRuntimeError' ? 'ARITHMETIC_ERROR' : failure.kind };
  }
}
