/** Generators of protocol values for properties. */
import fc from 'fast-check';
import { blobIdFromBytes, type Epoch, objectIdFromBytes, type SliverIndex } from '../../src/ids.ts';
import type { RecoverySymbol } from '../../src/symbols.ts';

export const bytesOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
export const blobId = bytesOf(32).map((raw) => blobIdFromBytes(raw));
export const objectId = bytesOf(32).map((raw) => objectIdFromBytes(raw));
export const epoch = fc.nat(0xffff_ffff).map((value) => value as Epoch);
export const u16 = fc.nat(0xffff);
export const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
export const sliverIndex = u16.map((value) => value as SliverIndex);
export const axis = fc.constantFrom('primary' as const, 'secondary' as const);
export const smallData = fc.uint8Array({ maxLength: 200 });
export const merklePath = fc.array(fc.option(bytesOf(32), { nil: undefined }), { maxLength: 16 });
export const decodingSymbol = fc.record({ index: sliverIndex, data: smallData });
export const recoverySymbol: fc.Arbitrary<RecoverySymbol> = fc.record({
  index: sliverIndex,
  data: smallData,
  proof: merklePath,
});
export const sliver = fc.record({
  axis,
  index: sliverIndex,
  symbolSize: fc.integer({ min: 1, max: 0xffff }),
  data: smallData,
});
