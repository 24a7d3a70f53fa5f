import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@floe/platform';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeParts } from '../src/files.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'floe-files-'));
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

const at = (path: string): string => join(home, path);
const write = (path: string) => writeParts(at(path), [utf8('new '), utf8('content')]);
const content = (path: string): Promise<string> => readFile(at(path), 'utf8');

describe('writing parts to a file', () => {
  it('follows a symbolic link, and the next one, and leaves both as they are', async () => {
    await mkdir(at('deep'));
    await writeFile(at('deep/target'), 'old');
    await symlink('deep/second', at('first'));
    await symlink('target', at('deep/second'));
    expect(await write('first')).toBe(11);
    expect(await content('deep/target')).toBe('new content');
    expect([await readlink(at('first')), await readlink(at('deep/second'))]).toEqual(['deep/second', 'target']);
    expect(await readdir(at('deep'))).toEqual(['second', 'target']);
  });

  it('makes the file that a symbolic link to nothing names', async () => {
    await mkdir(at('real/deep'), { recursive: true });
    await symlink('real/deep', at('directory'));
    await symlink('directory/../file', at('link'));
    await write('link');
    expect(await content('real/file')).toBe('new content');
    expect((await lstat(at('link'))).isSymbolicLink()).toBe(true);
  });

  it('refuses symbolic links in a circle', async () => {
    await symlink('b', at('a'));
    await symlink('a', at('b'));
    await expect(write('a')).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', data: { path: at('a') } });
    expect(await readdir(home)).toEqual(['a', 'b']);
  });

  it.each([0o600, 0o640, 0o755, 0o666])('keeps mode %o of the file that it replaces', async (mode) => {
    await writeFile(at('file'), 'old');
    await chmod(at('file'), mode);
    await write('file');
    expect(await content('file')).toBe('new content');
    expect((await stat(at('file'))).mode & 0o777).toBe(mode);
  });

  it('takes a name as long as names can be', async () => {
    const name = 'ü'.repeat(127);
    await write(name);
    expect(await content(name)).toBe('new content');
    await expect(write(`${name}ü`)).rejects.toMatchObject({ data: { detail: 'its name is too long' } });
    expect(await readdir(home)).toEqual([name]);
  });
});
