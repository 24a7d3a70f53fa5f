/** Our ledger client against a running ledger: every builder executed, races, aborts, and the checkpoint stream. */
import {
  type BlobRegistration,
  burnBlobs,
  certifyBlobs,
  changeAttributes,
  type CheckpointRecord,
  deleteBlobs,
  type ExecutedTransaction,
  extendBlobs,
  extendSharedBlob,
  fundSharedBlob,
  LedgerClient,
  registerBlobs,
  registrationCost,
  sendCoin,
  shareBlob,
  SUI_TYPE,
  type SystemInfo,
  transferObjects,
  typeNames,
} from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { blobIdOf, encodedLength, type Frost, geometryOf, type ObjectId, parseObjectId } from '@floe/protocol';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, sampleBytes, startNetwork } from './network.ts';

let network: ConformanceNetwork;
let ledger: LedgerClient;
let system: SystemInfo;
let signer: Ed25519Keypair;

const connect = () =>
  new LedgerClient(network.floe.ledgerClient.config, { clock: systemClock, scheduler: systemScheduler });
const addressOf = (key: Ed25519Keypair) => parseObjectId(key.toSuiAddress());

beforeAll(async () => {
  network = await startNetwork(['--nodes', '4', '--shards', '10']);
  ledger = connect();
});

afterAll(() => network.close());

beforeEach(async () => {
  signer = await network.fundedKey();
  system = await ledger.systemState({ fresh: true });
});

let seed = 0;

/** A blob that exists only on the ledger: its root hash is random, its id follows from it. */
function registration(change: Partial<BlobRegistration> = {}): BlobRegistration {
  seed += 1;
  const rootHash = sampleBytes(32, seed);
  const sizeBytes = 1_000 + seed;
  return {
    blobId: blobIdOf({ rootHash, unencodedLength: sizeBytes }),
    rootHash,
    sizeBytes,
    encodedSizeBytes: encodedLength(geometryOf(system.nShards), sizeBytes),
    deletable: true,
    ...change,
  };
}

/** Executes what `build` adds to a transaction. */
function execute(build: (transaction: Transaction) => void, key = signer): Promise<ExecutedTransaction> {
  const transaction = new Transaction();
  build(transaction);
  return ledger.execute(transaction, key);
}

async function register(blobs: readonly BlobRegistration[], epochs = 2): Promise<ObjectId[]> {
  const { events } = await execute((transaction) =>
    registerBlobs(transaction, system, { blobs, epochs, owner: addressOf(signer) }),
  );
  return events.flatMap(({ event }) => (event.kind === 'BlobRegistered' ? [event.objectId] : []));
}

