/**
 * Keeps a damaged LMDB store from being opened: it is found out before, set aside whole, and a new one begun, into which only those rows are taken
 * that its owner names. The owner makes the rest anew from where it came.
 *
 * Invariants:
 * - A store that was not closed is checked whole before it is opened again: a process that died on a damaged page does not die of it twice. One that was
 *   closed is checked before, too, when that takes less than a second.
 * - What was salvaged is whole or salvaged again: `salvage` stands in the damaged directory until everything is in the new store.
 * - Nothing that was set aside is deleted, but for an older such directory.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { KeyValueOperation, KeyValueStore } from '../key-value-store.ts';
import { LIMITS } from '../limits.ts';
import type { Logger } from '../observe.ts';
import { nodeFileSystem } from './file-system.ts';
import { checkLmdbFile } from './lmdb-check.ts';
import { salvageRows } from './lmdb-salvage.ts';

export interface LmdbRepairOptions {
  /** Tables whose intact rows are taken over; their rows must never change, and removed ones may come back. */
  readonly salvage: readonly string[];
  /** Largest database that is checked before opening although it was closed; default `LIMITS.checkedAtOpenBytes`. */
  readonly checkedAtOpenBytes?: number;
  readonly logger: Logger;
}

/** Stands in the directory of a store from before it is opened until it was closed. */
const OPEN_MARK = 'open';
/** Stands in a damaged directory until its rows were taken over. */
const SALVAGE_MARK = 'salvage';

const SALVAGE_BATCH_BYTES = 1024 * 1024;

/** Where a damaged store is put. */
function asideOf(directory: string): string {
  return `${resolve(directory)}.damaged`;
}

/** Sets the store aside when it must not be opened; marks it as open. */
export async function prepareLmdbStore(directory: string, options: LmdbRepairOptions): Promise<void> {
  const { logger, checkedAtOpenBytes = LIMITS.checkedAtOpenBytes } = options;
  const data = join(directory, 'data.mdb');
  const sizeBytes = existsSync(data) ? (await stat(data)).size : 0;
  const wasClosed = !existsSync(join(directory, OPEN_MARK));
  if (sizeBytes > 0 && !(wasClosed && sizeBytes > checkedAtOpenBytes)) {
    const report = await checkLmdbFile(data);
    if (report.damage === undefined) logger.debug('the database was checked', { directory, ...report });
    else await setAside(directory, report.damage, logger);
  }
  await mkdir(directory, { recursive: true });
  await writeMark(directory, OPEN_MARK);
}

/** To be called when the store was closed and nothing wrong was seen in it. */
export async function markClosed(directory: string): Promise<void> {
  await rm(join(directory, OPEN_MARK), { force: true });
}

/** Takes over what can be had of a store that was set aside, unless that was done before. */
export async function salvageLmdbStore(
  directory: string,
  store: KeyValueStore,
  { salvage, logger }: LmdbRepairOptions,
): Promise<void> {
  const aside = asideOf(directory);
  const mark = join(aside, SALVAGE_MARK);
  if (!existsSync(mark)) return;
  let [operations, sizeBytes, rows]: [KeyValueOperation[], number, number] = [[], 0, 0];
  for await (const row of salvageRows(join(aside, 'data.mdb'), salvage)) {
    operations.push({ kind: 'put', ...row });
    sizeBytes += row.key.length + row.value.length;
    rows += 1;
    if (sizeBytes < SALVAGE_BATCH_BYTES) continue;
    await store.write(operations);
    [operations, sizeBytes] = [[], 0];
  }
  await store.write(operations);
  await rm(mark);
  await nodeFileSystem.syncDirectory(aside);
  logger.warn('rows of the damaged database were taken over', { directory: aside, tables: salvage, rows });
}

async function setAside(directory: string, damage: string, logger: Logger): Promise<void> {
  const aside = asideOf(directory);
  logger.error('the database is damaged; it is set aside, and a new one begun', { directory, aside, damage });
  // A salvage that was cut short goes on from the older one, which has more, once the new store is open.
  if (existsSync(join(aside, SALVAGE_MARK))) {
    await rm(directory, { recursive: true });
  } else {
    await rm(aside, { recursive: true, force: true });
    await writeMark(directory, SALVAGE_MARK);
    await rename(directory, aside);
  }
  await nodeFileSystem.syncDirectory(dirname(resolve(directory)));
}

async function writeMark(directory: string, name: string): Promise<void> {
  const handle = await open(join(directory, name), 'w');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await nodeFileSystem.syncDirectory(directory);
}
