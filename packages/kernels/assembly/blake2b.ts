/** BLAKE2b-256 of whole messages: one at a time, or equal-length ones in two lanes. */
import { INITIAL2, INITIAL_0, IV } from './blake2b-constants';
import { TRIPLES } from './generated/variant';
import {
  compress,
  compressFirst,
  compressPair,
  compressTriple,
  finishPair16,
  finishPair5,
  hashPair16,
  hashPair2,
  hashPair5,
  hashPair9,
  hashTriple16,
  hashTriple2,
  hashTriple5,
  hashTriple9,
} from './generated/blake2b';

const STATE: usize = memory.data(64, 16);
const LAST_BLOCK: usize = memory.data(128, 16);
let counter: u64 = 0;

/** Begins a message. */
export function begin(): void {
  store<u64>(STATE, INITIAL_0);
  for (let i: usize = 8; i < 64; i += 8) store<u64>(STATE + i, load<u64>(IV + i));
  counter = 0;
}

/** Takes whole 128-byte blocks, none of which is the message's last. */
export function absorb(data: usize, blocks: usize): void {
  for (; blocks > 0; blocks -= 1, data += 128) {
    counter += 128;
    compress(STATE, data, counter, 0);
  }
}

/** Takes the rest of the message (empty only if the message is) and writes the 32-byte digest. */
export function finish(data: usize, size: usize, out: usize): void {
  const full = size == 0 ? 0 : (size - 1) >> 7;
  absorb(data, full);
  const rest = size - (full << 7);
  memory.fill(LAST_BLOCK, 0, 128);
  memory.copy(LAST_BLOCK, data + (full << 7), rest);
  counter += rest;
  compress(STATE, LAST_BLOCK, counter, ~(<u64>0));
  memory.copy(out, STATE, 32);
}

/** Messages that are put in padded blocks before any of them is hashed, so that the stores have left the pipeline. */
const STAGED: usize = 24;
const PAIR_STATE_OFFSET: usize = 24 * 128;
/** Bytes that {@link useScratch} needs. */
export const SCRATCH_SIZE: usize = 24 * 128 + 128;
const OWN_SCRATCH: usize = memory.data(24 * 128 + 128, 16);
// Globals belong to an instance, memory may be shared by several: each of those gets a scratch of its own.
let stage: usize = OWN_SCRATCH;
let pairState: usize = OWN_SCRATCH + PAIR_STATE_OFFSET;

/** Puts intermediate values at `address`, 16-byte aligned, instead of where all instances on a memory do. */
export function useScratch(address: usize): void {
  stage = address;
  pairState = address + PAIR_STATE_OFFSET;
}

/** Copies `size` <= 128 bytes with overlapping wide moves; a call to memory.copy costs more than the move. */
// @ts-ignore: decorator
@inline
function copyShort(to: usize, from: usize, size: usize): void {
  if (size >= 16) {
    for (let i: usize = 0; i + 16 < size; i += 16) v128.store(to + i, v128.load(from + i));
    v128.store(to + size - 16, v128.load(from + size - 16));
  } else if (size >= 8) {
    store<u64>(to, load<u64>(from));
    store<u64>(to + size - 8, load<u64>(from + size - 8));
  } else if (size >= 4) {
    store<u32>(to, load<u32>(from));
    store<u32>(to + size - 4, load<u32>(from + size - 4));
  } else {
    for (let i: usize = 0; i < size; i += 1) store<u8>(to + i, load<u8>(from + i));
  }
}

/**
 * Prepares for messages of `size` bytes by {@link hashLeafRow}: their last blocks are then zero beyond the message and
 * have the 0x00 prefix.
 */
export function beginLeaves(): void {
  memory.fill(stage, 0, STAGED * 128);
}

/**
 * H(0x00 || message) of `count` messages of `size` > 0 bytes, message i at `data + i * step`, digest i to `out + 32 * i`.
 * Call {@link beginLeaves} when `size` changes. Reads one byte before `data`.
 */
export function hashLeafRow(data: usize, step: usize, size: usize, count: usize, out: usize): void {
  if (size < 128) hashShortRow(data, step, size, count, out);
  else hashLongRow(data, step, size, count, out);
}

function hashShortRow(data: usize, step: usize, size: usize, count: usize, out: usize): void {
  const total = <u64>size + 1;
  while (count > 0) {
    const batch = min(count, STAGED);
    for (let i: usize = 0; i < batch; i += 1) copyShort(stage + 1 + (i << 7), data + i * step, size);
    let i: usize = 0;
    for (; i + 3 <= batch && (TRIPLES || total <= 72); i += 3) hashShortTriple(stage + (i << 7), total, out + (i << 5));
    for (; i < batch; i += 2) {
      const a = stage + (i << 7);
      const outA = out + (i << 5);
      const single = i + 1 == batch;
      const b = single ? a : a + 128;
      const outB = single ? outA : outA + 32;
      if (total <= 16) hashPair2(a, b, total, outA, outB);
      else if (total <= 40) hashPair5(a, b, total, outA, outB);
      else if (total <= 72) hashPair9(a, b, total, outA, outB);
      else hashPair16(a, b, total, outA, outB);
    }
    count -= batch;
    data += batch * step;
    out += batch << 5;
  }
}

