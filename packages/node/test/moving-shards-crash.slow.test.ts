/**
 * Committees that change at random while nodes lose power at random instants, in memory and on virtual time: in the end every node that is
 * up has all of its shards, and every sliver of every blob is where the last committee wants it, byte for byte.
 */
import type { Rng } from '@floe/platform';
import { shuffled } from '@floe/platform';
import { slowSuite } from '@floe/testkit';
import { expect, it } from 'vitest';
import { isQuorum } from '@floe/protocol';
import { type Blob, geometry, makeBlob, N_SHARDS } from './node-harness.ts';
import { Network } from './network-harness.ts';

const NODES = 5;
const ROUNDS = 30;
const CHANGES_PER_ROUND = 4;
/** Nodes with more shards together are not down together. */
const MAX_FAULTY = 3;

const suite = slowSuite('moving shards crash');

it('ends with every sliver in its place, whenever nodes lose power', async () => {
  for (let round = 0; round < ROUNDS && (round === 0 || !suite.spent()); round += 1) await playRound(round);
});

async function playRound(round: number): Promise<void> {
  const { rng } = suite;
  const limits = {
    shardPageSlivers: 1 + rng.below(3),
    shardTransfers: 1 + rng.below(3),
    healingBlobs: 1 + rng.below(4),
  };
  let shards = assignment(rng);
  const network = await Network.start({ shards, limits });
  const log: string[] = [`round ${round}: ${JSON.stringify(limits)}`];
  const blobs: Blob[] = [];
  const store = async (): Promise<void> => {
    const blob = await makeBlob(1 + rng.below(20_000), 1000 * round + blobs.length);
    const down = network.nodes.filter(({ node }) => node === undefined).map(({ index }) => index);
    await network.storeBlob(blob, { without: down });
    blobs.push(blob);
  };
  try {
    for (let count = 0; count < 3; count += 1) await store();
    for (let change = 0; change < CHANGES_PER_ROUND; change += 1) {
      shards = assignment(rng);
      log.push(`shards ${JSON.stringify(shards)}`);
      await network.changeCommittee(shards);
      await network.pass(rng.below(80));
      const crashed = victims(shards, rng);
      for (const index of crashed) {
        log.push(`crash ${index} at ${network.time.monotonicMs()}`);
        network.crash(index);
        await network.pass(rng.below(40));
      }
      if (rng.below(2) === 0) await store();
      for (const index of crashed) {
        log.push(`boot ${index} at ${network.time.monotonicMs()}`);
        await network.boot(index);
        await network.pass(rng.below(100));
      }
      // A quorum opens the epoch; at times the others are still at work when the next begins.
      const inPlace = (): number =>
        sum(shards.map((own, index) => (own.length > 0 && network.isInPlace(index) ? own.length : 0)));
      await network.until(() => isQuorum(geometry, inPlace()));
      if (rng.below(3) === 0) await settle(network, shards);
      await network.openEpoch();
    }
    await settle(network, shards);
    for (const [index, own] of shards.entries()) if (own.length > 0) await network.untilHeld(index, ...blobs);
  } catch (error) {
    throw new Error(`${String(error)}\n${log.join('\n')}`, { cause: error });
  } finally {
    await network.close();
  }
  expect(blobs.length).toBeGreaterThan(0);
  process.stdout.write(
    `  round ${round}: ${blobs.length} blobs, ${log.filter((line) => line.startsWith('crash')).length} crashes\n`,
  );
}

/** Until every member has its shards. */
async function settle(network: Network, shards: readonly (readonly number[])[]): Promise<void> {
  for (const [index, own] of shards.entries()) {
    if (own.length > 0) await network.until(() => network.isInPlace(index));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** All shards to random nodes, of which some get none. */
function assignment(rng: Rng): number[][] {
  const shards: number[][] = Array.from({ length: NODES }, () => []);
  for (let shard = 0; shard < N_SHARDS; shard += 1) shards[rng.below(NODES)]?.push(shard);
  return shards;
}

/** Random nodes that hold no more than `MAX_FAULTY` shards together. */
function victims(shards: readonly (readonly number[])[], rng: Rng): number[] {
  let left = MAX_FAULTY;
  const chosen: number[] = [];
  for (const index of shuffled([...shards.keys()], rng)) {
    const weight = shards[index]?.length ?? 0;
    if (weight > left || chosen.length >= 2) continue;
    left -= weight;
    chosen.push(index);
  }
  return chosen;
}
