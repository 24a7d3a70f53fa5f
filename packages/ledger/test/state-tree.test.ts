import { blake2b256 } from '@floe/kernels';
import { compareBytes, concatBytes, toHex } from '@floe/platform';
import { createMemoryStore } from '@floe/platform/memory';
import { type ObjectId, objectIdFromBytes } from '@floe/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leafHash, StateTree, treeKey, verifyMembership } from '../src/state-tree.ts';

const EMPTY = new Uint8Array(32);
const idOf = (n: number): ObjectId => objectIdFromBytes(blake2b256(Uint8Array.of(n >> 8, n & 255)));
const digestOf = (n: number) => new Uint8Array(32).fill(n);

/** The root by its definition, over the sorted leaves: no pages, nothing incremental. */
function rootByDefinition(state: ReadonlyMap<ObjectId, Uint8Array>): Uint8Array {
  const leaves = [...state].map(([id, digest]) => ({ key: treeKey(id), hash: leafHash(treeKey(id), digest) }));
  const build = (part: typeof leaves, level: number): Uint8Array => {
    if (part.length === 0) return EMPTY;
    if (part.length === 1) return part[0]!.hash;
    const side = (bit: number) => part.filter(({ key }) => ((key[level >> 3]! >> (7 - (level & 7))) & 1) === bit);
    return blake2b256(concatBytes(Uint8Array.of(1), build(side(0), level + 1), build(side(1), level + 1)));
  };
  return build(
    leaves.sort((a, b) => compareBytes(a.key, b.key)),
    0,
  );
}

const change = (id: ObjectId, digest: Uint8Array | undefined) => {
  const key = treeKey(id);
  return { key, leafHash: digest === undefined ? undefined : leafHash(key, digest) };
};

test('an empty set has the empty root', () => {
  expect(new StateTree(createMemoryStore()).root()).toEqual(EMPTY);
});

test('after any changes the root is that of the set, from memory and from disk, and every member has a proof', async () => {
  const batch = fc.array(fc.record({ object: fc.nat(300), digest: fc.option(fc.integer({ min: 1, max: 255 })) }), {
    maxLength: 120,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 6 }), async (batches) => {
      const store = createMemoryStore();
      const tree = new StateTree(store);
      const state = new Map<ObjectId, Uint8Array>();
      for (const changes of batches) {
        const last = new Map(changes.map(({ object, digest }) => [idOf(object), digest]));
        for (const [id, digest] of last) {
          if (digest === null) state.delete(id);
          else state.set(id, digestOf(digest));
        }
        const update = tree.update(
          [...last].map(([id, digest]) => change(id, digest === null ? undefined : digestOf(digest))),
        );
        await store.write(update.operations);
        update.commit();
        const expected = toHex(rootByDefinition(state));
        expect(toHex(update.root)).toBe(expected);
        expect(toHex(tree.root())).toBe(expected);
        expect(toHex(new StateTree(store).root())).toBe(expected);
      }
      const fresh = new StateTree(store);
      for (const [id, digest] of state) {
        const proof = fresh.prove(id)!;
        expect(verifyMembership(fresh.root(), id, digest, proof)).toBe(true);
        expect(verifyMembership(fresh.root(), id, digestOf(0), proof)).toBe(false);
      }
      expect(fresh.prove(idOf(5000))).toBeUndefined();
      // Nothing is left behind of what was removed.
      const removal = fresh.update([...state.keys()].map((id) => change(id, undefined)));
      await store.write(removal.operations);
      expect(removal.root).toEqual(EMPTY);
      expect(store.count('ledger-tree')).toBeLessThanOrEqual(1);
    }),
    { numRuns: 25, seed: 3 },
  );
});

test('an update builds on those that are staged, and not on those that are forgotten', async () => {
  const store = createMemoryStore();
  const tree = new StateTree(store);
  const [first, second, third] = [1, 2, 3].map((digest) => {
    const update = tree.update(Array.from({ length: 300 }, (_, i) => change(idOf(i * digest), digestOf(digest))));
    update.stage();
    return update;
  });
  await store.write(first!.operations);
  first!.commit();
  expect(tree.root()).toEqual(first!.root);
  await store.write(second!.operations);
  second!.commit();
  expect(toHex(new StateTree(store).root())).toBe(toHex(second!.root));
  tree.forget();
  const again = tree.update(Array.from({ length: 300 }, (_, i) => change(idOf(i * 3), digestOf(3))));
  expect(again.root).toEqual(third!.root);
});

test('an update that is dropped leaves the tree as it was', async () => {
  const store = createMemoryStore();
  const tree = new StateTree(store);
  const first = tree.update(Array.from({ length: 200 }, (_, i) => change(idOf(i), digestOf(1))));
  await store.write(first.operations);
  first.commit();
  const before = tree.root();
  tree.update(Array.from({ length: 50 }, (_, i) => change(idOf(i), i % 2 === 0 ? undefined : digestOf(2))));
  expect(tree.root()).toEqual(before);
  const again = tree.update([change(idOf(0), digestOf(3))]);
  await store.write(again.operations);
  again.commit();
  expect(toHex(tree.root())).toBe(
    toHex(rootByDefinition(new Map(Array.from({ length: 200 }, (_, i) => [idOf(i), digestOf(i === 0 ? 3 : 1)])))),
  );
});

test('one change touches a few pages, however many objects there are', async () => {
  const store = createMemoryStore();
  const tree = new StateTree(store);
  const update = tree.update(Array.from({ length: 5000 }, (_, i) => change(idOf(i), digestOf(1))));
  await store.write(update.operations);
  update.commit();
  // Of its five pages or so, those of the top levels are not on disk.
  const one = tree.update([change(idOf(17), digestOf(2))]);
  expect(one.operations.length).toBeLessThanOrEqual(3);
  await store.write(one.operations);
  expect(toHex(new StateTree(store).root())).toBe(toHex(one.root));
});
