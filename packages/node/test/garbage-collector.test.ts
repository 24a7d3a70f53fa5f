/** What is collected and what is kept, through a whole node. */
import type { ContractEvent } from '@floe/contracts';
import { noMetrics, silentLogger } from '@floe/platform';
import { createMemoryStore, createVirtualTime } from '@floe/platform/memory';
import {
  AXES,
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  type Epoch,
  type ObjectId,
  objectIdFromBytes,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { GarbageCollector } from '../src/garbage-collector.ts';
import { defaultLimits, type NodeLimits } from '../src/limits.ts';
import type { MetadataStore } from '../src/metadata-store.ts';
import { BlobRegistry } from '../src/registry/blob-registry.ts';
import { put } from '../src/segment-log/segment-index.ts';
import type { SliverKey, SliverStore } from '../src/sliver-store.ts';
import { tables } from '../src/tables.ts';
import {
  type Blob,
  certified,
  committees,
  EPOCH,
  FakeLedger,
  type Harness,
  makeBlob,
  OWN_SHARDS,
  outcomeOf,
  registered,
  startNode,
} from './node-harness.ts';

let blobs: Blob[];

beforeAll(async () => {
  blobs = await Promise.all(Array.from({ length: 6 }, (_, seed) => makeBlob(400, 100 + seed)));
});

const blobOf = (at: number): Blob => blobs[at] as Blob;

/** Every file is full after one batch, so that each sliver or two stand in a segment of their own. */
const smallSegments: Partial<NodeLimits> = { segmentBytes: 600, commitBatchBytes: 300 };

function epochStarts(epoch: number): ContractEvent {
  return { kind: 'EpochChangeStart', epoch: epoch as Epoch };
}

function deleted(blob: Blob, endEpoch = 20, wasCertified = false): ContractEvent {
  const { id: blobId, objectId } = blob;
  return { kind: 'BlobDeleted', epoch: EPOCH, blobId, endEpoch: endEpoch as Epoch, objectId, wasCertified };
}

/** The ledger begins an epoch, and the node has collected since. */
async function enter({ ledger, node }: Harness, epoch: number): Promise<void> {
  ledger.current = committees(epoch);
  await ledger.emit(epochStarts(epoch));
  await node.collectGarbage({ isDryRun: false });
}

async function holds({ call }: Harness, blob: Blob): Promise<boolean> {
  const [status] = (await outcomeOf(call({ name: 'getMetadata', blobId: blob.id }))) as [number];
  return status === 200;
}

async function files({ fileSystem }: Harness): Promise<string[]> {
  return fileSystem.list('/node/slivers');
}

async function storeBlob(harness: Harness, blob: Blob, options: { endEpoch?: number; deletable?: boolean } = {}) {
  await harness.ledger.emit(registered(blob, options));
  await harness.upload(blob);
}

describe('garbage collection', () => {
  it('removes expired blobs with their files, and nothing else', async () => {
    const harness = await startNode({ limits: smallSegments });
    await storeBlob(harness, blobOf(0), { endEpoch: EPOCH + 1 });
    await storeBlob(harness, blobOf(1), { endEpoch: EPOCH + 2 });
    const before = await files(harness);
    await enter(harness, EPOCH + 1);
    expect(await holds(harness, blobOf(0))).toBe(false);
    expect(await holds(harness, blobOf(1))).toBe(true);
    expect(harness.node.status().store).toMatchObject({ slivers: 6 });
    const after = await files(harness);
    expect(after.length).toBeLessThan(before.length);
    expect(after.every((name) => name.startsWith(`e${String(EPOCH + 2).padStart(10, '0')}`))).toBe(true);
    expect(harness.store.count('objects')).toBe(1);
    expect(harness.store.count('blobs')).toBe(1);
  });

  it('goes on with the other segments when one cannot be emptied, and comes back to it', async () => {
    const harness = await startNode({ limits: smallSegments });
    for (const blob of blobs.slice(0, 3)) await storeBlob(harness, blob, { deletable: true });
    await harness.ledger.emit(...blobs.slice(0, 3).map((blob) => deleted(blob)));
    const before = await files(harness);
    const [stuck] = before as [string];
    harness.fileSystem.failNext('remove', 1, stuck);
    const report = await harness.node.collectGarbage({ isDryRun: false });
    expect(report).toMatchObject({ postponedSegments: 1 });
    expect(report?.segments).toBeGreaterThan(1);
    expect(await files(harness)).toContain(stuck);
    expect(await harness.node.collectGarbage({ isDryRun: false })).toMatchObject({ postponedSegments: 0 });
    expect(await files(harness)).not.toContain(stuck);
  });

  it('keeps what was extended, wherever it stands, and what another registration holds', async () => {
    const harness = await startNode({ limits: smallSegments });
    const [extended, twice] = [blobOf(0), blobOf(1)];
    await storeBlob(harness, extended, { endEpoch: EPOCH + 1 });
    await storeBlob(harness, twice, { endEpoch: EPOCH + 1 });
    const second = { id: twice.id, objectId: parseObjectId('0xdead') };
    await harness.ledger.emit(
      certified(extended, { endEpoch: EPOCH + 1 }),
      certified(extended, { endEpoch: EPOCH + 3, isExtension: true }),
      registered(second, { endEpoch: EPOCH + 2, deletable: true }),
    );
    await enter(harness, EPOCH + 1);
    expect(harness.node.status().store.slivers).toBe(12);
    expect((await files(harness)).every((name) => !name.startsWith(`e${String(EPOCH + 1).padStart(10, '0')}`))).toBe(
      true,
    );
    await enter(harness, EPOCH + 2);
    expect(harness.node.status().store.slivers).toBe(6);
    expect(await holds(harness, extended)).toBe(true);
    await enter(harness, EPOCH + 3);
    expect(harness.node.status().store).toMatchObject({ slivers: 0, segments: 0, fileBytes: 0 });
    expect(harness.store.count('blobs')).toBe(0);
  });

  it('removes deleted blobs at once, and their space with the next collection', async () => {
    const harness = await startNode({ limits: smallSegments });
    await storeBlob(harness, blobOf(0), { deletable: true });
    await harness.ledger.emit(deleted(blobOf(0)));
    expect(harness.node.status().store.slivers).toBe(0);
    const before = harness.node.status().store.fileBytes;
    const report = await harness.node.collectGarbage({ isDryRun: false });
    expect(report?.freedBytes).toBeGreaterThan(0);
    expect(harness.node.status().store.fileBytes).toBeLessThan(before);
  });

  it('takes a blob that was deleted and registered again', async () => {
    const harness = await startNode({ limits: smallSegments });
    await storeBlob(harness, blobOf(0), { deletable: true });
    await harness.ledger.emit(deleted(blobOf(0)));
    const again = { ...blobOf(0), objectId: parseObjectId('0xbeef') };
    const [collecting] = [harness.node.collectGarbage({ isDryRun: false }), harness.ledger.emit(registered(again))];
    await harness.upload(again);
    await collecting;
    expect(harness.node.status().store.slivers).toBe(6);
    expect(await holds(harness, again)).toBe(true);
  });

  it('lets others have their turn after each page that it looks at, also when there is nothing to collect', async () => {
    const { ledger, node, store, time } = await startNode();
    const count = 1001;
    const many = Array.from({ length: count }, (_, at) => numbered(at));
    await ledger.emit(...many.map((blob) => registered(blob)));
    const place = { segment: 1, offset: 64, payloadSize: 1, endEpoch: 20 as Epoch, sequence: 1 };
    await store.write(
      many.flatMap(({ id: blobId }) => [
        { kind: 'put', table: tables.metadata, key: blobIdBytes(blobId), value: new Uint8Array(1) },
        put.entry({ blobId, shard: OWN_SHARDS[0] as ShardIndex, axis: 'primary' }, place),
      ]),
    );
    let isOver = false;
    let turn = 0;
    const nextTurn = (): void => {
      turn += 1;
      if (!isOver) setImmediate(nextTurn);
    };
    const turns = new Map<string, number[]>();
    const entries = store.entries.bind(store);
    store.entries = (table, range) => {
      turns.set(table, [...(turns.get(table) ?? []), turn]);
      return entries(table, range);
    };
    nextTurn();
    expect(await time.run(node.collectGarbage({ isDryRun: false }))).toMatchObject({ rows: 0, blobs: 0, slivers: 0 });
    isOver = true;
    for (const table of [tables.objects, tables.blobs, tables.metadata, tables.slivers]) {
      expect(new Set(turns.get(table)).size, `turns in which ${table} are looked at`).toBe(2);
    }
  });

  it('says without doing it what it would do', async () => {
    const harness = await startNode({ limits: smallSegments });
    await storeBlob(harness, blobOf(0), { deletable: true });
    await harness.ledger.emit(deleted(blobOf(0)));
    const names = await files(harness);
    const planned = await harness.node.collectGarbage({ isDryRun: true });
    expect(planned).toMatchObject({ epoch: 0, rows: 1 });
    expect(planned?.segments).toBeGreaterThan(0);
    expect(await files(harness)).toEqual(names);
    expect(harness.store.count('blobs')).toBe(1);
    const done = await harness.node.collectGarbage({ isDryRun: false });
    expect(done?.segments).toBe(planned?.segments);
    expect(harness.store.count('blobs')).toBe(0);
  });

  it('leaves a trial of the disk its record until that has ended, though no blob has it', async () => {
    const removed: SliverKey[] = [];
    const entry = { payloadSize: 4111, endEpoch: (EPOCH + 1) as Epoch };
    const keyOf = (shard: number): SliverKey => ({
      blobId: blobOf(0).id,
      shard: shard as ShardIndex,
      axis: 'primary',
    });
    const slivers: Partial<SliverStore> = {
      page: () => ({
        entries: [1, 0xffff].map((shard) => ({ key: keyOf(shard), entry })),
        unreadable: [],
        next: undefined,
      }),
      remove: (keys) => Promise.resolve(removed.push(...keys)),
      segments: () => [],
    };
    const time = createVirtualTime();
    const collector = new GarbageCollector(
      { limits: defaultLimits, caughtUpAt: -1n },
      {
        registry: new BlobRegistry({ store: createMemoryStore() }),
        metadata: { page: () => [] } as Partial<MetadataStore> as MetadataStore,
        slivers: slivers as SliverStore,
        clock: time,
        scheduler: time,
        metrics: noMetrics,
        logger: silentLogger,
      },
    );
    expect(await time.run(collector.collect())).toMatchObject({ slivers: 1 });
    expect(removed).toEqual([keyOf(1)]);
  });

  it('waits until the registry has caught up with the ledger', async () => {
    const first = await startNode({ limits: smallSegments });
    await storeBlob(first, blobOf(0));
    await first.node.close();
    // The database is lost; the ledger's events are read anew, and the last of them are late.
    const late = new FakeLedger();
    late.checkpoints.push(...first.ledger.checkpoints);
    late.chain = async () => ({ chainId: late.chainId, latestCheckpoint: 5n });
    const second = await startNode({ ledger: late, fileSystem: first.fileSystem, limits: smallSegments });
    expect(await second.node.collectGarbage({ isDryRun: false })).toBeUndefined();
    expect(second.node.status().store.slivers).toBe(6);
    for (let more = 0; more < 6; more += 1) await late.emit();
    expect(await second.node.collectGarbage({ isDryRun: false })).toMatchObject({ slivers: 0 });
    expect(second.node.status().store.slivers).toBe(6);
  });

  it('holds exactly the slivers that the ledger says are owed, after any history and through restarts', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('register' as const), blob: fc.nat(5), epochs: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('delete' as const), blob: fc.nat(5) }),
      fc.record({ kind: fc.constant('extend' as const), blob: fc.nat(5), epochs: fc.integer({ min: 1, max: 3 }) }),
      fc.constant({ kind: 'epoch' as const }),
      fc.constant({ kind: 'restart' as const }),
      fc.constant({ kind: 'rebuild' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let harness = await startNode({ limits: smallSegments });
        let epoch: number = EPOCH;
        let nextObject = 0x10_000;
        const live = new Map<ObjectId, { blob: Blob; endEpoch: number }>();
        const owed = (): Set<BlobId> => new Set(Array.from(live.values(), ({ blob }) => blob.id));
        const objectsOf = (at: number) => [...live].filter(([, { blob }]) => blob.id === blobOf(at).id);
        for (const action of steps) {
          if (action.kind === 'register') {
            const blob = { ...blobOf(action.blob), objectId: parseObjectId(`0x${(nextObject += 1).toString(16)}`) };
            const endEpoch = epoch + action.epochs;
            await harness.ledger.emit(registered(blob, { endEpoch, deletable: true }));
            await harness.ledger.emit(certified(blob, { endEpoch, deletable: true, epoch }));
            await harness.upload(blob);
            live.set(blob.objectId, { blob, endEpoch });
          } else if (action.kind === 'delete') {
            const [found] = objectsOf(action.blob);
            if (found === undefined) continue;
            await harness.ledger.emit(deleted(found[1].blob, found[1].endEpoch, true));
            live.delete(found[0]);
          } else if (action.kind === 'extend') {
            const [found] = objectsOf(action.blob);
            if (found === undefined) continue;
            const endEpoch = found[1].endEpoch + action.epochs;
            const extension = { endEpoch, deletable: true, isExtension: true, epoch };
            await harness.ledger.emit(certified(found[1].blob, extension));
            live.set(found[0], { blob: found[1].blob, endEpoch });
          } else if (action.kind === 'epoch') {
            epoch += 1;
            for (const [id, { endEpoch }] of live) if (endEpoch <= epoch) live.delete(id);
            await enter(harness, epoch);
          } else {
            await harness.node.close();
            const { ledger, fileSystem, store } = harness;
            if (action.kind === 'rebuild') await clearIndex(store);
            harness = await startNode({ ledger, fileSystem, store, limits: smallSegments });
            // The registry says when it has caught up by going on.
            await ledger.emit();
            await harness.node.collectGarbage({ isDryRun: false });
          }
          expect(harness.node.status().store.slivers).toBe(owed().size * 3 * AXES.length);
          for (const blob of blobs) expect(await holds(harness, blob)).toBe(owed().has(blob.id));
        }
        await harness.node.close();
      }),
      { numRuns: 30 },
    );
  });
});

/** A blob that only the ledger knows. */
function numbered(at: number): Pick<Blob, 'id' | 'objectId'> {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(0, at);
  return { id: blobIdFromBytes(bytes), objectId: objectIdFromBytes(bytes) };
}

/** The sliver index is lost; the segments are not. */
async function clearIndex(store: Harness['store']): Promise<void> {
  for (const table of ['slivers', 'segments']) {
    const keys = Array.from(store.entries(table), ([key]) => key);
    await store.write(keys.map((key) => ({ kind: 'remove', table, key })));
  }
}
