import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodeKernel } from '../src/code-kernel.ts';
import { type LineCode, isHighRate, planDecode, powerOfTwoFrom } from '../src/code-points.ts';
import { fieldTables, invert, multiply } from '../src/field.ts';
import { blake2b256, blake2b256Batch } from '../src/hash.ts';

interface Vectors {
  gf: {
    log: [number, number][];
    exp: [number, number][];
    mul: [number, number, number][];
    log_table_sha256_u16le: string;
    exp_table_sha256_u16le: string;
  };
  rs_1d: { k: number; r: number; rate: string; symbol_size: number; original: string[]; recovery: string[] }[];
}

const vectors = JSON.parse(readFileSync(new URL('vectors/encoding.json', import.meta.url), 'utf8')) as Vectors;

const kernel = new CodeKernel();

/** Encodes `slots` codewords, each an array of source symbols; returns the recovery symbols of each. */
function encode(code: LineCode, symbolSize: number, words: Uint8Array[][], nonZero = code.sourceCount): Uint8Array[][] {
  const shape = { symbolSize, slots: words.length };
  const { sourceCount: k, recoveryCount: r } = code;
  const [from, to] = kernel.layout([k * symbolSize * words.length, r * symbolSize * words.length], code) as [
    number,
    number,
  ];
  const source = { address: from, laneStep: symbolSize, slotStep: k * symbolSize };
  const target = { address: to, laneStep: symbolSize * words.length, slotStep: symbolSize };
  words.forEach((word, s) => word.forEach((symbol, i) => kernel.bytes.set(symbol, from + (s * k + i) * symbolSize)));
  kernel.encode(code, shape, nonZero, source, target);
  return words.map((_, s) =>
    Array.from({ length: r }, (_symbol, j) => {
      const at = to + j * target.laneStep + s * symbolSize;
      return kernel.bytes.slice(at, at + symbolSize);
    }),
  );
}

/** The elements of a symbol, as the encoding rules define them. */
function elements(symbol: Uint8Array): number[] {
  const result: number[] = [];
  for (let p = 0; p < symbol.length; p += 64) {
    const half = Math.min(32, (symbol.length - p) / 2);
    for (let i = 0; i < half; i += 1) result.push((symbol[p + i] as number) | ((symbol[p + half + i] as number) << 8));
  }
  return result;
}

/** The code's definition: each recovery symbol as a combination of the source symbols. */
function closedForm(code: LineCode, source: Uint8Array[]): number[][] {
  const { sourceCount: k, recoveryCount: r } = code;
  const high = isHighRate(code);
  const first = powerOfTwoFrom(high ? r : k);
  const shift = Math.log2(first);
  const words = source.map(elements);
  return Array.from({ length: r }, (_, j) => {
    const sum = new Array<number>((words[0] as number[]).length).fill(0);
    words.forEach((word, i) => {
      const x = high ? first + i : first + j;
      const coefficient = multiply(x >> shift, invert(x ^ (high ? j : i)));
      word.forEach((element, e) => (sum[e] = (sum[e] as number) ^ multiply(coefficient, element)));
    });
    return sum;
  });
}

const randomBytes = (size: number, seed: number) => {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let i = 0; i < size; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
};

const codes = fc
  .tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 90 }))
  .map(([sourceCount, recoveryCount]) => ({ sourceCount, recoveryCount }));

describe('field', () => {
  it('has the logarithms, powers and products of the vectors', () => {
    const { log, exp } = fieldTables();
    for (const [value, expected] of vectors.gf.log) expect(log[value]).toBe(expected);
    for (const [value, expected] of vectors.gf.exp) expect(exp[value]).toBe(expected);
    for (const [a, b, product] of vectors.gf.mul) expect(multiply(a, b)).toBe(product);
    const digest = (table: Uint16Array) => createHash('sha256').update(new Uint8Array(table.buffer)).digest('hex');
    expect(digest(log)).toBe(vectors.gf.log_table_sha256_u16le);
    expect(digest(exp)).toBe(vectors.gf.exp_table_sha256_u16le);
  });
});

