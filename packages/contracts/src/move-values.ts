/**
 * BCS of Move's primitive and framework types, as the values Floe works with: 64-bit and wider integers are `bigint`,
 * ids and addresses are {@link ObjectId}, a `VecMap` is its entries in insertion order, `Option` is `null` or the value.
 *
 * What is parsed can be serialised again to the same bytes; every layout of this package is made of these.
 */
import { fromBase64Url, toBase64Url } from '@floe/platform';
import type { BlobId, Epoch, ObjectId, ShardIndex } from '@floe/protocol';
import { type BcsType, bcs } from '@mysten/sui/bcs';

export const bool = bcs.bool();
export const u8 = bcs.u8();
export const u16 = bcs.u16();
export const u32 = bcs.u32();
export const u64 = bigUnsigned(bcs.u64());
export const u128 = bigUnsigned(bcs.u128());
export const u256 = bigUnsigned(bcs.u256());
export const string = bcs.string();
/** `vector<u8>` */
export const bytes = bcs.byteVector();

/** 32 raw bytes: `address`, `ID` and `UID` alike. */
export const id = bcs.Address.transform({
  name: 'id',
  input: (value: string) => value,
  output: (value) => value as ObjectId,
});

/** A Walrus epoch: u32, unrelated to Sui's epochs. */
export const epoch = bcs.u32().transform({
  name: 'epoch',
  input: (value: number) => value,
  output: (value) => value as Epoch,
});

/** A shard's index: u16. */
export const shardIndex = bcs.u16().transform({
  name: 'shardIndex',
  input: (value: number) => value,
  output: (value) => value as ShardIndex,
});

/** A blob id: on chain a u256, whose little-endian bytes are the id's 32 bytes in order. */
export const blobId = bcs.bytes(32).transform({
  name: 'blobId',
  input: (value: string) => fromBase64Url(value) ?? new Uint8Array(0),
  output: (value) => toBase64Url(value) as BlobId,
});

/** `Element<UncompressedG1>`: 96 bytes, x then y, with a length before them. */
export const uncompressedG1 = sizedBytes('UncompressedG1', 96);
/** `Element<G1>`: 48 bytes, compressed, with a length before them. */
export const compressedG1 = sizedBytes('G1', 48);

/** `Balance<T>`: an amount in the coin's smallest unit. */
export const balance = u64;

/** `Table`, `ObjectTable`, `Bag`, `ObjectBag`: its id and how many entries it has. */
export const table = bcs.struct('Table', { id, size: u64 });

/** `extended_field::ExtendedField<T>`: the id whose dynamic field holds the value. */
export const extendedField = id;

/** Struct without fields, such as `extended_field::Key()`: the compiler gives it one `false`. */
export const empty = bcs.struct('Empty', { dummyField: bool });

/** `VecMap<K, V>`: entries in insertion order. */
export function vecMap<K, KI, V, VI>(key: BcsType<K, KI>, value: BcsType<V, VI>) {
  return bcs.vector(
    bcs.struct(`Entry<${key.name}, ${value.name}>`, { key: key as BcsType<K, KI>, value: value as BcsType<V, VI> }),
  );
}

/** `Coin<T>`: 40 bytes. */
export const coin = bcs.struct('Coin', { id, balance });
/** `TreasuryCap<T>` */
export const treasuryCap = bcs.struct('TreasuryCap', { id, totalSupply: u64 });

/** `dynamic_field::Field<N, V>`: the object that holds a dynamic field. */
export function field<N, NI, V, VI>(name: BcsType<N, NI>, value: BcsType<V, VI>) {
  return bcs.struct(`Field<${name.name}, ${value.name}>`, {
    id,
    name: name as BcsType<N, NI>,
    value: value as BcsType<V, VI>,
  });
}

function bigUnsigned(type: BcsType<string, string | number | bigint>) {
  return type.transform({
    name: type.name,
    input: (value: bigint | number) => value,
    output: (value) => BigInt(value),
  });
}

function sizedBytes(name: string, size: number) {
  return bcs.byteVector().transform({
    name,
    input: (value: Uint8Array) => value,
    output: (value) => {
      if (value.length !== size) throw new TypeError(`Expected ${name} of ${size} bytes, found ${value.length}`);
      return value;
    },
    validate: (value) => {
      if (value.length !== size) throw new TypeError(`Expected ${name} of ${size} bytes, found ${value.length}`);
    },
  });
}
