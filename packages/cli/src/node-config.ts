/**
 * A storage node's configuration file, `node.json`, and its keys. Paths in it are relative to the file. Unknown
 * fields are refused: a misspelt limit must not pass in silence.
 */
import { chmod, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fromBase64, toBase64 } from '@floe/platform';
import { parseObjectId, type ObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { z } from 'zod';
import { cliErrors, systemErrorCode } from './errors.ts';
import { readWallet, writeSecretFile } from './wallet.ts';

const FORMAT = 'floe-node';
const FORMAT_VERSION = 1;

const objectId = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, 'not an object id (0x and 64 lower-case hex digits)')
  .transform((text): ObjectId => parseObjectId(text));

/** FROST or bytes: more than a JSON number holds exactly. */
const amount = z.string().regex(/^\d{1,20}$/, 'not a whole number in quotes');

const nodeConfigSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  name: z.string().min(1),
  region: z.string().min(1),
  nodeId: objectId,
  listen: z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) }),
  ledger: z.strictObject({ url: z.url(), systemObjectId: objectId, stakingObjectId: objectId }),
  blsKeyFile: z.string().min(1),
  /** The wallet of the account that holds the node's cap; without it the node does nothing on the ledger. */
  operatorKeyFile: z.string().min(1).optional(),
  dataDirectory: z.string().min(1),
  /** What the node votes for and takes; what is left out stays as it is on the ledger. */
  parameters: z
    .strictObject({
      storagePrice: amount.optional(),
      writePrice: amount.optional(),
      capacity: amount.optional(),
      commissionBasisPoints: z.int().min(0).max(10_000).optional(),
    })
    .optional(),
  /** Stores stop when the volume has fewer free bytes; what is left pays for deletes and compaction. */
  reserveBytes: z.int().min(0).optional(),
});

type NodeConfigFile = z.infer<typeof nodeConfigSchema>;

/** The checked configuration, with absolute paths and the key read. */
export interface NodeConfig extends Omit<
  NodeConfigFile,
  'format' | 'version' | 'blsKeyFile' | 'operatorKeyFile' | 'dataDirectory'
> {
  readonly path: string;
  readonly dataDirectory: string;
  /** 32 bytes, big-endian. */
  readonly blsSecretKey: Uint8Array;
  readonly operator: Ed25519Keypair | undefined;
}

/** Reads and checks a node's configuration. @throws DIRECTORY_FOREIGN, FILE_UNREADABLE */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw cliErrors.DIRECTORY_FOREIGN({ directory: path, detail: 'it is not JSON' }, error);
  }
  const parsed = nodeConfigSchema.safeParse(value);
  if (!parsed.success) {
    const detail = parsed.error.issues
      .map((issue) => `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`)
      .join('; ');
    throw cliErrors.DIRECTORY_FOREIGN({ directory: path, detail });
  }
  const { format: _format, version: _version, blsKeyFile, operatorKeyFile, dataDirectory, ...rest } = parsed.data;
  const base = dirname(path);
  return {
    ...rest,
    path,
    dataDirectory: resolve(base, dataDirectory),
    blsSecretKey: await readBlsKey(resolve(base, blsKeyFile)),
    operator: operatorKeyFile === undefined ? undefined : await readOperator(resolve(base, operatorKeyFile)),
  };
}

async function readOperator(path: string): Promise<Ed25519Keypair> {
  const wallet = await readWallet(path);
  if (wallet === undefined) throw cliErrors.FILE_UNREADABLE({ path, detail: 'ENOENT' });
  return wallet.keypair;
}

/** The configuration at `path`; undefined when there is none. @throws DIRECTORY_FOREIGN, FILE_UNREADABLE */
export async function readNodeConfigIfAny(path: string): Promise<NodeConfig | undefined> {
  try {
    return await readNodeConfig(path);
  } catch (error) {
    if (error instanceof Error && systemErrorCode(error.cause) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a node's configuration whole or not at all. */
export async function writeNodeConfig(
  path: string,
  config: Omit<z.input<typeof nodeConfigSchema>, 'format' | 'version'>,
): Promise<void> {
  const file = { format: FORMAT, version: FORMAT_VERSION, ...config };
  await writeSecretFile(path, `${JSON.stringify(file, null, 2)}\n`);
  await chmod(path, 0o644);
}

/** Key files hold base64 of a scheme byte (4 for BLS12-381) and the 32 bytes of the key, as Walrus writes them. */
const BLS_SCHEME = 0x04;

export async function writeBlsKey(path: string, secretKey: Uint8Array): Promise<void> {
  await writeSecretFile(path, `${toBase64(Uint8Array.of(BLS_SCHEME, ...secretKey))}\n`);
}

export async function readBlsKey(path: string): Promise<Uint8Array> {
  const bytes = fromBase64((await readText(path)).trim());
  if (bytes === undefined || bytes.length !== 33 || bytes[0] !== BLS_SCHEME) {
    throw cliErrors.DIRECTORY_FOREIGN({
      directory: path,
      detail: 'a BLS key file holds base64 of the byte 4 and a 32-byte key',
    });
  }
  return bytes.slice(1);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw cliErrors.FILE_UNREADABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
}
