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
import { MAX_ARGUMENTS, MAX_COMMANDS, MAX_GAS_PAYMENTS, MAX_INPUTS, MAX_TYPE_ARGUMENTS } from './limits.ts';
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
  | { readonly kind: 'make-move-vec'; readonly type: TypeName | undefined; readonly elements: readonly Argument[] };

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
