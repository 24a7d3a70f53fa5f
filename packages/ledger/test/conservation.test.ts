import { toHex } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Owner } from '../src/api.ts';
import { coinValue } from '../src/coin-value.ts';
import { replayJournal } from '../src/replay.ts';
import { TABLES } from '../src/tables.ts';
import { WAL_SUPPLY } from '../src/genesis/config.ts';
import { createMemoryStore } from '@floe/platform/memory';
import { everyObject, walInState } from './support/wal.ts';
import { blobOf, certificateFor, certify, register } from './support/blobs.ts';
import {
  addressOf,
  coinIdOf,
  keypair,
  openWorld,
  type Program,
  send,
  systemState,
  trustingBls,
  type World,
} from './support/world.ts';

const users = [keypair(2), keypair(3), keypair(4)];

/** What the indexes say must be what the objects say. */
function checkIndexes(world: World): void {
  const objects = everyObject(world);
  for (const keys of users) {
    const owner = addressOf(keys);
    const owned = objects.filter((object) => object.owner.kind === 'address' && object.owner.address === owner);
    expect(
      world.ledger
        .listOwned({ owner, limit: 1000 })
        .items.map(({ id }) => id)
        .sort(),
    ).toEqual(owned.map(({ id }) => id).sort());
    const wal = owned.filter(({ type }) => type.endsWith('::wal::WAL>'));
    expect(world.ledger.balance(owner, world.walType)).toEqual({
      coinType: world.walType,
      balance: wal.reduce((sum, coin) => sum + coinValue(coin), 0n),
      coinCount: wal.length,
    });
  }
}

/** Owner, type and contents of every object but what checkpoints write themselves: the clock, the randomness of an epoch. */
function contentsOf(world: World): Map<ObjectId, string> {
  const objects = everyObject(world).filter(({ type }) => !/::clock::Clock$|Field<u32,vector<u8>>$/.test(type));
  return new Map(
    objects.map(({ id, owner, type, contents }) => [
      id,
      `${JSON.stringify(ownerText(owner))} ${type} ${toHex(contents)}`,
    ]),
  );
}

/** Without the version from which on a shared object is shared. */
function ownerText(owner: Owner): unknown {
  return owner.kind === 'shared' ? 'shared' : owner;
}

const step = fc.record({
  user: fc.nat(2),
  kind: fc.nat(7),
  amount: fc.integer({ min: 0, max: 3_000_000 }),
  epochs: fc.integer({ min: 0, max: 60 }),
});
type Step = { user: number; kind: number; amount: number; epochs: number };

/** A program for a random step; may well abort, which must change nothing. */
function build(world: World, { user, kind, amount, epochs }: Step, root: bigint): (program: Program) => void {
  const keys = users[user]!;
  const owner = addressOf(keys);
  const type = `${world.genesis.walrusPackageId}::blob::Blob`;
  const blobs = world.ledger.listOwned({ owner, type, limit: 100 }).items;
  const target = blobs[amount % Math.max(1, blobs.length)];
  return (p) => {
    const wal = () => p.owned(coinIdOf(world, owner, world.walType));
    if (kind <= 1 || target === undefined) {
      const made = register(p, world, keys, {
        root,
        epochs,
        deletable: amount % 2 === 0,
        space: BigInt(6000 + amount),
      });
      p.transfer(owner, made.blob);
    } else if (kind === 2) certify(p, target.id, certificateFor(world, blobOf(world, target.id)));
    else if (kind === 3) p.call('walrus::system::extend_blob', [p.system(), p.owned(target.id), p.u32(epochs), wal()]);
    else if (kind === 4)
      p.transfer(owner, p.call('walrus::system::delete_blob', [p.system(false), p.owned(target.id)]));
    else if (kind === 5)
      p.transfer(addressOf(users[(user + 1) % 3]!), p.split(wal(), BigInt(amount))[0]!, p.owned(target.id));
    else if (kind === 6)
      p.call('walrus::shared_blob::new_funded', [p.owned(target.id), p.split(wal(), BigInt(amount))[0]!]);
    else p.call('walrus::blob::burn', [p.owned(target.id)]);
  };
}

test('WAL is conserved to the FROST, capacity is never exceeded, and indexes agree, under random transactions', async () => {
  let [succeeded, failed] = [0, 0];
  const run = async (steps: readonly Step[]) => {
    const world = await openWorld({ config: { capacity: 20_000_000n } });
    let root = 1n;
    for (const next of steps) {
      root += 1n;
      const before = contentsOf(world);
      const { effects } = await send(world, users[next.user]!, build(world, next, root));
      if (effects.status.success) succeeded += 1;
      else {
        // Inputs get a new version; what is in them, and all else, is as before.
        const gasCoin = effects.changedObjects[effects.gasObjectIndex ?? -1]?.id;
        const differing = [...contentsOf(world)].filter(([id, contents]) => before.get(id) !== contents);
        expect(differing.map(([id]) => id).filter((id) => id !== gasCoin)).toEqual([]);
        expect(contentsOf(world).size).toBe(before.size);
        failed += 1;
      }
      expect(walInState(world)).toBe(WAL_SUPPLY);
      const { futureAccounting, usedCapacitySize, totalCapacitySize, committee } = systemState(world);
      const { currentIndex, ringBuffer, length } = futureAccounting;
      expect(ringBuffer[currentIndex]).toMatchObject({ epoch: committee.epoch, usedCapacity: usedCapacitySize });
      for (let i = 0; i < length; i += 1) {
        const entry = ringBuffer[(currentIndex + i) % length]!;
        expect(entry.epoch).toBe(committee.epoch + i);
        expect(entry.usedCapacity <= totalCapacitySize).toBe(true);
      }
    }
    checkIndexes(world);
    // Everybody who replays the journal gets to the same checkpoint.
    const replayed = await replayJournal(world.store, { target: createMemoryStore(), bls: trustingBls });
    expect(replayed.digest).toEqual(world.ledger.getCheckpoint('latest')!.digest);
    await world.ledger.close();
  };
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), run), { numRuns: 12, seed: 7 });
  expect(succeeded).toBeGreaterThan(25);
  expect(failed).toBeGreaterThan(10);
});

test('a replay that meets a changed transaction says which checkpoint differs', async () => {
  const store = createMemoryStore();
  const world = await openWorld({ store });
  await send(world, users[0]!, build(world, { user: 0, kind: 0, amount: 5000, epochs: 3 }, 3n));
  const other = await send(world, users[1]!, build(world, { user: 1, kind: 0, amount: 5000, epochs: 3 }, 4n));
  const [key, value] = [...store.entries(TABLES.transactions)].find(
    ([digest]) => String(digest) === String(other.digest),
  )!;
  const changed = value.slice();
  // Another sender in the recorded bytes: the journal was tampered with.
  changed[60] = changed[60]! ^ 1;
  await store.write([{ kind: 'put', table: TABLES.transactions, key, value: changed }]);
  await expect(replayJournal(store, { target: createMemoryStore(), bls: trustingBls })).rejects.toMatchObject({
    message: expect.stringMatching(/checkpoint 2|malformed/) as string,
  });
  await world.ledger.close();
});

test('a genesis object stands in its checkpoint', async () => {
  const world = await openWorld();
  const id = world.genesis.systemObjectId as ObjectId;
  expect(world.ledger.getObject(id)?.version).toBe(1n);
  expect(walInState(world)).toBe(WAL_SUPPLY);
  await world.ledger.close();
});
