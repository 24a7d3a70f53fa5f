/**
 * Sui's `TransactionData::V1` with a programmable transaction: the structure, and its strict BCS.
 *
 * Decoding accepts exactly the bytes that encoding makes: shortest ULEB128, known enum tags, 0/1 booleans, UTF-8
 * identifiers, nothing after the end. So a transaction has one digest only.
 */
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes, type ObjectId, type SuiAddress } from '@floe/protocol';
import type { Digest, ObjectRef, TypeName } from './api.ts';
import { typedDigest } from './hash.ts';
import { errors } from './errors.ts';
import {
  MAX_ARGUMENTS,
  MAX_COMMANDS,
  MAX_DEPENDENCIES,
  MAX_GAS_PAYMENTS,
  MAX_INPUTS,
  MAX_MODULES,
  MAX_TYPE_ARGUMENTS,
} from './limits.ts';
import { decodeTypeName, encodeTypeName } from './type-tag.ts';

export type CallArg =
  | { readonly kind: 'pure'; readonly bytes: Uint8Array }
  | { readonly kind: 'owned'; readonly ref: ObjectRef }
  | { readonly kind: 'shared'; readonly id: ObjectId; readonly initialVersion: bigint; readonly mutable: boolean }
  | { readonly kind: 'receiving'; readonly ref: ObjectRef };

export type Argument =
  | { readonly kind: 'gas' }
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'result'; readonly command: number }
  | { readonly kind: 'nested'; readonly command: number; readonly index: number };

export interface MoveCall {
  readonly kind: 'move-call';
  readonly package: ObjectId;
  readonly module: string;
  readonly function: string;
  readonly typeArguments: readonly TypeName[];
  readonly arguments: readonly Argument[];
}

export type Command =
  | MoveCall
  | { readonly kind: 'transfer-objects'; readonly objects: readonly Argument[]; readonly address: Argument }
  | { readonly kind: 'split-coins'; readonly coin: Argument; readonly amounts: readonly Argument[] }
  | { readonly kind: 'merge-coins'; readonly destination: Argument; readonly sources: readonly Argument[] }
  | { readonly kind: 'make-move-vec'; readonly type: TypeName | undefined; readonly elements: readonly Argument[] }
  | Upgrade;

/** Redeems a ticket for an upgrade of a package. */
export interface Upgrade {
  readonly kind: 'upgrade';
  readonly modules: readonly Uint8Array[];
  readonly dependencies: readonly ObjectId[];
  readonly package: ObjectId;
  readonly ticket: Argument;
}

export interface GasData {
  readonly payment: readonly ObjectRef[];
  readonly owner: SuiAddress;
  /** MIST per unit of computation. */
  readonly price: bigint;
  /** MIST, the most that the transaction may cost. */
  readonly budget: bigint;
}

export type Expiration =
  | { readonly kind: 'none' }
  /** Last ledger epoch in which it may execute. */
  | { readonly kind: 'epoch'; readonly epoch: bigint }
  | {
      readonly kind: 'valid-during';
      readonly minEpoch: bigint | undefined;
      readonly maxEpoch: bigint | undefined;
      readonly minTimestamp: bigint | undefined;
      readonly maxTimestamp: bigint | undefined;
      readonly chain: Digest;
      readonly nonce: number;
    };

export interface TransactionData {
  readonly sender: SuiAddress;
  readonly inputs: readonly CallArg[];
  readonly commands: readonly Command[];
  readonly gas: GasData;
  readonly expiration: Expiration;
}

/** blake2b256("TransactionData::" ‖ bytes). */
export function transactionDigest(bytes: Uint8Array): Digest {
  return typedDigest('TransactionData', bytes);
}

/** @throws INVALID_TRANSACTION, UNSUPPORTED_TRANSACTION */
export function decodeTransactionData(bytes: Uint8Array): TransactionData {
  try {
    const reader = new BcsReader(bytes, 'transaction');
    if (reader.uleb('TransactionData version') !== 0) throw unsupported('a TransactionData version other than V1');
    if (reader.uleb('TransactionKind') !== 0) throw unsupported('a transaction that is not programmable');
    const inputs = reader.vector(readCallArg, 2, MAX_INPUTS, 'inputs');
    const commands = reader.vector(readCommand, 2, MAX_COMMANDS, 'commands');
    const sender = readId(reader);
    const gas = {
      payment: reader.vector(readRef, 73, MAX_GAS_PAYMENTS, 'gas payment'),
      owner: readId(reader),
      price: reader.u64('gas price'),
      budget: reader.u64('gas budget'),
    };
    const expiration = readExpiration(reader);
    reader.end();
    return { sender, inputs, commands, gas, expiration };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'INVALID_BCS') {
      throw errors.INVALID_TRANSACTION({ reason: error.message }, error);
    }
    throw error;
  }
}

