/**
 * One `floe dev` per directory, and one process per storage node. The lock is a file with the holder's process id and
 * start time; a lock whose process is gone (or whose id now belongs to another process) is taken over. A file is removed
 * only by who holds the turn and has read in it that it is its own, or that its process is gone.
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

/** A turn takes milliseconds; a release waits two seconds for its own. */
const TURN_ATTEMPTS = 100;
const TURN_INTERVAL_MS = 20;

interface Holder {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; empty where the system does not tell. */
  readonly started: string;
  /** Whether it is a part of a network that runs in another process, and should end with that. */
  readonly ofNetwork: boolean;
  /** Random: tells this lock from every other one, also from those of the same process. */
  readonly token: string;
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
    const token = (await tryCreate(path, ofNetwork)) ?? (await takeOver(path, ofNetwork));
    if (token !== undefined) {
      let held = true;
      return async () => {
        if (!held) return;
        held = false;
        await release(path, token);
      };
    }
    const holder = await readHolder(path);
    if (typeof holder === 'object' && (await isAlive(holder))) {
      throw cliErrors.DIRECTORY_IN_USE({ directory, pid: holder.pid });
    }
  }
  const holder = await readHolder(path);
  throw cliErrors.DIRECTORY_IN_USE({ directory, pid: typeof holder === 'object' ? holder.pid : 0 });
}

/**
 * Ends a storage node that its network left behind: one that was paused could not notice that its parent was gone. Only
 * a process whose start time is that of the lock is ended; where the system tells no start times it might be any other.
 */
export async function endLeftOver(directory: string): Promise<void> {
  const holder = await readHolder(join(directory, LOCK_FILE));
  if (typeof holder !== 'object' || !holder.ofNetwork || holder.started === '') return;
  if ((await startOf(holder.pid)) !== holder.started) return;
  process.kill(holder.pid, 'SIGKILL');
  for (let attempt = 0; attempt < END_ATTEMPTS && (await startOf(holder.pid)) === holder.started; attempt += 1) {
    await passed(END_INTERVAL_MS);
  }
}

/**
 * The file appears with its contents or not at all: nobody reads half a lock and takes it for a stale one.
 *
 * @returns its token; undefined when there is a lock
 */
async function tryCreate(path: string, ofNetwork: boolean): Promise<string | undefined> {
  const temporary = `${path}.${process.pid}.${randomUUID()}`;
  try {
    const holder: Holder = { pid: process.pid, started: await startOf(process.pid), ofNetwork, token: randomUUID() };
    await writeFile(temporary, JSON.stringify(holder));
    await link(temporary, path);
    return holder.token;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return undefined;
    throw unwritable(path, error);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/**
 * Takes over the lock of a process that is gone. Only one at a time may look and remove, which a directory decides: two
 * that found it stale could otherwise remove it one after the other, the slower one the lock that the faster has made.
 */
async function takeOver(path: string, ofNetwork: boolean): Promise<string | undefined> {
  const turn = turnOf(path);
  if (!(await takeTurn(turn))) return undefined;
  try {
    const holder = await readHolder(path);
    if (typeof holder === 'object' && (await isAlive(holder))) return undefined;
    // Where there was none, there may be one by now, of a process that needed no turn to make it.
    if (holder !== 'absent') await unlink(path).catch(() => undefined);
    return await tryCreate(path, ofNetwork);
  } finally {
    await rmdir(turn).catch(() => undefined);
  }
}

/** Removes the lock if it is the one of that token. */
async function release(path: string, token: string): Promise<void> {
  const turn = turnOf(path);
  let isTaken = false;
  for (let attempt = 0; attempt < TURN_ATTEMPTS && !isTaken; attempt += 1) {
    if (attempt > 0) await passed(TURN_INTERVAL_MS);
    // Of a directory that is gone, or that cannot be written to any more, there is nothing to give back.
    const taken = await takeTurn(turn).catch(() => undefined);
    if (taken === undefined) return;
    isTaken = taken;
  }
  try {
    // Without the turn, too: nobody takes over the lock of a process that lives.
    const holder = await readHolder(path);
    if (typeof holder === 'object' && holder.token === token) await unlink(path).catch(() => undefined);
  } finally {
    if (isTaken) await rmdir(turn).catch(() => undefined);
  }
}

function turnOf(path: string): string {
  return `${path}.turn`;
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

async function readHolder(path: string): Promise<Holder | 'absent' | 'damaged'> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    if (typeof value.pid !== 'number') return 'damaged';
    const { pid, started = '', ofNetwork, token = '' } = value;
    return { pid, started, ofNetwork: ofNetwork === true, token };
  } catch (error) {
    return systemErrorCode(error) === 'ENOENT' ? 'absent' : 'damaged';
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

function passed(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
