/**
 * BCS of Sui's `TransactionEffects::V2`, of execution errors and of events, and their digests.
 *
 * Only what this ledger produces can be encoded, and only that is decoded again.
 */
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes, type ObjectId } from '@floe/protocol';
import type {
  ArgumentErrorKind,
  Digest,
  ExecutionError,
  ExecutionStatus,
  GasUsed,
  LedgerEvent,
  MoveLocation,
  ObjectChange,
  ObjectRef,
  TransactionEffects,
} from './api.ts';
import { typedDigest } from './hash.ts';
import { MAX_CHANGED_OBJECTS, MAX_EVENTS, MAX_INPUTS } from './limits.ts';
import { readOwner, writeOwner } from './object-codec.ts';
import { readUpgradeError, writeUpgradeError } from './upgrade-error-codec.ts';
import { decodeStructName, structTagBytes } from './type-tag.ts';

/** Variants of Sui's `ExecutionFailureStatus` by position, where this ledger uses them. */
const FAILURES: Readonly<Record<ExecutionError['kind'], number>> = {
  InsufficientGas: 0,
  InvalidGasObject: 1,
  InvariantViolation: 2,
  FeatureNotYetSupported: 3,
  MoveObjectTooBig: 4,
  InsufficientCoinBalance: 7,
  CoinBalanceOverflow: 8,
  MovePrimitiveRuntimeError: 11,
  MoveAbort: 12,
  VMVerificationOrDeserializationError: 13,
  FunctionNotFound: 15,
  ArityMismatch: 16,
  TypeArityMismatch: 17,
  CommandArgumentError: 19,
  TypeArgumentError: 20,
  UnusedValueWithoutDrop: 21,
  InvalidPublicFunctionReturnType: 22,
  InvalidTransferObject: 23,
  EffectsTooLarge: 24,
  PublishUpgradeMissingDependency: 25,
  PackageUpgradeError: 27,
  SharedObjectOperationNotAllowed: 31,
  MoveVectorElemTooBig: 37,
};
const FAILURE_KINDS = new Map(Object.entries(FAILURES).map(([kind, tag]) => [tag, kind as ExecutionError['kind']]));

const ARGUMENT_ERRORS: readonly ArgumentErrorKind[] = [
  'TypeMismatch',
  'InvalidBCSBytes',
  'InvalidUsageOfPureArg',
  'InvalidArgumentToPrivateEntryFunction',
  'IndexOutOfBounds',
  'SecondaryIndexOutOfBounds',
  'InvalidResultArity',
  'InvalidGasCoinUsage',
  'InvalidValueUsage',
  'InvalidObjectByValue',
  'InvalidObjectByMutRef',
  'SharedObjectOperationNotAllowed',
  'InvalidArgumentArity',
  'InvalidTransferObject',
  'InvalidMakeMoveVecNonObjectArgument',
  'ArgumentWithoutValue',
  'CannotMoveBorrowedValue',
  'CannotWriteToExtendedReference',
  'InvalidReferenceArgument',
  'InvalidTxContext',
];
const TYPE_ARGUMENT_ERRORS = ['TypeNotFound', 'ConstraintNotSatisfied'] as const;
const ID_OPERATIONS = ['none', 'created', 'deleted'] as const;

export function encodeEffects(effects: TransactionEffects): Uint8Array {
  const writer = new BcsWriter(256 + effects.changedObjects.length * 180);
  writer.uleb(1);
  writeStatus(writer, effects.status);
  writer.u64(effects.executedEpoch);
  writeGasUsed(writer, effects.gasUsed);
  writer.bytes(effects.transactionDigest);
  writeOptional(writer, effects.gasObjectIndex, (index) => writer.u32(index));
  writeOptional(writer, effects.eventsDigest, (digest) => writer.bytes(digest));
  writer.vector(effects.dependencies, (w, digest) => w.bytes(digest));
  writer.u64(effects.lamportVersion);
  writer.vector(effects.changedObjects, writeChange);
  writer.vector(effects.unchangedShared, (w, ref) =>
    w.fixed(objectIdBytes(ref.id)).uleb(0).u64(ref.version).bytes(ref.digest),
  );
  // No auxiliary data.
  return writer.u8(0).finish();
}

