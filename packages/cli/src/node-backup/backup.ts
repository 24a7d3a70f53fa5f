/**
 * A consistent copy of a node's directory, while the node runs or while it does not.
 *
 * Order makes it consistent: first the database as it is at one moment, then of each segment that it speaks of as much as is durable
 * by then, which is at least what the database knows. What a segment has beyond that the node indexes when it
 * opens, as after a crash. The caller sees to it that no segment goes meanwhile.
 *
 * Segments that are never written to again get a second name where the volume allows, or share the file of the backup before;
 * everything else is copied.
 */
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { type StoredSegment, storedSegments } from '@floe/node';
import type { CopyableStore } from '@floe/platform/node';
import { cliErrors } from '../errors.ts';
import { unwritable } from '../files.ts';
import type { NodeSettings } from '../node-config.ts';
import { writeSecretFile } from '../wallet.ts';
import { copyFile, syncDirectories, tryLink } from './copy.ts';
import { digestFile, MANIFEST_FILE, manifestText, readManifest, type ManifestFile } from './manifest.ts';

export interface BackupOptions {
  /** A new or empty directory. */
  readonly destination: string;
  /** An earlier backup, whose files are shared where they are the same. */
  readonly previous?: string | undefined;
  /** Copy everything: a file with two names is lost twice with its disk. */
  readonly copy?: boolean | undefined;
}

export interface BackupReport {
  readonly destination: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** Bytes that took new room. */
  readonly copiedBytes: number;
  /** Keys that are not in the node's directory, and therefore not in the backup. */
  readonly keysElsewhere: readonly string[];
}

export interface BackupProgress {
  readonly files: number;
  readonly ofFiles: number;
  readonly doneBytes: number;
}

interface BackupModules {
  readonly settings: NodeSettings;
  readonly store: CopyableStore;
  readonly onProgress: (progress: BackupProgress) => void;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** @throws DIRECTORY_NOT_EMPTY, BACKUP_INVALID, FILE_UNWRITABLE; nothing that was copied counts before the manifest is written */
export async function backUp(options: BackupOptions, modules: BackupModules): Promise<BackupReport> {
  const { destination } = options;
  const { settings, store, signal } = modules;
  const { previous } = options;
  const before = previous === undefined ? undefined : await readManifest(previous);
  await makeEmpty(destination);
  const database = join(destination, 'data', 'db');
  await mkdir(database, { recursive: true });
  await store.copyTo(database);
  const segments = storedSegments(store);
  const shared = new Map((before?.files ?? []).filter(({ isFinal }) => isFinal).map((file) => [file.path, file]));
  const { home, elsewhere } = await homeFiles(settings);
  const identity = (await readdir(settings.dataDirectory)).filter((name) => /^node(?:\.copy)?\.json$/.test(name));
  const files: ManifestFile[] = [];
  let copiedBytes = 0;
  const add = (file: ManifestFile, isNew: boolean): void => {
    files.push(file);
    if (isNew) copiedBytes += file.sizeBytes;
    const ofFiles = home.length + identity.length + segments.length + 1;
    modules.onProgress({
      files: files.length,
      ofFiles,
      doneBytes: files.reduce((sum, each) => sum + each.sizeBytes, 0),
    });
  };
  for (const name of await readdir(database)) {
    if (name === 'lock.mdb') continue;
    const copied = await digestFile(join(database, name), signal);
    add({ path: `data/db/${name}`, ...copied, isFinal: false }, true);
  }
  for (const name of identity) {
    const copied = await copyFile(join(settings.dataDirectory, name), join(destination, 'data', name), { signal });
    add({ path: `data/${name}`, ...copied, isFinal: false }, true);
  }
  for (const segment of segments) {
    const [file, isNew] = await takeSegment(segment, shared, options, modules);
    add(file, isNew);
  }
  for (const path of home) {
    const name = relative(dirname(settings.path), path);
    const copied = await copyFile(path, join(destination, 'home', name), { mode: 0o600, signal });
    add({ path: `home/${name}`, ...copied, isFinal: false }, true);
  }
  await syncDirectories(new Set(files.map(({ path }) => dirname(join(destination, path)))));
  const { name, nodeId = '' } = settings;
  const config = `home/${basename(settings.path)}`;
  await writeSecretFile(
    join(destination, MANIFEST_FILE),
    manifestText({ name, config, nodeId, createdMs: modules.nowMs(), files }),
  );
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { destination, files: files.length, sizeBytes, copiedBytes, keysElsewhere: elsewhere };
}

/** The segment's file in the backup, and whether it took new room. */
async function takeSegment(
  { name, durableSize, sealed }: StoredSegment,
  shared: ReadonlyMap<string, ManifestFile>,
  { destination, previous, copy = false }: BackupOptions,
  { settings, signal }: BackupModules,
): Promise<[ManifestFile, isNew: boolean]> {
  const path = `data/slivers/${name}`;
  const [from, to] = [join(settings.dataDirectory, 'slivers', name), join(destination, path)];
  const before = shared.get(path);
  if (previous !== undefined && before?.sizeBytes === durableSize && (await tryLink(join(previous, path), to))) {
    return [before, false];
  }
  // One whose file is longer than what is durable may be cut when the node opens: it is copied up to there.
  const isFinal = sealed && (await stat(from)).size === durableSize;
  if (isFinal && !copy && (await tryLink(from, to))) {
    const linked = await digestFile(to, signal);
    return [{ path, ...linked, isFinal: true }, false];
  }
  const copied = await copyFile(from, to, { sizeBytes: durableSize, signal });
  return [{ path, ...copied, isFinal: sealed }, true];
}

/** The configuration, and the keys that are in its directory. */
async function homeFiles(settings: NodeSettings): Promise<{ home: string[]; elsewhere: string[] }> {
  const base = dirname(settings.path);
  const keys = settings.keyFiles;
  const isInside = (path: string): boolean => !relative(base, path).startsWith('..');
  const found: string[] = [];
  for (const path of keys.filter(isInside)) {
    const exists = await readFile(path).then(
      () => true,
      () => false,
    );
    if (exists) found.push(path);
  }
  return { home: [settings.path, ...found], elsewhere: keys.filter((path) => !isInside(path)) };
}

async function makeEmpty(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const [first] = await readdir(directory);
    if (first !== undefined) throw cliErrors.DIRECTORY_NOT_EMPTY({ directory, holds: first });
  } catch (error) {
    throw error instanceof Error && error.name === 'FloeError' ? error : unwritable(directory, error);
  }
}
