import { initiateEpochChange, packageAddresses, transactionOf, votingEnd } from '@floe/contracts';
import { noMetrics, silentLogger } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import { type Epoch, type NodeId, type ObjectId, parseObjectId } from '@floe/protocol';
import { coinWithBalance } from '@mysten/sui/transactions';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EpochChanges } from '../../src/epochs/epoch-changes.ts';
import { driveSubsidies, nextSubsidies } from '../../src/epochs/subsidies.ts';
import { createNodeMetrics } from '../../src/node-metrics.ts';
import { EPOCH_MS, type EpochNetwork, operatorOf, startEpochNetwork } from './epoch-network.ts';

const LEAD_MS = EPOCH_MS / 10;
const BASE = 1000n;
const PER_SHARD = 10n;

let network: EpochNetwork;

/** A pool with a rate of 50 % that pays each node a fixed amount, too. */
async function createSubsidies(): Promise<ObjectId> {
  const { client, someone } = network;
  const { originalPackageId, walType, systemObjectId, stakingObjectId } = await client.systemState();
  const wal = parseObjectId(walType.slice(0, walType.indexOf('::')));
  const packageId = packageAddresses({ walrus: originalPackageId, wal }).walrus_subsidies;
  const made = await client.execute(
    transactionOf((transaction) => {
      const cap = transaction.moveCall({
        target: `${packageId}::walrus_subsidies::new`,
        arguments: [
          transaction.object(systemObjectId),
          transaction.object(stakingObjectId),
          transaction.pure.u32(5000),
          transaction.pure.u64(BASE),
          transaction.pure.u64(PER_SHARD),
        ],
      });
      transaction.transferObjects([cap], someone.toSuiAddress());
    }),
    someone,
  );
  const objectId = made.created.find(({ type }) => type.endsWith('::WalrusSubsidies'))?.objectId as ObjectId;
  await network.execute(
    transactionOf((transaction) => {
      const coin = transaction.add(coinWithBalance({ type: walType, balance: 1_000_000n }));
      transaction.moveCall({
        target: `${packageId}::walrus_subsidies::add_coin`,
        arguments: [transaction.object(objectId), coin],
      });
    }),
  );
  return objectId;
}

/** The part of two nodes that has subsidies processed. */
function start(subsidiesObjectId: ObjectId, calls: string[], signal: AbortSignal): Promise<unknown>[] {
  const metrics = createNodeMetrics({
    ...noMetrics,
    counter: ({ name }) => ({
      add: (_, labels = {}) => void (name.endsWith('epoch_calls_total') && calls.push(`${labels['outcome']}`)),
    }),
  });
  const { time, client } = network;
  return [0, 1].map((index) =>
    driveSubsidies(
      { subsidiesObjectId, signal },
      {
        operator: { signer: operatorOf(index), ledger: client },
        changes: new EpochChanges({ epoch: 1 as Epoch, tip: -1n, next: 0n }),
        clock: time,
        scheduler: time,
        rng: seededRng(`node ${index}`),
        metrics,
        logger: silentLogger,
      },
    ).catch(() => undefined),
  );
}

describe('subsidies', () => {
  const stopping = new AbortController();
  let working: Promise<unknown>[] = [];

  beforeEach(async () => {
    network = await startEpochNetwork();
  });
  afterEach(async () => {
    stopping.abort(new Error('over'));
    await Promise.all(working);
    await network.close();
  });

  it('are processed by one node before the epoch ends, and by one after the change', async () => {
    const objectId = await createSubsidies();
    const calls: string[] = [];
    working = start(objectId, calls, stopping.signal);
    await network.pass(EPOCH_MS / 2);
    const target = await network.client.systemState({ fresh: true });
    await network.execute(transactionOf((transaction) => votingEnd(transaction, target)));
    await network.pass(EPOCH_MS / 2 - LEAD_MS - 5000);
    expect(calls).toEqual([]);
    await network.pass(LEAD_MS);
    expect(calls).toEqual(['done']);
    expect(await network.client.subsidies(objectId)).toMatchObject({ funds: 1_000_000n, latestEpoch: 0 });
    await network.pass(5000);
    const order = { treasuryObjectId: await network.client.treasuryObjectId() };
    await network.execute(transactionOf((transaction) => initiateEpochChange(transaction, target, order)));
    await network.pass(LEAD_MS + 60_000);
    expect(calls).toEqual(['done', 'done']);
    const paid = 4n * BASE + 10n * PER_SHARD;
    expect(await network.client.subsidies(objectId)).toMatchObject({ funds: 1_000_000n - paid, latestEpoch: 1 });
    const nodeId = network.ids[0]?.nodeId as NodeId;
    const pool = (await network.client.stakingPools([nodeId])).get(nodeId);
    expect(pool?.commission).toBe(BASE + 3n * PER_SHARD);
  });
});

describe('the next time for subsidies', () => {
  const known = { epoch: 7 as Epoch, epochDurationMs: 1_000_000, changeMs: 5_000_000 };
  const paid = { latestEpoch: 6 as Epoch, processedMs: 4_100_000 };

  it.each([
    ['right after a change', known, { ...paid, latestEpoch: 5 as Epoch }, { dueMs: 0, spreadMs: 100_000 }],
    ['a tenth of the epoch before its end', known, paid, { dueMs: 4_900_000, spreadMs: 50_000 }],
    ['not that again', known, { ...paid, processedMs: 4_900_000 }, undefined],
    ['unknown while members attest', { ...known, changeMs: undefined }, paid, undefined],
    [
      'five minutes before the end of a long epoch',
      { ...known, epochDurationMs: 86_400_000 },
      paid,
      { dueMs: 4_700_000, spreadMs: 150_000 },
    ],
    [
      'before the end of epoch 0',
      { ...known, epoch: 0 as Epoch },
      { latestEpoch: 0 as Epoch, processedMs: 0 },
      { dueMs: 4_900_000, spreadMs: 50_000 },
    ],
  ] as const)('is %s', (_, schedule, subsidies, expected) => {
    expect(nextSubsidies(schedule, subsidies)).toEqual(expected);
  });
});
