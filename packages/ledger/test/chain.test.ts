import { createPublicKey, verify } from 'node:crypto';
import { createMemoryStore, seededRng } from '@floe/platform/memory';
import { deferred, type KeyValueStore, toBase64Url } from '@floe/platform';
import { describe, expect, test } from 'vitest';
import type { CheckpointRecord, TransactionRecord } from '../src/api.ts';
import { STORE_FORMAT } from '../src/chain-codec.ts';
import { encodeContents, summaryMessage } from '../src/checkpoint-codec.ts';
import { typedDigest } from '../src/hash.ts';
import { Ledger } from '../src/ledger.ts';
import { createCheckpointSigner } from '../src/node/index.ts';
import { replayJournal } from '../src/replay.ts';
import { META_KEYS } from '../src/store-keys.ts';
import { verifyMembership } from '../src/state-tree.ts';
import { chainIdentifierOf } from '../src/store-opening.ts';
import { TABLES } from '../src/tables.ts';
import { registerBlob } from './support/blobs.ts';
import {
  addressOf,
  genesisOf,
  keypair,
  ledgerSigner,
  openWorld,
  type Program,
  send,
  sign,
  SUI_COIN_TYPE,
  succeed,
  toHex,
  transactionOf,
  trustingBls,
  trustingVerifier,
  verifier,
  type World,
} from './support/world.ts';

const [alice, bob, carol] = [keypair(2), keypair(3), keypair(4)];
const payBob = (amount: bigint) => (p: Program) => p.transfer(addressOf(bob), p.split(p.gas, amount)[0]!);
const head = (world: World) => world.ledger.getCheckpoint('latest')!;

async function signed(world: World, keys: typeof alice, build: (p: Program) => void) {
  const bytes = transactionOf(world, keys, build);
  return { bytes, signatures: await sign(bytes, keys) };
}

describe('checkpoints', () => {
  test('chain from genesis, are signed by the ledger, commit to their transactions and to the whole state', async () => {
    const world = await openWorld();
    await world.time.advance(1500);
    await succeed(world, alice, payBob(5n));
    await world.time.advance(1);
    const record = await registerBlob(world, carol, { root: 1n });
    const list = world.ledger.listCheckpoints(0n, 10);
    expect(list.map(({ sequence }) => sequence)).toEqual([0n, 1n, 2n]);
    expect(list[0]!.digest).toEqual(world.ledger.chain.chainIdentifier);
    expect(chainIdentifierOf(world.genesis, { bls: trustingBls })).toEqual(list[0]!.digest);
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: toBase64Url(world.ledger.chain.publicKey) },
      format: 'jwk',
    });
    for (const [i, checkpoint] of list.entries()) {
      expect(checkpoint.previousDigest).toEqual(list[i - 1]?.digest);
      expect(verify(null, summaryMessage(checkpoint.summaryBytes), key, checkpoint.signature)).toBe(true);
      expect(checkpoint.digest).toEqual(typedDigest('CheckpointSummary', checkpoint.summaryBytes));
      const contents = checkpoint.transactions.map(({ digest, effectsDigest }) => {
        const transaction = world.ledger.getTransaction(digest)!;
        expect(transaction.checkpoint).toBe(checkpoint.sequence);
        return { digest, effectsDigest, signatures: transaction.signatures };
      });
      expect(checkpoint.contentDigest).toEqual(typedDigest('CheckpointContents', encodeContents(contents)));
      expect(world.ledger.getCheckpoint(checkpoint.digest)).toEqual(checkpoint);
    }
    expect(head(world).timestampMs).toBe(record.timestampMs);
    expect(list.map(({ timestampMs }) => timestampMs)).toEqual(
      list.map(({ timestampMs }) => timestampMs).sort((a, b) => a - b),
    );
    expect(new Set(list.map(({ stateRoot }) => toHex(stateRoot))).size).toBe(3);
    await world.ledger.close();
  });

  test('prove that an object was in their state, and only as it was', async () => {
    const world = await openWorld();
    await registerBlob(world, alice, { root: 1n });
    for (const { id, digest } of world.ledger.listOwned({ owner: addressOf(alice), limit: 100 }).items) {
      const { checkpoint, proof } = world.ledger.proveObject(id)!;
      expect(checkpoint).toEqual(head(world));
      expect(verifyMembership(checkpoint.stateRoot, id, digest, proof)).toBe(true);
      expect(verifyMembership(checkpoint.stateRoot, id, new Uint8Array(32), proof)).toBe(false);
      expect(verifyMembership(checkpoint.stateRoot, world.genesis.systemObjectId, digest, proof)).toBe(false);
    }
    expect(world.ledger.proveObject(`0x${'9'.repeat(64)}` as never)).toBeUndefined();
    await world.ledger.close();
  });

  test('time never goes back, even when the clock does', async () => {
    let nowMs = 1_700_000_005_000;
    const world = await openWorld({ clock: { nowMs: () => nowMs, monotonicMs: () => 0 } });
    const first = await succeed(world, alice, payBob(1n));
    nowMs -= 4000;
    const second = await succeed(world, alice, payBob(1n));
    expect(second.timestampMs).toBe(first.timestampMs);
    await world.ledger.close();
  });

  test('are made only when something was executed', async () => {
    const world = await openWorld();
    const stale = await signed(world, alice, payBob(1n));
    await succeed(world, alice, payBob(2n));
    await expect(world.ledger.execute(stale.bytes, stale.signatures)).rejects.toMatchObject({ code: 'STALE_OBJECT' });
    expect(head(world).sequence).toBe(1n);
    await world.ledger.close();
  });
});

