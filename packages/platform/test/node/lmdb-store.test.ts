import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyValueStoreCompliance } from '@floe/testkit';
import { open as openLmdb } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { equalBytes, utf8 } from '../../src/bytes.ts';
import type { KeyValueStore } from '../../src/key-value-store.ts';
import { openLmdbStore } from '../../src/node/lmdb-store.ts';

keyValueStoreCompliance('LMDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'floe-lmdb-'));
  let store = await openLmdbStore({ directory });
  return {
    store,
    async reopen() {
      await store.close();
      store = await openLmdbStore({ directory });
      return store;
    },
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

describe('a store on LMDB', () => {
  let directory: string;
  let store: KeyValueStore | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'floe-lmdb-'));
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    await rm(directory, { recursive: true });
  });

  it('refuses a value that changed on disk, and serves the others', async () => {
    store = await openLmdbStore({ directory });
    const value = utf8('a value that can be found in the file');
    await store.write([
      { kind: 'put', table: 't', key: utf8('bad'), value },
      { kind: 'put', table: 't', key: utf8('good'), value: utf8('fine') },
    ]);
    await store.close();
    await flipByteOf(join(directory, 'data.mdb'), value);
    store = await openLmdbStore({ directory });
    expect(store.get('t', utf8('good'))).toEqual(utf8('fine'));
    expect(() => store?.get('t', utf8('bad'))).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT', kind: 'integrity' }),
    );
    expect(() => [...(store as KeyValueStore).entries('t')]).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT' }),
    );
  });

  it('refuses a value that was put under another key or in another table', async () => {
    store = await openLmdbStore({ directory });
    await store.write([
      { kind: 'put', table: 't', key: utf8('a'), value: utf8('value') },
      { kind: 'put', table: 'u', key: utf8('a'), value: utf8('other') },
    ]);
    await store.close();
    const raw = openLmdb<Uint8Array, Uint8Array>({
      path: directory,
      maxDbs: 16,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
    });
    const table = raw.openDB<Uint8Array, Uint8Array>({ name: 't', encoding: 'binary', keyEncoding: 'binary' });
    const other = raw.openDB<Uint8Array, Uint8Array>({ name: 'u', encoding: 'binary', keyEncoding: 'binary' });
    const stored = table.get(utf8('a')) as Uint8Array;
    await table.put(utf8('b'), stored);
    await other.put(utf8('a'), stored);
    await table.put(utf8('short'), utf8('x'));
    await raw.close();
    store = await openLmdbStore({ directory });
    expect(store.get('t', utf8('a'))).toEqual(utf8('value'));
    expect(() => store?.get('t', utf8('b'))).toThrow('does not match its checksum');
    expect(() => store?.get('u', utf8('a'))).toThrow('does not match its checksum');
    expect(() => store?.get('t', utf8('short'))).toThrow('does not match its checksum');
  });

  it('says so when it has no room for another table', async () => {
    store = await openLmdbStore({ directory, maxTables: 2 });
    await store.write([
      { kind: 'put', table: 'one', key: utf8('k'), value: utf8('v') },
      { kind: 'put', table: 'two', key: utf8('k'), value: utf8('v') },
    ]);
    expect(() => store?.get('three', utf8('k'))).toThrow(expect.objectContaining({ code: 'TOO_MANY_TABLES' }));
  });

  it('names the directory that cannot be opened', async () => {
    const path = join(directory, 'file');
    await (await open(path, 'w')).close();
    await expect(openLmdbStore({ directory: path })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      data: { store: path },
    });
  });

  it('grows past its first map size', async () => {
    store = await openLmdbStore({ directory, mapSizeBytes: 128 * 1024 });
    const value = new Uint8Array(1024 * 1024).fill(7);
    for (let index = 0; index < 12; index += 1) {
      await store.write([{ kind: 'put', table: 't', key: new Uint8Array([index]), value }]);
    }
    expect(equalBytes(store.get('t', new Uint8Array([3])) as Uint8Array, value)).toBe(true);
    expect(store.count('t')).toBe(12);
  });

  it('does not grow past its bound, reads and removes there, and takes puts again once there is room', async () => {
    const maxBytes = 1024 * 1024;
    store = await openLmdbStore({ directory, mapSizeBytes: 128 * 1024, bound: { maxBytes } });
    const put = (index: number, sizeBytes: number, rows: number) =>
      (store as KeyValueStore).write(
        Array.from({ length: rows }, (_, at) => {
          const key = Uint8Array.of(index >>> 8, index & 0xff, at);
          return { kind: 'put', table: `t${sizeBytes}`, key, value: new Uint8Array(sizeBytes).fill(index) } as const;
        }),
      );
    const keys = (table: string) => Array.from((store as KeyValueStore).entries(table), ([key]) => key);
    let highest = 0;
    for (const [sizeBytes, rows, least] of [
      [30_000, 1, 20],
      [100, 20, 150],
      [30_000, 1, 20],
      [30_000, 1, 20],
    ] as const) {
      let stored = 0;
      const failure = await (async () => {
        for (; stored < 5000; stored += 1) await put(stored, sizeBytes, rows);
      })().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'STORE_FULL', kind: 'exhausted', data: { store: directory } });
      expect(stored).toBeGreaterThan(least);
      const table = `t${sizeBytes}`;
      expect(store.count(table)).toBe(stored * rows);
      expect(Array.from(store.entries(table)).every(([key, value]) => value[99] === key[1])).toBe(true);
      await store.write(keys(table).map((key) => ({ kind: 'remove', table, key })));
      expect(store.count(table)).toBe(0);
      highest = Math.max(highest, statSync(join(directory, 'data.mdb')).size);
      await store.close();
      store = await openLmdbStore({ directory, bound: { maxBytes } });
    }
    // The pages that a removal writes anew, and gaps too short for a long value, come on top.
    expect(highest).toBeLessThan(2 * maxBytes);
  });

  it('leaves a part of its bound to the tables that are not refused first, also after it was opened again', async () => {
    const bound = { maxBytes: 1024 * 1024, refusedFirst: ['large'] };
    store = await openLmdbStore({ directory, bound });
    const put = (table: string, index: number) => {
      const value = new Uint8Array(10_000).fill(index);
      return (store as KeyValueStore).write([{ kind: 'put', table, key: Uint8Array.of(index), value }]);
    };
    const fill = async (table: string): Promise<number> => {
      for (let index = 0; index < 250; index += 1) {
        const failure: unknown = await put(table, index).catch((error: unknown) => error);
        if (failure === undefined) continue;
        expect(failure).toMatchObject({ code: 'STORE_FULL' });
        return index;
      }
      throw new Error('it was never full');
    };
    expect(await fill('large')).toBeGreaterThan(50);
    await store.close();
    store = await openLmdbStore({ directory, bound });
    await expect(put('large', 251)).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(await fill('small')).toBeGreaterThan(2);
  });
});