/** The inverse of {@link encodeEffects}. @throws INVALID_BCS */
export function decodeEffects(bytes: Uint8Array): TransactionEffects {
  const reader = new BcsReader(bytes, 'effects');
  if (reader.uleb() !== 1) reader.fail('effects V2', 'another version');
  const effects: TransactionEffects = {
    status: readStatus(reader),
    executedEpoch: reader.u64(),
    gasUsed: readGasUsed(reader),
    transactionDigest: readDigest(reader),
    gasObjectIndex: readOptional(reader, () => reader.u32()),
    eventsDigest: readOptional(reader, () => readDigest(reader)),
    dependencies: reader.vector(readDigest, 33, MAX_INPUTS * 2),
    lamportVersion: reader.u64(),
    changedObjects: reader.vector(readChange, 35, MAX_CHANGED_OBJECTS * 2),
    unchangedShared: reader.vector(readUnchangedShared, 74, MAX_INPUTS),
  };
  if (reader.u8() !== 0) reader.fail('no auxiliary data', 'some');
  reader.end();
  return effects;
}

export function effectsDigestOf(bytes: Uint8Array): Digest {
  return typedDigest('TransactionEffects', bytes);
}

/** Events never change, and are encoded for their digest and again for the journal. */
const encodedEvents = new WeakMap<readonly LedgerEvent[], Uint8Array>();

/** The array is shared. */
export function encodeEvents(events: readonly LedgerEvent[]): Uint8Array {
  let bytes = encodedEvents.get(events);
  if (bytes === undefined) {
    bytes = new BcsWriter(256 * events.length + 8).vector(events, writeEvent).finish();
    encodedEvents.set(events, bytes);
  }
  return bytes;
}

export function decodeEvents(bytes: Uint8Array): LedgerEvent[] {
  const reader = new BcsReader(bytes, 'events');
  const events = reader.vector(readEvent, 100, MAX_EVENTS);
  reader.end();
  return events;
}

export function eventsDigestOf(events: readonly LedgerEvent[]): Digest | undefined {
  return events.length === 0 ? undefined : typedDigest('TransactionEvents', encodeEvents(events));
}

export function writeGasUsed(writer: BcsWriter, gas: GasUsed): void {
  writer.u64(gas.computationCost).u64(gas.storageCost).u64(gas.storageRebate).u64(gas.nonRefundableStorageFee);
}

export function readGasUsed(reader: BcsReader): GasUsed {
  return {
    computationCost: reader.u64(),
    storageCost: reader.u64(),
    storageRebate: reader.u64(),
    nonRefundableStorageFee: reader.u64(),
  };
}

export function writeOptional<T>(writer: BcsWriter, value: T | undefined, write: (value: T) => void): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) write(value);
}

export function readOptional<T>(reader: BcsReader, read: () => T): T | undefined {
  const tag = reader.u8();
  if (tag > 1) reader.fail('0 or 1', `${tag}`);
  return tag === 1 ? read() : undefined;
}

export function readDigest(reader: BcsReader): Digest {
  const digest = reader.bytes();
  if (digest.length !== 32) reader.fail('a digest of 32 bytes', `${digest.length}`);
  return digest.slice();
}

function readId(reader: BcsReader): ObjectId {
  return objectIdFromBytes(reader.fixed(32));
}

function writeStatus(writer: BcsWriter, status: ExecutionStatus): void {
  if (status.success) {
    writer.uleb(0);
    return;
  }
  writer.uleb(1);
  writeError(writer, status.error);
  writeOptional(writer, status.command, (command) => writer.u64(command));
}

function readStatus(reader: BcsReader): ExecutionStatus {
  if (reader.uleb() === 0) return { success: true };
  return { success: false, error: readError(reader), command: readOptional(reader, () => reader.u64Number()) };
}

function writeError(writer: BcsWriter, error: ExecutionError): void {
  writer.uleb(FAILURES[error.kind]);
  switch (error.kind) {
    case 'MoveObjectTooBig':
      writer.u64(error.objectSize).u64(error.maxObjectSize);
      break;
    case 'MoveVectorElemTooBig':
      writer.u64(error.valueSize).u64(error.maxScaledSize);
      break;
    case 'EffectsTooLarge':
      writer.u64(error.currentSize).u64(error.maxSize);
      break;
    case 'MovePrimitiveRuntimeError':
      writeOptional(writer, error.location, (location) => writeLocation(writer, location));
      break;
    case 'MoveAbort':
      writeLocation(writer, error.location);
      writer.u64(error.code);
      break;
    case 'CommandArgumentError':
      writer.u16(error.argumentIndex).uleb(ARGUMENT_ERRORS.indexOf(error.argumentError));
      if (error.index !== undefined) writer.u16(error.index);
      if (error.secondaryIndex !== undefined) writer.u16(error.secondaryIndex);
      break;
    case 'TypeArgumentError':
      writer.u16(error.argumentIndex).uleb(TYPE_ARGUMENT_ERRORS.indexOf(error.argumentError));
      break;
    case 'UnusedValueWithoutDrop':
      writer.u16(error.resultIndex).u16(error.secondaryIndex);
      break;
    case 'InvalidPublicFunctionReturnType':
      writer.u16(error.index);
      break;
    case 'PackageUpgradeError':
      writeUpgradeError(writer, error);
      break;
    default:
  }
}

