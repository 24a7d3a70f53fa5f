import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSystemCompliance } from '@floe/testkit';
import { expect, it } from 'vitest';
import { nodeFileSystem } from '../../src/node/file-system.ts';

fileSystemCompliance('Node.js', async () => {
  const root = await mkdtemp(join(tmpdir(), 'floe-files-'));
  return { fileSystem: nodeFileSystem, root, dispose: () => rm(root, { recursive: true }) };
});

it('makes private files and directories for their owner alone, and leaves those that are there as they are', async () => {
  const root = await mkdtemp(join(tmpdir(), 'floe-files-'));
  const modeOf = async (path: string): Promise<number> => (await stat(join(root, path))).mode & 0o777;
  const make = async (path: string): Promise<void> =>
    (await nodeFileSystem.open(join(root, path), 'write', 'private')).close();
  try {
    await mkdir(join(root, 'there'));
    await chmod(join(root, 'there'), 0o755);
    await nodeFileSystem.makeDirectory(join(root, 'there/new/deep'), 'private');
    await make('there/file');
    expect(await Promise.all(['there', 'there/new', 'there/new/deep', 'there/file'].map(modeOf))).toEqual([
      0o755, 0o700, 0o700, 0o600,
    ]);
    await chmod(join(root, 'there/file'), 0o644);
    await make('there/file');
    expect(await modeOf('there/file')).toBe(0o644);
  } finally {
    await rm(root, { recursive: true });
  }
});