describe('encode', () => {
  it('reproduces the codewords of the official encoder', () => {
    for (const { k, r, rate, symbol_size: symbolSize, original, recovery } of vectors.rs_1d) {
      const code = { sourceCount: k, recoveryCount: r };
      expect(isHighRate(code)).toBe(rate === 'high');
      const word = original.map((text) => Uint8Array.from(Buffer.from(text, 'hex')));
      const [result] = encode(code, symbolSize, [word]) as [Uint8Array[]];
      expect(result.map((symbol) => Buffer.from(symbol).toString('hex'))).toEqual(recovery);
    }
  });

  it('equals the closed form for every tail and for several codewords at once', () => {
    for (let symbolSize = 2; symbolSize <= 194; symbolSize += 2) {
      const code = [
        { sourceCount: 7, recoveryCount: 3 },
        { sourceCount: 4, recoveryCount: 6 },
        { sourceCount: 11, recoveryCount: 5 },
      ][(symbolSize / 2) % 3] as LineCode;
      const words = Array.from({ length: 1 + (symbolSize % 5) }, (_, s) =>
        Array.from({ length: code.sourceCount }, (_symbol, i) => randomBytes(symbolSize, symbolSize + 100 * s + i)),
      );
      encode(code, symbolSize, words).forEach((recovery, s) => {
        expect(recovery.map(elements), `size ${symbolSize}`).toEqual(closedForm(code, words[s] as Uint8Array[]));
      });
    }
  });

  it('equals the closed form for random codes, also beyond the subfield', () => {
    fc.assert(
      fc.property(codes, fc.integer({ min: 1, max: 3 }), fc.nat(), (code, halfSize, seed) => {
        const word = Array.from({ length: code.sourceCount }, (_, i) => randomBytes(2 * halfSize, seed + i));
        expect((encode(code, 2 * halfSize, [word])[0] as Uint8Array[]).map(elements)).toEqual(closedForm(code, word));
      }),
      { numRuns: 60 },
    );
    for (const code of [
      { sourceCount: 667, recoveryCount: 333 },
      { sourceCount: 334, recoveryCount: 666 },
    ]) {
      const word = Array.from({ length: code.sourceCount }, (_, i) => randomBytes(4, i));
      expect((encode(code, 4, [word])[0] as Uint8Array[]).map(elements)).toEqual(closedForm(code, word));
    }
  });

  it('takes source lanes beyond the non-zero ones as zero without reading them', () => {
    fc.assert(
      fc.property(codes, fc.nat(), fc.nat(), (code, some, seed) => {
        const nonZero = some % (code.sourceCount + 1);
        const random = Array.from({ length: code.sourceCount }, (_, i) => randomBytes(6, seed + i));
        const zeroed = random.map((symbol, i) => (i < nonZero ? symbol : new Uint8Array(6)));
        expect(encode(code, 6, [random], nonZero)).toEqual(encode(code, 6, [zeroed]));
      }),
      { numRuns: 60 },
    );
  });
});

