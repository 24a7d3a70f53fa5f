/** What every {@link FileSystem} must do. */
import { type FileHandle, type FileSystem, utf8 } from '@floe/platform';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface FileSystemFixture {
  readonly fileSystem: FileSystem;
  /** An empty directory. */
  readonly root: string;
  dispose(): Promise<void>;
}

/** Declares the suite; call it at the top level of a test file. */
export function fileSystemCompliance(name: string, make: () => Promise<FileSystemFixture>): void {
  describe(`${name} is a file system`, () => {
    let fixture: FileSystemFixture;
    let fs: FileSystem;
    let root: string;
    beforeEach(async () => {
      fixture = await make();
      fs = fixture.fileSystem;
      root = fixture.root;
    });
    afterEach(async () => {
      await fixture.dispose();
    });

    const content = async (file: FileHandle): Promise<string> => {
      const target = new Uint8Array(await file.size());
      expect(await file.read(target, 0)).toBe(target.length);
      return new TextDecoder().decode(target);
    };

    it('writes parts one after another and reads them back', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.write([utf8('abc'), new Uint8Array(0), utf8('def')], 0);
      await file.write([utf8('X')], 2);
      expect(await content(file)).toBe('abXdef');
      await file.close();
      await file.close();
    });

    it('writes more parts than one system call takes', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.write(
        Array.from({ length: 3000 }, (_, index) => utf8(String(index % 10))),
        5,
      );
      expect(await file.size()).toBe(3005);
      const target = new Uint8Array(3000);
      await file.read(target, 5);
      expect(new TextDecoder().decode(target)).toBe('0123456789'.repeat(300));
      await file.close();
    });

    it('reads less only at the end of the file', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.write([utf8('hello')], 0);
      const target = new Uint8Array(10);
      expect(await file.read(target, 2)).toBe(3);
      expect(await file.read(target, 5)).toBe(0);
      expect(await file.read(target, 500)).toBe(0);
      await file.close();
    });

    it('fills gaps with zeros, also where a file was cut and grew again', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.write([utf8('abcdef')], 0);
      await file.truncate(2);
      await file.write([utf8('z')], 5);
      expect(await content(file)).toBe('ab\0\0\0z');
      await file.truncate(8);
      expect(await file.size()).toBe(8);
      await file.close();
    });

    it('tells that a file was written to or cut', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.write([utf8('abc')], 0);
      const first = await file.lastChange();
      await file.read(new Uint8Array(3), 0);
      expect(await file.lastChange()).toBe(first);
      const other = await fs.open(`${root}/file`, 'write');
      await other.write([utf8('d')], 3);
      const second = await file.lastChange();
      expect(second).not.toBe(first);
      await other.truncate(2);
      expect(await file.lastChange()).not.toBe(second);
      await Promise.all([file.close(), other.close()]);
    });

    it('opens by mode', async () => {
      const path = `${root}/file`;
      await expect(fs.open(path, 'read')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', data: { path } });
      const made = await fs.open(path, 'write');
      await made.write([utf8('kept')], 0);
      await made.close();
      await expect(fs.open(path, 'create')).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      const again = await fs.open(path, 'write');
      expect(await content(again)).toBe('kept');
      await again.close();
      const reader = await fs.open(path, 'read');
      await expect(reader.write([utf8('x')], 0)).rejects.toMatchObject({ code: 'IO_FAILED' });
      await reader.close();
    });

    it('refuses to use a closed file', async () => {
      const file = await fs.open(`${root}/file`, 'create');
      await file.close();
      await expect(file.read(new Uint8Array(1), 0)).rejects.toMatchObject({ code: 'IO_FAILED' });
    });

    it('makes directories with their parents, and lists names in order', async () => {
      await fs.makeDirectory(`${root}/a/b/c`);
      await fs.makeDirectory(`${root}/a/b/c`);
      for (const name of ['2', '10', '1']) await (await fs.open(`${root}/a/b/${name}`, 'create')).close();
      expect(await fs.list(`${root}/a/b`)).toEqual(['1', '10', '2', 'c']);
      await fs.syncDirectory(`${root}/a/b`);
      await expect(fs.list(`${root}/missing`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
      await expect(fs.open(`${root}/missing/file`, 'create')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    });

    it('renames over an existing file and removes', async () => {
      const old = await fs.open(`${root}/old`, 'create');
      await old.write([utf8('new content')], 0);
      await old.sync();
      await old.close();
      await (await fs.open(`${root}/target`, 'create')).close();
      await fs.rename(`${root}/old`, `${root}/target`);
      expect(await fs.list(root)).toEqual(['target']);
      const moved = await fs.open(`${root}/target`, 'read');
      expect(await content(moved)).toBe('new content');
      await moved.close();
      await fs.remove(`${root}/target`);
      expect(await fs.list(root)).toEqual([]);
      await expect(fs.remove(`${root}/target`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
      await expect(fs.rename(`${root}/target`, `${root}/x`)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    });

    it('says how much room there is', async () => {
      expect(await fs.freeBytes(root)).toBeGreaterThan(0);
    });
  });
}
