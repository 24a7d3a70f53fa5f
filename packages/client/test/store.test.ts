/** Storing: what is paid, reused and refused; quorums, faults, retries, tails. */
import { seededRng } from '@floe/platform/memory';
import { type BlobId, type Epoch, isMinCorrect, parseObjectId } from '@floe/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NewlyCreated, StoreOptions, StoreResult } from '../src/index.ts';
import { abort } from './support/fake-ledger.ts';
import type { NodeFaults } from './support/fake-node.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

function bytes(size: number, seed = 1): Uint8Array {
  return seededRng(seed).bytes(size);
}

function store(net: TestNetwork, blob: Uint8Array, options: Partial<StoreOptions> = {}): Promise<StoreResult> {
  return net.run(net.client.store(blob, { epochs: 3, signer: net.signer, ...options }));
}

async function storeNew(
  net: TestNetwork,
  blob: Uint8Array,
  options: Partial<StoreOptions> = {},
): Promise<NewlyCreated> {
  const result = await store(net, blob, options);
  if (result.kind !== 'newlyCreated') throw new Error(`expected a new blob, got ${result.kind}`);
  return result;
}

describe('a new blob', () => {
  test('costs exactly the quote, takes two transactions, and is certified on the ledger', async () => {
    const net = await createTestNetwork();
    const quote = await net.client.quote(1_000, 3);
    const before = net.ledger.wal;
    const result = await storeNew(net, bytes(1_000));
    expect(before - net.ledger.wal).toBe(quote.total);
    expect(result).toMatchObject({
      cost: quote.total,
      encodedLength: quote.encodedLength,
      endEpoch: 10,
      operation: { kind: 'registerFromScratch', epochsAhead: 3 },
      blobObject: { certifiedEpoch: 7, deletable: false, sizeBytes: 1_000 },
    });
    expect(net.ledger.executed).toEqual([
      ['system::reserve_space', 'system::register_blob', 'coin::destroy_zero'],
      ['system::certify_blob'],
    ]);
  });

  test('reports its stages in order, with the weight confirmed, and how long each took', async () => {
    const net = await createTestNetwork();
    const stages: string[] = [];
    let confirmed = 0;
    const result = await store(net, bytes(1_000), {
      onProgress: ({ stage, upload }) => {
        if (stages.at(-1) !== stage) stages.push(stage);
        confirmed = upload?.confirmedWeight ?? confirmed;
      },
    });
    expect(stages).toEqual(['encoding', 'checking', 'registering', 'uploading', 'certifying', 'finishing']);
    expect(isMinCorrect(net.committee.geometry, confirmed)).toBe(true);
    expect(result.timings.uploading).toBeGreaterThan(0);
  });

  test('goes to another owner with its attributes when asked', async () => {
    const net = await createTestNetwork();
    const owner = parseObjectId('0xfeed');
    const { objectId } = await storeNew(net, bytes(10), { owner, attributes: { 'content-type': 'text/plain' } });
    expect(net.ledger.objects.get(objectId)?.owner).toBe(owner);
    expect(await net.client.attributes(objectId)).toEqual(new Map([['content-type', 'text/plain']]));
  });

  test('reaches every node in the end, though its store returned on a quorum', async () => {
    const net = await createTestNetwork({ nShards: 13, nodes: 13 });
    for (const node of net.nodes.slice(0, 4)) node.faults.delayMs = 200;
    const { blobId } = await store(net, bytes(1_000));
    const holders = () => net.nodes.filter((node) => (node.held.get(blobId)?.slivers.size ?? 0) === 2).length;
    expect(holders()).toBeLessThan(13);
    await net.run(net.client.close());
    expect(holders()).toBe(13);
  });

  test('is not waited for by nodes that are silent: the tail ends by itself', async () => {
    const net = await createTestNetwork({ nShards: 13, nodes: 13 });
    for (const node of net.nodes.slice(0, 4)) node.faults.blackHole = true;
    const startMs = net.time.monotonicMs();
    await store(net, bytes(1_000));
    expect(net.time.monotonicMs() - startMs).toBeLessThan(2_000);
    await net.run(net.client.close());
    expect(net.time.monotonicMs() - startMs).toBeLessThan(3_000);
  });

  test('ends its uploads when the ledger goes away right after certifying', async () => {
    const net = await createTestNetwork({ nShards: 13, nodes: 13 });
    for (const node of net.nodes.slice(0, 4)) node.faults.blackHole = true;
    net.ledger.blobObject = () => Promise.reject(new Error('the ledger is gone'));
    await expect(store(net, bytes(1_000))).rejects.toThrow('the ledger is gone');
    await net.run(net.time.sleep(60_000));
    for (const node of net.nodes.slice(0, 4)) expect(node.requests.get('putMetadata')).toBe(1);
  });

  test('reports why certifying failed, also when the ledger cannot be asked for its epoch after that', async () => {
    const net = await createTestNetwork();
    net.ledger.beforeExecute = (functions) => {
      if (!functions.some((name) => name.endsWith('certify_blob'))) return;
      net.ledger.committees = () => Promise.reject(new Error('the ledger is gone'));
      throw new Error('the certificate was refused');
    };
    await expect(store(net, bytes(1_000))).rejects.toThrow('the certificate was refused');
  });
});

