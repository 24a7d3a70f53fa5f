import { deferred, isFloeError } from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore, seededRng } from '@floe/platform/memory';
import type { Epoch } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { MAX_PAYLOAD_SIZE, RECORD_HEADER_SIZE, SEGMENT_HEADER_SIZE } from '../src/segment-log/record.ts';
import type { SegmentLog } from '../src/segment-log/segment-log.ts';
import type { SliverKey } from '../src/sliver-store.ts';
import { directory, epochOf, keyOf, logOptions, openLog, payloadOf } from './segment-log-harness.ts';

const EPOCH = 10 as Epoch;

async function filled(count: number) {
  const fileSystem = createMemoryFileSystem();
  const store = createMemoryStore();
  const log = await openLog(fileSystem, store);
  for (let i = 0; i < count; i += 1) await log.put(keyOf(i), payloadOf(i), epochOf(i));
  return { fileSystem, store, log };
}

describe('a segment log', () => {
  it('returns what was put, and nothing for other keys', async () => {
    const { log } = await filled(30);
    for (let i = 0; i < 30; i += 1) expect(await log.get(keyOf(i))).toEqual(payloadOf(i));
    expect(await log.get(keyOf(31))).toBeUndefined();
    expect(log.has(keyOf(3))).toBe(true);
    expect(log.has({ ...keyOf(3), axis: 'primary' })).toBe(false);
    expect(log.status().slivers).toBe(30);
  });

  it('keeps the first of two puts of a key, concurrent or not', async () => {
    const { log } = await filled(0);
    const outcomes = await Promise.all([
      log.put(keyOf(1), payloadOf(1), EPOCH),
      log.put(keyOf(1), payloadOf(2), EPOCH),
    ]);
    expect(outcomes).toEqual(['stored', 'existing']);
    expect(await log.put(keyOf(1), payloadOf(3), EPOCH)).toBe('existing');
    expect(await log.get(keyOf(1))).toEqual(payloadOf(1));
  });

  it('stores an empty payload', async () => {
    const { log } = await filled(0);
    await log.put(keyOf(1), new Uint8Array(0), EPOCH);
    expect(await log.get(keyOf(1))).toEqual(new Uint8Array(0));
  });

  it('shares one sync among puts that arrive together', async () => {
    const { log, fileSystem } = await filled(1);
    const before = fileSystem.changes;
    await Promise.all([3, 6, 9, 12].map((i) => log.put(keyOf(i), payloadOf(i), epochOf(0))));
    // Four headers and four payloads in one gathered write, and one sync.
    expect(fileSystem.changes - before).toBe(4 + 4 + 1);
  });

  it('begins a new segment when one is full, and one for every end epoch', async () => {
    const { log, fileSystem } = await filled(60);
    const names = await fileSystem.list(directory);
    expect(names.length).toBeGreaterThan(3);
    expect(names.every((name) => /^e\d{10}-\d{10}\.slivers$/.test(name))).toBe(true);
    const epochs = new Set(names.map((name) => name.slice(0, 11)));
    expect(epochs.size).toBe(3);
    expect(log.status().segments).toBe(names.length);
  });

  it('knows after reopening that all but the newest segment of each end epoch are full, so that they can be compacted', async () => {
    const { log, fileSystem, store } = await filled(60);
    await log.close();
    const reopened = await openLog(fileSystem, store);
    const open = reopened.segments().filter(({ sealed }) => !sealed);
    expect(new Set(open.map(({ endEpoch }) => endEpoch)).size).toBe(3);
    expect(open).toHaveLength(3);
    for (const { id, endEpoch } of open) {
      const ids = reopened.segments().flatMap((other) => (other.endEpoch === endEpoch ? [other.id] : []));
      expect(id).toBe(Math.max(...ids));
    }
    await reopened.close();
  });

  it('gives a batch that is larger than a segment a segment of its own', async () => {
    const { log } = await filled(2);
    const large = new Uint8Array(10_000).fill(5);
    await log.put(keyOf(50), large, EPOCH);
    expect(await log.get(keyOf(50))).toEqual(large);
  });

  it('lists the keys of one blob only', async () => {
    const { log } = await filled(5);
    const second = { ...keyOf(2), axis: 'secondary' as const };
    await log.put(second, payloadOf(9), EPOCH);
    expect(log.keysOf(keyOf(2).blobId)).toEqual([keyOf(2), second]);
    expect(log.keysOf(keyOf(77).blobId)).toEqual([]);
  });

  it('forgets what was removed and takes it again', async () => {
    const { log } = await filled(5);
    expect(await log.remove([keyOf(1), keyOf(2), keyOf(99)])).toBe(2);
    expect(await log.get(keyOf(1))).toBeUndefined();
    expect(await log.put(keyOf(1), payloadOf(1, 1), EPOCH)).toBe('stored');
    expect(await log.get(keyOf(1))).toEqual(payloadOf(1, 1));
    expect(log.status().slivers).toBe(4);
  });

  it('finds everything again after it was closed', async () => {
    const { log, fileSystem, store } = await filled(40);
    await log.remove([keyOf(4)]);
    await log.close();
    await log.close();
    await expect(log.put(keyOf(41), payloadOf(41), EPOCH)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    const again = await openLog(fileSystem, store);
    for (let i = 0; i < 40; i += 1) expect(await again.get(keyOf(i))).toEqual(i === 4 ? undefined : payloadOf(i));
    expect(again.status()).toEqual(log.status());
  });

  it('goes on in the last segment of an end epoch after reopening', async () => {
    const { log, fileSystem, store } = await filled(1);
    await log.close();
    const again = await openLog(fileSystem, store);
    await again.put(keyOf(3), payloadOf(3), epochOf(0));
    expect(await fileSystem.list(directory)).toHaveLength(1);
    expect(await again.get(keyOf(3))).toEqual(payloadOf(3));
  });
});

describe('a segment log whose index is lost', () => {
  it('rebuilds it from the segments, removals included', async () => {
    const { log, fileSystem } = await filled(50);
    await log.remove([keyOf(7), keyOf(8)]);
    await log.put(keyOf(8), payloadOf(8, 1), epochOf(1));
    await log.close();
    const rebuilt = await openLog(fileSystem, createMemoryStore());
    for (let i = 0; i < 50; i += 1) {
      const expected = i === 7 ? undefined : payloadOf(i, i === 8 ? 1 : 0);
      expect(await rebuilt.get(keyOf(i))).toEqual(expected);
    }
    expect(rebuilt.status()).toEqual(log.status());
    await rebuilt.put(keyOf(60), payloadOf(60), EPOCH);
    expect(await rebuilt.get(keyOf(60))).toEqual(payloadOf(60));
  });

  it.each(['slivers', 'segments'])('rebuilds it when a row of table %s is missing or rotten', async (table) => {
    for (const damage of ['missing', 'rotten'] as const) {
      const { log, fileSystem, store } = await filled(20);
      await log.close();
      const reopened = store;
      const [first] = [...reopened.entries(table)];
      const key = first?.[0] as Uint8Array;
      if (damage === 'missing') await reopened.write([{ kind: 'remove', table, key }]);
      else reopened.corrupt(table, key);
      const rebuilt = await openLog(fileSystem, reopened);
      for (let i = 0; i < 20; i += 1) {
        const bytes = await rebuilt.get(keyOf(i));
        // A rotten index row is noticed when it is met; until then its sliver counts as missing, never as another.
        if (bytes !== undefined || damage === 'missing') expect(bytes).toEqual(payloadOf(i));
      }
    }
  });

  it('is not led astray by payloads that look like records', async () => {
    const { fileSystem, log } = await filled(2);
    const names = await fileSystem.list(directory);
    const handle = await fileSystem.open(`${directory}/${names[0]}`, 'read');
    const genuine = new Uint8Array(await handle.size());
    await handle.read(genuine, 0);
    // A stranger cannot know the tag that records begin with.
    const forged = genuine.slice();
    for (let i = 0; i + 8 < forged.length; i += 1) {
      if (logOptions.storeTag.every((byte, at) => forged[i + at] === byte)) forged[i] = (forged[i] as number) ^ 1;
    }
    await log.put(keyOf(5), forged, EPOCH);
    await log.close();
    const rebuilt = await openLog(fileSystem, createMemoryStore());
    expect(rebuilt.status().slivers).toBe(3);
    expect(await rebuilt.get(keyOf(5))).toEqual(forged);
  });
});

describe('a segment log on a damaged disk', () => {
  it('never serves a wrong byte, whichever bit of a segment is turned over, with and without its index', async () => {
    const { log, fileSystem, store } = await filled(3);
    await log.close();
    const files: { path: string; size: number }[] = [];
    for (const name of await fileSystem.list(directory)) {
      const handle = await fileSystem.open(`${directory}/${name}`, 'read');
      files.push({ path: `${directory}/${name}`, size: await handle.size() });
      await handle.close();
    }
    const rng = seededRng('flips');
    const readAll = async (index: typeof store): Promise<number> => {
      const damaged = await openLog(fileSystem, index);
      let lost = 0;
      for (let i = 0; i < 3; i += 1) {
        const bytes = await damaged.get(keyOf(i)).catch((error: unknown) => {
          if (!isFloeError(error, 'SLIVER_DAMAGED')) throw error;
          return undefined;
        });
        if (bytes === undefined) lost += 1;
        else expect(bytes).toEqual(payloadOf(i));
      }
      // Storing what was lost makes the store whole again.
      for (let i = 0; i < 3; i += 1) await damaged.put(keyOf(i), payloadOf(i), epochOf(i));
      for (let i = 0; i < 3; i += 1) expect(await damaged.get(keyOf(i))).toEqual(payloadOf(i));
      expect(damaged.status()).toMatchObject({ slivers: 3, damaged: 0 });
      await damaged.close();
      return lost;
    };
    let noticed = 0;
    for (const { path, size } of files) {
      for (let offset = 0; offset < size; offset += 1) {
        fileSystem.flipBit(path, offset, rng.below(8));
        const lost = await readAll(store);
        expect(lost).toBeLessThanOrEqual(1);
        noticed += lost;
        // With the damaged records still in it, the log must be rebuilt to the same slivers.
        if (offset % 8 === 0) expect(await readAll(createMemoryStore())).toBe(0);
      }
    }
    // Every byte of a record matters; only the header of a segment is not needed to read.
    expect(noticed).toBeGreaterThan(0);
  });

  it('keeps a sliver that is put again while its damaged record is being removed', async () => {
    const fileSystem = createMemoryFileSystem();
    const store = createMemoryStore();
    const [asked, allowed] = [deferred<void>(), deferred<void>()];
    const gate: { closed?: Promise<void> } = {};
    const log = await openLog(fileSystem, {
      get: (table, key) => store.get(table, key),
      entries: (table, range) => store.entries(table, range),
      count: (table) => store.count(table),
      verify: () => store.verify(),
      async write(operations) {
        if (gate.closed !== undefined) asked.resolve();
        await gate.closed;
        await store.write(operations);
      },
      close: () => store.close(),
    });
    await log.put(keyOf(1), payloadOf(1), epochOf(1));
    const [name] = await fileSystem.list(directory);
    fileSystem.flipBit(`${directory}/${name}`, SEGMENT_HEADER_SIZE + RECORD_HEADER_SIZE);
    gate.closed = allowed.promise;
    const removing = log.get(keyOf(1));
    removing.catch(() => undefined);
    await asked.promise;
    const again = log.put(keyOf(1), payloadOf(1), epochOf(1));
    expect(log.has(keyOf(1))).toBe(false);
    allowed.resolve();
    await expect(removing).rejects.toMatchObject({ code: 'SLIVER_DAMAGED' });
    expect(await again).toBe('stored');
    expect(await log.get(keyOf(1))).toEqual(payloadOf(1));
    expect(log.status()).toMatchObject({ slivers: 1, damaged: 0 });
    await log.close();
    const reopened = await openLog(fileSystem, store);
    expect(await reopened.get(keyOf(1))).toEqual(payloadOf(1));
  });

  it('sets a damaged sliver aside for good: it is free to be stored again, also after a rebuild', async () => {
    const { log, fileSystem } = await filled(3);
    const path = `${directory}/${(await fileSystem.list(directory))[0]}`;
    const handle = await fileSystem.open(path, 'read');
    fileSystem.flipBit(path, (await handle.size()) - 1);
    await expect(log.get(keyOf(0))).rejects.toMatchObject({ code: 'SLIVER_DAMAGED', kind: 'integrity' });
    expect(await log.get(keyOf(0))).toBeUndefined();
    expect(log.status().damaged).toBe(1);
    expect(await log.put(keyOf(0), payloadOf(0), epochOf(0))).toBe('stored');
    expect(log.status().damaged).toBe(0);
    await log.close();
    const rebuilt = await openLog(fileSystem, createMemoryStore());
    for (let i = 0; i < 3; i += 1) expect(await rebuilt.get(keyOf(i))).toEqual(payloadOf(i));
  });

  it('drops the entries of a segment that is gone or cut short and keeps the others', async () => {
    const { log, fileSystem, store } = await filled(30);
    await log.close();
    const names = await fileSystem.list(directory);
    await fileSystem.remove(`${directory}/${names[0]}`);
    const handle = await fileSystem.open(`${directory}/${names[1]}`, 'write');
    await handle.truncate((await handle.size()) - 1);
    await handle.close();
    const damaged = await openLog(fileSystem, store);
    let held = 0;
    for (let i = 0; i < 30; i += 1) {
      const bytes = await damaged.get(keyOf(i));
      if (bytes === undefined) continue;
      held += 1;
      expect(bytes).toEqual(payloadOf(i));
    }
    expect(held).toBeGreaterThan(10);
    expect(held).toBeLessThan(30);
    expect(damaged.status().slivers).toBe(held);
    for (let i = 0; i < 30; i += 1) await damaged.put(keyOf(i), payloadOf(i), epochOf(i));
    for (let i = 0; i < 30; i += 1) expect(await damaged.get(keyOf(i))).toEqual(payloadOf(i));
  });

  it('refuses files that it did not write', async () => {
    const { log, fileSystem, store } = await filled(1);
    await log.close();
    await (await fileSystem.open(`${directory}/notes.txt`, 'create')).close();
    await expect(openLog(fileSystem, store)).rejects.toMatchObject({ code: 'FOREIGN_FILE' });
    await fileSystem.remove(`${directory}/notes.txt`);
    const nodeId = new Uint8Array(32).fill(8);
    await expect(openLog(fileSystem, createMemoryStore(), { nodeId })).rejects.toMatchObject({ code: 'FOREIGN_FILE' });
  });
});

describe('a segment log on a full or failing disk', () => {
  it('keeps the reserve: stores stop, reads and removals go on, and stores work again when there is room', async () => {
    const fileSystem = createMemoryFileSystem({ capacityBytes: 8192 });
    const limits = { ...logOptions.limits, reserveBytes: 4096 };
    const log = await openLog(fileSystem, createMemoryStore(), { limits });
    await log.put(keyOf(1), new Uint8Array(3000), EPOCH);
    const refused = log.put(keyOf(2), new Uint8Array(3000), EPOCH);
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_STORAGE', kind: 'exhausted' });
    expect(await log.get(keyOf(1))).toHaveLength(3000);
    await log.put(keyOf(3), new Uint8Array(100), EPOCH);
    expect(await log.remove([keyOf(1)])).toBe(1);
    expect(log.has(keyOf(1))).toBe(false);
    fileSystem.setCapacity(16_384);
    expect(await log.put(keyOf(2), new Uint8Array(3000), EPOCH)).toBe('stored');
  });

  it('reports a disk that fills up in the middle of a write as such and loses nothing', async () => {
    const { log, fileSystem } = await filled(3);
    fileSystem.setCapacity(fileSystem.usedBytes + 50);
    const refused = log.put(keyOf(5), new Uint8Array(500), EPOCH);
    await expect(refused).rejects.toMatchObject({ code: 'INSUFFICIENT_STORAGE' });
    fileSystem.setCapacity(1_000_000);
    for (let i = 3; i < 10; i += 1) await log.put(keyOf(i), payloadOf(i), epochOf(i));
    for (let i = 0; i < 10; i += 1) expect(await log.get(keyOf(i))).toEqual(payloadOf(i));
  });

  it.each(['write', 'sync', 'open', 'syncDirectory'] as const)('survives a failing %s', async (operation) => {
    const { log, fileSystem, store } = await filled(3);
    fileSystem.failNext(operation);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => log.put(keyOf(i + 3), payloadOf(i + 3), (20 + (i % 4)) as Epoch)),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    for (let i = 3; i < 15; i += 1) await log.put(keyOf(i), payloadOf(i), EPOCH);
    for (let i = 0; i < 15; i += 1) expect(await log.get(keyOf(i))).toEqual(payloadOf(i));
    await log.close();
    for (const index of [store, createMemoryStore()]) {
      const again = await openLog(fileSystem, index);
      for (let i = 0; i < 15; i += 1) expect(await again.get(keyOf(i))).toEqual(payloadOf(i));
      await again.close();
    }
  });

  it('takes a sliver again whose removal failed, so that what is left of the removal does not undo it', async () => {
    const { log, fileSystem, store } = await filled(3);
    // The record is written and cannot be cut off.
    for (const operation of ['sync', 'truncate'] as const) fileSystem.failNext(operation);
    await expect(log.remove([keyOf(1)])).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await log.get(keyOf(1))).toEqual(payloadOf(1));
    expect(log.has(keyOf(1))).toBe(false);
    expect(await log.put(keyOf(1), payloadOf(1), epochOf(1))).toBe('stored');
    await log.close();
    for (const index of [store, createMemoryStore()]) {
      const again = await openLog(fileSystem, index);
      expect(await again.get(keyOf(1))).toEqual(payloadOf(1));
      await again.close();
    }
  });

  it('undoes a removal that its index did not take, also after it was opened again', async () => {
    const { log, fileSystem, store } = await filled(3);
    const write = store.write.bind(store);
    store.write = () => Promise.reject(new Error('full'));
    await expect(log.remove([keyOf(1)])).rejects.toThrow('full');
    store.write = write;
    // The next batch of the same segment makes what stands before it durable.
    await log.put(keyOf(4), payloadOf(4), epochOf(1));
    await log.close();
    for (const index of [store, createMemoryStore()]) {
      const again = await openLog(fileSystem, index);
      for (const i of [0, 1, 2, 4]) expect(await again.get(keyOf(i))).toEqual(payloadOf(i));
      await again.close();
    }
  });

  it('does not bring back what was put again and removed since, although what is left of the first, failed put is intact', async () => {
    const { log, fileSystem, store } = await filled(3);
    for (const operation of ['sync', 'truncate'] as const) fileSystem.failNext(operation);
    await expect(log.put(keyOf(5), payloadOf(5), epochOf(5))).rejects.toMatchObject({ code: 'IO_FAILED' });
    await log.put(keyOf(5), payloadOf(5), epochOf(5));
    await log.remove([keyOf(5)]);
    await log.close();
    for (const index of [store, store, createMemoryStore()]) {
      const again = await openLog(fileSystem, index);
      expect(again.has(keyOf(5))).toBe(false);
      for (let i = 0; i < 3; i += 1) expect(await again.get(keyOf(i))).toEqual(payloadOf(i));
      await again.close();
    }
  });

  it('lets puts wait while more is queued than it may hold, and takes each of them', async () => {
    const limits = { ...logOptions.limits, commitQueueBytes: 1000, commitBatchBytes: 500 };
    const fileSystem = createMemoryFileSystem();
    const log = await openLog(fileSystem, createMemoryStore(), { limits });
    const puts = Array.from({ length: 9 }, (_, i) => log.put(keyOf(i), new Uint8Array(i === 4 ? 3000 : 400), EPOCH));
    expect(await Promise.all([...puts, log.put(keyOf(8), new Uint8Array(1), EPOCH)])).toEqual([
      ...puts.map(() => 'stored'),
      'existing',
    ]);
    expect(log.status().slivers).toBe(9);
    const late = Array.from({ length: 9 }, (_, i) => log.put(keyOf(20 + i), new Uint8Array(400), EPOCH));
    const outcomes = Promise.allSettled(late);
    await log.close();
    // Those that were queued are stored, those that waited are told.
    for (const [i, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'STORE_CLOSED' });
      else expect(log.has(keyOf(20 + i))).toBe(true);
    }
  });

  it('has room in a record for every sliver that can exist', () => {
    expect(MAX_PAYLOAD_SIZE - RECORD_HEADER_SIZE).toBeGreaterThan(667 * 65_534 + 16);
  });
});

