/**
 * The values of one transaction: gas coin, inputs, and results of commands; and the rules by which a command takes,
 * copies and borrows them.
 *
 * A value without `copy` is used up when taken. Within one command a value that is borrowed mutably is not used in any
 * other way, and one that is borrowed is not taken. Objects keep where they came from, which decides what may be done
 * with them: immutable ones are only read, shared ones never taken and written only if the input says so.
 */
import type { LedgerObject, TypeName } from '../api.ts';
import type { Argument } from '../transaction-data.ts';
import type { Ref } from './call.ts';
import { type Datatype, type Datatypes, decodePure } from './datatypes.ts';
import { failArgument } from './failure.ts';
import type { WorkMeter } from './work-meter.ts';

export interface Origin {
  readonly object: LedgerObject;
  readonly access: 'owned' | 'immutable' | 'shared' | 'gas';
  /** Of shared objects: whether the transaction may write it. */
  readonly isMutable: boolean;
}

/** A place of the arena. */
export interface Slot extends Ref<unknown> {
  /** Undefined for a pure input that no command has written. */
  type: TypeName | undefined;
  readonly pure: Uint8Array | undefined;
  readonly origin: Origin | undefined;
  /** Of an input object: its value as it stands on the ledger; of the gas coin undefined, as gas was set aside of it. */
  readonly before: unknown;
  isPresent: boolean;
}

type Use = 'read' | 'written' | 'taken';

export function pureSlot(bytes: Uint8Array): Slot {
  return { type: undefined, value: undefined, pure: bytes, origin: undefined, before: undefined, isPresent: true };
}

export function objectSlot(origin: Origin, value: unknown): Slot {
  const before = origin.access === 'gas' ? undefined : value;
  return { type: origin.object.type, value, pure: undefined, origin, before, isPresent: true };
}

export function resultSlot(type: TypeName, value: unknown): Slot {
  return { type, value, pure: undefined, origin: undefined, before: undefined, isPresent: true };
}

export class Arena {
  readonly gas: Slot;
  readonly inputs: readonly Slot[];
  readonly results: Slot[][] = [];
  readonly #types: Datatypes;
  readonly #meter: Pick<WorkMeter, 'decode'>;
  /** What pure inputs are, by the type they were taken as: values are never changed in place. */
  readonly #decoded = new Map<Slot, Map<TypeName, unknown>>();
  /** BCS of values, of slots whose value is still the same. */
  readonly #sizes = new Map<Slot, { readonly value: unknown; readonly bytes: number }>();
  #uses = new Map<Slot, Use>();

  constructor(
    options: { gas: Slot; inputs: readonly Slot[] },
    modules: { types: Datatypes; meter: Pick<WorkMeter, 'decode'> },
  ) {
    this.gas = options.gas;
    this.inputs = options.inputs;
    this.#types = modules.types;
    this.#meter = modules.meter;
  }

  /** Starts a command: nothing is borrowed yet. */
  beginCommand(): void {
    this.#uses = new Map();
  }

  /** The slot an argument names. */
  slot(argument: Argument, position: number): Slot {
    switch (argument.kind) {
      case 'gas':
        return this.gas;
      case 'input':
        return this.inputs[argument.index] ?? failArgument(position, 'IndexOutOfBounds', { index: argument.index });
      case 'result': {
        const results = this.results[argument.command];
        if (results === undefined) failArgument(position, 'IndexOutOfBounds', { index: argument.command });
        if (results.length !== 1) failArgument(position, 'InvalidResultArity', { index: argument.command });
        return results[0] as Slot;
      }
      case 'nested': {
        const { command: index, index: secondaryIndex } = argument;
        const results = this.results[index] ?? failArgument(position, 'IndexOutOfBounds', { index });
        return (
          results[secondaryIndex] ?? failArgument(position, 'SecondaryIndexOutOfBounds', { index, secondaryIndex })
        );
      }
    }
  }

  /** The type a slot has already; undefined for a pure input. */
  typeOf(argument: Argument, position: number): TypeName | undefined {
    return this.slot(argument, position).type;
  }

