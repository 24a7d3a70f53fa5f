/** Objects as protobuf messages. Types are canonical texts already; they pass through. */
import type { GrpcTypes } from '@mysten/sui/grpc';
import type { LedgerObject } from '../../api.ts';
import { encodeObject } from '../../object-codec.ts';
import { type FieldMask, selects } from '../field-mask.ts';
import { digestText, renderOwner } from './values.ts';

const COIN_PREFIX = `0x${'2'.padStart(64, '0')}::coin::Coin<`;
/** A coin's contents: its id, then its balance as u64. */
const COIN_BALANCE_OFFSET = 32;

/** Fields that `GetObject` and `BatchGetObjects` return when the request has no mask. */
export const objectDefaults = ['object_id', 'version', 'digest'] as const;

/** The message of an object; costly fields only when selected. The caller applies the mask. */
export function renderObject(object: LedgerObject, mask: FieldMask): GrpcTypes.Object {
  return {
    bcs: selects(mask, 'bcs') ? { name: 'Object', value: encodeObject(object) } : undefined,
    objectId: object.id,
    version: object.version,
    digest: digestText(object.digest),
    owner: renderOwner(object.owner),
    objectType: object.type,
    hasPublicTransfer: object.hasPublicTransfer,
    contents: object.type === 'package' ? undefined : { name: object.type, value: object.contents },
    previousTransaction: digestText(object.previousTransaction),
    storageRebate: object.storageRebate,
    balance: coinBalance(object),
  };
}

/** Balance of a coin object in its smallest unit; undefined for every other type. */
export function coinBalance(object: LedgerObject): bigint | undefined {
  if (!object.type.startsWith(COIN_PREFIX)) return undefined;
  const { buffer, byteOffset, byteLength } = object.contents;
  return new DataView(buffer, byteOffset, byteLength).getBigUint64(COIN_BALANCE_OFFSET, true);
}
