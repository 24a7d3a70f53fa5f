/** Scratches in memory, for where there are no files, and of a bounded size. */
import { errors } from '../errors.ts';
import { allocate } from '../steps.ts';
import type { Scratch, ScratchSpace } from './ports.ts';

/** @param options - `maxBytes`: of all scratches that are open together */
export function createMemoryScratchSpace({ maxBytes }: { readonly maxBytes: number }): ScratchSpace {
  let used = 0;
  const scratches = new Set<Scratch>();
  const reserve = (sizeBytes: number) => {
    if (used + sizeBytes > maxBytes) throw errors.SCRATCH_FULL({ sizeBytes, place: 'memory' });
    used += sizeBytes;
  };
  const grown = (bytes: Uint8Array, size: number): Uint8Array => {
    const larger = Math.max(size, Math.min(2 * bytes.length, maxBytes - used));
    reserve(larger - bytes.length);
    const copy = allocate(larger, 'temporary data');
    copy.set(bytes);
    return copy;
  };
  return {
    async open(sizeBytes) {
      reserve(sizeBytes);
      let bytes: Uint8Array = allocate(sizeBytes, 'temporary data');
      const scratch: Scratch = {
        async write(offset, data) {
          if (offset + data.length > bytes.length) bytes = grown(bytes, offset + data.length);
          bytes.set(data, offset);
        },
        async read(offset, into) {
          const there = bytes.subarray(offset, offset + into.length);
          into.set(there);
          into.fill(0, there.length);
        },
        async close() {
          if (scratches.delete(scratch)) used -= bytes.length;
          bytes = new Uint8Array(0);
        },
      };
      scratches.add(scratch);
      return scratch;
    },
    async close() {
      for (const scratch of scratches) await scratch.close();
    },
  };
}