describe('decode', () => {
  const roundTrip = (code: LineCode, symbolSize: number, slots: number, seed: number) => {
    const { sourceCount: k, recoveryCount: r } = code;
    const words = Array.from({ length: slots }, (_, s) =>
      Array.from({ length: k }, (_symbol, i) => randomBytes(symbolSize, seed + 1000 * s + i)),
    );
    const recovery = encode(code, symbolSize, words);
    const order = Array.from({ length: k + r }, (_, i) => i);
    const keys = randomBytes(4 * (k + r), seed);
    order.sort((a, b) => (keys[4 * a] as number) - (keys[4 * b] as number) || b - a);
    const received = order.slice(0, k);
    const plan = planDecode(code, received);
    const [from, to] = kernel.layout([k * slots * symbolSize, plan.missing.length * slots * symbolSize], code) as [
      number,
      number,
    ];
    received.forEach((index, lane) => {
      words.forEach((word, s) => {
        const symbol = index < k ? word[index] : (recovery[s] as Uint8Array[])[index - k];
        kernel.bytes.set(symbol as Uint8Array, from + (lane * slots + s) * symbolSize);
      });
    });
    const steps = { laneStep: slots * symbolSize, slotStep: symbolSize };
    kernel.decode(plan, { symbolSize, slots }, { address: from, ...steps }, { address: to, ...steps });
    plan.missing.forEach((index, lane) => {
      words.forEach((word, s) => {
        const at = to + (lane * slots + s) * symbolSize;
        expect(kernel.bytes.slice(at, at + symbolSize), `source ${index}`).toEqual(word[index]);
      });
    });
    return plan;
  };

  it('restores any missing sources from any k symbols', () => {
    fc.assert(
      fc.property(
        codes,
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(),
        (c, h, s, seed) => {
          roundTrip(c, 2 * h, s, seed);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('works at 1,000 shards on both axes', () => {
    const rows = roundTrip({ sourceCount: 667, recoveryCount: 333 }, 70, 2, 1);
    const columns = roundTrip({ sourceCount: 334, recoveryCount: 666 }, 6, 5, 2);
    expect(rows.missing.length).toBeGreaterThan(0);
    expect(columns.missing.length).toBeGreaterThan(0);
  });

  it('refuses too few, repeated and unknown symbols', () => {
    const code = { sourceCount: 3, recoveryCount: 4 };
    expect(() => planDecode(code, [0, 1])).toThrow(RangeError);
    expect(() => planDecode(code, [0, 1, 1])).toThrow(RangeError);
    expect(() => planDecode(code, [0, 1, 7])).toThrow(RangeError);
  });
});

describe('Merkle kernels', () => {
  const inner = (left: Uint8Array, right: Uint8Array | undefined) =>
    blake2b256(Uint8Array.of(1, ...left, ...(right ?? new Uint8Array(32))));
  const level = (nodes: Uint8Array[]) =>
    Array.from({ length: Math.ceil(nodes.length / 2) }, (_, i) => inner(nodes[2 * i] as Uint8Array, nodes[2 * i + 1]));
  const root = (leaves: Uint8Array[]) => {
    let nodes = leaves;
    while (nodes.length > 1) nodes = level(nodes);
    return nodes[0] as Uint8Array;
  };
  const digestAt = (address: number) => kernel.bytes.slice(address, address + 32);

  it('hashes symbols of every small size and of long ones, in any number', () => {
    for (const symbolSize of [...Array.from({ length: 70 }, (_, i) => 2 * i + 2), 254, 256, 258, 1206]) {
      const [lanes, slots] = [5, 1 + (symbolSize % 4)];
      const bytes = randomBytes(lanes * slots * symbolSize, symbolSize);
      const [data, out] = kernel.layout([bytes.length, lanes * slots * 32]) as [number, number];
      kernel.bytes.set(bytes, data);
      const symbols = { address: data, laneStep: symbolSize, slotStep: lanes * symbolSize };
      kernel.hashLeaves({ symbolSize, slots }, lanes, symbols, out);
      const expected = blake2b256Batch(bytes, symbolSize);
      for (let lane = 0; lane < lanes; lane += 1) {
        for (let slot = 0; slot < slots; slot += 1) {
          const index = slot * lanes + lane;
          expect(digestAt(out + 32 * (lane * slots + slot))).toEqual(expected.slice(32 * index, 32 * index + 32));
        }
      }
    }
  });

  it('reduces columns to the roots of their trees', () => {
    for (const slots of [1, 2, 3, 8]) {
      for (let length = 1; length <= 21; length += 1) {
        const bytes = randomBytes(32 * length * slots, length);
        const [nodes] = kernel.layout([bytes.length]) as [number];
        kernel.bytes.set(bytes, nodes);
        kernel.reduceColumns(nodes, length, slots);
        for (let slot = 0; slot < slots; slot += 1) {
          const leaves = Array.from({ length }, (_, i) =>
            bytes.slice(32 * (i * slots + slot), 32 * (i * slots + slot + 1)),
          );
          expect(digestAt(nodes + 32 * slot), `${length} leaves, slot ${slot} of ${slots}`).toEqual(root(leaves));
        }
      }
    }
  });

  it('reduces rows by one level, in place or not', () => {
    for (let length = 1; length <= 9; length += 1) {
      const bytes = randomBytes(32 * length * 3, length);
      const [nodes, out] = kernel.layout([bytes.length, bytes.length]) as [number, number];
      for (const target of [out, nodes]) {
        kernel.bytes.set(bytes, nodes);
        kernel.reduceRows(nodes, 3, length, target);
        const expected = [0, 1, 2].flatMap((row) =>
          level(Array.from({ length }, (_, i) => bytes.slice(32 * (row * length + i), 32 * (row * length + i + 1)))),
        );
        expected.forEach((digest, i) => expect(digestAt(target + 32 * i)).toEqual(digest));
      }
    }
  });
});

describe('memory', () => {
  it('shrinks back after a large job', () => {
    const large = new CodeKernel();
    large.layout([40 * 1024 * 1024]);
    expect(large.memorySize).toBeGreaterThan(40 * 1024 * 1024);
    large.trim();
    large.layout([1000]);
    expect(large.memorySize).toBeLessThanOrEqual(2 * 1024 * 1024);
  });
});
