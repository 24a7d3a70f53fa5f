/**
 * The additive FFT over GF(2^16) in the Cantor basis, on arrays of lanes.
 *
 * A lane is the same strip of one symbol for many independent codewords: `width` bytes (a multiple of 64) in tower form;
 * lane i is at `base + i * pitch`. In the layer of distance 2^m, the butterfly of the block at position q multiplies by
 * the element (q + delta) >> m: no table of twiddles is needed.
 *
 * Layers go in rounds of four. A round takes 16 lanes, which fit the first-level cache, through all its layers, two in
 * one pass (radix 4), before it goes on to the next 16: the second-level cache is read and written once in four layers. In
 * the round of distance D those 16 lanes are D apart, and the pitch keeps them from falling on the same few cache sets.
 *
 * `limit` skips blocks that hold only zeros (inverse), `start` and `end` those with only unwanted results (forward).
 */
import { lowNibbles, product, tablesOf, times, timesSquare, towerHigh, towerLow } from './field';

/** Forward butterfly of two regions: a += t b; b += a. */
function forward2(a: usize, b: usize, bytes: usize, twiddle: u32): void {
  if (twiddle == 0) {
    for (const end = a + bytes; a < end; a += 16, b += 16) v128.store(b, v128.xor(v128.load(a), v128.load(b)));
  } else if (twiddle < 256) {
    const mask = lowNibbles();
    const tables = tablesOf(twiddle);
    const low = v128.load(tables, 0);
    const high = v128.load(tables, 16);
    for (const end = a + bytes; a < end; a += 16, b += 16) {
      const w = v128.load(b);
      const u = v128.xor(v128.load(a), times(low, high, mask, w));
      v128.store(a, u);
      v128.store(b, v128.xor(w, u));
    }
  } else {
    full2(a, b, bytes, twiddle, false);
  }
}

/** Inverse butterfly of two regions: b += a; a += t b. */
function inverse2(a: usize, b: usize, bytes: usize, twiddle: u32): void {
  if (twiddle == 0) {
    for (const end = a + bytes; a < end; a += 16, b += 16) v128.store(b, v128.xor(v128.load(a), v128.load(b)));
  } else if (twiddle < 256) {
    const mask = lowNibbles();
    const tables = tablesOf(twiddle);
    const low = v128.load(tables, 0);
    const high = v128.load(tables, 16);
    for (const end = a + bytes; a < end; a += 16, b += 16) {
      const u = v128.load(a);
      const w = v128.xor(v128.load(b), u);
      v128.store(b, w);
      v128.store(a, v128.xor(u, times(low, high, mask, w)));
    }
  } else {
    full2(a, b, bytes, twiddle, true);
  }
}

/** Either butterfly for a twiddle outside the subfield. */
// @ts-ignore: decorator
@inline
function full2(a: usize, b: usize, bytes: usize, twiddle: u32, isInverse: bool): void {
  const mask = lowNibbles();
  const tl = towerLow(twiddle);
  const th = towerHigh(twiddle);
  const p = tablesOf(tl);
  const q = tablesOf(timesSquare(th));
  const r = tablesOf(tl ^ th);
  const pLow = v128.load(p, 0);
  const pHigh = v128.load(p, 16);
  const qLow = v128.load(q, 0);
  const qHigh = v128.load(q, 16);
  const rLow = v128.load(r, 0);
  const rHigh = v128.load(r, 16);
  for (const end = a + bytes; a < end; a += 64, b += 64) {
    for (let half: usize = 0; half < 32; half += 16) {
      const at = a + half;
      const bt = b + half;
      let uLo = v128.load(at, 0);
      let uHi = v128.load(at, 32);
      let wLo = v128.load(bt, 0);
      let wHi = v128.load(bt, 32);
      if (isInverse) {
        wLo = v128.xor(wLo, uLo);
        wHi = v128.xor(wHi, uHi);
      }
      // The nibbles of a sum are the sums of nibbles.
      const lo0 = v128.and(wLo, mask);
      const lo1 = v128.and(i16x8.shr_u(wLo, 4), mask);
      const hi0 = v128.and(wHi, mask);
      const hi1 = v128.and(i16x8.shr_u(wHi, 4), mask);
      const lows = product(pLow, pHigh, lo0, lo1);
      uLo = v128.xor(v128.xor(uLo, lows), product(qLow, qHigh, hi0, hi1));
      uHi = v128.xor(v128.xor(uHi, lows), product(rLow, rHigh, v128.xor(lo0, hi0), v128.xor(lo1, hi1)));
      if (!isInverse) {
        wLo = v128.xor(wLo, uLo);
        wHi = v128.xor(wHi, uHi);
      }
      v128.store(at, uLo, 0);
      v128.store(at, uHi, 32);
      v128.store(bt, wLo, 0);
      v128.store(bt, wHi, 32);
    }
  }
}