/** BCS of the transaction. */
export function encodeTransactionData(transaction: TransactionData): Uint8Array {
  const writer = new BcsWriter(512);
  writer.uleb(0).uleb(0);
  writer.vector(transaction.inputs, writeCallArg);
  writer.vector(transaction.commands, writeCommand);
  writer.fixed(objectIdBytes(transaction.sender));
  writer.vector(transaction.gas.payment, writeRef);
  writer.fixed(objectIdBytes(transaction.gas.owner));
  writer.u64(transaction.gas.price).u64(transaction.gas.budget);
  writeExpiration(writer, transaction.expiration);
  return writer.finish();
}

function unsupported(what: string): Error {
  return errors.UNSUPPORTED_TRANSACTION({ what });
}

function readId(reader: BcsReader): ObjectId {
  return objectIdFromBytes(reader.fixed(32, 'an address'));
}

function readDigest(reader: BcsReader): Digest {
  if (reader.uleb('a digest size') !== 32) throw errors.INVALID_TRANSACTION({ reason: 'a digest is not 32 bytes' });
  return reader.fixed(32, 'a digest').slice();
}

function readRef(reader: BcsReader): ObjectRef {
  return { id: readId(reader), version: reader.u64('a version'), digest: readDigest(reader) };
}

function readBool(reader: BcsReader): boolean {
  const value = reader.u8('a bool');
  if (value > 1) throw errors.INVALID_TRANSACTION({ reason: `a bool is 0 or 1, came ${value}` });
  return value === 1;
}

function readCallArg(reader: BcsReader): CallArg {
  switch (reader.uleb('CallArg')) {
    case 0:
      return { kind: 'pure', bytes: reader.bytes('a pure input').slice() };
    case 1:
      return readObjectArg(reader);
    case 2:
      throw unsupported('a withdrawal from an address balance as input');
    default:
      throw errors.INVALID_TRANSACTION({ reason: 'an input of unknown kind' });
  }
}

function readObjectArg(reader: BcsReader): CallArg {
  switch (reader.uleb('ObjectArg')) {
    case 0:
      return { kind: 'owned', ref: readRef(reader) };
    case 1:
      return { kind: 'shared', id: readId(reader), initialVersion: reader.u64(), mutable: readBool(reader) };
    case 2:
      return { kind: 'receiving', ref: readRef(reader) };
    default:
      throw errors.INVALID_TRANSACTION({ reason: 'an object input of unknown kind' });
  }
}

function readArgument(reader: BcsReader): Argument {
  switch (reader.uleb('Argument')) {
    case 0:
      return { kind: 'gas' };
    case 1:
      return { kind: 'input', index: reader.u16() };
    case 2:
      return { kind: 'result', command: reader.u16() };
    case 3:
      return { kind: 'nested', command: reader.u16(), index: reader.u16() };
    default:
      throw errors.INVALID_TRANSACTION({ reason: 'an argument of unknown kind' });
  }
}

function readArguments(reader: BcsReader): Argument[] {
  return reader.vector(readArgument, 1, MAX_ARGUMENTS, 'arguments');
}

function readCommand(reader: BcsReader): Command {
  switch (reader.uleb('Command')) {
    case 0:
      return {
        kind: 'move-call',
        package: readId(reader),
        module: readIdentifier(reader),
        function: readIdentifier(reader),
        typeArguments: reader.vector(decodeTypeName, 1, MAX_TYPE_ARGUMENTS, 'type arguments'),
        arguments: readArguments(reader),
      };
    case 1:
      return { kind: 'transfer-objects', objects: readArguments(reader), address: readArgument(reader) };
    case 2:
      return { kind: 'split-coins', coin: readArgument(reader), amounts: readArguments(reader) };
    case 3:
      return { kind: 'merge-coins', destination: readArgument(reader), sources: readArguments(reader) };
    case 4:
      throw unsupported('Publish: this ledger runs built-in contracts only');
    case 5:
      return {
        kind: 'make-move-vec',
        type: readBool(reader) ? decodeTypeName(reader) : undefined,
        elements: readArguments(reader),
      };
    case 6:
      return {
        kind: 'upgrade',
        modules: reader.vector((each) => each.bytes(), 1, MAX_MODULES, 'modules'),
        dependencies: reader.vector(readId, 32, MAX_DEPENDENCIES, 'dependencies'),
        package: readId(reader),
        ticket: readArgument(reader),
      };
    default:
      throw errors.INVALID_TRANSACTION({ reason: 'a command of unknown kind' });
  }
}

