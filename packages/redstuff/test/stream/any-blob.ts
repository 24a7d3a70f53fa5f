/** Any blob that a stream may have: a shard count, a symbol size, and how far the blob fills its matrix. */
import fc from 'fast-check';
import { geometryOf } from '@floe/protocol';
import { lengthFor, seededBytes, shardCount } from '../helpers.ts';

/** `memory`: what the stream may use, at most `maxMemory` bytes, 0 half of the time. */
export function anyBlob(maxMemory: number) {
  return fc
    .record({
      kind: fc.nat(9),
      value: fc.nat(1000),
      half: fc.integer({ min: 1, max: 40 }),
      fill: fc.double({ min: 0, max: 1, noNaN: true }),
      seed: fc.nat(),
      memory: fc.oneof(fc.constant(0), fc.nat(maxMemory)),
    })
    .map(({ kind, value, half, fill, seed, memory }) => {
      const geometry = geometryOf(shardCount(kind, value));
      const size = Math.floor(lengthFor(geometry, 2 * half, 0) * fill);
      return { geometry, blob: seededBytes(size, seed), memory, seed };
    });
}
