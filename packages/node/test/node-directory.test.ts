import { crc32c } from '@floe/kernels';
import { utf8 } from '@floe/platform';
import { createMemoryFileSystem, seededRng } from '@floe/platform/memory';
import { parseObjectId } from '@floe/protocol';
import { expect, it } from 'vitest';
import { NODE_FORMAT_VERSION, openNodeDirectory } from '../src/node-directory.ts';

const identity = { directory: '/node', nodeId: parseObjectId('0x1'), systemObjectId: parseObjectId('0x2') };
const FILES = ['node.json', 'node.copy.json'];

/** A file system with a directory whose identity was written by a program that changed `fields`. */
async function directoryWith(fields: object) {
  const fileSystem = createMemoryFileSystem();
  const rng = seededRng('node directory');
  await openNodeDirectory(identity, { fileSystem, rng });
  const text = await read(fileSystem, 'node.json');
  const { checksum: _checksum, ...known } = JSON.parse(text) as Record<string, unknown>;
  const changed = { ...known, ...fields };
  const checksum = crc32c(utf8(JSON.stringify(changed)))
    .toString(16)
    .padStart(8, '0');
  for (const name of FILES) {
    const handle = await fileSystem.open(`/node/${name}`, 'write');
    await handle.truncate(0);
    await handle.write([utf8(JSON.stringify({ ...changed, checksum }))], 0);
    await handle.close();
  }
  return { fileSystem, rng };
}

async function read(fileSystem: ReturnType<typeof createMemoryFileSystem>, name: string): Promise<string> {
  const handle = await fileSystem.open(`/node/${name}`, 'read');
  const bytes = new Uint8Array(await handle.size());
  await handle.read(bytes, 0);
  await handle.close();
  return new TextDecoder().decode(bytes);
}

it.each([
  ['format version', { version: NODE_FORMAT_VERSION + 1 }, String(NODE_FORMAT_VERSION + 1)],
  ['format', { format: 'another program' }, 'another program'],
])('a directory of another %s is refused and stays as it was', async (what, fields, came) => {
  const modules = await directoryWith(fields);
  const before = await read(modules.fileSystem, 'node.json');
  await expect(openNodeDirectory(identity, modules)).rejects.toMatchObject({
    code: 'DIRECTORY_MISMATCH',
    kind: 'conflict',
    data: { what, came },
  });
  expect(await read(modules.fileSystem, 'node.json')).toBe(before);
});

it('a directory written by this program opens again with the same tag', async () => {
  const modules = await directoryWith({});
  const first = await openNodeDirectory(identity, modules);
  expect(await openNodeDirectory(identity, modules)).toEqual(first);
});