describe('a blob that is known already', () => {
  test('permanent and certified for long enough: nothing is paid, and an event proves it', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500), { epochs: 5 });
    const before = net.ledger.wal;
    const result = await store(net, bytes(500), { epochs: 3 });
    expect(result).toMatchObject({ kind: 'alreadyCertified', blobId: first.blobId, endEpoch: 12 });
    expect(result).toHaveProperty('proof.event.txDigest');
    expect(net.ledger.wal).toBe(before);
  });

  test('deletable and owned by the signer, but wanted for another: a new object is made and given away', async () => {
    const net = await createTestNetwork();
    const owner = parseObjectId('0xfeed');
    const first = await storeNew(net, bytes(500), { deletable: true });
    const second = await storeNew(net, bytes(500), { deletable: true, owner });
    expect(second.objectId).not.toBe(first.objectId);
    expect(net.ledger.objects.get(second.objectId)?.owner).toBe(owner);
    expect(net.ledger.objects.get(first.objectId)?.owner).not.toBe(owner);
  });

  test('of the signer: attributes that it lacks are written, those that it has cost nothing', async () => {
    const net = await createTestNetwork();
    const { objectId } = await storeNew(net, bytes(500), { deletable: true, attributes: { name: 'a', kind: 'b' } });
    const attributes = { name: 'a', kind: 'c' };
    const executed = net.ledger.executed.length;
    const again = await store(net, bytes(500), { deletable: true, attributes });
    expect(again).toMatchObject({ kind: 'alreadyCertified', proof: { objectId } });
    expect(await net.client.attributes(objectId)).toEqual(new Map(Object.entries(attributes)));
    expect(net.ledger.executed).toHaveLength(executed + 1);
    await store(net, bytes(500), { deletable: true, attributes });
    expect(net.ledger.executed).toHaveLength(executed + 1);
  });

  test("permanent by another's object: attributes get an object of the signer's own", async () => {
    const net = await createTestNetwork();
    const other = await storeNew(net, bytes(500), { epochs: 5, owner: parseObjectId('0xfeed') });
    const { objectId } = await storeNew(net, bytes(500), { epochs: 3, attributes: { name: 'a' } });
    expect(objectId).not.toBe(other.objectId);
    expect(await net.client.attributes(objectId)).toEqual(new Map([['name', 'a']]));
  });

  test('deletable, when the signer does not want its objects used: a new object is made', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500), { deletable: true });
    const second = await storeNew(net, bytes(500), { deletable: true, reuse: false });
    expect(second.objectId).not.toBe(first.objectId);
    expect(second.operation.kind).toBe('registerFromScratch');
  });

  test('deletable and owned by the signer: nothing is paid, and the object proves it', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500), { deletable: true });
    const before = net.ledger.wal;
    const result = await store(net, bytes(500), { deletable: true });
    expect(result).toMatchObject({ kind: 'alreadyCertified', proof: { objectId: first.objectId } });
    expect(net.ledger.wal).toBe(before);
  });

  test('certified for too short a time: it is extended without uploading, for the extension alone', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500), { deletable: true, epochs: 2 });
    const uploads = () => net.nodes.reduce((sum, node) => sum + (node.requests.get('putMetadata') ?? 0), 0);
    const uploadsBefore = uploads();
    const result = await storeNew(net, bytes(500), { deletable: true, epochs: 5 });
    expect(result).toMatchObject({
      objectId: first.objectId,
      endEpoch: 12,
      operation: { kind: 'reuseAndExtend', epochsExtended: 3 },
      cost: 300n,
    });
    expect(uploads()).toBe(uploadsBefore);
  });

  test('registered by an interrupted store: it is finished without paying again', async () => {
    const net = await createTestNetwork();
    const interrupted = new AbortController();
    net.ledger.beforeExecute = (functions) => {
      if (functions.includes('system::certify_blob')) interrupted.abort(new Error('interrupted'));
    };
    await expect(store(net, bytes(500), { signal: interrupted.signal })).rejects.toThrow('interrupted');
    net.ledger.beforeExecute = () => undefined;
    // The fake ledger does not look at signals: what it was sent is executed. Undo the certification it made.
    const [registered] = [...net.ledger.objects.values()];
    net.ledger.objects.set(registered!.objectId, { ...registered!, certifiedEpoch: undefined });
    const before = net.ledger.wal;
    const result = await storeNew(net, bytes(500));
    expect(result).toMatchObject({
      objectId: registered!.objectId,
      operation: { kind: 'reuseRegistration' },
      cost: 0n,
    });
    expect(net.ledger.wal).toBe(before);
  });

  test('with force it is registered and paid for anew', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500));
    const second = await storeNew(net, bytes(500), { force: true });
    expect(second.objectId).not.toBe(first.objectId);
  });
});

