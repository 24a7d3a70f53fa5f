import { spawn } from 'node:child_process';
import fs, { access, mkdtemp, readdir, rm, writeFile, readFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { endLeftOver, lockDirectory } from '../src/dev/lock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-lock-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the lock of a directory', () => {
  it('is refused to a second holder, naming the first', async () => {
    const release = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'DIRECTORY_IN_USE',
      data: { pid: process.pid },
    });
    await release();
    await release();
    await (
      await lockDirectory(directory)
    )();
  });

  it('goes to the next one after it was given back', async () => {
    await (
      await lockDirectory(directory)
    )();
    const release = await lockDirectory(directory);
    await release();
  });

  it('is taken over from a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    await writeFile(join(directory, 'lock'), JSON.stringify({ pid: child.pid, started: '1' }));
    const release = await lockDirectory(directory);
    await release();
  });

  it('is taken over when the process id now belongs to another process', async () => {
    await writeFile(join(directory, 'lock'), JSON.stringify({ pid: process.pid, started: 'another start' }));
    const release = await lockDirectory(directory);
    await release();
  });

  it.each(['no lock', 'a stale lock', 'a damaged lock'])(
    'goes to one of many that come at once to %s',
    async (what) => {
      const path = join(directory, 'lock');
      for (let round = 0; round < 10; round += 1) {
        if (what === 'a stale lock') await writeFile(path, JSON.stringify({ pid: process.pid, started: 'another' }));
        if (what === 'a damaged lock') await writeFile(path, '{"pi');
        const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)));
        const taken = attempts.filter((attempt) => attempt.status === 'fulfilled');
        expect(taken).toHaveLength(1);
        for (const attempt of attempts) {
          if (attempt.status === 'rejected') expect(attempt.reason).toMatchObject({ code: 'DIRECTORY_IN_USE' });
        }
        await taken[0]?.value();
        expect(await readdir(directory)).toEqual([]);
      }
    },
  );

  it('is not removed by one who saw none, when another has made it since', async () => {
    const path = join(directory, 'lock');
    await (
      await lockDirectory(directory)
    )();
    const other = { pid: process.pid, started: '', token: 'of another' };
    await writeFile(path, JSON.stringify(other));
    const original = fs.readFile;
    let looks = 0;
    const read = vi.spyOn(fs, 'readFile').mockImplementation((async (file: string, ...rest: ['utf8']) => {
      if (file !== path || (looks += 1) > 1) return original(file, ...rest);
      // It is given back just before it is looked at, and made by another one just after.
      await rm(path);
      const seen = await access(path).catch((error: unknown) => error);
      await writeFile(path, JSON.stringify(other));
      throw seen;
    }) as typeof fs.readFile);
    const restoreRead = () => {
      read.mockRestore();
      syncBuiltinESMExports();
    };
    onTestFinished(restoreRead);
    syncBuiltinESMExports();
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'DIRECTORY_IN_USE' });
    restoreRead();
    expect(looks).toBeGreaterThan(1);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(other);
  });

  it('is not removed by one who held it before', async () => {
    const release = await lockDirectory(directory);
    const path = join(directory, 'lock');
    const first = await readFile(path, 'utf8');
    const { pid, started } = JSON.parse(first) as { pid: number; started: string };
    const other = JSON.stringify({ pid, started, ofNetwork: false, token: 'of another' });
    await writeFile(path, other);
    await release();
    expect(await readFile(path, 'utf8')).toBe(other);
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'DIRECTORY_IN_USE' });
  });

  it('is taken over when the file is damaged', async () => {
    await writeFile(join(directory, 'lock'), '{"pi');
    const release = await lockDirectory(directory);
    await release();
  });

  it('lets only what a network left behind be ended, and only the very process', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.once('spawn', resolve));
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const lock = join(directory, 'lock');
    for (const holder of [
      { pid: child.pid, started, ofNetwork: false },
      { pid: child.pid, started: '', ofNetwork: true },
      { pid: child.pid, started: `${started}0`, ofNetwork: true },
    ]) {
      await writeFile(lock, JSON.stringify(holder));
      await endLeftOver(directory);
      expect(child.exitCode ?? child.signalCode).toBeNull();
    }
    await writeFile(lock, JSON.stringify({ pid: child.pid, started, ofNetwork: true }));
    await endLeftOver(directory);
    await exited;
    expect(child.signalCode).toBe('SIGKILL');
  });
});