// @ts-ignore: decorator
@inline
function hashShortTriple(a: usize, total: u64, out: usize): void {
  if (total <= 16) hashTriple2(a, a + 128, a + 256, total, out, out + 32, out + 64);
  else if (total <= 40) hashTriple5(a, a + 128, a + 256, total, out, out + 32, out + 64);
  else if (total <= 72) hashTriple9(a, a + 128, a + 256, total, out, out + 32, out + 64);
  else if (TRIPLES) hashTriple16(a, a + 128, a + 256, total, out, out + 32, out + 64);
}

/** Two or more blocks: the compressions are so long that three of them in turn do not fit the instruction cache. */
function hashLongRow(data: usize, step: usize, size: usize, count: usize, out: usize): void {
  if (TRIPLES) {
    for (; count >= 3; count -= 3, data += 3 * step, out += 96) hashTriple(data, step, size, out);
    if (count == 0) return;
  }
  const full = size >> 7; // blocks before the last of the size + 1 bytes, as (size + 1 - 1) / 128
  const rest = size + 1 - (full << 7);
  for (let i: usize = 0; i < count; i += 2) {
    const single = i + 1 == count;
    const a = data + i * step - 1;
    const b = single ? a : a + step;
    const outA = out + (i << 5);
    const outB = single ? outA : outA + 32;
    copyShort(stage, a + (full << 7), rest);
    copyShort(stage + 128, b + (full << 7), rest);
    if (full == 1) {
      compressFirst(pairState, a, b);
      if (rest <= 40) finishPair5(pairState, stage, stage + 128, <u64>size + 1, outA, outB);
      else finishPair16(pairState, stage, stage + 128, <u64>size + 1, outA, outB);
    } else {
      hashBlocks(a, b, full, <u64>size + 1);
      storeDigest(outA, 0);
      if (!single) storeDigest(outB, 8);
    }
  }
}

/** Three long messages at once. */
function hashTriple(data: usize, step: usize, size: usize, out: usize): void {
  const full = size >> 7;
  const rest = size + 1 - (full << 7);
  const a = data - 1;
  const b = a + step;
  const c = b + step;
  copyShort(stage, a + (full << 7), rest);
  copyShort(stage + 128, b + (full << 7), rest);
  copyShort(stage + 256, c + (full << 7), rest);
  const third = stage + 384;
  for (let i: usize = 0; i < 128; i += 16) v128.store(pairState + i, v128.load(INITIAL2 + i));
  store<u64>(third, INITIAL_0);
  for (let i: usize = 8; i < 64; i += 8) store<u64>(third + i, load<u64>(IV + i));
  let keep: u64 = ~(<u64>255);
  for (let at: usize = 0; at < full << 7; at += 128) {
    compressTriple(pairState, a + at, b + at, i64x2.splat(keep), third, c + at, keep, <u64>(at + 128), 0);
    keep = ~(<u64>0);
  }
  compressTriple(
    pairState, stage, stage + 128, i64x2.splat(keep), third, stage + 256, keep, <u64>size + 1, ~(<u64>0),
  );
  storeDigest(out, 0);
  storeDigest(out + 32, 8);
  memory.copy(out + 64, third, 32);
}

/** All blocks of two messages, the last of which are staged. */
function hashBlocks(a: usize, b: usize, full: usize, total: u64): void {
  for (let i: usize = 0; i < 128; i += 16) v128.store(pairState + i, v128.load(INITIAL2 + i));
  let keep = i64x2.splat(-256);
  for (let block: usize = 0; block < full; block += 1) {
    compressPair(pairState, a + (block << 7), b + (block << 7), keep, <u64>(block + 1) << 7, 0);
    keep = i64x2.splat(-1);
  }
  compressPair(pairState, stage, stage + 128, keep, total, ~(<u64>0));
}

// @ts-ignore: decorator
@inline
function storeDigest(out: usize, lane: usize): void {
  for (let i: usize = 0; i < 4; i += 1) store<u64>(out + (i << 3), load<u64>(pairState + (i << 4) + lane));
}

/** Leaf hashes of all 65,536 symbols of two bytes, in order, 2 MiB to `table`. */
export function fillLeafTable(table: usize): void {
  beginLeaves();
  const symbols = pairState; // all 128 bytes: free, because messages of two bytes have no state beyond a block
  for (let first: u32 = 0; first < 65536; first += 64) {
    for (let i: u32 = 0; i < 64; i += 1) store<u16>(symbols + (i << 1), <u16>(first + i));
    hashShortRow(symbols, 2, 2, 64, table + (<usize>first << 5));
  }
}
