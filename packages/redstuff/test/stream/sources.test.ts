import { describe, expect, it } from 'vitest';
import { deferred } from '@floe/platform';
import { createMemoryFileSystem, type MemoryFileSystem } from '@floe/platform/memory';
import { SPOOL_MEMORY_SIZE_BYTES } from '../../src/limits.ts';
import { openFileScratchSpace } from '../../src/stream/file-scratch.ts';
import { openFileSourceOn } from '../../src/stream/file-source.ts';
import { spool } from '../../src/stream/spool.ts';
import { sameBytes, seededBytes } from '../helpers.ts';

async function fileOf(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const fileSystem = createMemoryFileSystem();
  const file = await fileSystem.open('/blob', 'create');
  await file.write([bytes], 0);
  await file.close();
  return fileSystem;
}

describe('a file source', () => {
  const bytes = seededBytes(1000, 1);

  it('reads the same bytes again', async () => {
    const source = await openFileSourceOn('/blob', { fileSystem: await fileOf(bytes) });
    expect(source.sizeBytes).toBe(1000);
    const into = new Uint8Array(100);
    for (const offset of [900, 0, 900]) {
      await source.read(offset, into);
      expect(into).toEqual(bytes.subarray(offset, offset + 100));
    }
    await source.check?.();
    await source.close();
    await source.close();
  });

  it.each([
    ['shrinks', -1],
    ['grows', 1],
    ['is written to', 0],
  ])('is refused when the file %s', async (_what, growth) => {
    const fileSystem = await fileOf(bytes);
    const source = await openFileSourceOn('/blob', { fileSystem });
    const file = await fileSystem.open('/blob', 'write');
    if (growth === 0) await file.write([new Uint8Array(1)], 5);
    else await file.truncate(bytes.length + growth);
    await expect(source.check?.()).rejects.toMatchObject({ code: 'SOURCE_CHANGED', kind: 'conflict' });
    if (growth < 0) {
      await expect(source.read(900, new Uint8Array(100))).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    }
  });

  it('must be there', async () => {
    const fileSystem = createMemoryFileSystem();
    await expect(openFileSourceOn('/none', { fileSystem })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function spaceOn(fileSystem: MemoryFileSystem) {
  const processes = { own: 'me', isAlive: () => true };
  return await openFileScratchSpace({ directory: '/scratch' }, { fileSystem, processes });
}

describe('a spooled stream', () => {
  it.each([0, 1, 70_000, SPOOL_MEMORY_SIZE_BYTES, SPOOL_MEMORY_SIZE_BYTES + 1])(
    'of %i bytes can be read again',
    async (size) => {
      const fileSystem = createMemoryFileSystem();
      const bytes = seededBytes(size, 2);
      const source = await spool(inChunks(bytes, 65_521), await spaceOn(fileSystem), { maxBytes: size });
      expect(source.sizeBytes).toBe(size);
      expect(await fileSystem.list('/scratch')).toHaveLength(size > SPOOL_MEMORY_SIZE_BYTES ? 1 : 0);
      const into = new Uint8Array(size);
      for (let pass = 0; pass < 2; pass += 1) {
        await source.read(0, into.fill(0));
        expect(sameBytes(into, bytes)).toBe(true);
      }
      await source.close();
      expect(await fileSystem.list('/scratch')).toEqual([]);
    },
  );

  const long = seededBytes(SPOOL_MEMORY_SIZE_BYTES + 200_000, 3);

  it('that is too long is refused, and nothing stays behind', async () => {
    const fileSystem = createMemoryFileSystem();
    let ended = false;
    const endless = (async function* () {
      try {
        for (;;) yield* inChunks(long, 100_000);
      } finally {
        ended = true;
      }
    })();
    await expect(spool(endless, await spaceOn(fileSystem), { maxBytes: 20_000_000 })).rejects.toMatchObject({
      code: 'SOURCE_TOO_LARGE',
      kind: 'invalid',
    });
    expect(ended).toBe(true);
    expect(await fileSystem.list('/scratch')).toEqual([]);
  });

  it('that fails is an error with its reason, and nothing stays behind', async () => {
    const fileSystem = createMemoryFileSystem();
    const failing = (async function* () {
      yield* inChunks(long, 100_000);
      throw new Error('the pipe broke');
    })();
    await expect(spool(failing, await spaceOn(fileSystem), { maxBytes: 1e9 })).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      message: expect.stringContaining('the pipe broke'),
    });
    expect(await fileSystem.list('/scratch')).toEqual([]);
  });

  it('that fills the disk is refused, and nothing stays behind', async () => {
    const fileSystem = createMemoryFileSystem({ capacityBytes: long.length - 100 });
    await expect(spool(inChunks(long, 100_000), await spaceOn(fileSystem), { maxBytes: 1e9 })).rejects.toMatchObject({
      code: 'SCRATCH_FULL',
    });
    expect(await fileSystem.list('/scratch')).toEqual([]);
  });

  it('that hangs can be given up', async () => {
    const fileSystem = createMemoryFileSystem();
    const [hanging, never] = [deferred<void>(), deferred<never>()];
    const stream = (async function* () {
      yield* inChunks(long, 100_000);
      hanging.resolve();
      await never.promise;
    })();
    const stop = new AbortController();
    const spooled = spool(stream, await spaceOn(fileSystem), { maxBytes: 1e9, signal: stop.signal });
    await hanging.promise;
    stop.abort(new Error('enough'));
    await expect(spooled).rejects.toThrow('enough');
    expect(await fileSystem.list('/scratch')).toEqual([]);
  });
});
