import { type ObjectId, parseObjectId } from '@floe/protocol';
import { deriveDynamicFieldID } from '@mysten/sui/utils';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageAddresses } from '../src/move-type.ts';
import {
  coinTypeOf,
  definingPackage,
  dynamicFieldId,
  extendedFieldId,
  innerStateFieldId,
  metadataFieldId,
  SUI_TYPE,
  typeNames,
  walTypeOf,
} from '../src/type-names.ts';

const MAINNET_SYSTEM = '0x2134d52768ea07e8c43570ef975eb3e4c27a39fa6396bef985b5abc58d03ddd2' as ObjectId;
const PACKAGE = parseObjectId('0xabc');
const FULL = `0x${'0'.repeat(61)}abc`;

describe('type names', () => {
  it('derives the ids of dynamic fields as Sui does', () => {
    // Mainnet's System: the field of its inner state in version 3; and the attributes of object 0x…01.
    expect(innerStateFieldId(MAINNET_SYSTEM, 3n)).toBe(
      '0x0b2d4076d3a0b82a632144e835cd972527b185bda9d55011a9cc38fe557a475d',
    );
    expect(metadataFieldId(parseObjectId('0x1'))).toBe(
      '0x92a2e71a65a4dbf97a124e357b9d38689ec7c1c440ff3d669b559f5e7c3bef4c',
    );
  });

  it('derives them as the SDK does whatever the parent, the name and its type', () => {
    const id = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map((value) => parseObjectId(`0x${value.toString(16)}`));
    const type = fc.oneof(
      fc.constantFrom('u8', 'u32', 'u64', 'u256', 'address', 'bool', 'vector<u8>', 'vector<vector<u64>>'),
      id.map((address) => `${address}::table::Key`),
      id.map((address) => `${address}::wrapper::Wrapper<${address}::object::ID,vector<u256>>`),
    );
    // More types than are kept at a time.
    fc.assert(
      fc.property(id, type, fc.uint8Array({ maxLength: 300 }), (parent, nameType, name) => {
        expect(dynamicFieldId(parent, nameType, name)).toBe(deriveDynamicFieldID(parent, nameType, name));
      }),
      { numRuns: 1000 },
    );
  });

  it('gives different extended fields of different packages different ids', () => {
    expect(extendedFieldId(PACKAGE, PACKAGE)).not.toBe(extendedFieldId(PACKAGE, parseObjectId('0xabd')));
  });

  it('prints types with all digits of every address', () => {
    expect(typeNames(PACKAGE).blob).toBe(`${FULL}::blob::Blob`);
    expect(coinTypeOf('0x2::sui::SUI')).toBe(`0x${'0'.repeat(63)}2::coin::Coin<${SUI_TYPE}>`);
    expect(typeNames(PACKAGE).metadataField).toBe(
      `0x${'0'.repeat(63)}2::dynamic_field::Field<vector<u8>,${FULL}::metadata::Metadata>`,
    );
  });

  it('tells the package that defined a type', () => {
    expect(definingPackage('0xabc::blob::Blob')).toBe(PACKAGE);
    expect(definingPackage(coinTypeOf(walTypeOf(PACKAGE)))).toBe(
      packageAddresses({ walrus: PACKAGE, wal: PACKAGE }).sui,
    );
  });
});
