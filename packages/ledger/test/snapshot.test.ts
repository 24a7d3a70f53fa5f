import { concatBytes, type KeyValueStore, toHex, utf8 } from '@floe/platform';
import { createMemoryStore } from '@floe/platform/memory';
import { afterEach, describe, expect, test } from 'vitest';
import { verifyCheckpointSignature } from '../src/node/index.ts';
import { verifyLedger } from '../src/replay.ts';
import { createSnapshot, restoreSnapshot } from '../src/snapshot.ts';
import { TABLES } from '../src/tables.ts';
import { registerBlob } from './support/blobs.ts';
import { addressOf, keypair, openWorld, trustingBls, verifier, type World } from './support/world.ts';

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.ledger.close();
});

async function chainOf(blobs: number, store = createMemoryStore()): Promise<World> {
  const world = await openWorld({ store });
  worlds.push(world);
  for (let i = 0; i < blobs; i += 1) await registerBlob(world, keypair(2 + (i % 3)), { root: BigInt(i) });
  return world;
}

/** Kind of the frame of a transaction. */
const TRANSACTION = 3;

const modules = { bls: trustingBls, verifyCheckpoint: verifyCheckpointSignature };
const restore = (bytes: Iterable<Uint8Array>, target = createMemoryStore()) =>
  restoreSnapshot(bytes, { ...modules, target });
const verify = (store: KeyValueStore) =>
  verifyLedger(store, { ...modules, target: createMemoryStore(), signatures: verifier });

/** Everything a store holds, without the pages of its state tree that only their order of making decides. */
function contents(store: KeyValueStore): string[] {
  return Object.values(TABLES).flatMap((table) =>
    [...store.entries(table)].map(([key, value]) => `${table} ${toHex(key)} ${toHex(value)}`),
  );
}

describe('a snapshot', () => {
  test('restores the same store, byte for byte, and the chain goes on in it', async () => {
    const world = await chainOf(5);
    const head = world.ledger.getCheckpoint('latest')!;
    const target = createMemoryStore();
    expect((await restore(createSnapshot(world.store), target)).digest).toEqual(head.digest);
    expect(contents(target)).toEqual(contents(world.store));
    const restored = await openWorld({ store: target });
    worlds.push(restored);
    expect(restored.ledger.getCheckpoint('latest')!.stateRoot).toEqual(head.stateRoot);
    await registerBlob(restored, keypair(2), { root: 99n });
    await registerBlob(world, keypair(2), { root: 99n });
    expect(restored.ledger.getCheckpoint('latest')!.stateRoot).toEqual(world.ledger.getCheckpoint('latest')!.stateRoot);
    expect(restored.ledger.listOwned({ owner: addressOf(keypair(2)), limit: 100 }).items).toHaveLength(
      world.ledger.listOwned({ owner: addressOf(keypair(2)), limit: 100 }).items.length,
    );
  });

  test('may come in pieces of any size', async () => {
    const world = await chainOf(2);
    const whole = concatBytes(...createSnapshot(world.store));
    const pieces = Array.from({ length: Math.ceil(whole.length / 1013) }, (_, i) =>
      whole.subarray(1013 * i, 1013 * (i + 1)),
    );
    expect((await restore(pieces)).digest).toEqual(world.ledger.getCheckpoint('latest')!.digest);
  });

  test('is refused when any part of it is changed, missing or cut, and then leaves no ledger behind', async () => {
    const world = await chainOf(3);
    const frames = [...createSnapshot(world.store)];
    for (let i = 0; i < frames.length; i += 1) {
      const frame = frames[i] as Uint8Array;
      const changed = frame.slice();
      // What a record of the journal ends with follows from executing it; no digest covers it.
      changed[frame[0] === TRANSACTION ? 60 : frame.length - 1]! ^= 1;
      // The end says nothing but that it is there.
      const variants = i === frames.length - 1 ? [] : [[...frames.slice(0, i), changed, ...frames.slice(i + 1)]];
      variants.push([...frames.slice(0, i), ...frames.slice(i + 1)], frames.slice(0, i));
      for (const variant of variants) {
        const target = createMemoryStore();
        await expect(restore(variant, target)).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
        expect(target.get(TABLES.meta, utf8('format'))).toBeUndefined();
      }
    }
    await expect(restore([...frames, frames.at(-1)!])).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
  });

  test('that was restored in part only is refused by a ledger, which neither opens nor begins a chain on it', async () => {
    const world = await chainOf(3);
    const frames = [...createSnapshot(world.store)];
    const target = createMemoryStore();
    // Without its last object: everything else is written before the state is seen to be another.
    await expect(restore(frames.toSpliced(-2, 1), target)).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
    const remains = contents(target);
    expect(remains.length).toBeGreaterThan(0);
    for (const genesis of [undefined, world.genesis]) {
      await expect(openWorld({ store: target, ledger: { genesis } as never })).rejects.toMatchObject({
        code: 'LEDGER_INCOMPLETE',
      });
      expect(contents(target)).toEqual(remains);
    }
  });

  test.each(Object.values(TABLES))('is missed by no ledger: a row in %s alone is enough', async (table) => {
    const store = createMemoryStore();
    await store.write([{ kind: 'put', table, key: Uint8Array.of(1), value: Uint8Array.of(1) }]);
    await expect(openWorld({ store })).rejects.toMatchObject({ code: 'LEDGER_INCOMPLETE' });
  });

  test('is restored into an empty store only, and made of a ledger only', async () => {
    const world = await chainOf(1);
    await expect(restore(createSnapshot(world.store), world.store as never)).rejects.toMatchObject({
      code: 'SNAPSHOT_TARGET_USED',
    });
    expect(() => [...createSnapshot(createMemoryStore())]).toThrow(expect.objectContaining({ code: 'LEDGER_EMPTY' }));
  });

  test('says so when the chain went on while it was made', async () => {
    const world = await chainOf(1);
    const snapshot = createSnapshot(world.store);
    snapshot.next();
    await registerBlob(world, keypair(2), { root: 7n });
    expect(() => [...snapshot]).toThrow(expect.objectContaining({ code: 'SNAPSHOT_DISTURBED' }));
  });
});

