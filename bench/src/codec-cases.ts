/** What the codec benchmark measures. */

export type Operation = 'encode' | 'encode, lent' | 'blob id' | 'decode' | 'verify' | 'recover';

/** Which primary slivers a decode starts from. */
export type Selection = 'systematic' | 'repair' | 'every 2nd';

export interface Case {
  readonly operation: Operation;
  readonly nShards: number;
  readonly sizeBytes: number;
  /** 0: in the calling thread. */
  readonly workers: 0 | 2;
  readonly selection?: Selection;
}

const KIB = 1024;
const MIB = 1024 * KIB;

const SIZES: readonly (readonly [nShards: number, sizes: readonly number[]])[] = [
  [10, [KIB, 64 * KIB, MIB]],
  [100, [64 * KIB, MIB, 32 * MIB]],
  [1000, [KIB, 64 * KIB, MIB, 32 * MIB, 256 * MIB]],
];

const QUICK_SIZES: typeof SIZES = [
  [10, [MIB]],
  [100, [MIB]],
  [1000, [KIB, MIB]],
];

/** All cases, shortest first, so that a run that is broken off has the most of them. */
export function codecCases(quick: boolean): Case[] {
  const cases: Case[] = [];
  for (const [nShards, sizes] of quick ? QUICK_SIZES : SIZES) {
    for (const sizeBytes of sizes) {
      const on = { nShards, sizeBytes };
      for (const workers of [0, 2] as const) {
        cases.push({ operation: 'encode', ...on, workers });
        if (workers > 0) cases.push({ operation: 'encode, lent', ...on, workers });
        cases.push({ operation: 'blob id', ...on, workers });
      }
      for (const selection of ['systematic', 'repair', 'every 2nd'] as const) {
        cases.push({ operation: 'decode', ...on, workers: 0, selection });
      }
      cases.push({ operation: 'verify', ...on, workers: 0 }, { operation: 'recover', ...on, workers: 0 });
    }
  }
  return cases;
}

/** At least seven runs of each, five where the official encoder takes a quarter of a minute. */
export function runsOf({ sizeBytes, nShards }: Case, quick: boolean): number {
  if (quick) return nShards === 1000 ? 3 : 7;
  return sizeBytes >= 256 * MIB ? 5 : nShards === 1000 ? 7 : 21;
}

export function sizeText(sizeBytes: number): string {
  return sizeBytes < MIB ? `${sizeBytes / KIB} KiB` : `${sizeBytes / MIB} MiB`;
}

export function caseText({ operation, nShards, sizeBytes, workers, selection }: Case): string {
  const what = selection === undefined ? operation : `${operation}, ${selection}`;
  return `${what}, n = ${nShards}, ${sizeText(sizeBytes)}${workers === 0 ? '' : `, ${workers} workers`}`;
}
