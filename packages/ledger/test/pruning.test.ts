/** A pruned ledger: what leaves, what stays, and that a reader from the beginning learns of all that is stored. */
import { LedgerClient, parseContractEvent } from '@floe/contracts';
import { createMemoryStore } from '@floe/platform/memory';
import { systemClock, systemScheduler } from '@floe/platform/node';
import type { ObjectId } from '@floe/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { Ledger } from '../src/ledger.ts';
import { MIN_KEPT_CHECKPOINTS, PRUNE_STEP_CHECKPOINTS } from '../src/limits.ts';
import { verifyLedger } from '../src/replay.ts';
import { createLedgerHandler } from '../src/rpc/handler.ts';
import { createSnapshot, restoreSnapshot } from '../src/snapshot.ts';
import { verifyCheckpointSignature } from '../src/node/index.ts';
import { clientOfLedger, rpcErrorOf } from './rpc/support/client.ts';
import { certificateFor, certify, createdBlob, registerBlob } from './support/blobs.ts';
import { allocations, genesisCaps, turnEpoch } from './support/epochs.ts';
import {
  addressOf,
  coinIdOf,
  created,
  genesisOf,
  keypair,
  ledgerSigner,
  openWorld,
  send,
  succeed,
  trustingBls,
  trustingVerifier,
  verifier,
  type World,
} from './support/world.ts';

const alice = keypair(2);
const KEEP = MIN_KEPT_CHECKPOINTS;
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.ledger.close();
});

async function openPruned(store = createMemoryStore()): Promise<World> {
  const options = { config: { allocations }, store, signatures: trustingVerifier };
  const world = await openWorld({ ...options, ledger: { pruning: { keepCheckpoints: KEEP } } });
  worlds.push(world);
  return world;
}

/** The same chain after a restart: nothing is in memory. */
async function reopened(world: World): Promise<Ledger> {
  await world.ledger.close();
  const store = (world.store as ReturnType<typeof createMemoryStore>).reopen();
  return Ledger.open(
    { pruning: { keepCheckpoints: KEEP } },
    { store, clock: world.time, bls: trustingBls, signatures: trustingVerifier, signer: ledgerSigner },
  );
}

/** Checkpoints in which nothing happens that anybody needs. */
async function pass(world: World, checkpoints: number): Promise<void> {
  for (let i = 0; i < checkpoints; i += 1) await succeed(world, alice, () => {});
}

const latest = (world: World) => world.ledger.getCheckpoint('latest')!.sequence;

/** What somebody who reads the journal from its beginning sees of blobs: kinds of events by object or pool. */
function historyOf(ledger: Ledger): Map<string, string[]> {
  const history = new Map<string, string[]>();
  for (let from = 0n; ;) {
    const page = ledger.listCheckpoints(from, 100);
    for (const { transactions } of page) {
      for (const { digest } of transactions) {
        for (const { type, contents } of ledger.getTransaction(digest)?.events ?? []) {
          const event = parseContractEvent(type, contents);
          const id = event !== undefined && 'objectId' in event ? event.objectId : undefined;
          if (event !== undefined && id !== undefined) history.set(id, [...(history.get(id) ?? []), event.kind]);
        }
      }
    }
    const last = page.at(-1);
    if (last === undefined) return history;
    from = last.sequence + 1n;
  }
}

async function certified(world: World, request: { root: bigint; epochs: number }): Promise<ObjectId> {
  const blob = createdBlob(world, await registerBlob(world, alice, request));
  await succeed(world, alice, (p) => void certify(p, blob.id as ObjectId, certificateFor(world, blob)));
  return blob.id as ObjectId;
}

