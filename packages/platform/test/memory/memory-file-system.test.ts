import { fileSystemCompliance } from '@floe/testkit';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import type { FileSystem } from '../../src/file-system.ts';
import { createMemoryFileSystem } from '../../src/memory/memory-file-system.ts';
import { seededRng } from '../../src/memory/rng.ts';

fileSystemCompliance('memory', async () => {
  const fileSystem = createMemoryFileSystem();
  await fileSystem.makeDirectory('/data');
  return { fileSystem, root: '/data', dispose: async () => undefined };
});

async function read(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, 'read');
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

async function writeSynced(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  const file = await fileSystem.open(path, 'write');
  await file.write([utf8(text)], 0);
  await file.sync();
  await file.close();
}

describe('the simulated disk', () => {
  it('keeps through a crash what was synced, contents and names', async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const disk = createMemoryFileSystem({ rng: seededRng(seed) });
      await writeSynced(disk, '/file', 'synced');
      await disk.syncDirectory('/');
      disk.crash();
      expect(await read(disk, '/file')).toEqual(utf8('synced'));
    }
  });

  it('keeps, loses or tears what was not synced, by whole sectors', async () => {
    const sectors = 8;
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 200; seed += 1) {
      const disk = createMemoryFileSystem({ rng: seededRng(seed) });
      await writeSynced(disk, '/file', '');
      await disk.syncDirectory('/');
      const file = await disk.open('/file', 'write');
      await file.write([new Uint8Array(512 * sectors).fill(1)], 0);
      disk.crash();
      const found = await read(disk, '/file');
      let outcome = '';
      for (let offset = 0; offset < found.length; offset += 512) {
        const sector = found.subarray(offset, offset + 512);
        expect(new Set(sector).size).toBe(1);
        outcome += sector[0] === 1 ? 'x' : '.';
      }
      outcomes.add(outcome);
    }
    expect(outcomes).toContain('');
    expect(outcomes).toContain('x'.repeat(sectors));
    expect(outcomes.size).toBeGreaterThan(20);
  });

  it('loses names whose directory was not synced, in the order they were made', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 100; seed += 1) {
      const disk = createMemoryFileSystem({ rng: seededRng(seed) });
      await writeSynced(disk, '/old', 'content');
      await disk.syncDirectory('/');
      await writeSynced(disk, '/a', 'a');
      await disk.rename('/a', '/b');
      await disk.remove('/old');
      disk.crash();
      outcomes.add((await disk.list('/')).join(' '));
    }
    expect([...outcomes].sort()).toEqual(['a old', 'b', 'b old', 'old']);
  });

  it('cuts the power at every change and comes back', async () => {
    const disk = createMemoryFileSystem();
    await writeSynced(disk, '/file', 'content');
    const changes = disk.changes;
    expect(changes).toBe(3);
    for (let cut = 0; cut < changes; cut += 1) {
      const fresh = createMemoryFileSystem();
      fresh.powerOffAfter(cut);
      await expect(writeSynced(fresh, '/file', 'content')).rejects.toMatchObject({ code: 'IO_FAILED' });
      await expect(fresh.list('/')).rejects.toMatchObject({ code: 'IO_FAILED' });
      expect(fresh.changes).toBe(cut);
      fresh.crash();
      await fresh.list('/');
    }
  });

  it('kills the handles of the life before', async () => {
    const disk = createMemoryFileSystem();
    const file = await disk.open('/file', 'create');
    disk.crash();
    await expect(file.write([utf8('x')], 0)).rejects.toMatchObject({ code: 'IO_FAILED' });
  });

  it('fills up: writes what fits and says so', async () => {
    const disk = createMemoryFileSystem({ capacityBytes: 10 });
    const file = await disk.open('/file', 'create');
    await file.write([utf8('12345678')], 0);
    expect(await disk.freeBytes('/')).toBe(2);
    await expect(file.write([utf8('90xxx')], 8)).rejects.toMatchObject({ code: 'DISK_FULL', kind: 'exhausted' });
    expect(await read(disk, '/file')).toEqual(utf8('1234567890'));
    await file.write([utf8('over')], 0);
    disk.setCapacity(20);
    await file.write([utf8('abc')], 10);
    expect(await file.size()).toBe(13);
  });

  it('fails as told, by operation and path', async () => {
    const disk = createMemoryFileSystem();
    await writeSynced(disk, '/a', 'a');
    disk.failNext('sync', 2, '/b');
    await writeSynced(disk, '/a', 'a');
    await expect(writeSynced(disk, '/b', 'b')).rejects.toMatchObject({
      code: 'IO_FAILED',
      data: { operation: 'sync' },
    });
    await expect(writeSynced(disk, '/b', 'b')).rejects.toMatchObject({ code: 'IO_FAILED' });
    await writeSynced(disk, '/b', 'b');
  });

  it('rots one bit, for good', async () => {
    const disk = createMemoryFileSystem();
    await writeSynced(disk, '/file', 'abc');
    await disk.syncDirectory('/');
    disk.flipBit('/file', 1, 0);
    expect(await read(disk, '/file')).toEqual(utf8('acc'));
    disk.crash();
    expect(await read(disk, '/file')).toEqual(utf8('acc'));
  });

  it('cannot read what a broken page holds, and reads the pages beside it', async () => {
    const disk = createMemoryFileSystem();
    await writeSynced(disk, '/file', 'x'.repeat(10_000));
    await disk.syncDirectory('/');
    disk.breakPage('/file', 5000);
    disk.crash();
    const file = await disk.open('/file', 'read');
    const failure = { code: 'IO_FAILED', data: { operation: 'read' } };
    for (const [offset, size, isReadable] of [
      [0, 4096, true],
      [0, 4097, false],
      [8191, 1, false],
      [8192, 9000, true],
      [10_000, 10, true],
    ] as const) {
      const reading = file.read(new Uint8Array(size), offset);
      if (isReadable) expect(await reading).toBe(Math.min(size, 10_000 - offset));
      else await expect(reading).rejects.toMatchObject(failure);
    }
  });
});
