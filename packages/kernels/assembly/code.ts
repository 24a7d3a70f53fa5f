/**
 * Entry of code.wasm: Reed-Solomon encoding and decoding of many codewords at once, and their Merkle trees.
 *
 * All pointers are the caller's, at or above heapBase(). Code and points are those of Walrus's RS2 encoding: "high rate"
 * puts recovery symbols at points 0.. and source symbol i at K + i, with K = pow2(r); "low rate" puts source symbols at
 * 0.. and recovery symbol j at K + j, with K = pow2(k).
 */
import { SCRATCH_SIZE, beginLeaves, fillLeafTable, hashLeafRow, useScratch } from './blake2b';
import { LIFT, PRODUCTS, addTo, finishTables, scale } from './field';
import { innerPair, innerTriple } from './generated/blake2b';
import { TAIL_ROWS_SIZE, loadBlocks, loadTails, storeBlocks, storeTails, useTailRows } from './symbols';
import { ROUND_LANES, forward, forwardRound, inverse, inverseRound, layOut } from './transform';
export { copySymbols } from './symbols';
export { finishTables };

/** First address that is the caller's to use. */
export function heapBase(): usize {
  return __heap_base;
}

/** Bytes that an instance on shared memory needs for {@link useOwn}. */
export function ownSize(): usize {
  return SCRATCH_SIZE + TAIL_ROWS_SIZE;
}

/** Puts what an instance keeps in memory while it computes at `address`, 16-byte aligned. */
export function useOwn(address: usize): void {
  useScratch(address);
  useTailRows(address + SCRATCH_SIZE);
}

/** Where the caller writes the products of subfield elements (8 KiB). */
export function products(): usize {
  return PRODUCTS;
}

/** Where the caller writes the change of form (256 bytes). */
export function lift(): usize {
  return LIFT;
}

function pow2(value: u32): u32 {
  return value <= 1 ? 1 : 1 << (32 - clz<u32>(value - 1));
}

function isHighRate(k: u32, r: u32): bool {
  const a = pow2(k);
  const b = pow2(r);
  return a > b || (a == b && k <= r);
}

// What one call works on; set once per call, so that the strip functions need not pass a dozen values along.
let symbolSize: u32;
let slotCount: u32;
let from: usize;
let fromLane: usize;
let fromSlot: usize;
let to: usize;
let toLane: usize;
let toSlot: usize;
// Groups of 64 bytes that a lane has: of the blocks of all slots, and elements of their tails, 32 to a group.
let blockGroups: u32;
let tailElements: u32;
// The current strip: groups of blocks, then of tails.
let stripFirst: u32;
let stripCount: u32;
let lanePitch: usize;

function loadLane(lane: usize, index: u32): void {
  const blocks = symbolSize >> 6;
  const source = from + index * fromLane;
  const end = stripFirst + stripCount;
  if (stripFirst < blockGroups) {
    const groups = min(end, blockGroups) - stripFirst;
    loadBlocks(lane, source, fromSlot, blocks, stripFirst, groups);
    lane += groups << 6;
  }
  if (end > blockGroups) {
    const first = firstTail();
    loadTails(lane, source + (blocks << 6), fromSlot, (symbolSize & 63) >> 1, first, endTail(end) - first);
  }
}

function storeLane(lane: usize, index: u32): void {
  const blocks = symbolSize >> 6;
  const target = to + index * toLane;
  const end = stripFirst + stripCount;
  if (stripFirst < blockGroups) {
    const groups = min(end, blockGroups) - stripFirst;
    storeBlocks(lane, target, toSlot, blocks, stripFirst, groups);
    lane += groups << 6;
  }
  if (end > blockGroups) {
    const first = firstTail();
    storeTails(lane, target + (blocks << 6), toSlot, (symbolSize & 63) >> 1, first, endTail(end) - first);
  }
}

/** Elements of tails in the strip. */
// @ts-ignore: decorator
@inline
function firstTail(): u32 {
  return (max(stripFirst, blockGroups) - blockGroups) << 5;
}

// @ts-ignore: decorator
@inline
function endTail(end: u32): u32 {
  return min((end - blockGroups) << 5, tailElements);
}

