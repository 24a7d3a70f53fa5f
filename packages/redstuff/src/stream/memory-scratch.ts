/** Scratches in memory, for where there are no files, and of a bounded size. */
import { errors } from '../errors.ts';
import { allocate } from '../steps.ts';
import type { Scratch, ScratchSpace } from './ports.ts';

/** @param options - `maxBytes`: of all scratches that are open together */
export function createMemoryScratchSpace({ maxBytes }: { readonly maxBytes: number }): ScratchSpace {
  let used = 0;
  const isOpen = new Set<Scratch>();
  const reserve = (sizeBytes: number) => {
    if (used + sizeBytes > maxBytes) throw errors.SCRATCH_FULL({ sizeBytes, place: 'memory' });
    used += sizeBytes;
  };
  return {
    async open(sizeBytes) {
      reserve(sizeBytes);
      const bytes = allocate(sizeBytes, 'temporary data');
      const scratch: Scratch = {
        async write(offset, data) {
          if (offset + data.length > sizeBytes) throw errors.SCRATCH_FULL({ sizeBytes: data.length, place: 'memory' });
          bytes.set(data, offset);
        },
        async read(offset, into) {
          into.fill(0);
          into.set(bytes.subarray(offset, offset + into.length));
        },
        async close() {
          if (isOpen.delete(scratch)) used -= sizeBytes;
        },
      };
      isOpen.add(scratch);
      return scratch;
    },
    async close() {
      for (const scratch of isOpen) await scratch.close();
    },
  };
}
