import { createFloeClient } from '@floe/client';
import { transactionOf, votingEnd } from '@floe/contracts';
import { seededRng } from '@floe/platform/memory';
import { type BlobId, memberOfNode, type NodeId, nodeRequest, parseSignedMessageJson } from '@floe/protocol';
import { createInlineCodec } from '@floe/redstuff';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextStep } from '../../src/epochs/epoch-driver.ts';
import type { StorageNode } from '../../src/storage-node.ts';
import { bls, EPOCH_MS, type EpochNetwork, NODES, secretKey, startEpochNetwork } from './epoch-network.ts';

let network: EpochNetwork;
beforeEach(async () => {
  network = await startEpochNetwork();
});
afterEach(() => network.close());

const everyNode = Array.from({ length: NODES }, (_, i) => i);

async function startAll(): Promise<void> {
  for (const index of everyNode) await network.start(index);
}

const count = (kind: string) => network.events().filter((event) => event === kind).length;
const madeBy = (call: string) => network.nodes.reduce((sum, { calls }) => sum + (calls.get(`${call} done`) ?? 0), 0);
const schedule = () => network.client.epochSchedule({ fresh: true });

/** Lets time pass until the epoch stands there; three more epochs, with their pauses by chance, are enough. */
async function passUntil(epoch: number, phase: string): Promise<void> {
  for (let passedMs = 0; passedMs < 4 * EPOCH_MS; passedMs += EPOCH_MS / 20) {
    const now = await schedule();
    if (now.epoch === epoch && now.phase === phase) return;
    await network.pass(EPOCH_MS / 20);
  }
  expect(await schedule()).toMatchObject({ epoch, phase });
}

/** Stores a blob that all nodes hold. */
async function storeBlob(): Promise<BlobId> {
  const { transport, client: ledgerClient, time } = network;
  const rng = seededRng('client');
  const modules = { transport, codec: createInlineCodec(), bls, ledgerClient, clock: time, scheduler: time, rng };
  const client = createFloeClient({ nodeUrlScheme: 'http' }, modules);
  const options = { epochs: 10, deletable: false, signer: network.someone, tail: 'wait' } as const;
  const { blobId } = await network.during(client.store(Uint8Array.of(1, 2, 3), options));
  await network.during(client.close());
  return blobId;
}

const firstNode = () => network.ids[0]?.nodeId as NodeId;

/** The key that the committee has of the first node. */
async function keyOfCommittee(): Promise<Uint8Array | undefined> {
  const { current } = await network.client.committees({ fresh: true });
  return memberOfNode(current, firstNode())?.publicKey;
}

/** The key that the first node says is its own, having signed a confirmation with it. */
async function signer(blobId: BlobId): Promise<Uint8Array> {
  const open = network.nodes[0]?.open as StorageNode;
  const route = {
    name: 'getConfirmation',
    blobId,
    persistence: { kind: 'permanent' },
    waitForRegistration: false,
  } as const;
  const { target } = nodeRequest({ ...route, waitMs: undefined });
  const response = await open.handler(new Request(`http://node.test${target}`));
  const { success } = (await response.json()) as { success: { data: { signed: unknown } } };
  const { serializedMessage, signature } = parseSignedMessageJson(success.data.signed);
  const publicKey = new Uint8Array(Buffer.from(open.status().health.publicKey, 'base64'));
  expect(bls.verify(publicKey, serializedMessage, signature)).toBe(true);
  return publicKey;
}

/** Longest pause by chance at this length of epoch, and a step more. */
const JITTER_MS = EPOCH_MS / 10 + 5_000;