/** Loads lanes and takes them through an inverse transform, the first four layers of 16 lanes as soon as those are there. */
function loadInverse(work: usize, first: u32, count: u32, size: u32, delta: u32): void {
  const inRounds = size >= ROUND_LANES;
  const step = inRounds ? ROUND_LANES : size;
  for (let q: u32 = 0; q < size; q += step) {
    const here = q < count ? min(step, count - q) : 0;
    for (let i = q; i < q + here; i += 1) loadLane(work + i * lanePitch, first + i);
    memory.fill(work + (q + here) * lanePitch, 0, (step - here) * lanePitch);
    if (inRounds && here > 0) inverseRound(work, q, 1, 0, delta, count);
  }
  inverse(work, size, delta, count, inRounds ? 4 : 0);
}

/** Takes lanes through a forward transform and stores the first `count` of them. */
function forwardStore(work: usize, size: u32, delta: u32, first: u32, count: u32): void {
  const inRounds = size >= ROUND_LANES;
  const step = inRounds ? ROUND_LANES : size;
  forward(work, size, delta, 0, count, inRounds ? 4 : 0);
  for (let q: u32 = 0; q < count; q += step) {
    if (inRounds) forwardRound(work, q, 1, 0, delta, 0, count);
    const end = min(q + step, count);
    for (let i = q; i < end; i += 1) storeLane(work + i * lanePitch, first + i);
  }
}

function encodeStripHigh(k: u32, r: u32, work: usize): void {
  const size = pow2(r);
  const sum = work;
  const chunk = work + size * lanePitch;
  loadInverse(sum, 0, min(size, k), size, size);
  for (let first = size; first < k; first += size) {
    loadInverse(chunk, first, min(size, k - first), size, first + size);
    addTo(sum, chunk, size * lanePitch);
  }
  forwardStore(sum, size, 0, 0, r);
}

function encodeStripLow(k: u32, size: u32, r: u32, work: usize): void {
  loadInverse(work, 0, k, size, 0);
  for (let first: u32 = 0; first < r; first += size) {
    const count = min(size, r - first);
    // The last one needs no copy: nothing comes after it.
    const chunk = count < r - first ? work + size * lanePitch : work;
    if (chunk != work) memory.copy(chunk, work, size * lanePitch);
    forwardStore(chunk, size, first + size, first, count);
  }
}

/** Lanes of `width` bytes that encoding k + r symbols needs as work space. */
export function encodeLanes(k: u32, r: u32): u32 {
  return 2 * pow2(isHighRate(k, r) ? r : k);
}

/** Describes the symbols that the next encode or decode reads. */
export function setSource(base: usize, laneStep: usize, slotStep: usize, size: u32, slots: u32): void {
  from = base;
  fromLane = laneStep;
  fromSlot = slotStep;
  symbolSize = size;
  slotCount = slots;
}

/** Describes where the next encode or decode writes. */
export function setTarget(base: usize, laneStep: usize, slotStep: usize): void {
  to = base;
  toLane = laneStep;
  toSlot = slotStep;
}

/**
 * Moves to the first or next strip of at most `width` bytes per lane; false when there is none. Tails go with blocks: a
 * strip of a few of their groups alone would cost as much as one several times as wide.
 */
function nextStrip(isFirst: bool, width: usize, lanes: u32): bool {
  blockGroups = (symbolSize >> 6) * slotCount;
  tailElements = ((symbolSize & 63) >> 1) * slotCount;
  stripFirst = isFirst ? 0 : stripFirst + stripCount;
  const total = blockGroups + ((tailElements + 31) >> 5);
  if (stripFirst >= total) return false;
  // What is left in equal strips, rather than full ones and a short last one.
  const left = total - stripFirst;
  const most = <u32>(width >> 6);
  const strips = (left + most - 1) / most;
  stripCount = (left + strips - 1) / strips;
  lanePitch = layOut((<usize>stripCount) << 6, lanes);
  return true;
}

/**
 * Recovery symbols (all r lanes of the target) of the source symbols; those from `nonZero` on are taken as zero and not
 * read. `work` has room for encodeLanes(k, r) lanes of `width` + 64 bytes, `width` a multiple of 64.
 */
export function encode(k: u32, r: u32, nonZero: u32, work: usize, width: usize): void {
  const high = isHighRate(k, r);
  const size = pow2(k);
  const lanes = high ? pow2(r) : size;
  for (let more = nextStrip(true, width, lanes); more; more = nextStrip(false, width, lanes)) {
    if (high) encodeStripHigh(nonZero, r, work);
    else encodeStripLow(nonZero, size, r, work);
  }
}

