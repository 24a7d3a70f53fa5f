/**
 * What a backup of a node's directory holds, in `backup.json`, which is written last: a directory without it is none.
 *
 *     backup.json    this list: size and SHA-256 of every file, and a checksum of the list itself
 *     home/          the configuration, and the keys that are beside it
 *     data/          identity, database and segments, as in the node's data directory
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cliErrors, systemErrorCode } from '../errors.ts';

export const MANIFEST_FILE = 'backup.json';

const FORMAT = 'floe-node-backup';
const FORMAT_VERSION = 1;

/** No part may lead out of the directory. */
const filePath = z.string().regex(/^(?:home|data)(?:\/(?!\.\.?(?:\/|$))[^/\0]+)+$/);

const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  name: z.string(),
  /** Path of the node's configuration. */
  config: filePath,
  nodeId: z.string(),
  createdMs: z.int(),
  files: z.array(
    z.strictObject({
      path: filePath,
      sizeBytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      /** Never changes any more in the node: the next backup may share it. */
      isFinal: z.boolean(),
    }),
  ),
  checksum: z.string(),
});

export type Manifest = Omit<z.infer<typeof manifestSchema>, 'format' | 'version' | 'checksum'>;
export type ManifestFile = Manifest['files'][number];

export function manifestText(manifest: Manifest): string {
  const whole = { format: FORMAT, version: FORMAT_VERSION, ...manifest };
  return `${JSON.stringify({ ...whole, checksum: checksumOf(manifest) }, null, 2)}\n`;
}

/** @throws BACKUP_INVALID */
export async function readManifest(directory: string): Promise<Manifest> {
  const invalid = (detail: string, cause?: unknown): Error => cliErrors.BACKUP_INVALID({ directory, detail }, cause);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(directory, MANIFEST_FILE), 'utf8'));
  } catch (error) {
    const code = systemErrorCode(error);
    throw invalid(code === 'ENOENT' ? `it has no ${MANIFEST_FILE}` : `its ${MANIFEST_FILE} cannot be read`, error);
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${MANIFEST_FILE}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { format: _format, version: _version, checksum, ...manifest } = parsed.data;
  if (checksum !== checksumOf(manifest)) throw invalid(`${MANIFEST_FILE} does not match its checksum`);
  return manifest;
}

function checksumOf({ name, config, nodeId, createdMs, files }: Manifest): string {
  const lines = files.map(({ path, sizeBytes, sha256, isFinal }) => JSON.stringify([path, sizeBytes, sha256, isFinal]));
  return createHash('sha256')
    .update(JSON.stringify([name, config, nodeId, createdMs, ...lines]))
    .digest('hex');
}

/** SHA-256 and size of a file as it is read. */
export async function digestFile(path: string, signal: AbortSignal): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
    hash.update(chunk as Uint8Array);
    sizeBytes += (chunk as Uint8Array).length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}
