/**
 * Symbols in memory, and as lanes of a transform.
 *
 * An array of symbols is addressed as (lane, slot): lane is the position in a codeword, slot says which of several
 * independent codewords; symbol bytes are at `base + lane * laneStep + slot * slotStep`. A symbol of s bytes is s / 64
 * blocks of 32 low and 32 high bytes, then a tail whose first half is low and second half high bytes. Elements of a
 * codeword position never mix, so a lane may hold them in any order: blocks of all slots come first, then the tail
 * elements of all slots packed together, which is why small symbols cost no padding to 64 bytes each.
 *
 * A strip is a range of one of these two sequences: of blocks ("group" index slot * blocks + block), or of tail elements
 * (index slot * half + i), 32 of which make a group.
 */
import { changeForm } from './field';

/** Loads groups [first, first + groups) of the blocks of one lane. `source` is the lane's slot 0. */
export function loadBlocks(lane: usize, source: usize, slotStep: usize, blocks: u32, first: u32, groups: u32): void {
  let slot: u32 = first / blocks;
  let block: u32 = first % blocks;
  while (groups > 0) {
    const run = min(groups, blocks - block);
    changeForm(source + slot * slotStep + (block << 6), lane, run);
    lane += run << 6;
    groups -= run;
    slot += 1;
    block = 0;
  }
}

/** The inverse of {@link loadBlocks}. */
export function storeBlocks(lane: usize, target: usize, slotStep: usize, blocks: u32, first: u32, groups: u32): void {
  let slot: u32 = first / blocks;
  let block: u32 = first % blocks;
  while (groups > 0) {
    const run = min(groups, blocks - block);
    changeForm(lane, target + slot * slotStep + (block << 6), run);
    lane += run << 6;
    groups -= run;
    slot += 1;
    block = 0;
  }
}

/**
 * Loads tail elements [first, first + count) of one lane and clears the rest of their last group. `source` is the tail of
 * the lane's slot 0, `half` its elements.
 */
export function loadTails(lane: usize, source: usize, slotStep: usize, half: u32, first: u32, count: u32): void {
  const groups = (count + 31) >> 5;
  if (count & 31) memory.fill(lane + ((groups - 1) << 6), 0, 64);
  let slot: u32 = first / half;
  let i: u32 = first % half;
  let symbol = source + slot * slotStep;
  for (let e: u32 = 0; e < count; e += 1) {
    const at = lane + ((e >> 5) << 6) + (e & 31);
    store<u8>(at, load<u8>(symbol + i), 0);
    store<u8>(at, load<u8>(symbol + half + i), 32);
    i += 1;
    if (i == half) {
      i = 0;
      symbol += slotStep;
    }
  }
  changeForm(lane, lane, groups);
}

/** The inverse of {@link loadTails}; changes the lane to Cantor form. */
export function storeTails(lane: usize, target: usize, slotStep: usize, half: u32, first: u32, count: u32): void {
  changeForm(lane, lane, (count + 31) >> 5);
  let slot: u32 = first / half;
  let i: u32 = first % half;
  let symbol = target + slot * slotStep;
  for (let e: u32 = 0; e < count; e += 1) {
    const at = lane + ((e >> 5) << 6) + (e & 31);
    store<u8>(symbol + i, load<u8>(at, 0));
    store<u8>(symbol + half + i, load<u8>(at, 32));
    i += 1;
    if (i == half) {
      i = 0;
      symbol += slotStep;
    }
  }
}

/** Copies `lanes` x `slots` symbols of `size` bytes from one arrangement to another. */
export function copySymbols(
  from: usize, fromLane: usize, fromSlot: usize,
  to: usize, toLane: usize, toSlot: usize,
  size: usize, lanes: usize, slots: usize,
): void {
  for (let lane: usize = 0; lane < lanes; lane += 1) {
    for (let slot: usize = 0; slot < slots; slot += 1) {
      copySymbol(from + lane * fromLane + slot * fromSlot, to + lane * toLane + slot * toSlot, size);
    }
  }
}

// @ts-ignore: decorator
@inline
function copySymbol(from: usize, to: usize, size: usize): void {
  if (size > 256) {
    memory.copy(to, from, size);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= size; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < size; i += 2) store<u16>(to + i, load<u16>(from + i));
}