/**
 * Source symbols that are missing, from k others. `plan` is an array of u32 pairs (point, factor): first `received`
 * pairs, for the source lanes in order, then `missing` pairs, for the target lanes in order. A lane is multiplied by its
 * factor before respectively after the transforms. `size` is a power of two beyond every point; `limit` is beyond every
 * received point; missing points lie in [start, end). `work` has room for `size` lanes of `width` + 64 bytes.
 */
export function decode(
  plan: usize, received: u32, missing: u32,
  size: u32, limit: u32, start: u32, end: u32,
  work: usize, width: usize,
): void {
  const wanted = plan + (received << 3);
  for (let more = nextStrip(true, width, size); more; more = nextStrip(false, width, size)) {
    const strip = lanePitch;
    memory.fill(work, 0, size * strip);
    for (let i: u32 = 0; i < received; i += 1) {
      const lane = work + load<u32>(plan + (i << 3), 0) * strip;
      loadLane(lane, i);
      scale(lane, strip, load<u32>(plan + (i << 3), 4));
    }
    inverse(work, size, 0, limit, 0);
    // Formal derivative.
    for (let i: u32 = 1; i < size; i += 1) {
      const span = i & (0 - i);
      addTo(work + (i - span) * strip, work + i * strip, span * strip);
    }
    forward(work, size, 0, start, end, 0);
    for (let i: u32 = 0; i < missing; i += 1) {
      const lane = work + load<u32>(wanted + (i << 3), 0) * strip;
      scale(lane, strip, load<u32>(wanted + (i << 3), 4));
      storeLane(lane, i);
    }
  }
}

/** Leaf hashes of all symbols of two bytes, or 0. */
let leafTable: usize = 0;

/** Writes the leaf hashes of all symbols of two bytes, 2 MiB, to `table`. */
export function makeLeafTable(table: usize): void {
  fillLeafTable(table);
}

/** Takes leaf hashes of symbols of two bytes from `table`, or with 0 computes them. */
export function useLeafTable(table: usize): void {
  leafTable = table;
}

function lookUpLeaves(base: usize, laneStep: usize, slotStep: usize, lanes: usize, slots: usize, out: usize): void {
  for (let lane: usize = 0; lane < lanes; lane += 1, base += laneStep) {
    let symbol = base;
    for (let slot: usize = 0; slot < slots; slot += 1, symbol += slotStep, out += 32) {
      const leaf = leafTable + (<usize>load<u16>(symbol) << 5);
      v128.store(out, v128.load(leaf, 0), 0);
      v128.store(out, v128.load(leaf, 16), 16);
    }
  }
}

/** Leaf hashes of `lanes` x `slots` symbols, in the order lane, slot. Reads one byte before each symbol. */
export function hashLeaves(
  base: usize, laneStep: usize, slotStep: usize,
  size: usize, lanes: usize, slots: usize, out: usize,
): void {
  if (size == 2 && leafTable != 0) {
    lookUpLeaves(base, laneStep, slotStep, lanes, slots, out);
    return;
  }
  beginLeaves();
  if (slots == 1) {
    hashLeafRow(base, laneStep, size, lanes, out);
    return;
  }
  for (let lane: usize = 0; lane < lanes; lane += 1) {
    hashLeafRow(base + lane * laneStep, slotStep, size, slots, out + lane * slots * 32);
  }
}

const EMPTY: usize = memory.data(32, 16);

/** `count` inner nodes of children at `left + i * step` and `right + i * step` to `out + 32 * i`; may run in place. */
function innerNodes(left: usize, right: usize, step: usize, count: usize, out: usize): void {
  let i: usize = 0;
  for (; i + 3 <= count; i += 3) {
    const lastLeft = left + (step << 1);
    const lastRight = right + (step << 1);
    innerTriple(left, right, left + step, right + step, lastLeft, lastRight, out, out + 32, out + 64);
    left = lastLeft + step;
    right = lastRight + step;
    out += 96;
  }
  for (; i + 2 <= count; i += 2) {
    innerPair(left, right, left + step, right + step, out, out + 32);
    left += step << 1;
    right += step << 1;
    out += 64;
  }
  if (i < count) innerPair(left, right, left, right, out, out);
}