function readError(reader: BcsReader): ExecutionError {
  const kind = FAILURE_KINDS.get(reader.uleb()) ?? reader.fail('a known failure', 'another');
  switch (kind) {
    case 'MoveObjectTooBig':
      return { kind, objectSize: reader.u64(), maxObjectSize: reader.u64() };
    case 'MoveVectorElemTooBig':
      return { kind, valueSize: reader.u64(), maxScaledSize: reader.u64() };
    case 'EffectsTooLarge':
      return { kind, currentSize: reader.u64(), maxSize: reader.u64() };
    case 'MovePrimitiveRuntimeError':
      return { kind, location: readOptional(reader, () => readLocation(reader)) };
    case 'MoveAbort':
      return { kind, location: readLocation(reader), code: reader.u64() };
    case 'CommandArgumentError':
      return readArgumentError(reader);
    case 'TypeArgumentError':
      return { kind, argumentIndex: reader.u16(), argumentError: reader.variant(TYPE_ARGUMENT_ERRORS) };
    case 'UnusedValueWithoutDrop':
      return { kind, resultIndex: reader.u16(), secondaryIndex: reader.u16() };
    case 'InvalidPublicFunctionReturnType':
      return { kind, index: reader.u16() };
    case 'PackageUpgradeError':
      return { kind, ...readUpgradeError(reader) };
    default:
      return { kind };
  }
}

function readArgumentError(reader: BcsReader): ExecutionError {
  const error = { kind: 'CommandArgumentError' as const, argumentIndex: reader.u16() };
  const argumentError = reader.variant(ARGUMENT_ERRORS);
  switch (argumentError) {
    case 'IndexOutOfBounds':
    case 'InvalidResultArity':
      return { ...error, argumentError, index: reader.u16() };
    case 'SecondaryIndexOutOfBounds':
      return { ...error, argumentError, index: reader.u16(), secondaryIndex: reader.u16() };
    default:
      return { ...error, argumentError };
  }
}

function writeLocation(writer: BcsWriter, location: MoveLocation): void {
  writer.fixed(objectIdBytes(location.package)).string(location.module);
  writer.u16(location.functionIndex).u16(location.instruction);
  writeOptional(writer, location.functionName, (name) => writer.string(name));
}

function readLocation(reader: BcsReader): MoveLocation {
  return {
    package: readId(reader),
    module: reader.string(),
    functionIndex: reader.u16(),
    instruction: reader.u16(),
    functionName: readOptional(reader, () => reader.string()),
  };
}

function writeChange(writer: BcsWriter, change: ObjectChange): void {
  writer.fixed(objectIdBytes(change.id));
  if (change.input === undefined) writer.uleb(0);
  else writeOwner(writer.uleb(1).u64(change.input.version).bytes(change.input.digest), change.input.owner);
  if (change.output === undefined) writer.uleb(0);
  else writeOwner(writer.uleb(1).bytes(change.output.digest), change.output.owner);
  writer.uleb(ID_OPERATIONS.indexOf(change.idOperation));
}

function readChange(reader: BcsReader): ObjectChange {
  const id = readId(reader);
  const existed = reader.uleb() === 1;
  const input = existed ? { version: reader.u64(), digest: readDigest(reader), owner: readOwner(reader) } : undefined;
  const exists = reader.uleb() === 1;
  const output = exists ? { digest: readDigest(reader), owner: readOwner(reader) } : undefined;
  return { id, input, output, idOperation: reader.variant(ID_OPERATIONS) };
}

function readUnchangedShared(reader: BcsReader): ObjectRef {
  const id = readId(reader);
  if (reader.uleb() !== 0) reader.fail('a read-only shared object', 'another kind');
  return { id, version: reader.u64(), digest: readDigest(reader) };
}

function writeEvent(writer: BcsWriter, event: LedgerEvent): void {
  writer.fixed(objectIdBytes(event.packageId)).string(event.module).fixed(objectIdBytes(event.sender));
  writer.fixed(structTagBytes(event.type)).bytes(event.contents);
}

function readEvent(reader: BcsReader): LedgerEvent {
  return {
    packageId: readId(reader),
    module: reader.string(),
    sender: readId(reader),
    type: decodeStructName(reader),
    contents: reader.bytes().slice(),
  };
}
