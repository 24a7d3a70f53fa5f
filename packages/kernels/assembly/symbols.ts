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
import { changeForm, joinRows, splitRows } from './field';

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

/** Low bytes and high bytes of tail elements on their way, each kind in one row: a lane's strip and a vector beyond. */
const TAIL_ROW: usize = 1024 + 64;
/** Bytes that {@link useTailRows} needs. */
export const TAIL_ROWS_SIZE: usize = 2 * (1024 + 64);
const OWN_TAIL_ROWS: usize = memory.data(2 * (1024 + 64), 16);
let lowRow: usize = OWN_TAIL_ROWS;

/** Puts the rows at `address` instead of where all instances on a memory do. */
export function useTailRows(address: usize): void {
  lowRow = address;
}

/**
 * Loads tail elements [first, first + count) of one lane and clears the rest of their last group. `source` is the tail of
 * the lane's slot 0, `half` its elements. Reads up to 15 bytes beyond a tail.
 */
export function loadTails(lane: usize, source: usize, slotStep: usize, half: u32, first: u32, count: u32): void {
  const groups = (count + 31) >> 5;
  const highRow = lowRow + TAIL_ROW;
  let symbol = source + (first / half) * slotStep;
  let begin: u32 = first % half;
  let at: usize = 0;
  while (at < count) {
    // Whole vectors: what a run takes too much of, the next one overwrites.
    const run: usize = min<usize>(half - begin, count - at);
    const low = symbol + begin;
    const high = low + half;
    v128.store(lowRow + at, v128.load(low));
    v128.store(highRow + at, v128.load(high));
    if (run > 16) {
      v128.store(lowRow + at, v128.load(low, 16), 16);
      v128.store(highRow + at, v128.load(high, 16), 16);
    }
    at += run;
    begin = 0;
    symbol += slotStep;
  }
  if (count & 31) {
    const zero = i64x2.splat(0);
    for (let i: usize = 0; i < 32; i += 16) {
      v128.store(lowRow + count + i, zero);
      v128.store(highRow + count + i, zero);
    }
  }
  joinRows(lowRow, highRow, lane, groups);
}

/** The inverse of {@link loadTails}. */
export function storeTails(lane: usize, target: usize, slotStep: usize, half: u32, first: u32, count: u32): void {
  const highRow = lowRow + TAIL_ROW;
  splitRows(lane, lowRow, highRow, (count + 31) >> 5);
  let symbol = target + (first / half) * slotStep;
  let begin: u32 = first % half;
  let at: usize = 0;
  while (at < count) {
    const run: usize = min<usize>(half - begin, count - at);
    copyRun(symbol + begin, lowRow + at, run);
    copyRun(symbol + begin + half, highRow + at, run);
    at += run;
    begin = 0;
    symbol += slotStep;
  }
}

/** Copies exactly `size` <= 31 bytes, with overlapping moves. */
// @ts-ignore: decorator
@inline
function copyRun(to: usize, from: usize, size: usize): void {
  if (size == 1) {
    store<u8>(to, load<u8>(from));
  } else if (size < 4) {
    store<u16>(to, load<u16>(from));
    store<u8>(to + size - 1, load<u8>(from + size - 1));
  } else if (size < 8) {
    store<u32>(to, load<u32>(from));
    store<u32>(to + size - 4, load<u32>(from + size - 4));
  } else if (size < 16) {
    store<u64>(to, load<u64>(from));
    store<u64>(to + size - 8, load<u64>(from + size - 8));
  } else {
    v128.store(to, v128.load(from));
    v128.store(to + size - 16, v128.load(from + size - 16));
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
  if (size >= 16) {
    // The last vector overlaps the one before.
    for (let i: usize = 0; i + 16 < size; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + size - 16, v128.load(from + size - 16));
    return;
  }
  for (let i: usize = 0; i < size; i += 2) store<u16>(to + i, load<u16>(from + i));
}
