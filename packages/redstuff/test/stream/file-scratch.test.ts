import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryFileSystem, type MemoryFileSystem } from '@floe/platform/memory';
import { openScratchSpace, systemProcesses } from '../../src/node/scratch.ts';
import { openFileScratchSpace } from '../../src/stream/file-scratch.ts';
import { createMemoryScratchSpace } from '../../src/stream/memory-scratch.ts';
import type { ScratchSpace } from '../../src/stream/ports.ts';
import { seededBytes } from '../helpers.ts';

const processes = { own: 'host.1.me', isAlive: (owner: string) => owner !== 'host.2.dead' };

async function spaceOn(fileSystem: MemoryFileSystem): Promise<ScratchSpace> {
  return await openFileScratchSpace({ directory: '/scratch' }, { fileSystem, processes });
}

describe.each([
  ['in files', async () => await spaceOn(createMemoryFileSystem({ capacityBytes: 10_000 }))],
  ['in memory', async () => createMemoryScratchSpace({ maxBytes: 10_000 })],
] as const)('a scratch %s', (_name, open) => {
  it('gives back what was written, and zeros where nothing was', async () => {
    const space = await open();
    const [first, second] = [await space.open(2000), await space.open(100)];
    const bytes = seededBytes(1500, 1);
    await first.write(300, bytes);
    await second.write(0, seededBytes(100, 2));
    await first.write(3000, bytes.subarray(0, 10)); // beyond what was said
    const read = new Uint8Array(4000).fill(1);
    await first.read(0, read);
    const expected = new Uint8Array(4000);
    expected.set(bytes, 300);
    expected.set(bytes.subarray(0, 10), 3000);
    expect(read).toEqual(expected);
    await space.close();
  });

  it('refuses what there is no room for, and has the room again when it is closed', async () => {
    const space = await open();
    const scratch = await space.open(9000);
    await expect(space.open(1001)).rejects.toMatchObject({ code: 'SCRATCH_FULL', kind: 'exhausted' });
    await scratch.write(0, new Uint8Array(9000));
    await expect(scratch.write(9000, new Uint8Array(1001))).rejects.toMatchObject({ code: 'SCRATCH_FULL' });
    await scratch.close();
    await scratch.close();
    await (await space.open(10_000)).close();
    await space.close();
    await space.close();
  });
});

describe('scratch files', () => {
  it('are for their owner alone, and so is their directory', async () => {
    const fileSystem = createMemoryFileSystem();
    await fileSystem.makeDirectory('/shared');
    const space = await spaceOn(fileSystem);
    await space.open(10);
    const [name] = await fileSystem.list('/scratch');
    const paths = ['/scratch', `/scratch/${name}`, '/shared'];
    expect(paths.map((path) => fileSystem.isPrivate(path))).toEqual([true, true, false]);
    await space.close();
  });

  it('are gone when they or their space are closed', async () => {
    const fileSystem = createMemoryFileSystem();
    const space = await spaceOn(fileSystem);
    const [first] = [await space.open(10), await space.open(10)];
    expect(await fileSystem.list('/scratch')).toHaveLength(2);
    await first.close();
    expect(await fileSystem.list('/scratch')).toHaveLength(1);
    await space.close();
    expect(await fileSystem.list('/scratch')).toEqual([]);
  });

  it('of processes that are no more are removed at the next start; others and strange files stay', async () => {
    const fileSystem = createMemoryFileSystem();
    await fileSystem.makeDirectory('/scratch');
    const names = ['floe-scratch_host.2.dead_1', 'floe-scratch_host.3.alive_1', 'floe-scratch_', 'notes.txt'];
    for (const name of names) await (await fileSystem.open(`/scratch/${name}`, 'create')).close();
    const space = await spaceOn(fileSystem);
    expect(await fileSystem.list('/scratch')).toEqual([names[2], names[1], names[3]]);
    await space.close();
  });

  it('that cannot be removed do not keep a process from starting', async () => {
    const fileSystem = createMemoryFileSystem();
    await fileSystem.makeDirectory('/scratch');
    await (await fileSystem.open('/scratch/floe-scratch_host.2.dead_1', 'create')).close();
    fileSystem.failNext('remove');
    await (await spaceOn(fileSystem)).close();
    expect(await fileSystem.list('/scratch')).toHaveLength(1);
  });

  it('say what went wrong with them', async () => {
    const fileSystem = createMemoryFileSystem();
    const scratch = await (await spaceOn(fileSystem)).open(10);
    fileSystem.failNext('write');
    await expect(scratch.write(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'IO_FAILED' });
  });
});

describe('scratch files of Node.js processes', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'floe-scratch-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('are removed once their process was killed, and not before', async () => {
    const script = `
      const { openScratchSpace } = await import(${JSON.stringify(new URL('../../dist/node/index.js', import.meta.url))});
      const scratch = await (await openScratchSpace({ directory: process.argv[1] })).open(100);
      await scratch.write(0, new Uint8Array(100));
      process.stdout.write('ready');
      process.stdin.resume();
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await (await openScratchSpace({ directory })).close();
    expect(await readdir(directory)).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await openScratchSpace({ directory })).close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('of an earlier process with the number of this one are not mistaken for its own', async () => {
    const [machine, pid] = systemProcesses.own.split('.');
    await writeFile(join(directory, `floe-scratch_${machine}.${pid}.earlier_1`), 'left');
    await writeFile(join(directory, `floe-scratch_another-machine.${pid}.earlier_1`), 'not ours to judge');
    const space = await openScratchSpace({ directory });
    const scratch = await space.open(1);
    await (await openScratchSpace({ directory })).close();
    expect(await readdir(directory)).toEqual([
      `floe-scratch_another-machine.${pid}.earlier_1`,
      expect.stringContaining(systemProcesses.own),
    ]);
    await scratch.close();
    expect(await readdir(directory)).toHaveLength(1);
    await space.close();
  });
});