/**
 * Two inverse layers over four regions of `bytes`, `stride` apart from `a` on. Twiddles: `outer` for the second layer,
 * 2 * outer and 2 * outer + 2 for the two blocks of the first.
 */
function inverse4(a: usize, stride: usize, bytes: usize, outer: u32): void {
  const b = a + stride;
  const c = b + stride;
  const d = c + stride;
  const first = outer << 1;
  const second = first | 2;
  if (second >= 256) {
    inverse2(a, b, bytes, first);
    inverse2(c, d, bytes, second);
    inverse2(a, c, bytes, outer);
    inverse2(b, d, bytes, outer);
    return;
  }
  const mask = lowNibbles();
  const tables1 = tablesOf(second);
  const low1 = v128.load(tables1, 0);
  const high1 = v128.load(tables1, 16);
  if (outer == 0) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const va = v128.load(a + i);
      const vb = v128.xor(v128.load(b + i), va);
      let vc = v128.load(c + i);
      const vd = v128.xor(v128.load(d + i), vc);
      vc = v128.xor(vc, times(low1, high1, mask, vd));
      v128.store(b + i, vb);
      v128.store(c + i, v128.xor(vc, va));
      v128.store(d + i, v128.xor(vd, vb));
    }
    return;
  }
  const tables0 = tablesOf(first);
  const low0 = v128.load(tables0, 0);
  const high0 = v128.load(tables0, 16);
  const tables2 = tablesOf(outer);
  const low2 = v128.load(tables2, 0);
  const high2 = v128.load(tables2, 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    let va = v128.load(a + i);
    let vb = v128.xor(v128.load(b + i), va);
    va = v128.xor(va, times(low0, high0, mask, vb));
    let vc = v128.load(c + i);
    let vd = v128.xor(v128.load(d + i), vc);
    vc = v128.xor(vc, times(low1, high1, mask, vd));
    vc = v128.xor(vc, va);
    va = v128.xor(va, times(low2, high2, mask, vc));
    vd = v128.xor(vd, vb);
    vb = v128.xor(vb, times(low2, high2, mask, vd));
    v128.store(a + i, va);
    v128.store(b + i, vb);
    v128.store(c + i, vc);
    v128.store(d + i, vd);
  }
}

/** Two forward layers over four regions; twiddles as in {@link inverse4}. */
function forward4(a: usize, stride: usize, bytes: usize, outer: u32): void {
  const b = a + stride;
  const c = b + stride;
  const d = c + stride;
  const first = outer << 1;
  const second = first | 2;
  if (second >= 256) {
    forward2(a, c, bytes, outer);
    forward2(b, d, bytes, outer);
    forward2(a, b, bytes, first);
    forward2(c, d, bytes, second);
    return;
  }
  const mask = lowNibbles();
  const tables1 = tablesOf(second);
  const low1 = v128.load(tables1, 0);
  const high1 = v128.load(tables1, 16);
  if (outer == 0) {
    for (let i: usize = 0; i < bytes; i += 16) {
      const va = v128.load(a + i);
      const vb = v128.load(b + i);
      let vc = v128.xor(v128.load(c + i), va);
      let vd = v128.xor(v128.load(d + i), vb);
      v128.store(b + i, v128.xor(vb, va));
      vc = v128.xor(vc, times(low1, high1, mask, vd));
      vd = v128.xor(vd, vc);
      v128.store(c + i, vc);
      v128.store(d + i, vd);
    }
    return;
  }
  const tables0 = tablesOf(first);
  const low0 = v128.load(tables0, 0);
  const high0 = v128.load(tables0, 16);
  const tables2 = tablesOf(outer);
  const low2 = v128.load(tables2, 0);
  const high2 = v128.load(tables2, 16);
  for (let i: usize = 0; i < bytes; i += 16) {
    let va = v128.load(a + i);
    let vb = v128.load(b + i);
    let vc = v128.load(c + i);
    let vd = v128.load(d + i);
    va = v128.xor(va, times(low2, high2, mask, vc));
    vc = v128.xor(vc, va);
    vb = v128.xor(vb, times(low2, high2, mask, vd));
    vd = v128.xor(vd, vb);
    va = v128.xor(va, times(low0, high0, mask, vb));
    vb = v128.xor(vb, va);
    vc = v128.xor(vc, times(low1, high1, mask, vd));
    vd = v128.xor(vd, vc);
    v128.store(a + i, va);
    v128.store(b + i, vb);
    v128.store(c + i, vc);
    v128.store(d + i, vd);
  }
}

// How the lanes of the next transforms lie; set once per strip.
let pitch: usize;
let width: usize;

/** Lanes that go through four layers together. */
export const ROUND_LANES: u32 = 16;
const ROUND_LAYERS: u32 = 4;
/** Below this, all lanes fit the first-level cache, and adjacent ones are taken as one region. */
const SMALL_SIZE: usize = 16 * 1024;

