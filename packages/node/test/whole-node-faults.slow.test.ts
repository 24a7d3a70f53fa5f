/**
 * The disks of a whole node fail in each of their changes, once or from there on until they are mended: full, or with an input/output error. Uploads are
 * refused with an error that says so, what is held is served all the while, and when the disks are mended everything goes on.
 */
import { shuffled } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import { slowSuite } from '@floe/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fault, Faulty, interfered } from './interfered-disks.ts';
import { type Blobs, makeBlobs, WholeNode } from './whole-node-harness.ts';

/** When it is looked at what is served while nothing can be written, and when that ends, after the first failure. */
const LOOKS_MS = [1000, 5000, 15_000];
const MENDED_MS = 20_000;
/** A full disk is always named: 429, or 503 with what is short. One that breaks is the node's own failure: 500 with a trace. */
const REFUSALS = { full: [429, 503], failing: [429, 500, 503] } as const;

let blobs: Blobs;

beforeAll(async () => {
  blobs = await makeBlobs();
});

async function play(fault: Fault, seed: string): Promise<{ changes: number; failed: number; refused: number }> {
  let disks: Faulty | undefined;
  const whole = await WholeNode.start({
    blobs,
    rng: seededRng(seed),
    refusals: REFUSALS[fault.kind],
    between: (subject, real) => {
      const { time } = subject.network;
      disks ??= new Faulty(fault, () => {
        const failed = (error: unknown): void => void (subject.failure ??= error);
        for (const lookMs of LOOKS_MS) {
          time
            .sleep(lookMs)
            .then(() => (subject.isUp ? subject.check() : undefined), failed)
            .catch(failed);
        }
        void time.sleep(MENDED_MS).then(() => disks?.mend());
      });
      return interfered(real, disks);
    },
  });
  let at = 'the first start';
  try {
    await whole.boot();
    for (const [name, step] of Object.entries(whole.steps)) {
      at = name;
      await step();
      await whole.check();
    }
    at = 'the end';
    await whole.finish();
    await whole.network.close();
  } catch (error) {
    throw new Error(`${String(error)}\nin step ${at}, fault ${JSON.stringify(fault)}`, { cause: error });
  }
  const { changes, failed } = disks as Faulty;
  return { changes, failed, refused: whole.refused };
}

describe('a whole node whose disks fail', () => {
  it.each(['full', 'failing'] as const)('says so, serves on, loses nothing and recovers: %s', async (kind) => {
    const suite = slowSuite(`whole node, ${kind}`, 1 / 2);
    const { changes } = await play({ kind, at: Number.POSITIVE_INFINITY, count: 1 }, `${suite.seed}`);
    expect(changes).toBeGreaterThan(150);
    const all = Array.from({ length: changes }, (_, before) => before + 1).flatMap((at) =>
      [1, Number.POSITIVE_INFINITY].map((count): Fault => ({ kind, at, count })),
    );
    let [played, failed, refused] = [0, 0, 0];
    for (const fault of suite.full ? all : shuffled(all, suite.rng)) {
      if (played > 0 && suite.spent()) break;
      const outcome = await play(fault, `${suite.seed} ${fault.at}`);
      played += 1;
      failed += outcome.failed;
      refused += outcome.refused;
    }
    expect(failed).toBeGreaterThan(0.9 * played);
    expect(refused).toBeGreaterThan(0);
    process.stdout.write(
      `  ${changes} changes; ${played} of ${all.length} faults, ${failed} changes failed, ${refused} requests refused\n`,
    );
  });
});
