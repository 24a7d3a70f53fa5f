import { type ContractEvent, eventLayouts } from '@floe/contracts';
import { type Epoch, type NodeId, parseObjectId, type ShardIndex } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { certified, EPOCH, makeBlob, metadataBytes, outcomeOf, registered, startNode } from './node-harness.ts';

const NODE = parseObjectId('0xb2') as NodeId;
const POOL = parseObjectId('0x9001');
const PACKAGE = parseObjectId('0x9ac');

/** A history with events of every kind that the contracts have, in an order that they allow. */
async function everyKind(): Promise<ContractEvent[]> {
  const [permanent, deletable, pooled, invalid] = await Promise.all([1, 2, 3, 4].map((seed) => makeBlob(500, seed)));
  if (permanent === undefined || deletable === undefined || pooled === undefined || invalid === undefined)
    throw new Error();
  const epoch = EPOCH;
  const later = (EPOCH + 9) as Epoch;
  const list = { epoch, root: 7n, sequenceNumber: 1n, nodeId: NODE };
  const inPool = { epoch, blobId: pooled.id, objectId: pooled.objectId, storagePoolId: POOL };
  const digest = new Uint8Array(32);
  const shards = [1, 2] as ShardIndex[];
  return [
    registered(permanent),
    certified(permanent),
    certified(permanent, { isExtension: true, endEpoch: 30 }),
    registered(deletable, { deletable: true }),
    certified(deletable, { deletable: true }),
    {
      kind: 'BlobDeleted',
      epoch,
      blobId: deletable.id,
      endEpoch: 20 as Epoch,
      objectId: deletable.objectId,
      wasCertified: true,
    },
    {
      kind: 'StoragePoolCreated',
      epoch,
      storagePoolId: POOL,
      reservedEncodedCapacityBytes: 9n,
      startEpoch: epoch,
      endEpoch: later,
    },
    { kind: 'PooledBlobRegistered', ...inPool, unencodedSize: 500n, encodingType: 1, deletable: true },
    { kind: 'PooledBlobCertified', ...inPool, deletable: true },
    { kind: 'StoragePoolExtended', epoch, storagePoolId: POOL, newEndEpoch: (later + 1) as Epoch },
    { kind: 'PooledBlobDeleted', ...inPool, wasCertified: true },
    registered(invalid),
    certified(invalid),
    { kind: 'InvalidBlobID', epoch, blobId: invalid.id },
    // The ledger does not look at invalid ids when it extends.
    certified(invalid, { isExtension: true, endEpoch: 30 }),
    { kind: 'RegisterDenyListUpdate', ...list },
    { kind: 'DenyListUpdate', ...list },
    { kind: 'DenyListBlobDeleted', epoch, blobId: permanent.id },
    { kind: 'PricesUpdated', epoch, storagePrice: 1n, writePrice: 2n },
    { kind: 'ContractUpgradeProposed', epoch, packageDigest: digest },
    { kind: 'ContractUpgradeQuorumReached', epoch, packageDigest: digest },
    { kind: 'ContractUpgraded', epoch, packageId: PACKAGE, version: 2n },
    { kind: 'ProtocolVersionUpdated', epoch, startEpoch: later, protocolVersion: 2n },
    { kind: 'EpochParametersSelected', nextEpoch: (EPOCH + 1) as Epoch },
    { kind: 'EpochChangeStart', epoch },
    { kind: 'ShardsReceived', epoch, shards },
    { kind: 'ShardRecoveryStart', epoch, shards },
    { kind: 'EpochChangeDone', epoch },
  ];
}

describe('a node that follows its ledger', () => {
  it('goes on after every kind of event that the contracts have', async () => {
    const events = await everyKind();
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(Object.keys(eventLayouts)));
    const { ledger, node, call } = await startNode();
    for (const event of events) await ledger.emit(event);
    const { persisted, pending } = node.status().health.eventProgress;
    expect([persisted, pending]).toEqual([2 * events.length, 0]);
    const [first] = events;
    if (first?.kind !== 'BlobRegistered') throw new Error('the first event registers a blob');
    const status = { name: 'getBlobStatus', blobId: first.blobId } as const;
    expect(await outcomeOf(await call(status))).toMatchObject([
      200,
      { permanent: { endEpoch: 30, isCertified: true } },
    ]);
    await node.close();
    await node.finished;
  });

  it('serves on while its disk is full, and takes what the ledger said meanwhile when there is room', async () => {
    const [held, next] = await Promise.all([makeBlob(500, 11), makeBlob(500, 12)]);
    const { ledger, node, store, time, call, upload } = await startNode();
    let failure: unknown;
    node.finished.catch((error: unknown) => (failure = error));
    await ledger.emit(registered(held));
    await upload(held);
    store.setFull(true);
    const handled = ledger.emit(registered(next));
    await time.advance(60_000);
    const metadata = { name: 'getMetadata', blobId: held.id } as const;
    expect((await call(metadata)).status).toBe(200);
    expect((await call({ name: 'getMetadata', blobId: next.id })).status).toBe(404);
    store.setFull(false);
    await time.advance(15_000);
    await handled;
    await upload(next);
    expect((await call(metadata)).status).toBe(200);
    store.setFull(true);
    await node.close();
    await node.finished;
    expect(failure).toBeUndefined();
  });

  it('does not call metadata stored that still wait in memory when their blob is registered', async () => {
    const blob = await makeBlob(500, 13);
    const { ledger, store, fileSystem, call } = await startNode();
    const put = (pending: boolean) => {
      return outcomeOf(call({ name: 'putMetadata', blobId: blob.id, pending }, metadataBytes(blob)));
    };
    expect(await put(true)).toEqual([expect.any(Number), 'metadata buffered pending registration']);
    fileSystem.setCapacity(0);
    await ledger.emit(registered(blob));
    expect(await put(false)).toEqual([429, 'RESOURCE_EXHAUSTED', 'INSUFFICIENT_STORAGE']);
    expect(store.count('metadata')).toBe(0);
    fileSystem.setCapacity(Number.POSITIVE_INFINITY);
    expect(await put(false)).toEqual([200, 'metadata already stored']);
    expect(store.count('metadata')).toBe(1);
  });
});