describe('what is refused before anything is paid', () => {
  test.each([0, -1, 1.5, 54, Number.NaN])('%d epochs', async (epochs) => {
    const net = await createTestNetwork();
    const refused = { code: 'INVALID_EPOCHS', kind: 'invalid', data: { maxEpochs: 53 } };
    await expect(store(net, bytes(5), { epochs })).rejects.toMatchObject(refused);
    expect(net.ledger.executed).toEqual([]);
  });

  test('a blob too large for the shards', async () => {
    const net = await createTestNetwork({ nShards: 4, nodes: 4 });
    const refused = { code: 'BLOB_TOO_LARGE', kind: 'invalid' };
    await expect(store(net, new Uint8Array(2 * 3 * 65_534 + 1))).rejects.toMatchObject(refused);
    expect(net.ledger.executed).toEqual([]);
  });

  test('any blob while too few nodes answer to confirm it', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    net.kill(net.nodes.slice(0, 2));
    for (const node of net.nodes.slice(2, 4)) node.faults.blackHole = true;
    const startMs = net.time.monotonicMs();
    const refused = { code: 'NOT_ENOUGH_NODES', kind: 'unavailable', data: { answered: 6, need: 7 } };
    await expect(store(net, bytes(5))).rejects.toMatchObject(refused);
    expect(net.time.monotonicMs() - startMs).toBeLessThan(40_100);
    expect(net.ledger.executed).toEqual([]);
  });

  test('a blob that the signer cannot pay for', async () => {
    const net = await createTestNetwork();
    net.ledger.wal = 5n;
    await expect(store(net, bytes(5))).rejects.toMatchObject({ code: 'INSUFFICIENT_WAL', kind: 'exhausted' });
    expect(net.ledger.wal).toBe(5n);
    expect(net.ledger.objects.size).toBe(0);
  });
});