const canMount =
  process.platform === 'linux' &&
  (() => {
    const probe = mkdtempSync(join(tmpdir(), 'floe-mount-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe]);
    if (status === 0) spawnSync('umount', [probe]);
    rmSync(probe, { recursive: true });
    return status === 0;
  })();

describe.skipIf(!canMount)('a store on a full disk', () => {
  it('says that it is full, loses nothing, and takes writes again once there is room', async () => {
    const volume = await mkdtemp(join(tmpdir(), 'floe-full-'));
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', volume]).status).toBe(0);
    try {
      const directory = join(volume, 'store');
      const store = await openLmdbStore({ directory });
      const put = (index: number) =>
        store.write([
          { kind: 'put', table: 't', key: new Uint8Array([index]), value: new Uint8Array(500_000).fill(index) },
        ]);
      let stored = 0;
      const failure = await (async () => {
        for (; ; stored += 1) await put(stored);
      })().catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'STORE_FULL', kind: 'exhausted' });
      expect(stored).toBeGreaterThan(2);
      await Promise.all(
        [put(100), put(101)].map((write) => expect(write).rejects.toMatchObject({ code: 'STORE_FULL' })),
      );
      expect(store.count('t')).toBe(stored);
      expect(spawnSync('mount', ['-o', 'remount,size=6m', volume]).status).toBe(0);
      await put(stored);
      await store.close();
      const again = await openLmdbStore({ directory });
      for (const [key, value] of again.entries('t')) expect(value[499_999]).toBe(key[0]);
      expect(again.count('t')).toBe(stored + 1);
      await again.close();
    } finally {
      spawnSync('umount', [volume]);
      await rm(volume, { recursive: true });
    }
  });
});

async function flipByteOf(path: string, needle: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  const content = await file.readFile();
  const index = content.indexOf(needle);
  expect(index).toBeGreaterThan(0);
  await file.write(new Uint8Array([(content[index] as number) ^ 1]), 0, 1, index);
  await file.close();
}
