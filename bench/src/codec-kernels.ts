/**
 * Each kernel alone, in the calling thread and in cached memory, beside `hash-wasm`, `node:crypto` (BLAKE2b-512: the same
 * compression) and copying.
 */
import { createHash } from 'node:crypto';
import { blake2b256, CodeKernel, crc32c, type LineCode } from '@floe/kernels';
import { createBLAKE2b } from 'hash-wasm';
import { contents } from './codec-works.ts';
import { median, table } from './report.ts';

/** Rates of one kernel in MB/s of what it reads; all rounds. */
export interface KernelResult {
  readonly kernel: string;
  readonly ours: readonly number[];
  readonly hashWasm: readonly number[];
  readonly nodeCrypto: readonly number[];
}

interface Subject {
  readonly kernel: string;
  /** Bytes that one call of any side reads. */
  readonly sizeBytes: number;
  ours(): void;
  hashWasm?(): void;
  nodeCrypto?(): void;
}

const ROUNDS = 9;
const TURN_MS = 40;
const MIB = 1024 * 1024;

export async function measureKernels(quick: boolean): Promise<KernelResult[]> {
  const results: KernelResult[] = [];
  for (const subject of await subjects()) {
    const rates: Record<'ours' | 'hashWasm' | 'nodeCrypto', number[]> = { ours: [], hashWasm: [], nodeCrypto: [] };
    for (let round = 0; round <= (quick ? 2 : ROUNDS); round += 1) {
      for (const side of ['ours', 'hashWasm', 'nodeCrypto'] as const) {
        const work = subject[side]?.bind(subject);
        if (work === undefined) continue;
        const rate = (subject.sizeBytes * callsPerMs(work)) / 1e3;
        if (round > 0) rates[side].push(rate); // the first turn is for compilers
      }
    }
    results.push({ kernel: subject.kernel, ...rates });
  }
  return results;
}

export function renderKernels(results: readonly KernelResult[]): string {
  const copying = results.find(({ kernel }) => kernel === COPYING)?.ours ?? [];
  const cell = (rates: readonly number[]) => (rates.length === 0 ? '' : median(rates).toPrecision(3));
  const rows = results.map(({ kernel, ours, hashWasm, nodeCrypto }) => [
    kernel,
    cell(ours),
    cell(hashWasm),
    cell(nodeCrypto),
    (median(ours) / median(copying)).toPrecision(2),
  ]);
  const header = ['kernel, MB/s of its input', 'ours', 'hash-wasm', 'node:crypto', 'of copying'];
  return `${table(header, rows)}\n\nOne thread, medians of ${ROUNDS}; copying is of memory that no cache holds, everything else of memory that one does.`;
}

const COPYING = 'copying 256 MiB';

function callsPerMs(work: () => void): number {
  let calls = 0;
  const startMs = performance.now();
  let endMs = startMs;
  for (; endMs - startMs < TURN_MS; endMs = performance.now()) {
    work();
    calls += 1;
  }
  return calls / (endMs - startMs);
}

async function subjects(): Promise<Subject[]> {
  const hasher = await createBLAKE2b(256);
  const long = contents(MIB);
  const hashOf = (message: Uint8Array) => {
    hasher.init().update(message).digest('binary');
  };
  const cryptoOf = (message: Uint8Array) => {
    createHash('blake2b512').update(message).digest();
  };
  const [from, to] = [new Uint8Array(256 * MIB).fill(1), new Uint8Array(256 * MIB)];
  return [
    { kernel: COPYING, sizeBytes: from.length, ours: () => to.set(from) },
    {
      kernel: 'BLAKE2b-256 of 1 MiB',
      sizeBytes: MIB,
      ours: () => void blake2b256(long),
      hashWasm: () => hashOf(long),
      nodeCrypto: () => cryptoOf(long),
    },
    ...[6, 152, 1206, 37_450].map((size) => leaves(size, hashOf, cryptoOf)),
    inner(hashOf, cryptoOf),
    { kernel: 'CRC-32C of 1 MiB', sizeBytes: MIB, ours: () => void crc32c(long) },
    codeSubject('rows at n = 1000', { sourceCount: 667, recoveryCount: 333 }, 1206, 2),
    codeSubject('columns at n = 1000', { sourceCount: 334, recoveryCount: 666 }, 1206, 2),
    codeSubject('rows at n = 100', { sourceCount: 67, recoveryCount: 33 }, 14_732, 1),
    codeSubject('columns at n = 100', { sourceCount: 34, recoveryCount: 66 }, 14_732, 1),
  ];
}

/** Merkle leaves of one size. */
function leaves(size: number, hashOf: (message: Uint8Array) => void, cryptoOf: (message: Uint8Array) => void): Subject {
  const count = Math.max(2, Math.floor(65_536 / size) & ~1);
  const kernel = new CodeKernel();
  const [symbols, out] = kernel.layout([size * count, 32 * count]) as [number, number];
  kernel.bytes.set(contents(size * count), symbols);
  const messages = Array.from({ length: count }, (_, i) => contents(size + 1, i + 1));
  return {
    kernel: `BLAKE2b-256 of ${size} bytes, many`,
    sizeBytes: size * count,
    ours: () =>
      kernel.hashLeaves({ symbolSize: size, slots: 1 }, count, { address: symbols, laneStep: size, slotStep: 0 }, out),
    hashWasm: () => messages.forEach(hashOf),
    nodeCrypto: () => messages.forEach(cryptoOf),
  };
}

/** Merkle nodes, of 65 bytes each. */
function inner(hashOf: (message: Uint8Array) => void, cryptoOf: (message: Uint8Array) => void): Subject {
  const count = 512;
  const kernel = new CodeKernel();
  const [nodes, out] = kernel.layout([64 * count, 32 * count]) as [number, number];
  kernel.bytes.set(contents(64 * count), nodes);
  const messages = Array.from({ length: count }, (_, i) => contents(65, i + 1));
  return {
    kernel: 'Merkle nodes (65 bytes)',
    sizeBytes: 65 * count,
    ours: () => kernel.reduceRows(nodes, 1, 2 * count, out),
    hashWasm: () => messages.forEach(hashOf),
    nodeCrypto: () => messages.forEach(cryptoOf),
  };
}

/** Reed-Solomon extension of a few codewords. */
function codeSubject(name: string, code: LineCode, symbolSize: number, slots: number): Subject {
  const kernel = new CodeKernel();
  const runSize = symbolSize * slots;
  const sizeBytes = code.sourceCount * runSize;
  const [source, target] = kernel.layout([sizeBytes, code.recoveryCount * runSize], code) as [number, number];
  kernel.bytes.set(contents(sizeBytes), source);
  const steps = { laneStep: runSize, slotStep: symbolSize };
  return {
    kernel: `Reed-Solomon, ${name}`,
    sizeBytes,
    ours: () =>
      kernel.encode(
        code,
        { symbolSize, slots },
        code.sourceCount,
        { address: source, ...steps },
        { address: target, ...steps },
      ),
  };
}
