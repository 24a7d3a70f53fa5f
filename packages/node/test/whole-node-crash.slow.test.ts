/**
 * A whole node dies in the middle of each change of its disks: each write, sync, cut, name and commit, while it takes uploads, follows its ledger, heals,
 * scrubs, collects, moves shards, and starts. What it acknowledged is there when it starts again, nothing torn is served, and it goes on to the
 * end that it would have had.
 */
import type { Rng } from '@floe/platform';
import { shuffled } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import { slowSuite } from '@floe/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Change, Died, interfered, Mortal } from './interfered-disks.ts';
import { type Blobs, makeBlobs, SUBJECT, WholeNode } from './whole-node-harness.ts';

const CAUSES = ['power', 'kill'] as const;
/** Half of the lives after the first end within this many changes, too. */
const SECOND_LIFE_CHANGES = 40;
const MAX_LIVES = 6;
const NEVER = Number.POSITIVE_INFINITY;

let blobs: Blobs;

beforeAll(async () => {
  blobs = await makeBlobs();
});

interface Life {
  readonly cause: (typeof CAUSES)[number];
  /** The change in which the first life ends. */
  readonly diesAt: number;
}

interface Played {
  readonly deaths: readonly Change[];
  /** Of the first life. */
  readonly changes: number;
}

async function play({ cause, diesAt }: Life, rng: Rng): Promise<Played> {
  const lives: Mortal[] = [];
  const whole = await WholeNode.start({
    blobs,
    rng,
    between: ({ network }, disks) => {
      const diesAgain = diesAt !== NEVER && lives.length < MAX_LIVES && rng.below(2) === 0;
      const next = diesAgain ? 1 + rng.below(SECOND_LIFE_CHANGES) : NEVER;
      const life = new Mortal({
        diesAt: lives.length === 0 ? diesAt : next,
        rng,
        onDeath: () => network.crash(SUBJECT, cause),
      });
      lives.push(life);
      return interfered(disks, life);
    },
  });
  const deaths = (): Change[] => lives.flatMap(({ diedIn }) => diedIn ?? []);
  const steps = Object.entries({ ...whole.steps, end: () => whole.finish() });
  for (const [name, step] of steps) {
    for (let isDone = false; !isDone;) {
      try {
        if (!whole.isUp) await whole.boot();
        await step();
        isDone = true;
      } catch (error) {
        if (error instanceof Died) continue;
        const died = deaths().map(({ operation, path }) => `died in ${operation} of ${path}`);
        const log = [`in step ${name}`, `${cause} at ${diesAt}`, ...died].join('\n');
        throw new Error(`${String(error)}\n${log}`, { cause: error });
      }
    }
  }
  await whole.network.close().catch((error: unknown) => {
    if (!(error instanceof Died)) throw error;
  });
  return { deaths: deaths(), changes: (lives[0] as Mortal).changes };
}

describe('a whole node that dies', () => {
  it('loses nothing acknowledged, serves nothing torn and goes on, at every change of its disks', async () => {
    const suite = slowSuite('whole node');
    const { changes } = await play({ cause: 'power', diesAt: NEVER }, seededRng(suite.seed));
    expect(changes).toBeGreaterThan(150);
    const all = Array.from({ length: changes }, (_, at) => at + 1).flatMap((diesAt) =>
      CAUSES.map((cause): Life => ({ cause, diesAt })),
    );
    const seen = new Map<string, number>();
    let [played, reached] = [0, 0];
    for (const life of suite.full ? all : shuffled(all, suite.rng)) {
      if (played > 0 && suite.spent()) break;
      const { deaths } = await play(life, seededRng(`${suite.seed} ${life.cause} ${life.diesAt}`));
      played += 1;
      if (deaths.length > 0) reached += 1;
      for (const { operation } of deaths) seen.set(operation, (seen.get(operation) ?? 0) + 1);
    }
    // A few changes fewer or more come of the order in which things happen at the same time.
    expect(reached).toBeGreaterThan(0.9 * played);
    if (suite.full) {
      const operations = ['open', 'write', 'sync', 'rename', 'syncDirectory', 'remove', 'commit'];
      expect([...seen.keys()]).toEqual(expect.arrayContaining(operations));
    }
    const counts = [...seen].map(([operation, count]) => `${count} in ${operation}`).join(', ');
    process.stdout.write(`  ${changes} changes; ${played} of ${all.length} lives, deaths: ${counts}\n`);
  });
});
