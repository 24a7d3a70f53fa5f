/** Space that the signer has: what a store takes of it, what is left over, and that nothing is paid twice or too much. */
import type { StorageResource } from '@floe/contracts';
import { seededRng } from '@floe/platform/memory';
import { encodedLength, type Epoch, parseObjectId, storageUnits } from '@floe/protocol';
import { describe, expect, test } from 'vitest';
import type { NewlyCreated, StoreOptions, StoreRegistration } from '../src/index.ts';
import { abort } from './support/fake-ledger.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

async function storeNew(net: TestNetwork, blob: Uint8Array, options: Partial<StoreOptions> = {}) {
  const result = await net.run(net.client.store(blob, { epochs: 3, signer: net.signer, ...options }));
  if (result.kind !== 'newlyCreated') throw new Error(`expected a new blob, got ${result.kind}`);
  return result satisfies NewlyCreated;
}

function bytes(size: number, seed = 1): Uint8Array {
  return seededRng(seed).bytes(size);
}

let spaces = 0;

/** Puts space into the signer's hands. */
function give(net: TestNetwork, sizeBytes: number, epochs: number, startEpoch = net.ledger.epoch): StorageResource {
  spaces += 1;
  const objectId = parseObjectId(`0xabc${spaces}`);
  const endEpoch = (net.ledger.epoch + epochs) as Epoch;
  const storage = { objectId, startEpoch, endEpoch, sizeBytes: BigInt(sizeBytes) };
  net.ledger.storages.set(objectId, storage);
  return storage;
}

describe('a store with space of its own', () => {
  test('uses what a deleted blob left, and pays the write fee alone', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(500), { deletable: true });
    await net.run(net.client.deleteBlob(first.objectId, { signer: net.signer }));
    const before = net.ledger.wal;
    const second = await storeNew(net, bytes(500, 2), { deletable: true });
    const fee = storageUnits(second.encodedLength) * net.ledger.writePrice;
    expect(second).toMatchObject({ operation: { kind: 'reuseStorage' }, cost: fee, endEpoch: first.endEpoch });
    expect(before - net.ledger.wal).toBe(fee);
    expect(net.ledger.storages.size).toBe(0);
  });

  test('takes the smallest that fits, then the one that ends first, and cuts off what it does not need', async () => {
    const net = await createTestNetwork();
    const needed = encodedLength(net.committee.geometry, 500);
    give(net, needed - 1, 9);
    give(net, needed, 2);
    give(net, needed + 1, 9, (net.ledger.epoch + 1) as Epoch);
    const larger = give(net, needed + 200, 5);
    const chosen = give(net, needed + 100, 7);
    give(net, needed + 100, 8);
    const { endEpoch } = await storeNew(net, bytes(500));
    expect(endEpoch).toBe(net.ledger.epoch + 3);
    expect(net.ledger.storages.has(chosen.objectId)).toBe(false);
    expect(net.ledger.storages.has(larger.objectId)).toBe(true);
    // What is left: the surplus for all of its time, and the time after the blob's for its size.
    const { epoch } = net.ledger;
    const rests = [...net.ledger.storages.values()].filter(({ objectId }) => !objectId.includes('abc'));
    expect(rests).toMatchObject([
      { sizeBytes: 100n, startEpoch: epoch, endEpoch: epoch + 7 },
      { sizeBytes: BigInt(needed), startEpoch: epoch + 3, endEpoch: epoch + 7 },
    ]);
  });

  test('leaves it alone when it is told to, or made to register anew', async () => {
    const net = await createTestNetwork();
    give(net, 10_000_000, 9);
    expect((await storeNew(net, bytes(10), { reuse: false })).operation.kind).toBe('registerFromScratch');
    expect((await storeNew(net, bytes(10), { force: true })).operation.kind).toBe('registerFromScratch');
    expect(net.ledger.storages.size).toBe(1);
  });

  test('that plan at once never plan with the same', async () => {
    const net = await createTestNetwork();
    const needed = encodedLength(net.committee.geometry, 500);
    give(net, needed, 3);
    give(net, needed, 3);
    const stores = [1, 2, 3].map((seed) => net.client.store(bytes(500, seed), { epochs: 3, signer: net.signer }));
    const kinds = (await net.run(Promise.all(stores))).map((result) =>
      result.kind === 'newlyCreated' ? result.operation.kind : result.kind,
    );
    expect(kinds.sort()).toEqual(['registerFromScratch', 'reuseStorage', 'reuseStorage']);
    // What is planned with is free again once the store has ended.
    give(net, needed, 3);
    expect((await storeNew(net, bytes(500, 4))).operation.kind).toBe('reuseStorage');
  });

  test('that somebody else used up meanwhile buys instead', async () => {
    const net = await createTestNetwork();
    const gone = give(net, 10_000_000, 3);
    let tries = 0;
    net.ledger.beforeExecute = (functions) => {
      if (!functions.includes('system::register_blob')) return;
      tries += 1;
      net.ledger.storages.delete(gone.objectId);
    };
    const result = await storeNew(net, bytes(10));
    expect([tries, result.operation.kind]).toEqual([2, 'registerFromScratch']);
  });
});