describe('execution', () => {
  test('what arrives while a batch is written goes into one checkpoint, where each sees what came before it', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store, signatures: trustingVerifier });
    const sent = await Promise.all(
      [alice, bob, carol].map((keys) => signed(world, keys, (p) => void p.call('walrus::system::epoch', [p.system()]))),
    );
    const hold = store.holdWrites();
    const outcomes = sent.map(({ bytes, signatures }) => world.ledger.execute(bytes, signatures));
    await new Promise((resolve) => setImmediate(resolve));
    hold.release();
    const records = await Promise.all(outcomes);
    expect(new Set(records.map(({ checkpoint }) => checkpoint)).size).toBeLessThanOrEqual(2);
    const versions = records.map(({ effects }) => effects.lamportVersion).sort((a, b) => Number(a - b));
    expect(versions).toEqual([2n, 3n, 4n]);
    await world.ledger.close();
  });

  describe('on top of a checkpoint that is not durable yet', () => {
    const open = async () => {
      const store = createMemoryStore();
      /** What a write waits for before it fails, when it is to fail. */
      const disk: { broken?: Promise<void>; writes: number } = { writes: 0 };
      const failing: KeyValueStore = {
        get: (table, key) => store.get(table, key),
        entries: (table, range) => store.entries(table, range),
        count: (table) => store.count(table),
        verify: () => store.verify(),
        async write(operations) {
          disk.writes += 1;
          if (disk.broken === undefined) return store.write(operations);
          await disk.broken;
          throw new Error('the disk is broken');
        },
        close: () => store.close(),
      };
      const world = await openWorld({ store: failing, signatures: trustingVerifier, ledger: { minEarlyBatch: 1 } });
      const build = (p: Program) => void p.call('walrus::system::epoch', [p.system()]);
      const sent = await Promise.all([alice, bob].map((keys) => signed(world, keys, build)));
      const execute = () => sent.map(({ bytes, signatures }) => world.ledger.execute(bytes, signatures));
      /** One batch each: the second runs while the first is written. */
      const executeApart = async () => {
        const outcomes: Promise<PromiseSettledResult<TransactionRecord>[]>[] = [];
        for (const { bytes, signatures } of sent) {
          outcomes.push(Promise.allSettled([world.ledger.execute(bytes, signatures)]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return (await Promise.all(outcomes)).flat();
      };
      return { store, disk, world, execute, executeApart };
    };

    test('a batch runs, and readers see it when both are', async () => {
      const { store, world, executeApart } = await open();
      const before = world.ledger.getObject(world.ledger.chain.systemObjectId)!;
      const hold = store.holdWrites();
      const outcomes = executeApart();
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(head(world).sequence).toBe(0n);
      expect(world.ledger.getObject(before.id)).toBe(before);
      hold.release();
      const records = (await outcomes).map((outcome) => (outcome as PromiseFulfilledResult<TransactionRecord>).value);
      expect(records.map(({ checkpoint }) => checkpoint)).toEqual([1n, 2n]);
      expect(records.map(({ effects }) => effects.lamportVersion)).toEqual([2n, 3n]);
      expect(world.ledger.getObject(before.id)!.version).toBe(3n);
      const replayed = await replayJournal(store, { target: createMemoryStore(), bls: trustingBls });
      expect(replayed.digest).toEqual(head(world).digest);
      await world.ledger.close();
    });

    test('a batch fails with the one below it, and both can be sent again', async () => {
      const { store, disk, world, execute, executeApart } = await open();
      const before = head(world);
      const breaks = deferred<void>();
      disk.broken = breaks.promise;
      const outcomes = executeApart();
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      breaks.resolve();
      for (const outcome of await outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'LEDGER_STORE_FAILED' } });
      }
      // Genesis and the first batch: what was built on that was not even tried.
      expect(disk.writes).toBe(2);
      expect(head(world)).toEqual(before);
      disk.broken = undefined;
      const records = await Promise.all(execute());
      expect(new Set(records.map(({ effects }) => effects.lamportVersion))).toEqual(new Set([2n, 3n]));
      const replayed = await replayJournal(store, { target: createMemoryStore(), bls: trustingBls });
      expect(replayed.digest).toEqual(head(world).digest);
      expect(world.ledger.proveObject(world.ledger.chain.systemObjectId)).toBeDefined();
      await world.ledger.close();
    });

    test('a transaction that is sent again is answered when it is durable', async () => {
      const { store, world, execute } = await open();
      const hold = store.holdWrites();
      const first = execute();
      await new Promise((resolve) => setImmediate(resolve));
      let isAnswered = false;
      const again = Promise.all(execute()).then((records) => {
        isAnswered = true;
        return records;
      });
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(isAnswered).toBe(false);
      hold.release();
      expect(await again).toEqual(await Promise.all(first));
      expect(head(world).totalTransactions).toBe(3n);
      await world.ledger.close();
    });
  });

  test('the same transaction twice is executed once, one after the other and at the same time', async () => {
    const world = await openWorld();
    const { bytes, signatures } = await signed(world, alice, payBob(7n));
    const before = world.ledger.balance(addressOf(bob), SUI_COIN_TYPE).balance;
    const results = await Promise.all(Array.from({ length: 20 }, () => world.ledger.execute(bytes, signatures)));
    const again = await world.ledger.execute(bytes, signatures);
    for (const result of results) expect(result).toEqual(again);
    expect(world.ledger.balance(addressOf(bob), SUI_COIN_TYPE).balance).toBe(before + 7n);
    expect(head(world).totalTransactions).toBe(2n);
    await world.ledger.close();
  });

  test('of two transactions that use the same coin one is executed, the other is told why not', async () => {
    const world = await openWorld();
    const first = await signed(world, alice, payBob(1n));
    const second = await signed(world, alice, payBob(2n));
    const outcomes = await Promise.allSettled(
      [first, second].map(({ bytes, signatures }) => world.ledger.execute(bytes, signatures)),
    );
    // Signatures are checked side by side: which of the two comes first is open.
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'STALE_OBJECT' } });
    await world.ledger.close();
  });

  test('a caller that goes away takes nobody with it', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store });
    const { bytes, signatures } = await signed(world, alice, payBob(7n));
    const hold = store.holdWrites();
    const controller = new AbortController();
    const left = world.ledger.execute(bytes, signatures, { signal: controller.signal });
    const stayed = world.ledger.execute(bytes, signatures);
    controller.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    hold.release();
    expect((await stayed).effects.status.success).toBe(true);
    await world.ledger.close();
  });

  test('more waiting than allowed is refused as exhausted', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store, ledger: { maxWaiting: 1, maxBatch: 1 } });
    const sent = await Promise.all(
      [alice, bob, carol].map((keys) =>
        signed(world, keys, (p) => {
          p.call('walrus::system::epoch', [p.system(false)]);
        }),
      ),
    );
    const hold = store.holdWrites();
    const outcomes = sent.map(({ bytes, signatures }) => world.ledger.execute(bytes, signatures));
    const refused = (await Promise.any(
      outcomes.map((outcome) =>
        outcome.then(
          () => Promise.reject(new Error('done')),
          (e: unknown) => e,
        ),
      ),
    )) as { code: string };
    expect(refused).toMatchObject({ code: 'MEMPOOL_FULL', kind: 'exhausted' });
    hold.release();
    const settled = await Promise.allSettled(outcomes);
    expect(settled.some(({ status }) => status === 'fulfilled')).toBe(true);
    await world.ledger.close();
  });

  test('simulation tells what would happen and commits nothing', async () => {
    const world = await openWorld();
    const bytes = transactionOf(world, alice, payBob(7n));
    const before = head(world);
    const simulated = world.ledger.simulate(bytes);
    expect(simulated.effects.status).toEqual({ success: true });
    expect(simulated.outputObjects).toHaveLength(2);
    expect(head(world)).toEqual(before);
    const record = await world.ledger.execute(bytes, await sign(bytes, alice));
    expect(record.effects).toEqual(simulated.effects);
    const view = world.ledger.simulate(
      transactionOf(world, alice, (p) => void p.call('walrus::system::n_shards', [p.system(false)]), { payment: [] }),
    );
    expect(view.commandResults).toEqual([{ returnValues: [{ type: 'u16', bytes: Uint8Array.of(10, 0) }] }]);
    await world.ledger.close();
  });

  test('unchecked simulation runs without coins, owners and a budget', async () => {
    const world = await openWorld();
    const bobs = world.ledger.listOwned({ owner: addressOf(bob), type: `0x2::coin::Coin<${world.walType}>`, limit: 1 })
      .items[0]!;
    const bytes = transactionOf(world, alice, (p) => p.transfer(addressOf(alice), p.owned(bobs.id)), {
      payment: [],
      budget: 1n,
      price: 1n,
    });
    expect(() => world.ledger.simulate(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_GAS' }));
    const simulated = world.ledger.simulate(bytes, { checks: 'disabled' });
    expect(simulated.effects.status).toEqual({ success: true });
    expect(simulated.balanceChanges).toContainEqual({
      address: addressOf(alice),
      coinType: world.walType,
      amount: 10n ** 12n,
    });
    await world.ledger.close();
  });
});

