import { type Logger, noMetrics, silentLogger } from '@floe/platform';
import { createMemoryFileSystem, createVirtualTime } from '@floe/platform/memory';
import { type BlobId, blobIdFromU256 } from '@floe/protocol';
import { expect, it } from 'vitest';
import { DenyListFile, parseDenyList } from '../src/deny-list.ts';

const [first, second, third] = [1n, 2n, 3n].map((id) => blobIdFromU256(id)) as [BlobId, BlobId, BlobId];
const PATH = '/etc/deny-list';

async function setUp(text: string) {
  const fileSystem = createMemoryFileSystem();
  await fileSystem.makeDirectory('/etc');
  const write = async (contents: string) => {
    const file = await fileSystem.open(PATH, 'write');
    await file.truncate(0);
    await file.write([new TextEncoder().encode(contents)], 0);
    await file.close();
  };
  await write(text);
  const errors: string[] = [];
  const logger: Logger = { ...silentLogger, error: (message) => void errors.push(message) };
  const time = createVirtualTime({ startMs: 0 });
  const open = (limits = {}) =>
    DenyListFile.open({ path: PATH, limits }, { fileSystem, scheduler: time, logger, metrics: noMetrics });
  return { fileSystem, write, time, open, errors };
}

it('takes one blob id a line, or a YAML list, with comments', () => {
  const plain = parseDenyList(PATH, `# by order of the court\n\n${first}\n${second}   # the second\r\n`);
  expect([...plain]).toEqual([first, second]);
  expect([...parseDenyList(PATH, `---\n- ${first}\n- "${second}"\n- '${third}'\n`)]).toEqual([first, second, third]);
  expect([...parseDenyList(PATH, '[]\n')]).toEqual([]);
  for (const [text, line] of [
    ['not a blob id', 1],
    [`${first}\n${second.slice(1)}`, 2],
    [`- "${first}'`, 1],
    [`${first} ${second}`, 1],
  ] as const) {
    expect(() => parseDenyList(PATH, text)).toThrow(`line ${line} is no blob id`);
  }
});

it('follows the file while the node runs, and keeps the last good list when it cannot be read', async () => {
  const { fileSystem, write, time, open, errors } = await setUp(`${first}\n`);
  const list = await open({ denyListReloadMs: 1000 });
  const denied = () => [first, second].map((id) => list.has(id));
  expect(denied()).toEqual([true, false]);
  await write(`${second}\n`);
  expect(denied()).toEqual([true, false]);
  await time.advance(1000);
  expect(denied()).toEqual([false, true]);
  await write('nonsense?\n');
  await time.advance(1000);
  expect(denied()).toEqual([false, true]);
  expect(errors).toHaveLength(1);
  await fileSystem.remove(PATH);
  await time.advance(1000);
  expect(denied()).toEqual([false, true]);
  expect(errors).toHaveLength(2);
  await write(`${first}\n${second}\n`);
  await time.advance(1000);
  expect(denied()).toEqual([true, true]);
  await list.close();
  await list.close();
  await write('');
  await time.advance(10_000);
  expect(denied()).toEqual([true, true]);
});

it('a node does not start with a list that is missing, malformed or too large', async () => {
  const { fileSystem, write, open } = await setUp('nonsense?\n');
  await expect(open()).rejects.toMatchObject({ code: 'DENY_LIST_INVALID', kind: 'invalid' });
  await write(`${first}\n`);
  await expect(open({ denyListBytes: 40 })).rejects.toMatchObject({ code: 'DENY_LIST_INVALID' });
  await fileSystem.remove(PATH);
  await expect(open()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
