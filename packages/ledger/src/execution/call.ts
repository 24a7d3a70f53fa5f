/**
 * What a built-in Move function sees: its arguments, and the transaction around it.
 *
 * A function gets values for `T` and `&T`, and a {@link Ref} for `&mut T`, whose `value` it replaces. It has no access to
 * anything else: no clock but the checkpoint's timestamp, no randomness, no I/O. So the same transaction on the same
 * state does the same everywhere.
 */
import type { ContractEvent, PackageAddresses, PackageName } from '@floe/contracts';
import type { Bls, ObjectId, SuiAddress } from '@floe/protocol';
import type { Owner, TypeName } from '../api.ts';
import type { Codec } from './datatypes.ts';

/** A place that holds a value. */
export interface Ref<T> {
  value: T;
}

/** A dynamic field: its value, undefined when there is none. Setting it writes, undefined removes. */
export interface FieldRef<T> {
  value: T | undefined;
}

/** Which dynamic field, and how its object is stored. */
export interface FieldPlace {
  readonly parent: ObjectId;
  /** Id of the field object (`dynamicFieldId`). */
  readonly fieldId: ObjectId;
  /** Type of the field object: `0x2::dynamic_field::Field<N,V>`. */
  readonly fieldType: TypeName;
  /** Layout of the field object: id, name, value. */
  readonly layout: Codec;
  readonly name: unknown;
}

/** An object that belongs to another, such as a pool in the table of pools, and how it is stored. */
export interface ChildPlace {
  /** Id of the field object that owns it. */
  readonly owner: ObjectId;
  readonly id: ObjectId;
  readonly type: TypeName;
  readonly layout: Codec;
}

/** A verified or refused aggregate signature is remembered, as simulation and execution ask the same. */
export interface CertificateVerifier {
  verify(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean;
  /** The key of 96 bytes behind a compressed one, when `signature` by it over `message` is good; else undefined. */
  verifyPossession(compressedKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Uint8Array | undefined;
  /** The sum of keys of 96 bytes, compressed. */
  aggregate(publicKeys: readonly Uint8Array[]): Uint8Array;
}

export type BlsPort = Pick<
  Bls,
  'verify' | 'verifyAggregate' | 'compressPublicKey' | 'expandPublicKey' | 'aggregatePublicKeys'
>;

export interface Call {
  readonly sender: SuiAddress;
  /** The checkpoint's. */
  readonly timestampMs: bigint;
  readonly addresses: PackageAddresses;
  readonly typeArguments: readonly TypeName[];
  readonly certificates: CertificateVerifier;
  /** A new object id: blake2b256(f1 ‖ transaction digest ‖ u64le counter). */
  freshId(): ObjectId;
  /** Whether the id was made in this transaction: its object is no version of an older one. */
  isNew(id: ObjectId): boolean;
  /** The object with this id (or wrapped under it) is no more. */
  deleteId(id: ObjectId): void;
  /** Gives an object a new owner; `shared` is shared from this transaction's version on. */
  transfer(
    type: TypeName,
    value: { readonly id: ObjectId },
    owner: Exclude<Owner, { kind: 'shared' }> | 'shared',
  ): void;
  emit(event: ContractEvent): void;
  field<T>(place: FieldPlace): FieldRef<T>;
  /** The whole object; what is set keeps its id. Undefined takes it out of its owner (and deletes it, if its id is). */
  child<T extends { readonly id: ObjectId }>(place: ChildPlace): FieldRef<T>;
  /** Stops the transaction with a constant of a module, of Walrus unless another package is named. */
  abort(module: string, constant: string, packageName?: PackageName): never;
  /** Counts computation beyond the flat price of a call; see work-meter.ts. */
  work(units: bigint): void;
  /** Counts elements of a vector before they are gone through; see work-meter.ts. */
  elements(count: number): void;
}

/** A built-in function; returns its results in order. */
export type Native = (call: Call, args: readonly unknown[]) => readonly unknown[];

/** Gives a function its argument types: those of its signature, which the executor has checked. */
export function native<Args extends readonly unknown[]>(
  run: (call: Call, ...args: Args) => readonly unknown[] | void,
): Native {
  return (call, args) => run(call, ...(args as unknown as Args)) ?? [];
}