describe('durability', () => {
  test('what was answered survives a crash at any instant; what was not is whole or not there', async () => {
    for (let round = 0; round < 8; round += 1) {
      let store = createMemoryStore({ rng: seededRng(`crash ${round}`) });
      const answered: TransactionRecord[] = [];
      for (let life = 0; life < 3; life += 1) {
        const world = await openWorld({ store, signatures: trustingVerifier });
        // Everything answered before is there, and the chain replays to where it is.
        for (const record of answered) expect(world.ledger.getTransaction(record.digest)).toEqual(record);
        for (let i = 0; i <= round % 3; i += 1) {
          answered.push(await registerBlob(world, [alice, bob, carol][i]!, { root: BigInt(100 * life + i) }));
        }
        const hold = store.holdWrites();
        const late = await Promise.all([alice, bob].map((keys, i) => signed(world, keys, payBob(BigInt(1 + i)))));
        for (const { bytes, signatures } of late) {
          // Never answered: the process dies first.
          void world.ledger.execute(bytes, signatures).catch(() => {});
        }
        await new Promise((resolve) => setImmediate(resolve));
        store = store.crash();
        hold.release();
      }
      const world = await openWorld({ store });
      for (const record of answered) expect(world.ledger.getTransaction(record.digest)).toEqual(record);
      const replayed = await replayJournal(store, { target: createMemoryStore(), bls: trustingBls });
      expect(replayed.digest).toEqual(head(world).digest);
      expect((await registerBlob(world, alice, { root: 9999n })).effects.status.success).toBe(true);
      await world.ledger.close();
    }
  });

  test('a full disk refuses transactions, changes nothing, and reads go on; then all goes on', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store });
    await succeed(world, alice, payBob(1n));
    const before = head(world);
    const balance = world.ledger.balance(addressOf(bob), SUI_COIN_TYPE);
    store.setFull(true);
    const { bytes, signatures } = await signed(world, alice, payBob(2n));
    await expect(world.ledger.execute(bytes, signatures)).rejects.toMatchObject({
      code: 'LEDGER_STORE_FAILED',
      kind: 'unavailable',
    });
    expect(head(world)).toEqual(before);
    expect(world.ledger.balance(addressOf(bob), SUI_COIN_TYPE)).toEqual(balance);
    expect(world.ledger.simulate(bytes).effects.status).toEqual({ success: true });
    store.setFull(false);
    expect((await world.ledger.execute(bytes, signatures)).effects.status.success).toBe(true);
    await world.ledger.close();
  });

  test('a closed ledger refuses, and what it holds opens again as it was', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store });
    const record = await registerBlob(world, alice, { root: 3n });
    const before = head(world);
    await world.ledger.close();
    await world.ledger.close();
    await expect(send(await fakeWorld(world, store.reopen()), alice, payBob(1n))).resolves.toBeDefined();
    await expect(world.ledger.execute(record.transactionBytes, record.signatures)).rejects.toMatchObject({
      code: 'LEDGER_CLOSED',
    });
    expect(before.sequence).toBe(1n);
  });
});

