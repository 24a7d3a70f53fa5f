// The whole module, as only its members can be replaced for everyone who imports them.
import fs from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyValueOperation, KeyValueStore } from '../../src/key-value-store.ts';
import { seededRng } from '../../src/memory/index.ts';
import { checkLmdbFile } from '../../src/node/lmdb-check.ts';
import { openLmdbStore } from '../../src/node/lmdb-store.ts';
import { silentLogger } from '../../src/observe.ts';

const TABLES = ['rows', 'hashes', 'empty'];
const repair = { salvage: ['hashes'], logger: silentLogger };
let directory: string;
/** Of a store that was closed, with branches, long values and free pages. */
let sound: Buffer;
let contents: string;
let tries = 0;

function contentsOf(store: KeyValueStore): string {
  return TABLES.flatMap((table) =>
    [...store.entries(table)].map(
      ([key, value]) => `${table} ${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('base64')}`,
    ),
  ).join('\n');
}

/** A directory whose database is `data`; as a crash leaves it, or a proper end. */
async function directoryWith(data: Uint8Array, wasClosed = true): Promise<string> {
  tries += 1;
  const path = join(directory, `try-${tries}`);
  await mkdir(path);
  await writeFile(join(path, 'data.mdb'), data);
  if (!wasClosed) await writeFile(join(path, 'open'), '');
  return path;
}