describe('verification of a ledger', () => {
  test('reaches the newest checkpoint of a good one, and tells its progress', async () => {
    const world = await chainOf(4);
    const seen: bigint[] = [];
    const head = await verifyLedger(world.store, {
      ...modules,
      target: createMemoryStore(),
      signatures: verifier,
      onProgress: ({ sequence }) => seen.push(sequence),
    });
    expect(head.digest).toEqual(world.ledger.getCheckpoint('latest')!.digest);
    expect(seen).toEqual(Array.from({ length: Number(head.sequence) + 1 }, (_, i) => BigInt(i)));
  });

  test('finds a signature of the chain that is not its own, and journal entries that were changed', async () => {
    for (const table of [TABLES.checkpoints, TABLES.transactions]) {
      const count = [...(await chainOf(3)).store.entries(table)].length;
      for (let i = 0; i < count; i += 1) {
        const world = await chainOf(3);
        const [key, value] = [...world.store.entries(table)][i]!;
        const changed = value.slice();
        // Within the signature of a checkpoint; within the bytes of a transaction.
        changed[table === TABLES.checkpoints ? changed.length - 80 : 40]! ^= 1;
        await world.store.write([{ kind: 'put', table, key, value: changed }]);
        await expect(verify(world.store)).rejects.toThrow();
      }
    }
  });

  test('finds what no digest covers: the types and balance changes kept beside effects', async () => {
    const world = await chainOf(2);
    const { digest } = world.ledger.getCheckpoint('latest')!.transactions[0]!;
    const changed = world.store.get(TABLES.transactions, digest)!.slice();
    changed[changed.length - 12]! ^= 1;
    await world.store.write([{ kind: 'put', table: TABLES.transactions, key: digest, value: changed }]);
    await expect(verify(world.store)).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
  });
});