describe('a pruned ledger', () => {
  test('keeps all of what is stored and nothing else below its lowest checkpoint, and everything above', async () => {
    const world = await openPruned();
    const caps = genesisCaps(world);
    const short = await certified(world, { root: 1n, epochs: 1 });
    const long = await certified(world, { root: 2n, epochs: 5 });
    const extended = await certified(world, { root: 3n, epochs: 1 });
    await succeed(world, alice, (p) => {
      const wal = p.owned(coinIdOf(world, addressOf(alice), world.walType));
      p.call('walrus::system::extend_blob', [p.system(), p.owned(extended), p.u32(5), wal]);
    });
    // Its object is in another one now, where nobody finds it by its id.
    await succeed(world, alice, (p) => void p.call('walrus::shared_blob::new', [p.owned(extended)]));
    const burned = await certified(world, { root: 4n, epochs: 4 });
    await succeed(world, alice, (p) => void p.call('walrus::blob::burn', [p.owned(burned)]));
    const deleted = await certified(world, { root: 5n, epochs: 4 });
    await succeed(world, alice, (p) => {
      p.transfer(addressOf(alice), p.call('walrus::system::delete_blob', [p.system(false), p.owned(deleted)]));
    });
    expect(world.ledger.lowestCheckpoint()).toBe(0n);
    await turnEpoch(world, alice, caps);
    await pass(world, KEEP + 3 * PRUNE_STEP_CHECKPOINTS);
    const again = await reopened(world);
    const lowest = again.lowestCheckpoint();
    const head = again.getCheckpoint('latest')!.sequence;
    expect(head + 1n - lowest).toBeGreaterThanOrEqual(BigInt(KEEP));
    expect(head + 1n - lowest).toBeLessThan(BigInt(KEEP + 2 * PRUNE_STEP_CHECKPOINTS));
    for (let sequence = lowest; sequence <= head; sequence += 1n) expect(again.getCheckpoint(sequence)).toBeDefined();
    const kept = again.listCheckpoints(0n, 1000).filter(({ sequence }) => sequence < lowest);
    expect(kept.length).toBeLessThan(20);
    expect(kept[0]?.sequence).toBe(0n);
    expect(Object.fromEntries(historyOf(again))).toEqual({
      [long]: ['BlobRegistered', 'BlobCertified'],
      [extended]: ['BlobRegistered', 'BlobCertified', 'BlobCertified'],
      [burned]: ['BlobRegistered', 'BlobCertified'],
      [deleted]: ['BlobRegistered', 'BlobCertified', 'BlobDeleted'],
    });
    expect(historyOf(again).has(short)).toBe(false);
    await again.close();
  });

  test('lets go of what ended since', async () => {
    const world = await openPruned();
    const caps = genesisCaps(world);
    const blob = await certified(world, { root: 1n, epochs: 2 });
    await pass(world, KEEP + 2 * PRUNE_STEP_CHECKPOINTS);
    expect(historyOf(world.ledger).has(blob)).toBe(true);
    await turnEpoch(world, alice, caps);
    await turnEpoch(world, alice, caps);
    await pass(world, KEEP + 4 * PRUNE_STEP_CHECKPOINTS);
    expect(historyOf(world.ledger).has(blob)).toBe(false);
  });

  test('keeps the blobs of a pool as long as the pool is', async () => {
    const world = await openPruned();
    const caps = genesisCaps(world);
    const wal = () => coinIdOf(world, addressOf(alice), world.walType);
    const made = await succeed(world, alice, (p) => {
      const args = [p.system(), p.u64(20_000n), p.u32(1), p.owned(wal())];
      p.transfer(addressOf(alice), p.call('walrus::system::create_storage_pool', args));
    });
    const pool = created(world, made, '::storage_pool::StoragePool')[0]!.id;
    await succeed(world, alice, (p) => {
      p.call('walrus::system::extend_storage_pool', [p.system(), p.owned(pool), p.u32(3), p.owned(wal())]);
    });
    await turnEpoch(world, alice, caps);
    await pass(world, KEEP + 2 * PRUNE_STEP_CHECKPOINTS);
    const kinds = world.ledger
      .listCheckpoints(0n, 1000)
      .flatMap(({ transactions }) => transactions)
      .flatMap(({ digest }) => world.ledger.getTransaction(digest)?.events ?? [])
      .map(({ type }) => type.split('::').at(-1));
    expect(kinds.filter((kind) => kind?.startsWith('StoragePool'))).toEqual([
      'StoragePoolCreated',
      'StoragePoolExtended',
    ]);
  });

  test('says how far it goes back, and lists and follows over its gaps', async () => {
    const world = await openPruned();
    const blob = await certified(world, { root: 1n, epochs: 5 });
    await pass(world, KEEP + 4 * PRUNE_STEP_CHECKPOINTS);
    const { ledger } = world;
    const lowest = ledger.lowestCheckpoint();
    expect(lowest).toBeGreaterThan(10n);
    const client = clientOfLedger(ledger);
    const { response } = await client.ledgerService.getServiceInfo({});
    expect(response.lowestAvailableCheckpoint).toBe(lowest);
    const gone = client.ledgerService.getCheckpoint({
      checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: lowest - 1n },
    });
    expect(await rpcErrorOf(gone)).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(`${lowest}`) });

    const ascending = ledger.listCheckpoints(0n, 1000).map(({ sequence }) => sequence);
    const descending = ledger
      .listCheckpoints(latest(world), 1000, { descending: true })
      .map(({ sequence }) => sequence);
    expect(descending).toEqual(ascending.toReversed());
    expect(ledger.listCheckpoints(lowest - 1n, 1)[0]?.sequence).toBe(lowest);

    const handler = createLedgerHandler(ledger);
    const follower = new LedgerClient(
      {
        url: 'http://ledger.test',
        systemObjectId: world.genesis.systemObjectId,
        stakingObjectId: world.genesis.stakingObjectId,
      },
      {
        fetch: async (input, init) => handler(new Request(input as string, init)),
        clock: systemClock,
        scheduler: systemScheduler,
      },
    );
    const stop = new AbortController();
    const followed: [bigint, boolean, string[]][] = [];
    for await (const { sequence, events, isPartial } of follower.followCheckpoints({ from: 0n, signal: stop.signal })) {
      const kinds = events.flatMap(({ event }) => ('objectId' in event && event.objectId === blob ? [event.kind] : []));
      followed.push([sequence, isPartial === true, kinds]);
      if (sequence === latest(world)) break;
    }
    stop.abort();
    expect(followed.map(([sequence]) => sequence)).toEqual(ascending);
    expect(followed.every(([sequence, isPartial]) => isPartial === sequence < lowest)).toBe(true);
    expect(followed.flatMap(([, , kinds]) => kinds)).toEqual(['BlobRegistered', 'BlobCertified']);
  });

  test('still refuses a transaction that it has forgotten', async () => {
    const world = await openPruned();
    const record = await succeed(world, alice, (p) => p.transfer(addressOf(alice), p.split(p.gas, 1n)[0]!));
    await pass(world, KEEP + 2 * PRUNE_STEP_CHECKPOINTS);
    const again = await reopened(world);
    expect(again.getTransaction(record.digest)).toBeUndefined();
    const repeated = again.execute(record.transactionBytes, record.signatures);
    await expect(repeated).rejects.toMatchObject({ code: 'STALE_OBJECT' });
    await again.close();
  });

  test('is copied by a snapshot as it is; what needs the whole journal says that it is not there', async () => {
    const world = await openPruned();
    const blob = await certified(world, { root: 1n, epochs: 5 });
    await pass(world, KEEP + 2 * PRUNE_STEP_CHECKPOINTS);
    const target = createMemoryStore();
    const modules = { target, bls: trustingBls, verifyCheckpoint: verifyCheckpointSignature };
    const head = await restoreSnapshot(createSnapshot(world.store), modules);
    expect(head.digest).toEqual(world.ledger.getCheckpoint('latest')?.digest);
    const verification = verifyLedger(world.store, { ...modules, target: createMemoryStore(), signatures: verifier });
    await expect(verification).rejects.toMatchObject({ code: 'LEDGER_PRUNED' });
    const copy = await Ledger.open(
      { genesis: genesisOf({ allocations }), pruning: { keepCheckpoints: KEEP } },
      { store: target, clock: world.time, bls: trustingBls, signatures: trustingVerifier, signer: ledgerSigner },
    );
    expect(copy.lowestCheckpoint()).toBe(world.ledger.lowestCheckpoint());
    expect(historyOf(copy)).toEqual(historyOf(world.ledger));
    expect(historyOf(copy).has(blob)).toBe(true);
    await copy.close();
  });

  test('with a gap where there should be none is no snapshot', async () => {
    const world = await openPruned();
    await pass(world, 4);
    const frames = [...createSnapshot(world.store)];
    const isCheckpoint = (frame: Uint8Array) => frame[0] === 2;
    const at = frames.findLastIndex(isCheckpoint);
    const second = frames.slice(0, at).findLastIndex(isCheckpoint);
    const gapped = [...frames.slice(0, second), ...frames.slice(at)];
    const modules = { target: createMemoryStore(), bls: trustingBls, verifyCheckpoint: verifyCheckpointSignature };
    await expect(restoreSnapshot(gapped, modules)).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
  });

  test('keeps no fewer checkpoints than it must', async () => {
    const open = openWorld({ ledger: { pruning: { keepCheckpoints: KEEP - 1 } } });
    await expect(open).rejects.toMatchObject({ code: 'PRUNING_INVALID' });
  });
});

test('a ledger that is not pruned keeps everything', async () => {
  const world = await openWorld({ signatures: trustingVerifier });
  worlds.push(world);
  await pass(world, 40);
  expect(world.ledger.lowestCheckpoint()).toBe(0n);
  expect(world.ledger.listCheckpoints(0n, 1000)).toHaveLength(41);
  expect((await send(world, alice, () => {})).effects.status.success).toBe(true);
});