function flipped(at: number, bits: number): Buffer {
  const data = Buffer.from(sound);
  data[at] = (data[at] as number) ^ bits;
  return data;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-lmdb-repair-'));
  const rng = seededRng('lmdb repair');
  const store = await openLmdbStore({ directory: join(directory, 'first'), repair });
  for (let round = 0; round < 6; round += 1) {
    const operations: KeyValueOperation[] = [];
    for (let count = 0; count < 150; count += 1) {
      const number = rng.below(400);
      const table = rng.below(3) === 0 ? 'hashes' : 'rows';
      const key = Uint8Array.of(number >>> 8, number, ...new Uint8Array(30));
      const value = new Uint8Array(number % 40 === 0 ? 6000 : 90).fill(number);
      operations.push(
        table === 'rows' && rng.below(3) === 0 ? { kind: 'remove', table, key } : { kind: 'put', table, key, value },
      );
    }
    await store.write(operations);
  }
  contents = contentsOf(store);
  await store.close();
  sound = await readFile(join(directory, 'first', 'data.mdb'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe('a database that may be damaged', () => {
  it('is found damaged, or holds what it held, whichever byte is another', async () => {
    const rng = seededRng(`flips ${process.env['FLOE_TEST_SEED'] ?? '1'}`);
    const path = join(await directoryWith(sound), 'data.mdb');
    const unnoticed: Buffer[] = [];
    for (let count = 0; count < 80; count += 1) {
      // Every third of them where the commits are recorded, or at the beginning of a page.
      const at = count % 3 > 0 ? rng.below(sound.length) : rng.below(sound.length / 4096) * 4096 + rng.below(180);
      const data = flipped(at, 1 + rng.below(255));
      await writeFile(path, data);
      if ((await checkLmdbFile(path)).damage === undefined) unnoticed.push(data);
    }
    expect(unnoticed.length).toBeGreaterThan(0);
    expect(unnoticed.length).toBeLessThan(80);
    for (const data of unnoticed.slice(0, 12)) {
      const store = await openLmdbStore({ directory: await directoryWith(data) });
      expect(contentsOf(store)).toBe(contents);
      await store.close();
    }
  });

  it('is set aside when a page points elsewhere, and keeps the rows that are named', async () => {
    const root = Number(sound.readBigUInt64LE((await newestMeta()) + 24 + 72 + 40));
    const path = await directoryWith(flipped(root * 4096 + 20, 0x02));
    const store = await openLmdbStore({ directory: path, repair });
    const hashes = contents.split('\n').filter((line) => line.startsWith('hashes'));
    expect(contentsOf(store).split('\n')).toEqual(hashes);
    await store.close();
    expect((await checkLmdbFile(join(`${path}.damaged`, 'data.mdb'))).damage).toMatch(
      /should be|neither used nor free/,
    );
  });

  it.each([0, 1, 4095, 4096, 8192, 40_000])('is set aside when only %i bytes are left', async (sizeBytes) => {
    const path = await directoryWith(sound);
    await truncate(join(path, 'data.mdb'), sizeBytes);
    const store = await openLmdbStore({ directory: path, repair });
    expect(contentsOf(store)).not.toMatch(/^rows/m);
    await store.write([{ kind: 'put', table: 'rows', key: Uint8Array.of(1), value: Uint8Array.of(2) }]);
    await store.close();
  });

  it('is set aside when the disk cannot read a page, and keeps the rows that are named', async () => {
    const root = Number(sound.readBigUInt64LE((await newestMeta()) + 24 + 72 + 40));
    const path = await directoryWith(sound, false);
    const mend = breakPage(root);
    try {
      expect((await checkLmdbFile(join(path, 'data.mdb'))).damage).toBe(`page ${root} cannot be read`);
      const store = await openLmdbStore({ directory: path, repair });
      const hashes = contents.split('\n').filter((line) => line.startsWith('hashes'));
      expect(contentsOf(store).split('\n')).toEqual(hashes);
      await store.close();
    } finally {
      mend();
    }
  });

  it('goes on with a salvage that was cut short', async () => {
    const path = await directoryWith(flipped(4096, 1));
    await openLmdbStore({ directory: path, repair }).then((store) => store.close());
    await writeFile(join(`${path}.damaged`, 'salvage'), '');
    await rm(path, { recursive: true });
    const store = await openLmdbStore({ directory: path, repair });
    expect(store.count('hashes')).toBe(contents.split('\n').filter((line) => line.startsWith('hashes')).length);
    await store.close();
  });

  it('is proven sound while it is written, and found damaged while it is in use', async () => {
    const path = await directoryWith(sound, false);
    const store = await openLmdbStore({ directory: path, repair });
    let writing = true;
    const writer = (async () => {
      for (let number = 0; writing; number += 1) {
        const key = Uint8Array.of(1, number);
        await store.write([{ kind: 'put', table: 'rows', key, value: new Uint8Array(500 + number) }]);
      }
    })();
    for (let count = 0; count < 5; count += 1) expect(await store.verify()).toBeUndefined();
    writing = false;
    await writer;
    await store.close();
    const again = await openLmdbStore({ directory: path, repair });
    const data = await readFile(join(path, 'data.mdb'));
    // Every leaf's list of nodes, behind the back of the store.
    for (let at = 8192; at < data.length; at += 4096) if (data.readUInt16LE(at + 18) === 2) data[at + 20]! ^= 0x02;
    await writeFile(join(path, 'data.mdb'), data, { flag: 'r+' });
    expect(await again.verify()).toMatch(/./);
    await again.close();
    // It stays marked, so that whoever opens it next looks first.
    await expect(access(join(path, 'open'))).resolves.toBeUndefined();
  });
});

/** From now on no file's page of this number can be read, as if the disk were broken there. @returns what mends it */
function breakPage(page: number): () => void {
  const { readSync } = fs;
  const at = page * 4096;
  fs.readSync = ((file: number, target: Uint8Array, offset: number, length: number, position: number): number => {
    if (position <= at && at < position + length)
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return readSync(file, target, offset, length, position);
  }) as typeof readSync;
  syncBuiltinESMExports();
  return () => {
    fs.readSync = readSync;
    syncBuiltinESMExports();
  };
}

async function newestMeta(): Promise<number> {
  return sound.readBigUInt64LE(24 + 128) > sound.readBigUInt64LE(4096 + 24 + 128) ? 0 : 4096;
}