async function fakeWorld(world: World, store: ReturnType<typeof createMemoryStore>): Promise<World> {
  const ledger = await Ledger.open(
    {},
    { store, clock: world.time, bls: trustingBls, signatures: verifier, signer: ledgerSigner },
  );
  return { ...world, ledger, store };
}

describe('opening', () => {
  const modules = (store: ReturnType<typeof createMemoryStore>) => ({
    store,
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    bls: trustingBls,
    signatures: verifier,
    signer: ledgerSigner,
  });

  test('refuses stores that are empty, of another chain, another format, or of another key', async () => {
    await expect(Ledger.open({}, modules(createMemoryStore()))).rejects.toMatchObject({ code: 'LEDGER_EMPTY' });
    const store = createMemoryStore();
    const world = await openWorld({ store });
    await world.ledger.close();
    const other = genesisOf({ seed: Uint8Array.of(2) });
    await expect(Ledger.open({ genesis: other }, modules(store.reopen()))).rejects.toMatchObject({
      code: 'CHAIN_MISMATCH',
      kind: 'conflict',
    });
    const stranger = createCheckpointSigner(new Uint8Array(32).fill(1));
    await expect(Ledger.open({}, { ...modules(store.reopen()), signer: stranger })).rejects.toMatchObject({
      code: 'LEDGER_KEY_MISMATCH',
    });
    const newer = store.reopen();
    await newer.write([
      { kind: 'put', table: TABLES.meta, key: META_KEYS.format, value: Uint8Array.of(STORE_FORMAT + 1) },
    ]);
    await expect(Ledger.open({}, modules(newer))).rejects.toMatchObject({
      code: 'STORE_FORMAT_UNSUPPORTED',
      kind: 'conflict',
    });
  });

  test('refuses a state whose root is not that of its newest checkpoint', async () => {
    const store = createMemoryStore();
    const world = await openWorld({ store });
    await world.ledger.close();
    const broken = store.reopen();
    const [page] = broken.entries(TABLES.tree);
    await broken.write([{ kind: 'remove', table: TABLES.tree, key: page![0] }]);
    await expect(Ledger.open({}, modules(broken))).rejects.toMatchObject({ code: 'LEDGER_CORRUPT', kind: 'integrity' });
  });
});

