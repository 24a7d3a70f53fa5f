/** `floe node gc`, `backup`, `restore` and `verify`. */
import { join, resolve } from 'node:path';
import { type VerificationReport, verifyDirectory } from '@floe/node';
import { type CopyableStore, nodeFileSystem, openLmdbStore, systemClock } from '@floe/platform/node';
import { createWorkerCodec } from '@floe/redstuff/node';
import { dirname } from 'node:path';
import { lockDirectory } from '../dev/lock.ts';
import { cliErrors } from '../errors.ts';
import { askAtLength, askCollection } from '../node-admin.ts';
import { type BackupProgress, type BackupReport, backUp } from '../node-backup/backup.ts';
import { checkBackup, restore } from '../node-backup/restore.ts';
import { findNodeConfig, readNodeSettings, type NodeSettings } from '../node-config.ts';
import { formatBytes, type Output } from '../output.ts';

export interface NodeOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** The settings of the node that the options name. */
export async function namedNode({ config }: NodeOptions): Promise<NodeSettings> {
  return readNodeSettings(await findNodeConfig(config), { env: process.env });
}

export async function runNodeGc(
  options: NodeOptions & { readonly dryRun?: boolean },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const settings = await namedNode(options);
  const isDryRun = options.dryRun === true;
  const report = await askCollection(settings, isDryRun, signal);
  if (report === undefined) throw cliErrors.NODE_OFFLINE({ node: settings.name });
  if (report === null)
    throw cliErrors.NODE_NOT_READY({ node: settings.name, detail: 'it has not caught up with its ledger yet' });
  const { epoch, rows, blobs, slivers, movedSlivers, segments, postponedSegments, freedBytes } = report;
  output.line(`${isDryRun ? 'a collection would give' : 'gave'} back ${formatBytes(freedBytes)} in epoch ${epoch}`);
  output.line(
    `  ${rows} rows, metadata of ${blobs} blobs, ${slivers} slivers; ${segments} segments rewritten or deleted, ${movedSlivers} slivers moved`,
  );
  if (postponedSegments > 0)
    output.line(`  ${postponedSegments} segments were left, as the disk is full or fails; the node's log says more`);
  output.result({ isDryRun, ...report });
}

export async function runNodeBackup(
  destination: string,
  options: NodeOptions & { readonly previous?: string; readonly copy?: boolean },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const settings = await namedNode(options);
  const { previous } = options;
  const order = {
    destination: resolve(destination),
    ...(previous === undefined ? {} : { previous: resolve(previous) }),
    copy: options.copy === true,
  };
  const progress = output.progress(`backing up ${settings.name}`);
  const onProgress = (at: BackupProgress | null): void => {
    if (at !== null) progress.update('copying', at.files / at.ofFiles, ` ${at.files} of ${at.ofFiles} files`);
  };
  let report: BackupReport;
  try {
    const nowMs = (): number => systemClock.nowMs();
    report =
      (await askAtLength<BackupReport, BackupProgress | null>(settings, '/backup', order, onProgress, signal)) ??
      (await whileStopped(settings, (store) => backUp(order, { settings, store, onProgress, nowMs, signal })));
  } finally {
    progress.done();
  }
  output.line(`backed up ${settings.name} to ${report.destination}`);
  output.line(
    `  ${report.files} files, ${formatBytes(report.sizeBytes)}, of which ${formatBytes(report.copiedBytes)} took new room`,
  );
  for (const path of report.keysElsewhere) output.warn(`${path} is not in the node's directory, and not in the backup`);
  output.result(report);
}

export async function runNodeRestore(
  backup: string,
  directory: string,
  options: { readonly skipDamaged?: boolean },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const order = { backup: resolve(backup), directory: resolve(directory), skipDamaged: options.skipDamaged === true };
  const progress = output.progress('restoring');
  const onProgress = (files: number, ofFiles: number): void =>
    progress.update('comparing', files / ofFiles, ` ${files} of ${ofFiles} files`);
  const report = await restore(order, { onProgress, signal }).finally(() => progress.done());
  const { name, config, createdMs, files, sizeBytes, skipped } = report;
  output.line(
    `restored ${name} as it was at ${new Date(createdMs).toISOString()}: ${files} files, ${formatBytes(sizeBytes)}`,
  );
  for (const path of skipped) output.warn(`${path} is damaged and was left out; the node will have its slivers healed`);
  output.line(`  start it: floe node run --config ${config}`);
  output.line('  it catches up with the ledger and heals what came after the backup; never run it twice at once');
  output.result(report);
}

export async function runNodeVerify(
  options: NodeOptions & { readonly backup?: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  if (options.backup !== undefined) return verifyBackup(resolve(options.backup), output, signal);
  const settings = await namedNode(options);
  const directory = settings.dataDirectory;
  const progress = output.progress(`verifying ${settings.name}`);
  const codec = createWorkerCodec({});
  let report: VerificationReport;
  try {
    report = await whileStopped(settings, (store) =>
      verifyDirectory(
        { directory },
        {
          store,
          fileSystem: nodeFileSystem,
          codec,
          signal,
          onProgress: ({ doneBytes, ofBytes }) =>
            progress.update('segments', ofBytes === 0 ? 1 : doneBytes / ofBytes, ` ${formatBytes(doneBytes)}`),
        },
      ),
    );
  } finally {
    progress.done();
    await codec.close();
  }
  const { rows, segments, bytes, slivers, withoutMetadata, metadata, findings, findingCount } = report;
  output.line(`read ${rows} rows and ${segments} segments (${formatBytes(bytes)}) of ${settings.name}`);
  output.line(
    `  ${slivers} slivers in use, ${slivers - withoutMetadata} compared with their Merkle roots; ${metadata} metadata`,
  );
  for (const finding of findings) output.line(`  damaged: ${finding}`);
  if (findingCount > findings.length) output.line(`  and ${findingCount - findings.length} more`);
  output.result({ node: settings.name, ...report });
  if (!report.intact) throw cliErrors.NODE_DAMAGED({ directory, findings: findingCount });
  output.line('everything is intact');
}

async function verifyBackup(backup: string, output: Output, signal: AbortSignal): Promise<void> {
  const progress = output.progress('verifying the backup');
  const onProgress = (files: number, ofFiles: number): void =>
    progress.update('comparing', files / ofFiles, ` ${files} of ${ofFiles} files`);
  const manifest = await checkBackup(backup, { onProgress, signal }).finally(() => progress.done());
  const { name, nodeId, createdMs, files } = manifest;
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  output.line(
    `the backup of ${name} of ${new Date(createdMs).toISOString()} is intact: ${files.length} files, ${formatBytes(sizeBytes)}`,
  );
  output.result({ backup, name, nodeId, createdMs, files: files.length, sizeBytes, intact: true });
}

/** Opens the database of a node that does not run, and keeps it from being started meanwhile. @throws DIRECTORY_IN_USE */
async function whileStopped<T>(settings: NodeSettings, work: (store: CopyableStore) => Promise<T>): Promise<T> {
  const directory = join(settings.dataDirectory, 'db');
  // Opening would make one that is not there.
  await nodeFileSystem.list(directory);
  const unlock = await lockDirectory(dirname(settings.path));
  try {
    const store = await openLmdbStore({ directory });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } finally {
    await unlock();
  }
}
