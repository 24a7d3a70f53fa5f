/** BLAKE2b-256 of whole messages: one at a time, or equal-length ones in two lanes. */
import { INITIAL2, INITIAL_0, IV } from './blake2b-constants';
import { compress, compressPair, hashPair16, hashPair2, hashPair5, hashPair9 } from './generated/blake2b';

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
const STAGED: usize = 16;
const STAGE: usize = memory.data(16 * 128, 16);
const PAIR_STATE: usize = memory.data(128, 16);

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
  memory.fill(STAGE, 0, STAGED * 128);
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
    for (let i: usize = 0; i < batch; i += 1) copyShort(STAGE + 1 + (i << 7), data + i * step, size);
    for (let i: usize = 0; i < batch; i += 2) {
      const a = STAGE + (i << 7);
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

function hashLongRow(data: usize, step: usize, size: usize, count: usize, out: usize): void {
  const full = size >> 7; // blocks before the last of the size + 1 bytes, as (size + 1 - 1) / 128
  const rest = size + 1 - (full << 7);
  const all = i64x2.splat(-1);
  for (let i: usize = 0; i < count; i += 2) {
    const single = i + 1 == count;
    const a = data + i * step - 1;
    const b = single ? a : a + step;
    copyShort(STAGE, a + (full << 7), rest);
    copyShort(STAGE + 128, b + (full << 7), rest);
    memory.copy(PAIR_STATE, INITIAL2, 128);
    let keep = i64x2.splat(-256);
    for (let block: usize = 0; block < full; block += 1) {
      compressPair(PAIR_STATE, a + (block << 7), b + (block << 7), keep, <u64>(block + 1) << 7, 0);
      keep = all;
    }
    compressPair(PAIR_STATE, STAGE, STAGE + 128, all, <u64>size + 1, ~(<u64>0));
    storeDigest(out + (i << 5), 0);
    if (!single) storeDigest(out + (i << 5) + 32, 8);
  }
}

// @ts-ignore: decorator
@inline
function storeDigest(out: usize, lane: usize): void {
  for (let i: usize = 0; i < 4; i += 1) store<u64>(out + (i << 3), load<u64>(PAIR_STATE + (i << 4) + lane));
}
