import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