/**
 * One level up in `rows` trees whose nodes lie row by row, `length` each: ceil(length / 2) each to `out`, which may be
 * `nodes`. A node without a sibling is paired with the empty one.
 */
export function reduceRows(nodes: usize, rows: usize, length: usize, out: usize): void {
  const pairs = length >> 1;
  if ((length & 1) == 0) {
    innerNodes(nodes, nodes + 32, 64, rows * pairs, out);
    return;
  }
  for (let row: usize = 0; row < rows; row += 1, nodes += length << 5) {
    innerNodes(nodes, nodes + 32, 64, pairs, out);
    out += pairs << 5;
    innerNodes(nodes + (pairs << 6), EMPTY, 0, 1, out);
    out += 32;
  }
}

/**
 * Roots of `slots` trees whose nodes lie level position by position ([index][slot], `length` indices), in place.
 *
 * Nodes [sameFrom, sameTo) are the same in all trees and need not be there: `same` holds, for each level, the node that
 * such nodes make. Pairs of them are not hashed again.
 */
export function reduceColumns(
  nodes: usize, length: usize, slots: usize,
  sameFrom: usize, sameTo: usize, same: usize,
): void {
  const row = slots << 5;
  while (length > 1) {
    const pairs = length >> 1;
    const from = (sameFrom + 1) >> 1;
    const to = sameTo >> 1;
    if (sameFrom < sameTo) {
      // Those that have a sibling of another kind; in between, parents are known.
      fillNodes(nodes + sameFrom * row, slots, same);
      fillNodes(nodes + (sameTo - 1) * row, slots, same);
    }
    if (from < to) {
      reduceLevel(nodes, 0, from, slots);
      reduceLevel(nodes, to, pairs, slots);
      sameFrom = from;
      sameTo = to;
    } else {
      reduceLevel(nodes, 0, pairs, slots);
      sameFrom = 0;
      sameTo = 0;
    }
    if (length & 1) emptySiblings(nodes + (length - 1) * row, slots, nodes + pairs * row);
    same += 32;
    length = (length + 1) >> 1;
  }
  if (sameFrom < sameTo) fillNodes(nodes, slots, same);
}

/** Parents [from, to) of one level, in place: by threes, across positions, since there may be few slots. */
function reduceLevel(nodes: usize, from: usize, to: usize, slots: usize): void {
  if (from >= to) return;
  const row = slots << 5;
  if (slots == 1) {
    innerNodes(nodes + (from << 6), nodes + (from << 6) + 32, 64, to - from, nodes + (from << 5));
    return;
  }
  nextLeft = nodes + 2 * from * row;
  slotsLeft = slots;
  let out = nodes + from * row;
  let count = (to - from) * slots;
  for (; count >= 3; count -= 3, out += 96) {
    const a = takeLeft(slots);
    const b = takeLeft(slots);
    const c = takeLeft(slots);
    innerTriple(a, a + row, b, b + row, c, c + row, out, out + 32, out + 64);
  }
  if (count == 0) return;
  const a = takeLeft(slots);
  const b = count == 2 ? takeLeft(slots) : a;
  innerPair(a, a + row, b, b + row, out, count == 2 ? out + 32 : out);
}

// The left child of the next parent, and how many of its position are left.
let nextLeft: usize;
let slotsLeft: usize;

// @ts-ignore: decorator
@inline
function takeLeft(slots: usize): usize {
  const left = nextLeft;
  nextLeft += 32;
  slotsLeft -= 1;
  if (slotsLeft == 0) {
    slotsLeft = slots;
    nextLeft += slots << 5; // over the right children
  }
  return left;
}

function fillNodes(nodes: usize, count: usize, node: usize): void {
  const low = v128.load(node, 0);
  const high = v128.load(node, 16);
  for (const end = nodes + (count << 5); nodes < end; nodes += 32) {
    v128.store(nodes, low, 0);
    v128.store(nodes, high, 16);
  }
}

function emptySiblings(left: usize, slots: usize, out: usize): void {
  for (let slot: usize = 0; slot < slots; slot += 1) {
    innerNodes(left + (slot << 5), EMPTY, 0, 1, out + (slot << 5));
  }
}
