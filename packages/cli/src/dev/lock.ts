/**
 * One `floe dev` per directory, and one process per storage node. The lock is a file with the holder's process id and
 * start time; a lock whose process is gone (or whose id now belongs to another process) is taken over.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cliErrors, systemErrorCode } from '../errors.ts';
import { unwritable } from '../files.ts';

const LOCK_FILE = 'lock';

/** A killed process is gone within milliseconds; two seconds are for a machine that is busy. */
const END_ATTEMPTS = 100;
const END_INTERVAL_MS = 20;

const TURN_MAX_MS = 10_000;

interface Holder {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; empty where the system does not tell. */
  readonly started: string;
  /** Whether it is a part of a network that runs in another process, and should end with that. */
  readonly ofNetwork: boolean;
}

/**
 * Takes the lock of `directory`, which must exist; returns the function that gives it back.
 *
 * @throws DIRECTORY_IN_USE
 */
export async function lockDirectory(
  directory: string,
  { ofNetwork = false }: { readonly ofNetwork?: boolean } = {},
): Promise<() => Promise<void>> {
  const path = join(directory, LOCK_FILE);
  // Two attempts: the second after another one took over a stale lock, or was seen doing so.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    if ((await tryCreate(path, ofNetwork)) || (await takeOver(path, ofNetwork))) {
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
  }
  const holder = await readHolder(path);
  throw cliErrors.DIRECTORY_IN_USE({ directory, pid: holder?.pid ?? 0 });
}

/**
 * Ends a storage node that its network left behind: one that was paused could not notice that its parent was gone. Only
 * a process whose start time is that of the lock is ended; where the system tells no start times it might be any other.
 */
export async function endLeftOver(directory: string): Promise<void> {
  const holder = await readHolder(join(directory, LOCK_FILE));
  if (holder?.ofNetwork !== true || holder.started === '' || (await startOf(holder.pid)) !== holder.started) return;
  process.kill(holder.pid, 'SIGKILL');
  for (let attempt = 0; attempt < END_ATTEMPTS && (await startOf(holder.pid)) === holder.started; attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, END_INTERVAL_MS));
  }
}

/** The file appears with its contents or not at all: nobody reads half a lock and takes it for a stale one. */
async function tryCreate(path: string, ofNetwork: boolean): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomUUID()}`;
  try {
    const holder: Holder = { pid: process.pid, started: await startOf(process.pid), ofNetwork };
    await writeFile(temporary, JSON.stringify(holder));
    await link(temporary, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw unwritable(path, error);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/**
 * Takes over the lock of a process that is gone. Only one at a time may look and remove, which a directory decides: two
 * that found it stale could otherwise remove it one after the other, the slower one the lock that the faster has made.
 */
async function takeOver(path: string, ofNetwork: boolean): Promise<boolean> {
  const turn = `${path}.turn`;
  if (!(await takeTurn(turn))) return false;
  try {
    const holder = await readHolder(path);
    if (holder !== undefined && (await isAlive(holder))) return false;
    await unlink(path).catch(() => undefined);
    return await tryCreate(path, ofNetwork);
  } finally {
    await rmdir(turn).catch(() => undefined);
  }
}

/** A turn takes milliseconds; one that is left over from a process that ended in it is taken away after a while. */
async function takeTurn(turn: string): Promise<boolean> {
  try {
    await mkdir(turn);
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw unwritable(turn, error);
  }
  const since = await stat(turn).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );
  if (Date.now() - since > TURN_MAX_MS) await rmdir(turn).catch(() => undefined);
  return false;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    if (typeof value.pid !== 'number') return undefined;
    return { pid: value.pid, started: value.started ?? '', ofNetwork: value.ofNetwork === true };
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
