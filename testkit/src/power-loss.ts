/** Runs processes on a file system that forgets what was not synced; see ../native/power-loss.c. */
import { execFile } from 'node:child_process';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCE = fileURLToPath(new URL('../native/power-loss.c', import.meta.url));

export interface PowerLoss {
  /** The directory that processes use. Its path stays the same through failures. */
  readonly live: string;
  /** For the environment of processes that use `live`. */
  readonly env: Readonly<Record<string, string>>;
  /** After all processes were killed: puts `live` back to what had been synced. */
  fail(): Promise<void>;
}

/**
 * Prepares `directory` for {@link PowerLoss}; needs a C compiler (`cc`).
 *
 * @param directory - an empty directory of the caller's
 */
export async function createPowerLoss(directory: string): Promise<PowerLoss> {
  const library = join(directory, 'power-loss.so');
  const live = join(directory, 'live');
  const durable = join(directory, 'durable');
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O2', '-o', library, SOURCE, '-ldl', '-lpthread']);
  await mkdir(live);
  await mkdir(durable);
  return {
    live,
    env: { LD_PRELOAD: library, FLOE_POWER_LIVE: live, FLOE_POWER_DURABLE: durable },
    fail: async () => {
      const lost = join(directory, 'lost');
      await rename(live, lost);
      await cp(durable, live, { recursive: true });
      await rm(lost, { recursive: true });
    },
  };
}
