import { silentLogger } from '@floe/platform';
import { createMemoryStore, createVirtualTime } from '@floe/platform/memory';
import { AXES, blobIdBytes, type ShardIndex } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { CommitteeTracker } from '../src/committee-tracker.ts';
import { DatabaseWatch } from '../src/database-watch.ts';
import { tables } from '../src/tables.ts';
import {
  bytesOf,
  committees,
  confirmation,
  EPOCH,
  FakeLedger,
  get,
  makeBlob,
  NODE_ID,
  outcomeOf,
  OWN_SHARDS,
  pairsOf,
  registered,
  sliverBytes,
  startNode,
  storedBlob,
} from './node-harness.ts';

const limits = { databaseCheckMs: 1000, scrubMaxBytesPerSecond: 1000 };
const key = Uint8Array.of(1, 2, 3);

async function watched(table: string) {
  const store = createMemoryStore();
  const time = createVirtualTime({ startMs: 0 });
  await store.write([{ kind: 'put', table, key, value: key }]);
  const watch = new DatabaseWatch({ limits }, { store, scheduler: time, logger: silentLogger });
  const failure: { error?: unknown } = {};
  watch.failed.catch((error: unknown) => (failure.error = error));
  return { store, time, watch, failure };
}

describe('the watch over a database', () => {
  it.each([tables.blobs, tables.objects, tables.shards, tables.state])(
    'ends the node when a row of table %s is not what was written',
    async (table) => {
      const { store, watch, failure } = await watched(table);
      store.corrupt(table, key);
      expect(() => watch.store.get(table, key)).toThrow(/does not match its checksum/);
      await Promise.resolve();
      expect(failure.error).toMatchObject({ code: 'DATABASE_DAMAGED' });
    },
  );

  it.each([tables.slivers, tables.metadata, tables.challenges])(
    'goes on when a row of table %s is damaged, which is replaced alone',
    async (table) => {
      const { store, watch, failure } = await watched(table);
      store.corrupt(table, key);
      expect(() => [...watch.store.entries(table)]).toThrow(/does not match its checksum/);
      await Promise.resolve();
      expect(failure.error).toBeUndefined();
    },
  );

  it('finds what nobody reads when the database is looked at again', async () => {
    const { store, time, watch, failure } = await watched(tables.blobs);
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await time.advance(limits.databaseCheckMs / 2);
    store.corrupt(tables.blobs, key);
    expect(failure.error).toBeUndefined();
    await time.advance(limits.databaseCheckMs);
    expect(failure.error).toMatchObject({ code: 'DATABASE_DAMAGED' });
    stop.abort();
    await running;
  });

  it('looks again when it is due after the database could not be looked at', async () => {
    const { store, time, watch, failure } = await watched(tables.blobs);
    store.corrupt(tables.blobs, key);
    const verify = store.verify.bind(store);
    let looks = 0;
    store.verify = (options) => {
      looks += 1;
      return looks < 3 ? Promise.reject(new Error('no descriptor left')) : verify(options);
    };
    const stop = new AbortController();
    const running = watch.run(stop.signal);
    await time.advance(limits.databaseCheckMs / 2);
    expect([looks, failure.error]).toEqual([1, undefined]);
    await time.advance(2 * limits.databaseCheckMs);
    expect(looks).toBe(3);
    expect(failure.error).toMatchObject({ code: 'DATABASE_DAMAGED' });
    stop.abort();
    await running;
  });
});

describe('a node whose database is lost', () => {
  it('serves and confirms again what its segments have, as soon as the metadata is back', async () => {
    const blob = await makeBlob(3000, 77);
    const { node, ledger, fileSystem, store } = await storedBlob(blob);
    await node.close();
    const salvaged = createMemoryStore();
    const metadata = store.get(tables.metadata, blobIdBytes(blob.id)) as Uint8Array;
    await salvaged.write([{ kind: 'put', table: tables.metadata, key: blobIdBytes(blob.id), value: metadata }]);
    const again = await startNode({ ledger, fileSystem, store: salvaged });
    await again.ledger.emit(registered({ id: blob.id, objectId: (await makeBlob(10, 78)).objectId }));
    for (const pair of pairsOf(blob)) {
      for (const axis of AXES) {
        expect(await bytesOf(again.call(get(blob, pair, axis)))).toEqual(sliverBytes(blob, pair, axis));
      }
    }
    expect(await outcomeOf(again.call(confirmation(blob)))).toMatchObject([200, {}]);
    await again.node.close();
  });

  it('confirms nothing before it has seen what the ledger knows', async () => {
    const blob = await makeBlob(3000, 79);
    const { node, ledger, fileSystem, store } = await storedBlob(blob);
    await node.close();
    // As it looks in the middle of catching up.
    ledger.chain = () => Promise.resolve({ chainId: ledger.chainId, latestCheckpoint: 10n });
    const again = await startNode({ ledger, fileSystem, store });
    expect(await outcomeOf(again.call(confirmation(blob)))).toEqual([400, 'FAILED_PRECONDITION', 'NOT_REGISTERED']);
    while (ledger.checkpoints.length < 11) await ledger.emit();
    expect(await outcomeOf(again.call(confirmation(blob)))).toMatchObject([200, {}]);
    await again.node.close();
  });

  it('keeps the shards of the epoch before readable and drops what is older', async () => {
    const ledger = new FakeLedger();
    const [own, had, older] = [OWN_SHARDS[0], OWN_SHARDS[1], 9] as [ShardIndex, ShardIndex, ShardIndex];
    const { current: previous } = committees(EPOCH - 1, [own, had]);
    ledger.current = { ...committees(EPOCH, [own]), previous };
    const options = { nodeId: NODE_ID, signal: new AbortController().signal };
    const modules = {
      ledger,
      store: createMemoryStore(),
      scheduler: createVirtualTime({ startMs: 0 }),
      logger: silentLogger,
    };
    const tracker = await CommitteeTracker.open(options, modules);
    await tracker.adopt(new Set([own, had, older]));
    expect([own, had, older].map((shard) => tracker.states.of(shard))).toEqual(['recovery', 'locked', 'dropping']);
  });
});