describe('faulty nodes', () => {
  const kinds: readonly NodeFaults[] = [
    { blackHole: true },
    { fails: true },
    { delayMs: 30_000 },
    { equivocates: 'message' },
    { equivocates: 'signature' },
    { truncates: true },
    { oversized: true },
    { plain: true, delayMs: 500 },
    { registrationAtMs: 1e9 },
  ];

  test('with any f shards faulty in any way a store succeeds within seconds and its blob reads back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 4, max: 25 }), fc.nat(20_000), async (seed, nShards, size) => {
        const nodes = Math.min(nShards, 4 + (Math.abs(seed) % 9));
        const net = await createTestNetwork({ seed, nShards, nodes });
        const rng = seededRng(seed);
        for (const node of net.someNodes(net.committee.geometry.maxFaulty)) {
          const kind = rng.below(kinds.length + 1);
          if (kind === kinds.length) net.kill([node]);
          else Object.assign(node.faults, kinds[kind]);
        }
        const blob = bytes(size, seed);
        const startMs = net.time.monotonicMs();
        const { blobId } = await storeNew(net, blob, { deletable: seed % 2 === 0 });
        expect(net.time.monotonicMs() - startMs).toBeLessThan(5_000);
        expect(await net.run(net.client.read(blobId))).toEqual(blob);
      }),
      { numRuns: 12 },
    );
  }, 60_000);

  test('more than f shards refusing: a clear error with the weight and each node’s reason, and no certificate', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    net.kill(net.nodes.slice(0, 2));
    for (const node of net.nodes.slice(2, 4)) node.faults.equivocates = 'signature';
    const failure: unknown = await store(net, bytes(500)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'NOT_ENOUGH_CONFIRMATIONS', kind: 'unavailable', data: { got: 6, need: 7 } });
    const { reasons } = (failure as { data: { reasons: string[] } }).data;
    expect(reasons.toSorted()).toEqual([
      `${net.nodes[0]?.member.name}: NODE_UNREACHABLE`,
      `${net.nodes[1]?.member.name}: NODE_UNREACHABLE`,
      `${net.nodes[2]?.member.name}: INVALID_SIGNATURE`,
      `${net.nodes[3]?.member.name}: INVALID_SIGNATURE`,
    ]);
    expect([...net.ledger.objects.values()][0]?.certifiedEpoch).toBeUndefined();
  });

  test('nodes that come back before the payment are waited for, when too few are there without them', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    const away = net.nodes.slice(0, 4);
    net.kill(away);
    void net.time.sleep(20_000).then(() => net.revive(away));
    const { blobId } = await storeNew(net, bytes(500));
    expect(await net.run(net.client.read(blobId))).toEqual(bytes(500));
  });

  test('nodes that went away after the payment are waited for, when too few are left without them', async () => {
    const net = await createTestNetwork({ nShards: 10, nodes: 10 });
    const away = net.nodes.slice(0, 5);
    const startMs = net.time.monotonicMs();
    let back: Promise<void> | undefined;
    const { blobId } = await storeNew(net, bytes(500), {
      onProgress({ stage }) {
        if (stage !== 'uploading' || back !== undefined) return;
        net.kill(away);
        back = net.time.sleep(20_000).then(() => net.revive(away));
      },
    });
    expect(net.time.monotonicMs() - startMs).toBeGreaterThan(20_000);
    expect(net.time.monotonicMs() - startMs).toBeLessThan(25_000);
    expect(await net.run(net.client.read(blobId))).toEqual(bytes(500));
  });

  test('nodes that see the registration late are asked until they do', async () => {
    const net = await createTestNetwork();
    for (const node of net.nodes) node.faults.registrationAtMs = 1_500;
    const { blobId } = await storeNew(net, bytes(500));
    expect(await net.run(net.client.read(blobId))).toEqual(bytes(500));
  });

  test('a node that lost slivers it had taken is sent them again', async () => {
    const net = await createTestNetwork({ nShards: 4, nodes: 4 });
    net.kill(net.nodes.slice(0, 1));
    const [, victim] = net.nodes;
    const handler = victim!.handler;
    let lost = false;
    const transportHandler: typeof handler = async (request) => {
      if (!lost && request.url.includes('/confirmation/')) {
        lost = true;
        for (const held of victim!.held.values()) held.slivers.clear();
      }
      return handler(request);
    };
    Object.assign(victim!, { handler: transportHandler });
    net.revive([victim!]);
    const { blobId } = await storeNew(net, bytes(500));
    expect(lost).toBe(true);
    expect(victim!.held.get(blobId)?.slivers.size).toBe(2);
  });
});

describe('an epoch change during a store', () => {
  test('nodes that are ahead make the store go on in the new epoch, with the same registration', async () => {
    const net = await createTestNetwork();
    const { committeesNow } = net.ledger;
    let registered = false;
    net.ledger.beforeExecute = (functions) => {
      if (!functions.includes('system::register_blob')) return;
      registered = true;
    };
    const moved = { ...committeesNow, current: { ...committeesNow.current, epoch: 8 as Epoch } };
    const stored = storeNew(net, bytes(500), {
      onProgress: ({ stage }) => {
        if (stage === 'uploading' && registered) net.ledger.committeesNow = moved;
      },
    });
    const result = await stored;
    expect(result.blobObject.certifiedEpoch).toBe(8);
    expect(net.ledger.executed.filter((functions) => functions.includes('system::register_blob'))).toHaveLength(1);
  });

  test('up to f shards that say they are ahead, and are quicker than all others, change nothing', async () => {
    const net = await createTestNetwork();
    const liars = net.someNodes(net.committee.geometry.maxFaulty);
    expect(liars.length).toBeGreaterThan(0);
    for (const node of net.nodes) node.faults.delayMs = liars.includes(node) ? 0 : 50;
    for (const { faults } of liars) faults.epochAhead = 1;
    expect((await storeNew(net, bytes(500))).blobObject.certifiedEpoch).toBe(7);
  });

  test('as many as could not be wrong together make it look for the new epoch until it gives up', async () => {
    const net = await createTestNetwork();
    for (const { faults } of net.nodes) faults.epochAhead = 1;
    await expect(store(net, bytes(500))).rejects.toMatchObject({ code: 'EPOCH_CHANGED', data: { retries: 5 } });
  });

  test('a ledger that moved on between certificate and certifying is given a new certificate', async () => {
    const net = await createTestNetwork();
    const { committeesNow } = net.ledger;
    net.ledger.beforeExecute = (functions) => {
      if (!functions.includes('system::certify_blob') || net.ledger.epoch === 8) return;
      net.ledger.committeesNow = { ...committeesNow, current: { ...committeesNow.current, epoch: 8 as Epoch } };
      throw abort('bls_aggregate', 'EInvalidEpoch');
    };
    expect((await storeNew(net, bytes(500))).blobObject.certifiedEpoch).toBe(8);
  });

  test('an abort for another reason is not tried again', async () => {
    const net = await createTestNetwork();
    let tries = 0;
    net.ledger.beforeExecute = (functions) => {
      if (!functions.includes('system::certify_blob')) return;
      tries += 1;
      throw abort('blob', 'EResourceBounds');
    };
    await expect(store(net, bytes(500))).rejects.toMatchObject({ code: 'MOVE_ABORT' });
    expect(tries).toBe(1);
  });
});

