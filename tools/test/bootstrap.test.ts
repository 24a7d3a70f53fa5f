import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installedAsLocked } from '../bootstrap/installed.mjs';
import { withLock } from '../bootstrap/lock.mjs';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'floe-bootstrap-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('the lock of the bootstrap', () => {
  const silent = () => undefined;

  it('is there while the work runs and gone afterwards, also when the work fails', async () => {
    const path = join(directory, 'lock');
    await withLock(path, silent, async () => expect(existsSync(path)).toBe(true));
    expect(existsSync(path)).toBe(false);
    await expect(withLock(path, silent, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(path)).toBe(false);
  });

  it('lets one process work at a time', async () => {
    const script = join(directory, 'worker.mjs');
    const module = new URL('../bootstrap/lock.mjs', import.meta.url).href;
    writeFileSync(
      script,
      `import { mkdirSync, rmdirSync } from 'node:fs';
import { withLock } from ${JSON.stringify(module)};
await withLock(${JSON.stringify(join(directory, 'lock'))}, () => {}, async () => {
  mkdirSync(${JSON.stringify(join(directory, 'inside'))});
  await new Promise((resolve) => setTimeout(resolve, 30));
  rmdirSync(${JSON.stringify(join(directory, 'inside'))});
}, { pollMs: 5 });`,
    );
    const codes = await Promise.all(
      Array.from(
        { length: 4 },
        async () => (await once(spawn(process.execPath, [script], { stdio: 'inherit' }), 'exit')) as [number],
      ),
    );
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0]);
  });

  it('takes over from a process that died', async () => {
    const path = join(directory, 'lock');
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    writeFileSync(path, String(child.pid));
    let ran = false;
    await withLock(path, silent, async () => {
      ran = true;
    });
    expect(ran).toBe(true);
  });

  it('takes over from a number that was given to another program since', async () => {
    const path = join(directory, 'lock');
    writeFileSync(path, String(process.ppid));
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(path, longAgo, longAgo);
    await withLock(path, silent, async () => undefined);
    expect(existsSync(path)).toBe(false);
  });

  it('says once that it waits, and for whom', async () => {
    const path = join(directory, 'lock');
    writeFileSync(path, String(process.ppid));
    const told: string[] = [];
    const work = withLock(
      path,
      (text: string) => {
        told.push(text);
        rmSync(path);
      },
      async () => undefined,
      { pollMs: 1 },
    );
    await work;
    expect(told).toEqual([`waiting for another build (process ${process.ppid})`]);
  });
});

describe('what is installed', () => {
  const entry = (version: string, more: object = {}): object => ({ version, integrity: `sha512-${version}`, ...more });
  const installed = (locked: object, found: object | undefined): boolean => {
    writeFileSync(
      join(directory, 'package-lock.json'),
      JSON.stringify({ packages: { '': {}, 'packages/a': {}, ...locked } }),
    );
    mkdirSync(join(directory, 'node_modules'), { recursive: true });
    if (found !== undefined) {
      writeFileSync(join(directory, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: found }));
    }
    return installedAsLocked(directory) as boolean;
  };

  it('is compared with what is locked, package by package', () => {
    const locked = {
      'node_modules/a': entry('1.0.0'),
      'node_modules/other-machine': entry('2.0.0', { optional: true }),
    };
    expect(installed(locked, undefined)).toBe(false);
    expect(installed(locked, { 'node_modules/a': entry('1.0.0') })).toBe(true);
    expect(installed(locked, { 'node_modules/a': entry('1.0.1') })).toBe(false);
    expect(installed(locked, {})).toBe(false);
    expect(installed(locked, { 'node_modules/a': entry('1.0.0'), 'node_modules/extra': entry('1.0.0') })).toBe(false);
  });
});
