/**
 * One `floe dev` per directory. The lock is a file with the holder's process id and start time; a lock whose process
 * is gone (or whose id now belongs to another process) is taken over.
 */
import { open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cliErrors, systemErrorCode } from '../errors.ts';

const LOCK_FILE = 'lock';

interface Holder {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; empty where the system does not tell. */
  readonly started: string;
}

/**
 * Takes the lock of `directory`, which must exist; returns the function that gives it back.
 *
 * @throws DIRECTORY_IN_USE
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, LOCK_FILE);
  // Two attempts: the second after removing a stale lock. Losing the race for it means that another one holds it.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if (await tryCreate(path)) {
      let held = true;
      return async () => {
        if (!held) return;
        held = false;
        await unlink(path).catch(() => undefined);
      };
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await isAlive(holder))) {
      throw cliErrors.DIRECTORY_IN_USE({ directory, pid: holder.pid });
    }
    await unlink(path).catch(() => undefined);
  }
  const holder = await readHolder(path);
  throw cliErrors.DIRECTORY_IN_USE({ directory, pid: holder?.pid ?? 0 });
}

/** The process that holds the lock of `directory`, if one does. */
export async function lockHolder(directory: string): Promise<number | undefined> {
  const holder = await readHolder(join(directory, LOCK_FILE));
  return holder !== undefined && (await isAlive(holder)) ? holder.pid : undefined;
}

async function tryCreate(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify({ pid: process.pid, started: await startOf(process.pid) }));
    await file.close();
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw cliErrors.FILE_UNWRITABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    return typeof value.pid === 'number' ? { pid: value.pid, started: value.started ?? '' } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
  const started = await startOf(holder.pid);
  return started === '' || holder.started === '' || started === holder.started;
}

/** Field 22 of /proc/PID/stat, counted after the command name, which may itself hold spaces and parentheses. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
