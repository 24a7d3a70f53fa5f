/** Slots: equal parts of one memory, each for one task at a time. */
import { KERNEL_CONSTANTS_SIZE } from '@floe/kernels';

/** Areas are apart and aligned by a cache line; kernels may read a byte before an area and some after it. */
const GAP = 64;

/** Gives out areas one after another, from an address on. */
export interface Taker {
  readonly take: (sizeBytes: number) => number;
  /** Where all areas so far end. */
  readonly end: () => number;
}

export function takeFrom(address: number): Taker {
  let next = address;
  return {
    take(sizeBytes) {
      const area = next + GAP;
      next = Math.ceil((area + sizeBytes + GAP) / GAP) * GAP;
      return area;
    },
    end: () => next,
  };
}

/** Where a slot is; the first comes after what all kernels on a memory share. */
export function slotAddress(slotSize: number, slot: number): number {
  return KERNEL_CONSTANTS_SIZE + slot * slotSize;
}

/** The largest count up to `most` that fits, or 1; what fits gets no smaller by being less. */
export function largest(most: number, fits: (count: number) => boolean): number {
  let [low, high] = [1, Math.max(1, most)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
