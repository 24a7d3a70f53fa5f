/**
 * A node's directory out of a backup. Everything is compared with the manifest while it is copied; the configuration
 * comes last, so that what was not restored whole cannot be started.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { cliErrors, systemErrorCode } from '../errors.ts';
import { readNodeSettings } from '../node-config.ts';
import { copyFile, syncDirectories } from './copy.ts';
import { digestFile, type Manifest, type ManifestFile, readManifest } from './manifest.ts';

export interface RestoreOptions {
  readonly backup: string;
  /** A new or empty directory. */
  readonly directory: string;
  /** Leave segments out that are damaged: the node has what they held healed. */
  readonly skipDamaged: boolean;
}

export interface RestoreReport {
  readonly name: string;
  readonly nodeId: string;
  readonly createdMs: number;
  readonly config: string;
  readonly dataDirectory: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** Damaged segments that were left out. */
  readonly skipped: readonly string[];
}

/** @throws BACKUP_INVALID, BACKUP_DAMAGED, DIRECTORY_NOT_EMPTY */
export async function restore(
  { backup, directory, skipDamaged }: RestoreOptions,
  {
    onProgress,
    signal,
  }: { readonly onProgress: (files: number, ofFiles: number) => void; readonly signal: AbortSignal },
): Promise<RestoreReport> {
  const manifest = await readManifest(backup);
  const configFile = configOf(manifest, backup);
  const source = join(backup, configFile.path);
  if (!(await matches(source, configFile, signal))) {
    throw cliErrors.BACKUP_DAMAGED({ directory: backup, files: [configFile.path] });
  }
  // The data go where the configuration has them, seen from its new place.
  const { dataDirectory: oldData } = await readNodeSettings(source);
  const oldHome = dirname(source);
  const dataDirectory = oldData.startsWith(`${oldHome}/`)
    ? resolve(directory, oldData.slice(oldHome.length + 1))
    : oldData;
  for (const each of [directory, dataDirectory]) await refuseUsed(each);
  const placeOf = (path: string): string =>
    path.startsWith('data/') ? join(dataDirectory, path.slice(5)) : join(directory, path.slice(5));
  const others = manifest.files.filter((file) => file !== configFile);
  const skipped: string[] = [];
  const written: string[] = [];
  let sizeBytes = 0;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const file of [...others, configFile]) {
      const to = placeOf(file.path);
      const isSecret = file.path.startsWith('home/') && file !== configFile;
      written.push(to);
      const intact = await restoreFile(join(backup, file.path), to, file, { mode: isSecret ? 0o600 : 0o644, signal });
      if (!intact) {
        if (!skipDamaged || !file.path.startsWith('data/slivers/')) {
          throw cliErrors.BACKUP_DAMAGED({ directory: backup, files: [file.path] });
        }
        await rm(to, { force: true });
        written.pop();
        skipped.push(file.path);
      } else sizeBytes += file.sizeBytes;
      onProgress(written.length + skipped.length, manifest.files.length);
    }
    await chmod(directory, 0o700);
    await syncDirectories(new Set([...written.map(dirname), dirname(directory)]));
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    throw error;
  }
  const { name, nodeId, createdMs } = manifest;
  const files = written.length;
  return { name, nodeId, createdMs, config: placeOf(configFile.path), dataDirectory, files, sizeBytes, skipped };
}

/** Compares every file with the manifest. @throws BACKUP_INVALID, BACKUP_DAMAGED naming all that differ */
export async function checkBackup(
  backup: string,
  {
    onProgress,
    signal,
  }: { readonly onProgress: (files: number, ofFiles: number) => void; readonly signal: AbortSignal },
): Promise<Manifest> {
  const manifest = await readManifest(backup);
  const bad: string[] = [];
  for (const [index, file] of manifest.files.entries()) {
    if (!(await matches(join(backup, file.path), file, signal))) bad.push(file.path);
    onProgress(index + 1, manifest.files.length);
  }
  if (bad.length > 0) throw cliErrors.BACKUP_DAMAGED({ directory: backup, files: bad });
  return manifest;
}

function configOf(manifest: Manifest, directory: string): ManifestFile {
  const file = manifest.files.find(({ path }) => path === manifest.config);
  if (file === undefined) throw cliErrors.BACKUP_INVALID({ directory, detail: 'it has no configuration' });
  return file;
}

/** Whether the copy is what the manifest says. */
async function restoreFile(
  from: string,
  to: string,
  file: ManifestFile,
  options: { readonly mode: number; readonly signal: AbortSignal },
): Promise<boolean> {
  try {
    const copied = await copyFile(from, to, options);
    return copied.sizeBytes === file.sizeBytes && copied.sha256 === file.sha256;
  } catch (error) {
    if (isUnreadable(error, from)) return false;
    throw error;
  }
}

async function matches(path: string, file: ManifestFile, signal: AbortSignal): Promise<boolean> {
  try {
    const { sizeBytes, sha256 } = await digestFile(path, signal);
    return sizeBytes === file.sizeBytes && sha256 === file.sha256;
  } catch (error) {
    if (isUnreadable(error, path)) return false;
    throw error;
  }
}

/** Missing, or unreadable for the disk. */
function isUnreadable(error: unknown, path: string): boolean {
  const code = systemErrorCode(error) ?? '';
  const itself = error instanceof Error && 'path' in error ? error.path === path : true;
  return code === 'EIO' || (code === 'ENOENT' && itself);
}

async function refuseUsed(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const [first] = names;
  if (first !== undefined) throw cliErrors.DIRECTORY_NOT_EMPTY({ directory, holds: first });
}
