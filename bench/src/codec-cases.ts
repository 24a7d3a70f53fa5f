/** What the codec benchmark measures, and what it should come to. */

export type Operation = 'encode' | 'blob id' | 'batch' | 'decode' | 'verify' | 'recover';

/** Which primary slivers a decode starts from. */
export type Selection = 'systematic' | 'repair' | 'every 2nd';

/** How we do it; the official encoder always runs in the calling thread. */
export type Form = '1 thread' | '2 workers' | '2 workers, lent';

/** One piece of work, done in turns by each of our forms and by the official encoder. */
export interface Case {
  readonly operation: Operation;
  readonly nShards: number;
  readonly sizeBytes: number;
  readonly selection?: Selection;
}

/** Blobs in a batch. */
export const BATCH_BLOBS = 64;

const KIB = 1024;
const MIB = 1024 * KIB;

type Sizes = readonly (readonly [nShards: number, sizes: readonly number[]])[];

const SIZES: Sizes = [
  [10, [KIB, 64 * KIB, MIB]],
  [100, [64 * KIB, MIB, 32 * MIB]],
  [1000, [KIB, 64 * KIB, MIB, 32 * MIB, 256 * MIB]],
];

const QUICK_SIZES: Sizes = [
  [10, [MIB]],
  [100, [MIB]],
  [1000, [KIB, MIB]],
];

/** All cases, shortest first, so that a run that is broken off has the most of them. */
export function codecCases(quick: boolean): Case[] {
  const cases: Case[] = [10, 100].map((nShards) => ({ operation: 'batch', nShards, sizeBytes: KIB }));
  for (const [nShards, sizes] of quick ? QUICK_SIZES : SIZES) {
    for (const sizeBytes of sizes) {
      const on = { nShards, sizeBytes };
      cases.push({ operation: 'encode', ...on }, { operation: 'blob id', ...on });
      for (const selection of ['systematic', 'repair', 'every 2nd'] as const) {
        cases.push({ operation: 'decode', ...on, selection });
      }
      cases.push({ operation: 'verify', ...on }, { operation: 'recover', ...on });
    }
  }
  return cases;
}

/** What can be measured by itself, in the order of a whole run. */
export const PARTS = ['kernels', 'encode', 'decode', 'pair', 'first', 'stream'] as const;
export type Part = (typeof PARTS)[number];

/** The part that a case belongs to. */
export function partOf({ operation }: Case): Part {
  return operation === 'encode' || operation === 'blob id' || operation === 'batch' ? 'encode' : 'decode';
}

/**
 * How often each form of a case and the official encoder have a turn: so many rounds at least, then more as long as all
 * of them together have taken less than the time, but not more than the most.
 */
export interface Rounds {
  readonly least: number;
  readonly budgetMs: number;
  readonly most: number;
}

/**
 * At least seven where there is a target. The official encoder takes up to 24 s for one of the others, which are there for
 * completeness: of those, three, and one of 256 MiB.
 */
export function roundsOf(example: Case, quick: boolean): Rounds {
  if (quick) return { least: 3, budgetMs: 500, most: 101 };
  const least = hasTarget(example) ? 7 : example.sizeBytes > 32 * MIB ? 1 : 3;
  return { least, budgetMs: 1500, most: 201 };
}

function hasTarget(example: Case): boolean {
  return example.selection === 'systematic' || FORMS.some((form) => targetOf(example, form) !== undefined);
}

/** Times as fast as the official encoder that a form should be: for 1 thread, 2 workers, 2 workers lending. */
const TARGETS: readonly (readonly [operations: readonly Operation[], nShards: number, sizeBytes: number, number[]])[] =
  [
    [['encode'], 1000, 256 * MIB, [9.5, 15, 18]],
    [['encode'], 1000, 32 * MIB, [7.5, 13]],
    [['encode', 'blob id'], 1000, MIB, [6, 11.5]],
    [['encode', 'blob id'], 1000, KIB, [11, 20]],
    [['encode'], 100, 32 * MIB, [8, 14]],
    [['encode'], 100, MIB, [8, 14]],
    [['encode'], 10, MIB, [3.5, 5]],
  ];

export const FORMS: readonly Form[] = ['1 thread', '2 workers', '2 workers, lent'];
const DECODE_TARGET = 20;
/** Of the speed of copying, where nothing is to be computed. */
export const COPY_TARGET = 0.5;

/** The ratio that a form of a case should reach, if there is one. */
export function targetOf({ operation, nShards, sizeBytes, selection }: Case, form: Form): number | undefined {
  if (selection === 'repair' && sizeBytes >= 64 * KIB) return DECODE_TARGET;
  const found = TARGETS.find(
    ([operations, shards, size]) => operations.includes(operation) && shards === nShards && size === sizeBytes,
  );
  return found?.[3][FORMS.indexOf(form)];
}

export function sizeText(sizeBytes: number): string {
  return sizeBytes < MIB ? `${sizeBytes / KIB} KiB` : `${sizeBytes / MIB} MiB`;
}

export function caseText({ operation, nShards, sizeBytes, selection }: Case): string {
  const what = selection === undefined ? operation : `${operation}, ${selection}`;
  const size = operation === 'batch' ? `${BATCH_BLOBS} × ${sizeText(sizeBytes)}` : sizeText(sizeBytes);
  return `${what}, n = ${nShards}, ${size}`;
}
