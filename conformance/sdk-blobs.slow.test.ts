/**
 * The unmodified official SDK against a Floe network: state, prices, storing, reading, status, attributes, extending,
 * deleting. What the SDK itself gets wrong is not asked of it: `executeCreateStorageTransaction` always throws, and
 * reading attributes of a blob that has none does.
 */
import { encodedLength, geometryOf, parseObjectId, storeCost } from '@floe/protocol';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { coinWithBalance, Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ConformanceNetwork, same, sampleBytes, startNetwork } from './network.ts';

let network: ConformanceNetwork;
let signer: Ed25519Keypair;

beforeAll(async () => {
  network = await startNetwork();
  signer = await network.fundedKey();
});

afterAll(() => network.close());

/** Writes with a fresh SDK client. */
function write(
  blob: Uint8Array,
  options: { deletable?: boolean; epochs?: number; attributes?: Record<string, string> },
) {
  return network.sdk().walrus.writeBlob({ blob, signer, epochs: 2, deletable: true, ...options });
}

describe('state', () => {
  it('is read by systemState', async () => {
    const state = await network.sdk().walrus.systemState();
    const ours = await network.floe.client.systemState();
    expect(state.committee).toMatchObject({ n_shards: network.dev.network.nShards, epoch: ours.epoch });
    expect(BigInt(state.storage_price_per_unit_size)).toBe(ours.storagePrice);
    expect(BigInt(state.write_price_per_unit_size)).toBe(ours.writePrice);
    expect(state.future_accounting.ring_buffer).toHaveLength(ours.maxEpochsAhead);
    expect(state.committee.members.reduce((sum, { weight }) => sum + weight, 0)).toBe(network.dev.network.nShards);
  });

  it('is read by stakingState, with every shard at exactly one of the nodes', async () => {
    const { committee, n_shards: nShards } = await network.sdk().walrus.stakingState();
    const entries = committee[0].contents;
    expect(entries.map(({ key }) => key).toSorted()).toEqual(
      network.dev.network.nodes.map(({ nodeId }) => nodeId).toSorted(),
    );
    const shards = entries.flatMap(({ value }) => value).toSorted((a, b) => a - b);
    expect(shards).toEqual(Array.from({ length: nShards }, (_, i) => i));
  });

  it('prices a store as we do', async () => {
    const { walrus } = network.sdk();
    const { storagePrice, writePrice, nShards } = await network.floe.client.systemState();
    for (const size of [0, 1, 1_000_000, 100_000_000]) {
      const cost = storeCost({
        encodedLength: encodedLength(geometryOf(nShards), size),
        epochs: 3,
        storagePrice,
        writePrice,
      });
      expect(await walrus.storageCost(size, 3)).toEqual({
        storageCost: cost.storage,
        writeCost: cost.write,
        totalCost: cost.total,
      });
    }
  });
});

describe('storing and reading', () => {
  it.each([
    ['1 byte', 1],
    ['one symbol more than a row', 7_001],
    ['1 MiB', 1_048_576],
  ])('reads back %s that it wrote', async (_label, size) => {
    const blob = sampleBytes(size, size);
    const { blobId, blobObject } = await write(blob, {});
    expect(blobObject).toMatchObject({ size: String(size), deletable: true, encoding_type: 1 });
    expect(blobObject.certified_epoch).not.toBeNull();
    expect(blobObject.storage.end_epoch - blobObject.storage.start_epoch).toBe(2);
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
  });

  it('stores a permanent blob', async () => {
    const blob = sampleBytes(5_000, 1);
    const { blobId, blobObject } = await write(blob, { deletable: false });
    expect(blobObject.deletable).toBe(false);
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
  });

  it('works with binary gRPC-Web as well as with text', async () => {
    const blob = sampleBytes(3_000, 2);
    const client = network.sdk({ format: 'binary' });
    const { blobId } = await client.walrus.writeBlob({ blob, signer, epochs: 1, deletable: true });
    expect(same(await client.walrus.readBlob({ blobId }), blob)).toBe(true);
  });

  it('finds no blob that was never stored', async () => {
    const blobId = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    await expect(network.sdk().walrus.readBlob({ blobId })).rejects.toThrow();
    await expect(network.sdk().walrus.getVerifiedBlobStatus({ blobId })).resolves.toEqual({ type: 'nonexistent' });
  });
});