/** Lays out `lanes` lanes of `bytes` each: returns the pitch, at most `bytes` + 64. */
export function layOut(bytes: usize, lanes: u32): usize {
  width = bytes;
  pitch = bytes * lanes <= SMALL_SIZE ? bytes : bytes + 64;
  return pitch;
}

/** Four inverse layers, from the one of `distance` = 2^`layer` up, over the 16 * distance lanes at position `q`. */
export function inverseRound(base: usize, q: u32, distance: u32, layer: u32, delta: u32, limit: u32): void {
  const stride = distance * pitch;
  const adjacent = pitch == width;
  const runs: u32 = adjacent ? 1 : distance;
  const bytes = adjacent ? stride : width;
  const span = distance << 2;
  let lane = base + q * pitch;
  for (let run: u32 = 0; run < runs; run += 1, lane += pitch) {
    for (let i: u32 = 0; i < 4 && q + i * span < limit; i += 1) {
      inverse4(lane + (i * stride << 2), stride, bytes, (q + i * span + delta) >> (layer + 1));
    }
    for (let i: u32 = 0; i < 4; i += 1) inverse4(lane + i * stride, stride << 2, bytes, (q + delta) >> (layer + 3));
  }
}

/** The inverse of {@link inverseRound}; only lanes of [start, end) are wanted. */
export function forwardRound(
  base: usize, q: u32, distance: u32, layer: u32,
  delta: u32, start: u32, end: u32,
): void {
  const stride = distance * pitch;
  const adjacent = pitch == width;
  const runs: u32 = adjacent ? 1 : distance;
  const bytes = adjacent ? stride : width;
  const span = distance << 2;
  let lane = base + q * pitch;
  for (let run: u32 = 0; run < runs; run += 1, lane += pitch) {
    for (let i: u32 = 0; i < 4; i += 1) forward4(lane + i * stride, stride << 2, bytes, (q + delta) >> (layer + 3));
    for (let i: u32 = 0; i < 4; i += 1) {
      const at = q + i * span;
      if (at >= end || at + span <= start) continue;
      forward4(lane + (i * stride << 2), stride, bytes, (at + delta) >> (layer + 1));
    }
  }
}

/** The two inverse layers from `distance` on, over all blocks. */
function inverseLayers2(base: usize, size: u32, distance: u32, layer: u32, delta: u32, limit: u32): void {
  const stride = distance * pitch;
  for (let q: u32 = 0; q < size && q < limit; q += distance << 2) {
    const at = base + q * pitch;
    inverse4(at, stride, stride, (q + delta) >> (layer + 1));
  }
}

function forwardLayers2(
  base: usize, size: u32, distance: u32, layer: u32,
  delta: u32, start: u32, end: u32,
): void {
  const stride = distance * pitch;
  const span = distance << 2;
  for (let q: u32 = start & ~(span - 1); q < size && q < end; q += span) {
    forward4(base + q * pitch, stride, stride, (q + delta) >> (layer + 1));
  }
}

/**
 * Inverse transform of `size` lanes (a power of two) on the coset `delta`, from layer `layer` (a multiple of four) on;
 * lanes from `limit` on must be zero.
 */
export function inverse(base: usize, size: u32, delta: u32, limit: u32, layer: u32): void {
  let distance: u32 = 1 << layer;
  for (; distance * ROUND_LANES <= size; distance <<= ROUND_LAYERS, layer += ROUND_LAYERS) {
    for (let q: u32 = 0; q < size && q < limit; q += distance * ROUND_LANES) {
      inverseRound(base, q, distance, layer, delta, limit);
    }
  }
  if (distance << 2 <= size) {
    inverseLayers2(base, size, distance, layer, delta, limit);
    distance <<= 2;
    layer += 2;
  }
  if (distance < size) inverse2(base, base + distance * pitch, distance * pitch, delta >> layer);
}

/**
 * Forward transform of `size` lanes on the coset `delta`, down to layer `last` (a multiple of four); only lanes of
 * [start, end) are wanted, others end undefined.
 */
export function forward(base: usize, size: u32, delta: u32, start: u32, end: u32, last: u32): void {
  let layer: u32 = 31 - <u32>clz<u32>(size);
  if (layer & 1) {
    layer -= 1;
    const distance: u32 = 1 << layer;
    forward2(base, base + distance * pitch, distance * pitch, delta >> layer);
  }
  if (layer & 2) {
    layer -= 2;
    forwardLayers2(base, size, 1 << layer, layer, delta, start, end);
  }
  while (layer > last) {
    layer -= ROUND_LAYERS;
    const distance: u32 = 1 << layer;
    const span = distance * ROUND_LANES;
    for (let q: u32 = start & ~(span - 1); q < size && q < end; q += span) {
      forwardRound(base, q, distance, layer, delta, start, end);
    }
  }
}