describe('following', () => {
  async function take(source: AsyncIterable<CheckpointRecord>, count: number): Promise<bigint[]> {
    const taken: bigint[] = [];
    for await (const { sequence } of source) {
      taken.push(sequence);
      if (taken.length === count) break;
    }
    return taken;
  }

  test('starts anywhere in the past and misses nothing, while the chain grows', async () => {
    const world = await openWorld();
    await succeed(world, alice, payBob(1n));
    const all = take(world.ledger.subscribe({ from: 0n }), 5);
    const fresh = take(world.ledger.subscribe(), 2);
    const ahead = take(world.ledger.subscribe({ from: 3n }), 1);
    for (let i = 0; i < 3; i += 1) await succeed(world, alice, payBob(1n));
    expect(await all).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect(await fresh).toEqual([2n, 3n]);
    expect(await ahead).toEqual([3n]);
    await world.ledger.close();
  });

  test('ends when the signal aborts or the ledger closes', async () => {
    const world = await openWorld();
    const controller = new AbortController();
    const aborted = take(world.ledger.subscribe({ signal: controller.signal }), 5);
    const closed = take(world.ledger.subscribe(), 5);
    controller.abort();
    expect(await aborted).toEqual([]);
    await world.ledger.close();
    expect(await closed).toEqual([]);
  });
});
