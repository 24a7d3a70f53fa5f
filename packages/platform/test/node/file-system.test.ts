import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSystemCompliance } from '@floe/testkit';
import { nodeFileSystem } from '../../src/node/file-system.ts';

fileSystemCompliance('Node.js', async () => {
  const root = await mkdtemp(join(tmpdir(), 'floe-files-'));
  return { fileSystem: nodeFileSystem, root, dispose: () => rm(root, { recursive: true }) };
});