describe('wallets', () => {
  it('register a blob for another owner', async () => {
    const owner = new Ed25519Keypair().toSuiAddress();
    const { walrus, core } = network.sdk();
    const { blobId, rootHash } = await walrus.encodeBlob(sampleBytes(100, 3));
    const order = { size: 100, epochs: 1, blobId, rootHash, deletable: true, owner };
    const { blob } = await walrus.executeRegisterBlobTransaction({ ...order, signer });
    const { object } = await core.getObject({ objectId: blob.id });
    expect(object.owner).toMatchObject({ AddressOwner: owner });
  });

  it('store at once, each with its own key', async () => {
    const keys = await Promise.all(Array.from({ length: 3 }, () => network.fundedKey()));
    const blobs = keys.map((_key, i) => sampleBytes(20_000 + i, 10 + i));
    const written = await Promise.all(
      keys.map((key, i) =>
        network.sdk().walrus.writeBlob({ blob: blobs[i] as Uint8Array, signer: key, epochs: 1, deletable: true }),
      ),
    );
    const { walrus } = network.sdk();
    for (const [i, { blobId }] of written.entries())
      expect(same(await walrus.readBlob({ blobId }), blobs[i])).toBe(true);
  });

  it('pay for storage with a coin of their choosing', async () => {
    const { walrus, core } = network.sdk();
    const { walType } = network.dev.network.ledger;
    const transaction = new Transaction();
    const { objects } = await core.listCoins({ owner: signer.toSuiAddress(), coinType: walType });
    const [coin] = transaction.splitCoins(
      transaction.object((objects[0] as { objectId: string }).objectId),
      [1_000_000_000],
    );
    if (coin === undefined) throw new Error('splitCoins gave no coin');
    const storage = transaction.add(walrus.createStorage({ size: 1_000, epochs: 3, walCoin: coin }));
    transaction.transferObjects([storage, coin], signer.toSuiAddress());
    const result = await signer.signAndExecuteTransaction({ transaction, client: network.sdk() });
    expect(result.$kind).toBe('Transaction');
  });

  it('without enough WAL are told so in the SDK’s own terms', async () => {
    const poor = await network.fundedKey();
    const { walType } = network.dev.network.ledger;
    const { floe } = network;
    const transaction = new Transaction();
    const { wal } = await floe.client.balances(parseObjectId(poor.toSuiAddress()));
    transaction.transferObjects([coinWithBalance({ type: walType, balance: wal })], signer.toSuiAddress());
    await floe.ledgerClient.execute(transaction, poor);
    await expect(
      network.sdk().walrus.writeBlob({ blob: sampleBytes(10, 4), signer: poor, epochs: 1, deletable: true }),
    ).rejects.toThrow(/Insufficient balance/);
  });
});

describe('status', () => {
  it('of a deletable blob is deletable and certified', async () => {
    const { blobId } = await write(sampleBytes(4_000, 20), {});
    await vi.waitFor(async () => {
      const status = await network.sdk().walrus.getVerifiedBlobStatus({ blobId });
      expect(status).toMatchObject({ type: 'deletable', deletableCounts: { count_deletable_certified: 1 } });
    }, WAIT);
  });

  it('of a permanent blob names the event that certified it', async () => {
    const { blobId, blobObject } = await write(sampleBytes(4_000, 21), { deletable: false });
    await vi.waitFor(async () => {
      const status = await network.sdk().walrus.getVerifiedBlobStatus({ blobId });
      expect(status).toMatchObject({
        type: 'permanent',
        isCertified: true,
        endEpoch: blobObject.storage.end_epoch,
        initialCertifiedEpoch: blobObject.certified_epoch,
        statusEvent: { eventSeq: '0' },
      });
    }, WAIT);
  });
});

describe('attributes', () => {
  it('that were written with the blob are read', async () => {
    const attributes = { 'content-type': 'text/plain', name: 'Grüße.txt' };
    const { blobObject } = await write(sampleBytes(50, 30), { attributes });
    expect(await network.sdk().walrus.readBlobAttributes({ blobObjectId: blobObject.id })).toEqual(attributes);
  });

  it('are changed, added and removed', async () => {
    const { blobObject } = await write(sampleBytes(50, 31), { attributes: { a: '1', b: '2' } });
    const blobObjectId = blobObject.id;
    await network.sdk().walrus.executeWriteBlobAttributesTransaction({
      signer,
      blobObjectId,
      attributes: { a: '3', b: null, c: '4' },
    });
    expect(await network.sdk().walrus.readBlobAttributes({ blobObjectId })).toEqual({ a: '3', c: '4' });
  });
});

describe('blob objects', () => {
  it('are extended by a number of epochs and to an epoch', async () => {
    const { blobObject } = await write(sampleBytes(60, 40), {});
    const blobObjectId = blobObject.id;
    const endEpoch = blobObject.storage.end_epoch;
    await network.sdk().walrus.executeExtendBlobTransaction({ signer, blobObjectId, epochs: 3 });
    expect((await network.sdk().walrus.getBlobObject(blobObjectId)).storage.end_epoch).toBe(endEpoch + 3);
    await network.sdk().walrus.executeExtendBlobTransaction({ signer, blobObjectId, endEpoch: endEpoch + 5 });
    expect((await network.sdk().walrus.getBlobObject(blobObjectId)).storage.end_epoch).toBe(endEpoch + 5);
  });

  it('are deleted, and then no longer stored', async () => {
    const { blobId, blobObject } = await write(sampleBytes(70, 41), {});
    await network.sdk().walrus.executeDeleteBlobTransaction({ signer, blobObjectId: blobObject.id });
    await expect(network.sdk().walrus.getBlobObject(blobObject.id)).rejects.toThrow();
    await vi.waitFor(async () => {
      const status = await network.sdk().walrus.getVerifiedBlobStatus({ blobId });
      expect(status).toEqual({ type: 'nonexistent' });
    }, WAIT);
  });

  it('that are permanent are not deleted', async () => {
    const { blobObject } = await write(sampleBytes(80, 42), { deletable: false });
    await expect(
      network.sdk().walrus.executeDeleteBlobTransaction({ signer, blobObjectId: blobObject.id }),
    ).rejects.toThrow(/EBlobNotDeletable/);
  });
});

/** Nodes follow the ledger; what they say of a blob is right once they have seen its last event. */
const WAIT = { timeout: 30_000, interval: 200 };
