/**
 * One process at a time. The lock is a file that names its holder's process; the holder touches it while it works, so
 * that the lock of a process that died is recognised, even when its number was given to another program since.
 */
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';

const TOUCH_MS = 2_000;
const STALE_MS = 30_000;
const POLL_MS = 200;

/**
 * Runs `work` while holding the lock.
 *
 * @param {string} path
 * @param {(text: string) => void} say told once when it must wait
 * @param {() => Promise<void>} work
 * @param {{ staleMs?: number, pollMs?: number }} [options]
 */
export async function withLock(path, say, work, options = {}) {
  const release = await acquire(path, say, options);
  try {
    await work();
  } finally {
    release();
  }
}

async function acquire(path, say, { staleMs = STALE_MS, pollMs = POLL_MS }) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  let told = false;
  for (;;) {
    try {
      // A link appears with its content in one step, or fails because the name is taken.
      linkSync(own, path);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = holderOf(path);
    if (holder !== undefined && isStale(path, holder, staleMs)) {
      takeAway(path, holder);
      continue;
    }
    if (holder !== undefined && !told) say(`waiting for another build (process ${holder})`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  rmSync(own);
  const touch = setInterval(() => utimesSync(path, new Date(), new Date()), TOUCH_MS);
  const release = () => {
    clearInterval(touch);
    process.off('exit', release);
    if (holderOf(path) === String(process.pid)) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return release;
}

function holderOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isStale(path, holder, staleMs) {
  try {
    process.kill(Number(holder), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return true;
  }
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > staleMs;
}

/** Removes a dead holder's lock, and not the one that somebody else took in the meantime. */
function takeAway(path, holder) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== holder) linkSync(aside, path);
  } catch {
    // Somebody was quicker.
  }
  rmSync(aside, { force: true });
}
