/** The keys of a storage node in its directory, made once: BLS for what it signs, P-256 for its connections. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@floe/platform';
import { systemErrorCode } from './errors.ts';
import { generateBlsSecretKey, generateNetworkKey, networkPublicKeyOf } from './keys.ts';
import { readBlsKey, readNetworkSecretKey, writeBlsKey } from './node-config.ts';
import { writeSecretFile } from './wallet.ts';

export const BLS_KEY_FILE = 'bls.key';
/** The wallet of the account that owns the node. */
export const OPERATOR_WALLET_FILE = 'operator.json';
const NETWORK_KEY_FILE = 'network.key';

export interface NodeKeys {
  /** 32 bytes. */
  readonly blsSecretKey: Uint8Array;
  /** 33 bytes. */
  readonly networkPublicKey: Uint8Array;
}

/** The keys in `directory`, made where missing. @throws DIRECTORY_FOREIGN, FILE_UNREADABLE, FILE_UNWRITABLE */
export async function ensureNodeKeys(directory: string): Promise<NodeKeys> {
  await mkdir(directory, { recursive: true });
  return {
    blsSecretKey: await ensureBlsKey(join(directory, BLS_KEY_FILE)),
    networkPublicKey: await ensureNetworkKey(directory),
  };
}

async function ensureBlsKey(path: string): Promise<Uint8Array> {
  try {
    return await readBlsKey(path);
  } catch (error) {
    if (!(error instanceof Error) || systemErrorCode(error.cause) !== 'ENOENT') throw error;
    const key = generateBlsSecretKey();
    await writeBlsKey(path, key);
    return key;
  }
}

async function ensureNetworkKey(directory: string): Promise<Uint8Array> {
  const path = join(directory, NETWORK_KEY_FILE);
  try {
    return networkPublicKeyOf(await readNetworkSecretKey(path));
  } catch (error) {
    if (!(error instanceof Error) || systemErrorCode(error.cause) !== 'ENOENT') throw error;
    const { secretKey, publicKey } = generateNetworkKey();
    await writeSecretFile(path, `${toHex(secretKey)}\n`);
    return publicKey;
  }
}