  /** The value, copied when its type can be, else used up. */
  take(argument: Argument, position: number, expected: Datatype, options: { allowGas?: boolean } = {}): unknown {
    const slot = this.slot(argument, position);
    if (slot.type === undefined) return this.#readPure(slot, position, expected);
    this.#check(slot, position, expected);
    if (expected.abilities.includes('copy')) {
      this.#use(slot, 'read', position);
      return slot.value;
    }
    if (slot.origin?.access === 'gas' && options.allowGas !== true) failArgument(position, 'InvalidGasCoinUsage');
    if (slot.origin?.access === 'immutable') failArgument(position, 'InvalidObjectByValue');
    if (slot.origin?.access === 'shared') failArgument(position, 'SharedObjectOperationNotAllowed');
    this.#use(slot, 'taken', position);
    slot.isPresent = false;
    return slot.value;
  }

  /** The value, for reading during this command. */
  read(argument: Argument, position: number, expected: Datatype): unknown {
    const slot = this.slot(argument, position);
    if (slot.type === undefined) return this.#readPure(slot, position, expected);
    this.#check(slot, position, expected);
    this.#use(slot, 'read', position);
    return slot.value;
  }

  /** The slot itself, for writing during this command. */
  write(argument: Argument, position: number, expected: Datatype): Slot {
    const slot = this.slot(argument, position);
    if (slot.type === undefined) {
      // A pure input that is written has this type from now on.
      slot.value = this.#readPure(slot, position, expected);
      slot.type = expected.type;
    }
    this.#check(slot, position, expected);
    const { origin } = slot;
    if (origin?.access === 'immutable' || (origin?.access === 'shared' && !origin.isMutable)) {
      failArgument(position, 'InvalidObjectByMutRef');
    }
    this.#use(slot, 'written', position);
    return slot;
  }

  /** The first result that nothing used and that cannot be dropped. */
  unusedResult(): { readonly resultIndex: number; readonly secondaryIndex: number } | undefined {
    for (const [resultIndex, results] of this.results.entries()) {
      for (const [secondaryIndex, slot] of results.entries()) {
        if (!slot.isPresent || slot.type === undefined) continue;
        if (!this.#types.get(slot.type).abilities.includes('drop')) return { resultIndex, secondaryIndex };
      }
    }
    return undefined;
  }

  /** BCS size of what an argument names, of the type it was just taken as. */
  sizeOf(argument: Argument, position: number, datatype: Datatype): number {
    const slot = this.slot(argument, position);
    if (slot.type === undefined) return (slot.pure as Uint8Array).length;
    const { value, origin } = slot;
    if (origin !== undefined && value === slot.before) return origin.object.contents.length;
    const known = this.#sizes.get(slot);
    if (known !== undefined && known.value === value) return known.bytes;
    const bytes = datatype.codec.serialize(value).toBytes().length;
    this.#sizes.set(slot, { value, bytes });
    return bytes;
  }

  /** A result whose size is known without encoding it. */
  sizedResult(type: TypeName, value: unknown, bytes: number): Slot {
    const slot = resultSlot(type, value);
    this.#sizes.set(slot, { value, bytes });
    return slot;
  }

  #check(slot: Slot, position: number, expected: Datatype): void {
    if (slot.type !== expected.type) failArgument(position, 'TypeMismatch');
    if (this.#uses.get(slot) === 'taken') failArgument(position, 'InvalidValueUsage');
    if (!slot.isPresent) failArgument(position, 'ArgumentWithoutValue');
  }

  #use(slot: Slot, use: Use, position: number): void {
    const before = this.#uses.get(slot);
    if (before !== undefined && (before === 'written' || use !== 'read')) {
      failArgument(position, use === 'taken' ? 'CannotMoveBorrowedValue' : 'InvalidValueUsage');
    }
    this.#uses.set(slot, use);
  }

  #readPure(slot: Slot, position: number, expected: Datatype): unknown {
    if (!expected.isPure) failArgument(position, 'InvalidUsageOfPureArg');
    const known = this.#decoded.get(slot) ?? new Map<TypeName, unknown>();
    if (known.has(expected.type)) return known.get(expected.type);
    const bytes = slot.pure as Uint8Array;
    this.#meter.decode(bytes.length);
    const decoded = decodePure(expected, bytes);
    if (decoded === undefined) failArgument(position, 'InvalidBCSBytes');
    this.#decoded.set(slot, known.set(expected.type, decoded.value));
    return decoded.value;
  }
}