function readIdentifier(reader: BcsReader): string {
  const text = reader.string('an identifier');
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text)) {
    throw errors.INVALID_TRANSACTION({ reason: `${JSON.stringify(text.slice(0, 64))} is not an identifier` });
  }
  return text;
}

function readOptionalU64(reader: BcsReader): bigint | undefined {
  return readBool(reader) ? reader.u64() : undefined;
}

function readExpiration(reader: BcsReader): Expiration {
  switch (reader.uleb('TransactionExpiration')) {
    case 0:
      return { kind: 'none' };
    case 1:
      return { kind: 'epoch', epoch: reader.u64('an epoch') };
    case 2:
      return {
        kind: 'valid-during',
        minEpoch: readOptionalU64(reader),
        maxEpoch: readOptionalU64(reader),
        minTimestamp: readOptionalU64(reader),
        maxTimestamp: readOptionalU64(reader),
        chain: readDigest(reader),
        nonce: reader.u32('a nonce'),
      };
    case 3:
      throw unsupported('an expiration with allowed proposers');
    default:
      throw errors.INVALID_TRANSACTION({ reason: 'an expiration of unknown kind' });
  }
}

function writeRef(writer: BcsWriter, ref: ObjectRef): void {
  writer.fixed(objectIdBytes(ref.id)).u64(ref.version).bytes(ref.digest);
}

function writeCallArg(writer: BcsWriter, input: CallArg): void {
  switch (input.kind) {
    case 'pure':
      writer.uleb(0).bytes(input.bytes);
      break;
    case 'owned':
      writeRef(writer.uleb(1).uleb(0), input.ref);
      break;
    case 'shared':
      writer
        .uleb(1)
        .uleb(1)
        .fixed(objectIdBytes(input.id))
        .u64(input.initialVersion)
        .u8(input.mutable ? 1 : 0);
      break;
    case 'receiving':
      writeRef(writer.uleb(1).uleb(2), input.ref);
      break;
  }
}

function writeArgument(writer: BcsWriter, argument: Argument): void {
  switch (argument.kind) {
    case 'gas':
      writer.uleb(0);
      break;
    case 'input':
      writer.uleb(1).u16(argument.index);
      break;
    case 'result':
      writer.uleb(2).u16(argument.command);
      break;
    case 'nested':
      writer.uleb(3).u16(argument.command).u16(argument.index);
      break;
  }
}

function writeCommand(writer: BcsWriter, command: Command): void {
  switch (command.kind) {
    case 'move-call':
      writer.uleb(0).fixed(objectIdBytes(command.package)).string(command.module).string(command.function);
      writer.vector(command.typeArguments, encodeTypeName).vector(command.arguments, writeArgument);
      break;
    case 'transfer-objects':
      writeArgument(writer.uleb(1).vector(command.objects, writeArgument), command.address);
      break;
    case 'split-coins':
      writeArgument(writer.uleb(2), command.coin);
      writer.vector(command.amounts, writeArgument);
      break;
    case 'merge-coins':
      writeArgument(writer.uleb(3), command.destination);
      writer.vector(command.sources, writeArgument);
      break;
    case 'make-move-vec':
      writer.uleb(5);
      if (command.type === undefined) writer.u8(0);
      else encodeTypeName(writer.u8(1), command.type);
      writer.vector(command.elements, writeArgument);
      break;
    case 'upgrade':
      writer.uleb(6).vector(command.modules, (each, module) => each.bytes(module));
      writer
        .vector(command.dependencies, (each, id) => each.fixed(objectIdBytes(id)))
        .fixed(objectIdBytes(command.package));
      writeArgument(writer, command.ticket);
      break;
  }
}

function writeExpiration(writer: BcsWriter, expiration: Expiration): void {
  switch (expiration.kind) {
    case 'none':
      writer.uleb(0);
      break;
    case 'epoch':
      writer.uleb(1).u64(expiration.epoch);
      break;
    case 'valid-during': {
      writer.uleb(2);
      const { minEpoch, maxEpoch, minTimestamp, maxTimestamp } = expiration;
      for (const bound of [minEpoch, maxEpoch, minTimestamp, maxTimestamp]) {
        if (bound === undefined) writer.u8(0);
        else writer.u8(1).u64(bound);
      }
      writer.bytes(expiration.chain).u32(expiration.nonce);
      break;
    }
  }
}