describe('registering', () => {
  it('costs exactly what was quoted, and gives every blob to its owner', async () => {
    const blobs = [
      registration(),
      registration({ attributes: { a: '1', b: '2' } }),
      registration({ deletable: false }),
    ];
    const before = await ledger.balances(addressOf(signer));
    const objectIds = await register(blobs, 3);
    const after = await ledger.balances(addressOf(signer));
    const sizes = blobs.map(({ encodedSizeBytes }) => encodedSizeBytes);
    expect(before.wal - after.wal).toBe(registrationCost(system, 3, sizes));

    expect(objectIds).toHaveLength(3);
    for (const [i, objectId] of objectIds.entries()) {
      expect(await ledger.blobObject(objectId)).toMatchObject({
        blobId: blobs[i]?.blobId,
        sizeBytes: blobs[i]?.sizeBytes,
        owner: addressOf(signer),
        deletable: blobs[i]?.deletable,
        registeredEpoch: system.epoch,
        endEpoch: system.epoch + 3,
        storage: { sizeBytes: BigInt(sizes[i] as number) },
      });
    }
    expect([...(await ledger.attributes(objectIds[1] as ObjectId))]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    const owned: ObjectId[] = [];
    for await (const blob of ledger.ownedBlobs(addressOf(signer))) owned.push(blob.objectId);
    expect(new Set(owned)).toEqual(new Set(objectIds));
  });

  it('spends the last coin to nothing', async () => {
    const { wal } = await ledger.balances(addressOf(signer));
    const blob = registration();
    const cost = registrationCost(system, 1, [blob.encodedSizeBytes]);
    const { walType } = system;
    await execute((tx) => sendCoin(tx, { coinType: walType, amount: wal - cost, to: parseObjectId('0xdead') }));
    await register([blob], 1);
    expect((await ledger.balances(addressOf(signer))).wal).toBe(0n);
  });
});

describe('registering what cannot be', () => {
  it('fails before anything is paid when the id is not that of the root hash', async () => {
    const wrong = { ...registration(), rootHash: sampleBytes(32, 999_999) };
    await expect(register([wrong])).rejects.toMatchObject({
      code: 'MOVE_ABORT',
      data: { module: 'blob', name: 'EInvalidBlobId' },
    });
  });

  it('fails beyond the horizon', async () => {
    await expect(register([registration()], system.maxEpochsAhead + 1)).rejects.toMatchObject({
      code: 'MOVE_ABORT',
      data: { name: 'EInvalidEpochsAhead' },
    });
  });

  it('tells who has too little WAL, and how much is needed', async () => {
    const blob = registration();
    const { wal } = await ledger.balances(addressOf(signer));
    const { walType } = system;
    await execute((tx) => sendCoin(tx, { coinType: walType, amount: wal - 1n, to: parseObjectId('0xdead') }));
    await expect(register([blob])).rejects.toMatchObject({
      code: 'INSUFFICIENT_WAL',
      data: {
        owner: addressOf(signer),
        needed: registrationCost(system, 2, [blob.encodedSizeBytes]),
        available: 1n,
      },
    });
  });

  it('tells who has no SUI', async () => {
    const poor = new Ed25519Keypair();
    const order = { coinType: SUI_TYPE, amount: 1n, to: addressOf(signer) };
    await expect(execute((tx) => sendCoin(tx, order), poor)).rejects.toMatchObject({ code: 'INSUFFICIENT_SUI' });
  });
});

describe('blob objects', () => {
  it('keep attributes, the first of which creates their place', async () => {
    const [blobObjectId] = (await register([registration()])) as [ObjectId];
    expect((await ledger.attributes(blobObjectId)).size).toBe(0);
    await execute((tx) => changeAttributes(tx, system, { blobObjectId, set: { a: '1', b: '2' } }));
    await execute((tx) => changeAttributes(tx, system, { blobObjectId, set: { a: '3' }, remove: ['nothing'] }));
    expect([...(await ledger.attributes(blobObjectId))]).toEqual([
      ['b', '2'],
      ['a', '3'],
    ]);
  });

  it('are deleted, and give their reservation back', async () => {
    const objectIds = await register([registration(), registration()]);
    const { deleted, events } = await execute((tx) =>
      deleteBlobs(tx, system, { blobObjectIds: objectIds, owner: addressOf(signer) }),
    );
    expect(deleted).toEqual(expect.arrayContaining(objectIds));
    expect(events.map(({ event }) => event.kind)).toEqual(['BlobDeleted', 'BlobDeleted']);
    expect(events.map(({ eventSeq }) => eventSeq)).toEqual([0, 1]);
    expect(await ledger.blobObject(objectIds[0] as ObjectId)).toBeUndefined();
  });

  it('that are permanent cannot be deleted', async () => {
    const blobObjectIds = await register([registration({ deletable: false })]);
    await expect(
      execute((tx) => deleteBlobs(tx, system, { blobObjectIds, owner: addressOf(signer) })),
    ).rejects.toMatchObject({ code: 'MOVE_ABORT', data: { module: 'blob', name: 'EBlobNotDeletable' } });
  });

  it('cannot be extended before they are certified', async () => {
    const [blobObjectId] = (await register([registration()])) as [ObjectId];
    await expect(
      execute((tx) => extendBlobs(tx, system, [{ blobObjectId, storageSizeBytes: 1, epochs: 1 }])),
    ).rejects.toMatchObject({ code: 'MOVE_ABORT', data: { module: 'blob', name: 'ENotCertified' } });
  });

  it('are not certified by a certificate without weight', async () => {
    const [blobObjectId] = (await register([registration()])) as [ObjectId];
    const certificate = { signers: [], signature: new Uint8Array(96), message: new Uint8Array(72) };
    await expect(
      execute((tx) => certifyBlobs(tx, system, [{ blobObjectId, certificate, memberCount: 4 }])),
    ).rejects.toMatchObject({ code: 'MOVE_ABORT', data: { module: 'bls_aggregate', name: 'ENotEnoughStake' } });
  });

  it('are transferred and burned', async () => {
    const [first, second] = (await register([registration(), registration({ deletable: false })])) as ObjectId[];
    const other = await network.fundedKey();
    await execute((tx) => transferObjects(tx, [first as ObjectId], addressOf(other)));
    expect(await ledger.blobObject(first as ObjectId)).toMatchObject({ owner: addressOf(other) });
    await execute((tx) => burnBlobs(tx, system, [second as ObjectId]));
    expect(await ledger.blobObject(second as ObjectId)).toBeUndefined();
  });
});

describe('shared blobs', () => {
  it('are funded and extended by anyone', async () => {
    const stored = await network.floe.client.store(sampleBytes(500, 77), { epochs: 2, deletable: false, signer });
    if (stored.kind !== 'newlyCreated') throw new Error('these bytes were never stored before');
    const { created } = await execute((tx) =>
      shareBlob(tx, system, { blobObjectId: stored.objectId, funds: 1_000_000_000n as Frost }),
    );
    const shared = created.find(({ type }) => type === typeNames(system.originalPackageId).sharedBlob);
    if (shared === undefined) throw new Error('no shared blob was created');
    const sharedBlobObjectId = shared.objectId;
    expect(await ledger.blobObject(sharedBlobObjectId)).toMatchObject({
      shared: { blobObjectId: stored.objectId, funds: 1_000_000_000n },
      endEpoch: stored.endEpoch,
    });
    const other = await network.fundedKey();
    await execute((tx) => fundSharedBlob(tx, system, { sharedBlobObjectId, funds: 5n as Frost }), other);
    await execute((tx) => extendSharedBlob(tx, system, { sharedBlobObjectId, epochs: 1 }), other);
    const extended = await ledger.blobObject(sharedBlobObjectId);
    expect(extended).toMatchObject({ endEpoch: stored.endEpoch + 1 });
    expect(extended?.shared?.funds).toBeLessThan(1_000_000_005n);
  });
});

describe('one key', () => {
  it('used by twenty stores at once of one client never has a transaction refused', async () => {
    const registered = await Promise.all(Array.from({ length: 20 }, () => register([registration()])));
    expect(new Set(registered.flat()).size).toBe(20);
  });

  it('used by two clients at once wins in turns', async () => {
    const { walType } = system;
    const clients = [connect(), connect()];
    const to = addressOf(new Ed25519Keypair());
    const amounts = Array.from({ length: 10 }, (_, i) => BigInt(i + 1));
    const sent = amounts.map((amount, i) => {
      const transaction = new Transaction();
      sendCoin(transaction, { coinType: walType, amount, to });
      return (clients[i % 2] as LedgerClient).execute(transaction, signer);
    });
    expect(new Set((await Promise.all(sent)).map(({ digest }) => digest)).size).toBe(10);
    expect((await ledger.balances(to)).wal).toBe(55n);
  });
});

describe('checkpoints', () => {
  it('come in order from any one on, with the events of every transaction', async () => {
    const objectIds = await register([registration(), registration()]);
    const stop = new AbortController();
    const { latestCheckpoint } = await ledger.chain();
    const seen: CheckpointRecord[] = [];
    for await (const record of ledger.followCheckpoints({ from: 0n, signal: stop.signal })) {
      seen.push(record);
      if (record.sequence === latestCheckpoint) break;
    }
    expect(seen.map(({ sequence }) => sequence)).toEqual(Array.from({ length: seen.length }, (_, i) => BigInt(i)));
    for (const [i, record] of seen.entries()) {
      expect(record.timestampMs).toBeGreaterThanOrEqual(seen[i - 1]?.timestampMs ?? 0);
    }
    expect(seen.flatMap(registeredIn).slice(-2)).toEqual(objectIds);
    stop.abort();
  });

  it('that are made while following arrive through the subscription', async () => {
    const { latestCheckpoint } = await ledger.chain();
    const stop = new AbortController();
    const following = ledger.followCheckpoints({ from: latestCheckpoint + 1n, signal: stop.signal });
    const made = register([registration()]);
    for await (const record of following) if (registeredIn(record).includes((await made)[0] as ObjectId)) break;
    stop.abort();
  });

  it('go on where they were after the network was killed and started again', async () => {
    const [before] = await register([registration()]);
    const stop = new AbortController();
    const seen: CheckpointRecord[] = [];
    let wake: () => void = () => undefined;
    const following = (async () => {
      for await (const record of ledger.followCheckpoints({ from: 0n, signal: stop.signal })) {
        seen.push(record);
        wake();
      }
    })();
    const until = async (objectId: ObjectId | undefined) => {
      while (!seen.some((record) => registeredIn(record).includes(objectId as ObjectId))) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    };
    await until(before);
    await network.restart('SIGKILL');
    const [after] = await register([registration()]);
    await until(after);
    stop.abort(new Error('seen enough'));
    await expect(following).rejects.toThrow('seen enough');
    expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_record, i) => BigInt(i)));
    expect(await ledger.blobObject(before as ObjectId)).toBeDefined();
  });
});

/** Ids of the blobs that a checkpoint registered. */
function registeredIn({ events }: CheckpointRecord): ObjectId[] {
  return events.flatMap(({ event }) => (event.kind === 'BlobRegistered' ? [event.objectId] : []));
}
