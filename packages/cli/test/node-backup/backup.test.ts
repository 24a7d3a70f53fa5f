/** Backups of a node's directory on a real disk, without a node: what is shared, what is copied, what is refused. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SegmentLog, storedSegments } from '@floe/node';
import { noMetrics, silentLogger } from '@floe/platform';
import { type CopyableStore, nodeFileSystem, openLmdbStore } from '@floe/platform/node';
import { seededRng } from '@floe/platform/memory';
import { type BlobId, blobIdFromBytes, type Epoch, type ShardIndex } from '@floe/protocol';
import { temporaryDirectory } from '@floe/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backUp, type BackupOptions, type BackupReport } from '../../src/node-backup/backup.ts';
import { MANIFEST_FILE } from '../../src/node-backup/manifest.ts';
import { checkBackup, restore } from '../../src/node-backup/restore.ts';
import { type NodeSettings, readNodeSettings, writeNodeConfig } from '../../src/node-config.ts';

const NODE = `0x${'1'.repeat(64)}`;
const PAYLOAD_BYTES = 3000;
const { signal } = new AbortController();
const quiet = { onProgress: () => undefined, signal };

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let settings: NodeSettings;
let store: CopyableStore;
let log: SegmentLog;
let stored = 0;

async function openLog(directory: string, database: CopyableStore): Promise<SegmentLog> {
  const limits = {
    reserveBytes: 0,
    segmentBytes: 6000,
    commitBatchBytes: 4000,
    commitQueueBytes: 100_000,
    openReadSegments: 4,
    openWriteSegments: 4,
  };
  const options = {
    directory: `${directory}/slivers`,
    nodeId: new Uint8Array(32),
    storeTag: new Uint8Array(8).fill(7),
    limits,
  };
  return SegmentLog.open(options, {
    fileSystem: nodeFileSystem,
    store: database,
    logger: silentLogger,
    metrics: noMetrics,
  });
}

const blobOf = (number: number): BlobId => blobIdFromBytes(new Uint8Array(32).fill(number));
const keyOf = (number: number) => ({ blobId: blobOf(number), shard: 0 as ShardIndex, axis: 'primary' as const });
const payloadOf = (number: number): Uint8Array => seededRng(`payload ${number}`).bytes(PAYLOAD_BYTES);

async function storeMore(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    stored += 1;
    await log.put(keyOf(stored), payloadOf(stored), 9 as Epoch);
  }
}

function back(destination: string, options: Partial<BackupOptions> = {}): Promise<BackupReport> {
  const order = { destination: join(home.path, destination), ...options };
  return backUp(order, { settings, store, nowMs: () => 1_700_000_000_000, ...quiet });
}

beforeEach(async () => {
  home = await temporaryDirectory('backup');
  const node = join(home.path, 'node');
  await mkdir(join(node, 'data'), { recursive: true });
  await writeNodeConfig(join(node, 'node.json'), {
    name: 'north',
    nodeId: NODE,
    'ledger.url': 'http://127.0.0.1:1',
    'ledger.systemObjectId': NODE,
    'ledger.stakingObjectId': NODE,
    operatorKeyFile: join(home.path, 'elsewhere.json'),
  });
  await writeFile(join(node, 'bls.key'), 'secret', { mode: 0o600 });
  for (const name of ['node.json', 'node.copy.json']) await writeFile(join(node, 'data', name), 'identity');
  settings = await readNodeSettings(join(node, 'node.json'));
  store = await openLmdbStore({ directory: join(node, 'data', 'db') });
  stored = 0;
  log = await openLog(settings.dataDirectory, store);
  await storeMore(4);
});

afterEach(async () => {
  await log.close();
  await store.close();
  await home.remove();
});

describe('a backup', () => {
  it('restores everything that was stored when it was made, while the node goes on', async () => {
    const report = await back('one');
    const kept = stored;
    await storeMore(4);
    expect(report.keysElsewhere).toEqual([join(home.path, 'elsewhere.json')]);
    const to = join(home.path, 'restored');
    const restored = await restore({ backup: report.destination, directory: to, skipDamaged: false }, quiet);
    expect(restored).toMatchObject({ name: 'north', nodeId: NODE, config: join(to, 'node.json'), skipped: [] });
    expect((await stat(join(to, 'bls.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    const copy = await openLmdbStore({ directory: join(to, 'data', 'db') });
    const copyLog = await openLog(join(to, 'data'), copy);
    for (let number = 1; number <= kept; number += 1)
      expect(await copyLog.get(keyOf(number))).toEqual(payloadOf(number));
    expect(copyLog.status()).toMatchObject({ slivers: kept, damaged: 0 });
    await copyLog.close();
    await copy.close();
  });

  it('shares closed segments with the node, or copies all; nothing that may change is shared', async () => {
    const linksOf = async (backup: string): Promise<number[]> =>
      Promise.all(
        storedSegments(store).map(async ({ name }) => (await stat(join(backup, 'data', 'slivers', name))).nlink),
      );
    const sealed = storedSegments(store).filter((segment) => segment.sealed).length;
    expect(sealed).toBeGreaterThan(0);
    const shared = await back('shared');
    expect((await linksOf(shared.destination)).filter((links) => links > 1)).toHaveLength(sealed);
    const copied = await back('copied', { copy: true });
    expect(new Set(await linksOf(copied.destination))).toEqual(new Set([1]));
    expect(copied.sizeBytes).toBe(shared.sizeBytes);
    expect(copied.copiedBytes).toBe(copied.sizeBytes);
    expect(shared.copiedBytes).toBeLessThan(shared.sizeBytes);
  });

  it('shares with the one before what has not changed since, and survives its deletion', async () => {
    const one = await back('one', { copy: true });
    await storeMore(2);
    const two = await back('two', { copy: true, previous: one.destination });
    expect(two.copiedBytes).toBeLessThan(two.sizeBytes);
    await rm(one.destination, { recursive: true });
    await checkBackup(two.destination, quiet);
  });

  it('goes only into an empty directory, and is none before its manifest is there', async () => {
    const { destination } = await back('one');
    await expect(back('one')).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    await rm(join(destination, MANIFEST_FILE));
    const order = { backup: destination, directory: join(home.path, 'to'), skipDamaged: true };
    await expect(restore(order, quiet)).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
    await expect(back('two', { previous: destination })).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
  });
});

describe('a restoration', () => {
  async function spoiled(path: string): Promise<string> {
    const { destination } = await back('spoiled', { copy: true });
    const file = join(destination, path);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await writeFile(file, bytes);
    return destination;
  }

  it('refuses a directory that holds anything', async () => {
    const { destination } = await back('one');
    const to = join(home.path, 'to');
    await mkdir(to);
    await writeFile(join(to, 'x'), '');
    const order = { backup: destination, directory: to, skipDamaged: false };
    await expect(restore(order, quiet)).rejects.toMatchObject({ code: 'DIRECTORY_NOT_EMPTY' });
    expect(await readdir(to)).toEqual(['x']);
  });

  it('refuses whatever does not match the manifest, and leaves nothing that could be started', async () => {
    const [segment] = storedSegments(store);
    for (const path of ['data/db/data.mdb', 'home/node.json', 'home/bls.key', `data/slivers/${segment?.name}`]) {
      const backup = await spoiled(path);
      const to = join(home.path, 'to');
      const order = { backup, directory: to, skipDamaged: false };
      await expect(restore(order, quiet), path).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
        data: { files: [path] },
      });
      await expect(checkBackup(backup, quiet)).rejects.toMatchObject({
        code: 'BACKUP_DAMAGED',
        data: { files: [path] },
      });
      await expect(stat(join(to, 'node.json')), path).rejects.toMatchObject({ code: 'ENOENT' });
      await rm(backup, { recursive: true });
      await rm(to, { recursive: true, force: true });
    }
    const backup = await spoiled(MANIFEST_FILE);
    const order = { backup, directory: join(home.path, 'to'), skipDamaged: true };
    await expect(restore(order, quiet)).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
  });

  it('leaves damaged segments out when it is told to, and nothing else', async () => {
    const [segment] = storedSegments(store);
    const path = `data/slivers/${segment?.name}`;
    const to = join(home.path, 'to');
    const report = await restore({ backup: await spoiled(path), directory: to, skipDamaged: true }, quiet);
    expect(report.skipped).toEqual([path]);
    const copy = await openLmdbStore({ directory: join(to, 'data', 'db') });
    const copyLog = await openLog(join(to, 'data'), copy);
    const { slivers } = copyLog.status();
    expect(slivers).toBeGreaterThan(0);
    expect(slivers).toBeLessThan(stored);
    await copyLog.close();
    await copy.close();
  });
});