describe('blob objects', () => {
  test('are listed, extended, given attributes and deleted', async () => {
    const net = await createTestNetwork();
    const { client, signer } = net;
    const { objectId, blobId } = await storeNew(net, bytes(500), { deletable: true });
    const listed: BlobId[] = [];
    for await (const object of client.listBlobs(parseObjectId(signer.toSuiAddress()))) listed.push(object.blobId);
    expect(listed).toEqual([blobId]);

    expect(await client.extend(objectId, { epochs: 2, signer })).toMatchObject({ endEpoch: 12, cost: 200n });
    await expect(client.extend(objectId, { epochs: 49, signer })).rejects.toMatchObject({
      code: 'INVALID_EPOCHS',
      data: { maxEpochs: 48 },
    });

    await client.writeAttributes(objectId, { a: '1', b: '2' }, { signer });
    await client.writeAttributes(objectId, { a: null, b: '3', c: null }, { signer });
    expect(await client.attributes(objectId)).toEqual(new Map([['b', '3']]));

    await client.deleteBlob(objectId, { signer });
    expect(await client.blobObject(objectId)).toBeUndefined();
    const gone = { code: 'BLOB_OBJECT_NOT_FOUND', kind: 'not-found' };
    await expect(client.deleteBlob(objectId, { signer })).rejects.toMatchObject(gone);
  });

  test('are stored and extended at the price of the moment, though it changes again and again on the way', async () => {
    const net = await createTestNetwork();
    const { client, signer, ledger } = net;
    let changes = 3;
    ledger.beforeExecute = (functions) => {
      const isPaid = functions.some((name) => name === 'system::reserve_space' || name === 'system::extend_blob');
      if (!isPaid || changes === 0) return;
      changes -= 1;
      ledger.storagePrice += 10n;
      throw abort('balance', changes % 2 === 0 ? 'ENotEnough' : 'ENonZero');
    };
    const { objectId, cost, blobObject } = await storeNew(net, bytes(500), { deletable: true });
    const epochs = BigInt(blobObject.endEpoch - blobObject.startEpoch);
    expect([ledger.storagePrice, cost]).toEqual([130n, 130n * epochs + 20n]);
    changes = 3;
    expect(await client.extend(objectId, { epochs: 2, signer })).toMatchObject({ cost: 320n });
    expect(ledger.storagePrice).toBe(160n);
  });

  test('are not extended when the ledger refuses for another reason', async () => {
    const net = await createTestNetwork();
    const { objectId } = await storeNew(net, bytes(500));
    let tries = 0;
    net.ledger.beforeExecute = () => {
      tries += 1;
      throw abort('blob', 'EResourceBounds');
    };
    const failure = { code: 'MOVE_ABORT', data: { name: 'EResourceBounds' } };
    await expect(net.client.extend(objectId, { epochs: 1, signer: net.signer })).rejects.toMatchObject(failure);
    expect(tries).toBe(1);
  });

  test('that are permanent are not deleted', async () => {
    const net = await createTestNetwork();
    const { objectId } = await storeNew(net, bytes(500));
    const refused = { code: 'BLOB_NOT_DELETABLE', kind: 'conflict' };
    await expect(net.client.deleteBlob(objectId, { signer: net.signer })).rejects.toMatchObject(refused);
  });
});

test('an abort ends a store with its reason, wherever it is', async () => {
  const reason = new Error('the user went away');
  for (const stage of ['encoding', 'checking', 'registering', 'uploading'] as const) {
    const net = await createTestNetwork();
    const controller = new AbortController();
    const stored = store(net, bytes(500), {
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.stage === stage) controller.abort(reason);
      },
    });
    await expect(stored).rejects.toBe(reason);
  }
});