describe('emptying a segment', () => {
  const fill = async (store = createMemoryStore(), fileSystem = createMemoryFileSystem()) => {
    const log = await openLog(fileSystem, store);
    for (let i = 0; i < 30; i += 1) await log.put(keyOf(i), payloadOf(i), 10 as Epoch);
    return { log, store, fileSystem };
  };
  const first = (log: SegmentLog): number => Math.min(...log.segments().map(({ id }) => id));

  it('moves what is wanted, forgets the rest, and gives the space back', async () => {
    const { log, fileSystem } = await fill();
    const id = first(log);
    const before = await fileSystem.list(directory);
    const wanted = (key: SliverKey): boolean => key.axis === 'primary';
    const emptied = await log.empty(id, { endEpochOf: (key) => (wanted(key) ? (12 as Epoch) : undefined) });
    expect(emptied.moved).toBeGreaterThan(0);
    expect(emptied.dropped).toBeGreaterThan(0);
    expect(emptied.freedBytes).toBeGreaterThan(0);
    expect(await fileSystem.list(directory)).toHaveLength(before.length);
    expect(log.segments().some((segment) => segment.id === id)).toBe(false);
    for (let i = 0; i < 30; i += 1) {
      const held = i >= emptied.moved + emptied.dropped || wanted(keyOf(i));
      expect(await log.get(keyOf(i))).toEqual(held ? payloadOf(i) : undefined);
    }
    expect(log.status().slivers).toBe(30 - emptied.dropped);
  });

  it('comes to the same when the index is rebuilt afterwards', async () => {
    const { log, fileSystem } = await fill();
    await log.remove([keyOf(0), keyOf(25)]);
    for (const { id } of log.segments()) await log.empty(id, { endEpochOf: () => 12 as Epoch });
    await log.close();
    const rebuilt = await openLog(fileSystem, createMemoryStore());
    for (let i = 0; i < 30; i += 1) {
      expect(await rebuilt.get(keyOf(i))).toEqual(i === 0 || i === 25 ? undefined : payloadOf(i));
    }
  });

  it('leaves reads, puts and removals that go on meanwhile as they are', async () => {
    const { log } = await fill();
    const emptying = log.empty(first(log), { endEpochOf: () => 12 as Epoch });
    const reads = Array.from({ length: 30 }, (_, i) => log.get(keyOf(i)));
    const removing = log.remove([keyOf(1), keyOf(3)]);
    const putting = [log.put(keyOf(1), payloadOf(1, 1), 10 as Epoch), log.put(keyOf(100), payloadOf(100), 10 as Epoch)];
    for (const [i, read] of reads.entries()) expect([payloadOf(i), undefined]).toContainEqual(await read);
    await Promise.all([emptying, removing, ...putting]);
    expect(await log.get(keyOf(1))).toEqual(payloadOf(1, 1));
    expect(await log.get(keyOf(3))).toBeUndefined();
    expect(await log.get(keyOf(100))).toEqual(payloadOf(100));
    for (const i of [0, 2, 4, 5, 20, 29]) expect(await log.get(keyOf(i))).toEqual(payloadOf(i));
  });

  it('sets damaged records aside, also those that damage hides', async () => {
    const { log, fileSystem } = await fill();
    const id = first(log);
    const [name] = await fileSystem.list(directory);
    // In the header of the first record, and in the payload of a later one.
    fileSystem.flipBit(`${directory}/${name}`, 64 + 20);
    fileSystem.flipBit(`${directory}/${name}`, 1000);
    const emptied = await log.empty(id, { endEpochOf: () => 12 as Epoch });
    expect(emptied.freedBytes).toBeGreaterThan(0);
    expect(log.has(keyOf(0))).toBe(false);
    expect(log.status()).toMatchObject({ slivers: 28, damaged: 2 });
  });

  it('keeps what is wanted again, and writes anew what is put, while it forgets the rest', async () => {
    const store = createMemoryStore();
    const { log } = await fill(store);
    const id = first(log);
    const wanted = new Set<string>();
    const [kept, put] = [keyOf(0), keyOf(2)];
    let forgetting: Promise<unknown> | undefined;
    const write = store.write.bind(store);
    store.write = async (operations) => {
      // The moment in which what is forgotten is written down.
      const forgets = operations.some(({ kind, table }) => kind === 'remove' && table === 'slivers');
      if (forgets)
        forgetting ??= Promise.resolve(log.put(put, payloadOf(2), 10 as Epoch)).then((how) =>
          expect(how).toBe('stored'),
        );
      await write(operations);
    };
    const emptying = log.empty(id, { endEpochOf: (key) => (wanted.has(key.blobId) ? (12 as Epoch) : undefined) });
    wanted.add(kept.blobId);
    await emptying;
    await forgetting;
    expect(forgetting).toBeDefined();
    expect(await log.get(kept)).toEqual(payloadOf(0));
    expect(await log.get(put)).toEqual(payloadOf(2));
  });

  it('ends what was begun, when the file is gone and the directory could not be synced', async () => {
    const { log, fileSystem } = await fill();
    const id = first(log);
    const size = log.segments().find((segment) => segment.id === id)?.fileBytes;
    fileSystem.failNext('syncDirectory');
    const nothing = { endEpochOf: () => undefined };
    await expect(log.empty(id, nothing)).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(await log.empty(id, nothing)).toEqual({ moved: 0, dropped: 0, freedBytes: size });
    expect(log.segments().some((segment) => segment.id === id)).toBe(false);
  });

  it('loses nothing when there is no room to move it', async () => {
    const { log, fileSystem } = await fill();
    fileSystem.setCapacity(log.status().fileBytes + 10);
    await expect(log.empty(first(log), { endEpochOf: () => 12 as Epoch })).rejects.toMatchObject({
      code: 'INSUFFICIENT_STORAGE',
    });
    for (let i = 0; i < 30; i += 1) expect(await log.get(keyOf(i))).toEqual(payloadOf(i));
  });
});
