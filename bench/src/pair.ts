/**
 * What two processors give at all, beside what two workers get out of them: an encode in one process, an encode in each of two
 * processes at once, which share nothing, and one encode by two workers, in turns.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { geometryOf } from '@floe/protocol';
import { createSliverMemory } from '@floe/redstuff';
import { createWorkerCodec } from '@floe/redstuff/node';
import { type Case, caseText } from './codec-cases.ts';
import { contents } from './codec-works.ts';
import { median, table } from './report.ts';

const MIB = 1024 ** 2;
const CASES: readonly Case[] = [
  { operation: 'encode', nShards: 100, sizeBytes: MIB },
  { operation: 'encode', nShards: 100, sizeBytes: 32 * MIB },
  { operation: 'encode', nShards: 1000, sizeBytes: 1024 },
  { operation: 'encode', nShards: 1000, sizeBytes: MIB },
  { operation: 'encode', nShards: 1000, sizeBytes: 32 * MIB },
  { operation: 'encode', nShards: 1000, sizeBytes: 256 * MIB },
];
/** At least seven, and more of those that take a millisecond. */
const ROUNDS = { least: 7, budgetMs: 10_000, most: 201 };

export async function measurePairs(quick: boolean): Promise<string> {
  const rows: string[][] = [];
  for (const example of quick ? CASES.slice(0, 1) : CASES) rows.push(await measurePair(example));
  const header = ['work', 'one process, ms', 'two processes at once', 'two workers'];
  const note =
    'The last two columns: times the work that one process does in the same time, medians over rounds of one encode alone, ' +
    'one by two workers, and one in each of two processes. What two workers lack to two processes is lost in sharing.';
  return `${table(header, rows)}\n\n${note}`;
}

async function measurePair(example: Case): Promise<string[]> {
  const { nShards, sizeBytes } = example;
  const geometry = geometryOf(nShards);
  const blob = contents(sizeBytes);
  const into = createSliverMemory(geometry, sizeBytes, { shared: true });
  const codec = createWorkerCodec({ workers: 2 });
  const script = fileURLToPath(new URL('pair-apart.js', import.meta.url));
  const children = [0, 1].map(() => fork(script, [String(nShards), String(sizeBytes)]));
  try {
    await Promise.all(children.map((child) => once(child, 'message')));
    await codec.encode(geometry, blob, { into });
    const [alone, pairs, workers]: [number[], number[], number[]] = [[], [], []];
    const startMs = performance.now();
    for (
      let round = 0;
      round < ROUNDS.least || (round < ROUNDS.most && performance.now() - startMs < ROUNDS.budgetMs);
      round += 1
    ) {
      const aloneMs = await encodeIn(children[0] as ChildProcess);
      const fromMs = performance.now();
      await codec.encode(geometry, blob, { into });
      const workersMs = performance.now() - fromMs;
      const [one = 0, other = 0] = await Promise.all(children.map(encodeIn));
      alone.push(aloneMs);
      workers.push(aloneMs / workersMs);
      pairs.push((2 * aloneMs) / Math.max(one, other));
    }
    return [
      caseText(example),
      median(alone).toPrecision(3),
      `${median(pairs).toPrecision(3)} ×`,
      `${median(workers).toPrecision(3)} ×`,
    ];
  } finally {
    for (const child of children) child.kill();
    await codec.close();
  }
}

async function encodeIn(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message') as Promise<[number]>;
  child.send('encode');
  return (await answer)[0];
}