describe('a store with a highest cost', () => {
  test('is refused above it, before anything is paid, and not at it', async () => {
    const net = await createTestNetwork();
    const { total } = await net.client.quote(1_000, 3);
    const before = net.ledger.wal;
    await expect(storeNew(net, bytes(1_000), { maxCost: total - 1n })).rejects.toMatchObject({
      code: 'COST_ABOVE_MAXIMUM',
      data: { cost: total, maxCost: total - 1n },
    });
    expect([net.ledger.wal, net.ledger.executed]).toEqual([before, []]);
    expect(await storeNew(net, bytes(1_000), { maxCost: total })).toMatchObject({ cost: total });
  });

  test('is refused when the price rises between the plan and the payment', async () => {
    const net = await createTestNetwork();
    const { total } = await net.client.quote(1_000, 3);
    net.ledger.beforeExecute = () => {
      if (net.ledger.storagePrice > 100n) return;
      net.ledger.storagePrice = 101n;
      throw abort('balance', 'ENotEnough');
    };
    await expect(storeNew(net, bytes(1_000), { maxCost: total })).rejects.toMatchObject({ code: 'COST_ABOVE_MAXIMUM' });
    expect(net.ledger.executed).toEqual([]);
  });

  test('is refused when an extension would cost more', async () => {
    const net = await createTestNetwork();
    const first = await storeNew(net, bytes(1_000), { epochs: 1, deletable: true });
    const units = storageUnits(first.encodedLength);
    const options = { epochs: 3, deletable: true };
    await expect(storeNew(net, bytes(1_000), { ...options, maxCost: units * 200n - 1n })).rejects.toMatchObject({
      code: 'COST_ABOVE_MAXIMUM',
    });
    expect(await storeNew(net, bytes(1_000), { ...options, maxCost: units * 200n })).toMatchObject({
      operation: { kind: 'reuseAndExtend', epochsExtended: 2 },
      cost: units * 200n,
    });
  });
});

describe('stores of one blob at once', () => {
  test.each([
    ['certified', undefined],
    ['registered', new Error('no gas')],
  ])('extend one that is %s once, to where the longest needs it', async (_state, failure) => {
    const net = await createTestNetwork();
    net.ledger.beforeExecute = (functions) => {
      if (failure !== undefined && functions.includes('system::certify_blob')) throw failure;
    };
    const options = { epochs: 2, deletable: true, signer: net.signer };
    await net.run(net.client.store(bytes(500), options).catch(() => undefined));
    net.ledger.beforeExecute = () => undefined;
    const before = net.ledger.wal;
    const stores = [5, 5, 4].map((epochs) => net.client.store(bytes(500), { ...options, epochs }));
    const results = await net.run(Promise.all(stores));
    expect([...net.ledger.objects.values()]).toMatchObject([{ endEpoch: net.ledger.epoch + 5, certifiedEpoch: 7 }]);
    const perEpoch = storageUnits(results[0]?.encodedLength as number) * net.ledger.storagePrice;
    expect(before - net.ledger.wal).toBe(3n * perEpoch);
    const told = results.map((result) => (result.kind === 'newlyCreated' ? result.cost : 0n));
    expect(told.reduce<bigint>((sum, cost) => sum + cost, 0n)).toBe(3n * perEpoch);
  });
});

describe('a store that is tried again', () => {
  const options = { epochs: 3, reuse: false } as const;

  /** Registers, and finds the purse empty when it comes to certify. */
  async function runOut(net: TestNetwork, more: Partial<StoreOptions> = {}): Promise<StoreRegistration> {
    let registration: StoreRegistration | undefined;
    net.ledger.beforeExecute = (functions) => {
      if (functions.includes('system::certify_blob')) throw new Error('no gas');
    };
    const onRegistered = (made: StoreRegistration) => void (registration = made);
    const work = net.client.store(bytes(500), { ...options, signer: net.signer, onRegistered, ...more });
    await expect(net.run(work)).rejects.toThrow('no gas');
    net.ledger.beforeExecute = () => undefined;
    if (registration === undefined) throw new Error('nothing was registered');
    return registration;
  }

  test.each([{ deletable: true }, { force: true, owner: parseObjectId('0xfeed') }])(
    'goes on from what it registered, without using anything else that is owned: %j',
    async (more) => {
      const net = await createTestNetwork();
      const quote = await net.client.quote(500, 3);
      const before = net.ledger.wal;
      const registration = await runOut(net, more);
      const result = await storeNew(net, bytes(500), { ...options, ...more, registration });
      expect(result).toMatchObject({ objectId: registration.objectId, cost: quote.total });
      expect(result.operation.kind).toBe('registerFromScratch');
      expect(before - net.ledger.wal).toBe(quote.total);
      expect([...net.ledger.objects.values()]).toMatchObject([{ certifiedEpoch: 7 }]);
    },
  );

  test('asks for what it registered by the id of the blob, once that is known', async () => {
    const net = await createTestNetwork();
    const made = await runOut(net);
    const asked: string[] = [];
    const registration = (blobId: string) => {
      asked.push(blobId);
      return made;
    };
    const { blobId, objectId } = await storeNew(net, bytes(500), { ...options, registration });
    expect([objectId, asked]).toEqual([made.objectId, [blobId]]);
    const { objectId: other } = await storeNew(net, bytes(501), { ...options, registration: () => undefined });
    expect(other).not.toBe(objectId);
  });

  test('certifies what it registered though another has the blob stored by then', async () => {
    const net = await createTestNetwork();
    const registration = await runOut(net);
    await storeNew(net, bytes(500), options);
    const { objectId } = await storeNew(net, bytes(500), { ...options, registration });
    expect(objectId).toBe(registration.objectId);
    expect([...net.ledger.objects.values()].map(({ certifiedEpoch }) => certifiedEpoch)).toEqual([7, 7]);
  });

  test('registers anew when what it registered is gone', async () => {
    const net = await createTestNetwork();
    const registration = await runOut(net);
    net.ledger.objects.clear();
    const { objectId, cost } = await storeNew(net, bytes(500), { ...options, registration });
    expect(objectId).not.toBe(registration.objectId);
    expect(cost).toBe(registration.cost);
  });
});