describe('storage nodes on a ledger', () => {
  it('turn epoch after epoch, each call once, each node attesting once', async () => {
    await startAll();
    // What genesis has of epoch 1.
    expect([count('EpochChangeStart'), count('ShardsReceived')]).toEqual([1, NODES]);
    await passUntil(3, 'done');
    expect(count('EpochParametersSelected')).toBe(3);
    expect(count('EpochChangeStart')).toBe(3);
    expect(count('EpochChangeDone')).toBe(3);
    expect(madeBy('voting_end')).toBe(2);
    expect(madeBy('initiate_epoch_change_v2')).toBe(2);
    await network.pass(10_000);
    expect(count('ShardsReceived')).toBe(3 * NODES);
    for (const { open } of network.nodes) expect(open?.status().epoch).toBe(3);
  }, 60_000);

  it('end voting at half of the epoch and not before', async () => {
    await startAll();
    await network.pass(EPOCH_MS / 2 - 10_000);
    expect((await schedule()).phase).toBe('done');
    expect(network.nodes.every(({ calls }) => calls.size === 0)).toBe(true);
    await network.pass(10_000 + JITTER_MS);
    expect(await schedule()).toMatchObject({ epoch: 1, phase: 'selected' });
    await network.pass(EPOCH_MS / 2 - JITTER_MS - 10_000);
    expect(await schedule()).toMatchObject({ epoch: 1, phase: 'selected' });
  });

  it('spare themselves a call that someone else has made', async () => {
    await startAll();
    await network.pass(EPOCH_MS / 2 - 5_000);
    await network.time.advance(5_000);
    const target = await network.client.systemState();
    await network.execute(transactionOf((transaction) => votingEnd(transaction, target)));
    await network.pass(JITTER_MS);
    expect(network.nodes.flatMap(({ calls }) => [...calls.keys()])).toEqual([]);
  });

  it('go on where the ledger stands after it could not be reached', async () => {
    await startAll();
    await network.pass(EPOCH_MS / 2 - 60_000);
    network.reachable = false;
    await network.pass(EPOCH_MS / 2);
    network.reachable = true;
    await network.pass(60_000 + 3 * JITTER_MS);
    expect(await schedule()).toMatchObject({ epoch: 2, phase: 'done' });
    expect(count('EpochChangeStart')).toBe(2);
    expect(count('ShardsReceived')).toBe(2 * NODES);
  });

  it('attest an epoch that began while they were down, after they have caught up, and once', async () => {
    await startAll();
    await network.stop(3);
    await network.pass(EPOCH_MS + 4 * JITTER_MS);
    expect(await schedule()).toMatchObject({ epoch: 2, phase: 'done' });
    expect(count('ShardsReceived')).toBe(2 * NODES - 1);
    await network.start(3);
    await network.pass(10_000);
    expect(count('ShardsReceived')).toBe(2 * NODES);
    await network.stop(3);
    await network.start(3);
    await network.pass(60_000);
    expect(count('ShardsReceived')).toBe(2 * NODES);
    expect(network.nodes[3]?.calls.get('epoch_sync_done done')).toBe(1);
  });

  it('leave an epoch unattested when they have no operator', async () => {
    for (const index of everyNode) await network.start(index, { hasOperator: index !== 0 });
    await network.pass(EPOCH_MS + 4 * JITTER_MS);
    // The others hold 7 of 10 shards, a quorum.
    expect(await schedule()).toMatchObject({ epoch: 2, phase: 'done' });
    expect(count('ShardsReceived')).toBe(2 * NODES - 1);
  });

  it('end voting without a committee that does not attest, when the ledger gives it up', async () => {
    // The one that runs holds 3 of 10 shards.
    await network.start(0);
    await network.pass(EPOCH_MS / 2 + JITTER_MS);
    await network.pass(EPOCH_MS / 2);
    expect(await schedule()).toMatchObject({ epoch: 2, phase: 'sync', attestedShards: 3 });
    await network.pass(2 * EPOCH_MS + JITTER_MS);
    expect(await schedule()).toMatchObject({ epoch: 2, phase: 'selected' });
    await network.pass(EPOCH_MS / 2 + JITTER_MS);
    expect((await schedule()).epoch).toBe(3);
  });

  it('sign with a new key from the epoch on whose committee has it, without a gap, and go on with it alone', async () => {
    const nextBlsSecretKey = new Uint8Array(32).fill(99);
    const [old, next] = [secretKey(0), nextBlsSecretKey].map((key) => bls.publicKey(key));
    for (const index of everyNode) await network.start(index, index === 0 ? { nextBlsSecretKey } : {});
    const blobId = await storeBlob();
    expect([await keyOfCommittee(), await signer(blobId)]).toEqual([old, old]);
    await passUntil(1, 'selected');
    expect([await keyOfCommittee(), await signer(blobId)]).toEqual([old, old]);
    await passUntil(2, 'done');
    expect([await keyOfCommittee(), await signer(blobId)]).toEqual([next, next]);
    expect(madeBy('set_next_public_key')).toBe(1);
    await network.stop(0);
    await expect(network.start(0)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
    await network.start(0, { blsSecretKey: nextBlsSecretKey });
    expect(await signer(blobId)).toEqual(next);
  });

  it('leave nothing waiting when they are closed', async () => {
    await startAll();
    await network.pass(EPOCH_MS / 2);
    for (const index of everyNode) await network.stop(index);
    expect(network.time.sleepers).toBe(0);
  });

  it('vote as they are configured, and put in force what a quorum votes for', async () => {
    const votes = [150_000n, 140_000n, 130_000n, 90_000n];
    for (const index of everyNode) {
      const storagePrice = votes[index] as bigint;
      await network.start(index, { parameters: { storagePrice, writePrice: 7n, commissionBasisPoints: 250 } });
    }
    await network.pass(EPOCH_MS / 3);
    const prices = await network.client.prices();
    // Shards 3, 3, 2, 2 of 10: 7 are needed, and 2 + 2 + 3 vote for 140 000 or less.
    expect(prices).toMatchObject({ storagePrice: 140_000n, writePrice: 7n });
    const ids = network.ids.map(({ nodeId }) => nodeId);
    const pools = await network.client.stakingPools(ids);
    for (const pool of pools.values()) expect(pool.pendingCommissionRate).toEqual([{ key: 3, value: 250n }]);
    expect(madeBy('set_parameters')).toBe(NODES);
    const made = madeBy('update_prices');
    await network.pass(EPOCH_MS / 3);
    expect([madeBy('set_parameters'), madeBy('update_prices')]).toEqual([NODES, made]);
  });
});

describe('the next call', () => {
  const known = { epoch: 1 as never, epochDurationMs: 100 };

  it('is voting end, then the change, then nobody’s until members have attested', () => {
    expect(nextStep({ ...known, phase: 'done', startMs: 0, votingEndMs: 50, changeMs: 100 })).toEqual({
      call: 'voting_end',
      dueMs: 50,
    });
    expect(nextStep({ ...known, phase: 'selected', startMs: 0, changeMs: 100 })).toEqual({
      call: 'initiate_epoch_change_v2',
      dueMs: 100,
    });
    expect(nextStep({ ...known, phase: 'sync', attestedShards: 3 })).toBeUndefined();
    expect(nextStep({ ...known, phase: 'sync', attestedShards: 3, votingEndMs: 900 })).toEqual({
      call: 'voting_end',
      dueMs: 900,
    });
  });
});
