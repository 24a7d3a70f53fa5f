/**
 * Compresses a BLS12-381 G1 point from the ledger's 96 bytes (x, then y, big-endian, ZCash form) to the 48 bytes that
 * keys have everywhere else. Needs no field arithmetic: the point is not checked, which whoever verifies with it does.
 */
import { assert } from '@floe/platform';

/** (p - 1) / 2 of the base field, big-endian: y above it is the larger of the two roots. */
const HALF_FIELD = BigInt(
  '0x0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555',
);

const COMPRESSED = 0x80;
const INFINITY = 0x40;
const LARGER_Y = 0x20;

/** 48 bytes of a point given as 96. */
export function compressG1(point: Uint8Array): Uint8Array {
  assert(point.length === 96, 'an uncompressed G1 point has 96 bytes', { came: point.length });
  const compressed = point.slice(0, 48);
  const flags = ((point[0] as number) & INFINITY) === 0 && isLargerY(point) ? COMPRESSED | LARGER_Y : COMPRESSED;
  compressed[0] = (compressed[0] as number) | flags;
  return compressed;
}

function isLargerY(point: Uint8Array): boolean {
  let y = 0n;
  for (let i = 48; i < 96; i += 8) {
    y = (y << 64n) | new DataView(point.buffer, point.byteOffset + i, 8).getBigUint64(0);
  }
  return y > HALF_FIELD;
}
