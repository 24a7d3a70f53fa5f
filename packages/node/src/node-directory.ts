/**
 * The identity of a node's directory: which node and network it belongs to, in which format.
 *
 * Invariants: it is written once, when the directory is made, in two copies; a copy that is damaged is written again from the other.
 * A directory of another node, network or format is refused before anything in it is opened.
 */
import { crc32c } from '@floe/kernels';
import { equalBytes, type FileSystem, fromHex, isFloeError, type Rng, toHex, utf8 } from '@floe/platform';
import type { NodeId, ObjectId } from '@floe/protocol';
import { errors } from './errors.ts';
import { STORE_TAG_SIZE } from './segment-log/record.ts';

export const NODE_FORMAT_VERSION = 1;

const FILES = ['node.json', 'node.copy.json'] as const;
/** Far more than an identity has. */
const MAX_FILE_SIZE = 4096;

export interface DirectoryIdentity {
  readonly nodeId: NodeId;
  /** Names the network: each deployment of the contracts has its own. */
  readonly systemObjectId: ObjectId;
}

export interface NodeDirectory extends DirectoryIdentity {
  /** Random bytes that records of this directory's segments begin with. */
  readonly storeTag: Uint8Array;
}

/**
 * Opens the directory, making it when it is new.
 * @throws DIRECTORY_MISMATCH, DIRECTORY_DAMAGED; file-system errors.
 */
export async function openNodeDirectory(
  options: DirectoryIdentity & { readonly directory: string },
  modules: { readonly fileSystem: FileSystem; readonly rng: Rng },
): Promise<NodeDirectory> {
  const { directory, nodeId, systemObjectId } = options;
  const { fileSystem } = modules;
  await fileSystem.makeDirectory(directory);
  const names = await fileSystem.list(directory);
  const copies = await Promise.all(FILES.map((name) => readFile(fileSystem, `${directory}/${name}`)));
  const texts = copies.map((copy) => (copy === undefined ? undefined : intactText(copy)));
  const text = texts[0] ?? texts[1];
  if (text === undefined && (copies.some((copy) => copy !== undefined) || names.includes('slivers'))) {
    const why = 'its node.json and node.copy.json are missing or damaged';
    throw errors.DIRECTORY_DAMAGED({ directory, why });
  }
  const bytes = text ?? serialize({ nodeId, systemObjectId, storeTag: modules.rng.bytes(STORE_TAG_SIZE) });
  const found = parse(directory, bytes);
  expectSame(directory, 'node', nodeId, found.nodeId);
  expectSame(directory, 'the network of system object', systemObjectId, found.systemObjectId);
  for (const [index, name] of FILES.entries()) {
    if (texts[index] === undefined) await writeFile(fileSystem, directory, name, bytes);
  }
  return found;
}

/**
 * The identity of a directory that is only looked at, and the names of its copies that are damaged or missing.
 * @throws DIRECTORY_DAMAGED when none is left, DIRECTORY_MISMATCH for another format
 */
export async function readNodeDirectory(
  directory: string,
  fileSystem: FileSystem,
): Promise<NodeDirectory & { readonly damaged: readonly string[] }> {
  const copies = await Promise.all(FILES.map((name) => readFile(fileSystem, `${directory}/${name}`)));
  const texts = copies.map((copy) => (copy === undefined ? undefined : intactText(copy)));
  const text = texts[0] ?? texts[1];
  if (text === undefined) {
    throw errors.DIRECTORY_DAMAGED({ directory, why: 'its node.json and node.copy.json are missing or damaged' });
  }
  return { ...parse(directory, text), damaged: FILES.filter((_, index) => texts[index] === undefined) };
}

function serialize(identity: NodeDirectory): Uint8Array {
  const { nodeId, systemObjectId, storeTag } = identity;
  const fields = {
    format: 'floe-node',
    version: NODE_FORMAT_VERSION,
    nodeId,
    systemObjectId,
    storeTag: toHex(storeTag),
  };
  return utf8(JSON.stringify({ ...fields, checksum: checksumOf(fields) }, undefined, 2));
}

/** The bytes when they are those of an identity whose checksum matches. */
function intactText(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const { checksum, ...fields } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    return checksum === checksumOf(fields) ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function checksumOf(fields: Record<string, unknown>): string {
  return crc32c(utf8(JSON.stringify(fields)))
    .toString(16)
    .padStart(8, '0');
}

function parse(directory: string, bytes: Uint8Array): NodeDirectory {
  const fields = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string | number>;
  expectSame(directory, 'format', 'floe-node', `${fields['format']}`);
  expectSame(directory, 'format version', `${NODE_FORMAT_VERSION}`, `${fields['version']}`);
  const storeTag = fromHex(`${fields['storeTag']}`);
  if (storeTag?.length !== STORE_TAG_SIZE)
    throw errors.DIRECTORY_DAMAGED({ directory, why: 'its store tag is malformed' });
  return { nodeId: fields['nodeId'] as NodeId, systemObjectId: fields['systemObjectId'] as ObjectId, storeTag };
}

function expectSame(directory: string, what: string, expected: string, came: string): void {
  if (expected !== came) throw errors.DIRECTORY_MISMATCH({ directory, what, expected, came });
}

async function readFile(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  try {
    const handle = await fileSystem.open(path, 'read');
    try {
      const bytes = new Uint8Array(MAX_FILE_SIZE);
      return bytes.slice(0, await handle.read(bytes, 0));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isFloeError(error, 'FILE_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Written beside and renamed, so that a crash leaves the old or the new file. */
async function writeFile(fileSystem: FileSystem, directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${directory}/${name}.new`;
  const handle = await fileSystem.open(temporary, 'write');
  try {
    await handle.truncate(0);
    await handle.write([bytes], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fileSystem.rename(temporary, `${directory}/${name}`);
  await fileSystem.syncDirectory(directory);
  const written = await readFile(fileSystem, `${directory}/${name}`);
  if (written === undefined || !equalBytes(written, bytes)) {
    throw errors.DIRECTORY_DAMAGED({ directory, why: `${name} does not read back as it was written` });
  }
}
