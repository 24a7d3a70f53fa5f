import {
  joinStakes,
  LedgerClient,
  registerBlobs,
  splitStake,
  stakeWithNode,
  transactionOf,
  withdrawStake,
} from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { blobIdOf, type Frost, type ObjectId, parseObjectId } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNetwork, type TestNetwork } from './support/network.ts';

const WAL = 1_000_000_000n;

let network: TestNetwork;
let client: LedgerClient;
beforeAll(async () => {
  network = await startNetwork();
  const { systemObjectId, stakingObjectId } = network.ledger.chain;
  const config = { url: network.url, systemObjectId, stakingObjectId };
  client = new LedgerClient(config, { clock: systemClock, scheduler: systemScheduler });
});
afterAll(() => network.close());

describe("Floe's own ledger client against the service", () => {
  it('reads the system and its committee', async () => {
    const system = await client.systemState();
    expect(system).toMatchObject({ epoch: 1, nShards: 10, walType: network.walType });
    const { current } = await client.committees();
    expect(current.members.map(({ nodeId }) => nodeId)).toEqual([...network.nodeIds].sort());
  });

  it('registers a blob, sees its event and follows the chain from genesis across it', async () => {
    const signer = await network.wallet(3);
    const owner = parseObjectId(signer.toSuiAddress());
    const rootHash = new Uint8Array(32).fill(8);
    const blobId = blobIdOf({ rootHash, unencodedLength: 77 });
    const system = await client.systemState();
    const blob = { blobId, rootHash, sizeBytes: 77, encodedSizeBytes: 1_000_000, deletable: false };
    const again = () => {
      const transaction = new Transaction();
      registerBlobs(transaction, system, { blobs: [blob], epochs: 2, owner });
      return transaction;
    };
    const executed = await client.execute(again(), signer);
    expect(executed.events.map(({ event }) => event.kind)).toContain('BlobRegistered');
    const owned: string[] = [];
    for await (const blobObject of client.ownedBlobs(owner)) owned.push(blobObject.blobId);
    expect(owned).toEqual([blobId]);

    const gone = new AbortController();
    const registered: bigint[] = [];
    let next = 0n;
    for await (const record of client.followCheckpoints({ from: 0n, signal: gone.signal })) {
      expect(record.sequence).toBe(next);
      next += 1n;
      if (record.events.some(({ event }) => event.kind === 'BlobRegistered')) registered.push(record.sequence);
      if (next === 3n) {
        // Live from here: listed up to the tip, then subscribed.
        await network.wallet(4);
        await client.execute(again(), signer);
      }
      if (registered.length === 2) break;
    }
    gone.abort();
    expect(registered).toHaveLength(2);
  });

  it('stakes, splits and takes back, and reads pools, stakes, the schedule, votes and the treasury', async () => {
    const signer = await network.wallet(5);
    const owner = parseObjectId(signer.toSuiAddress());
    const target = await client.systemState();
    const nodeId = parseObjectId(network.nodeIds[0] as string);
    const stakes = async () => {
      const found: { id: ObjectId; principal: bigint; state: string }[] = [];
      for await (const { id, principal, state } of client.ownedStakes(owner)) {
        found.push({ id, principal, state: state.$kind });
      }
      return found.toSorted((a, b) => Number(a.principal - b.principal));
    };
    const run = (build: (transaction: Transaction) => void) => client.execute(transactionOf(build), signer);
    await run((t) => stakeWithNode(t, target, { nodeId, amount: (5n * WAL) as Frost, owner }));
    const [whole] = await stakes();
    expect(whole).toMatchObject({ principal: 5n * WAL, state: 'Staked' });
    const pool = (await client.stakingPools([nodeId, owner])).get(nodeId);
    expect(pool?.pendingStake).toEqual([{ key: 2, value: 5n * WAL }]);
    await run((t) => {
      const part = splitStake(t, target, { stake: whole?.id as ObjectId, amount: (2n * WAL) as Frost });
      t.transferObjects([part], owner);
    });
    const [part, rest] = await stakes();
    expect([part?.principal, rest?.principal]).toEqual([2n * WAL, 3n * WAL]);
    await run((t) => joinStakes(t, target, { into: rest?.id as ObjectId, others: [part?.id as ObjectId] }));
    const before = await client.balances(owner);
    // The node is not in the next committee yet, so the stake leaves at once.
    await run((t) => withdrawStake(t, target, { stake: rest?.id as ObjectId, owner }));
    expect((await client.balances(owner)).wal - before.wal).toBe(5n * WAL);
    expect(await stakes()).toEqual([]);

    const schedule = await client.epochSchedule({ fresh: true });
    const startMs = 1_700_000_000_000;
    expect(schedule).toEqual({
      epoch: 1,
      phase: 'done',
      epochDurationMs: 86_400_000,
      startMs,
      votingEndMs: startMs + 43_200_000,
      changeMs: startMs + 86_400_000,
    });
    const { storagePrice, writePrice, voted } = await client.prices();
    expect(voted).toEqual({ storagePrice, writePrice });
    expect(await client.treasuryObjectId()).toBe(network.ledger.chain.treasuryObjectId);
  });

  it('finds the caps that an operator holds', async () => {
    const caps: string[] = [];
    // The first genesis node's account.
    for await (const { nodeId } of client.nodeCaps(parseObjectId('0x1'))) caps.push(nodeId);
    expect(caps).toEqual([network.nodeIds[0]]);
  });
});
