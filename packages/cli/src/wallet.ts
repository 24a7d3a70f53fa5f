/**
 * The wallet: one Ed25519 key in a file only its owner can read. A command finds it by `--wallet`, else
 * `FLOE_WALLET`, else beside the network's description, else in the user's configuration directory.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { decodeSuiPrivateKey } from '@mysten/sui/cryptography';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { parseObjectId, type SuiAddress } from '@floe/protocol';
import { z } from 'zod';
import { cliErrors, systemErrorCode } from './errors.ts';
import type { FoundNetwork } from './network.ts';

const WALLET_FILE = 'wallet.json';
const WALLET_FORMAT_VERSION = 1;

const walletSchema = z.object({ version: z.literal(WALLET_FORMAT_VERSION), secretKey: z.string() });

export interface Wallet {
  readonly path: string;
  readonly keypair: Ed25519Keypair;
  readonly address: SuiAddress;
}

/** The place of the wallet for these choices. */
export function walletPath(
  choice: { readonly wallet?: string | undefined },
  network: FoundNetwork | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const named = choice.wallet ?? env['FLOE_WALLET'];
  if (named !== undefined && named !== '') return resolve(named);
  if (network?.directory !== undefined) return join(network.directory, WALLET_FILE);
  return join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'floe', WALLET_FILE);
}

/** @throws WALLET_INVALID; undefined when there is no file. */
export async function readWallet(path: string): Promise<Wallet | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw cliErrors.FILE_UNREADABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
  try {
    const { secretKey } = walletSchema.parse(JSON.parse(text));
    return walletOf(path, keypairFromSecret(secretKey));
  } catch (error) {
    throw cliErrors.WALLET_INVALID({ path, detail: error instanceof Error ? error.message : String(error) }, error);
  }
}

/** Makes a new key and writes it. */
export async function createWallet(path: string): Promise<Wallet> {
  return writeWallet(path, new Ed25519Keypair());
}

/** Writes a wallet whole or not at all, readable by its owner only. */
export async function writeWallet(path: string, keypair: Ed25519Keypair): Promise<Wallet> {
  const text = `${JSON.stringify({ version: WALLET_FORMAT_VERSION, secretKey: keypair.getSecretKey() }, null, 2)}\n`;
  await writeSecretFile(path, text);
  return walletOf(path, keypair);
}

/** Replaces `path` atomically with mode 0600. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    throw cliErrors.FILE_UNWRITABLE({ path, detail: systemErrorCode(error) ?? String(error) }, error);
  }
}

/** Makes the names in a directory durable: a rename is on disk only then. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A keypair from a `suiprivkey1…` text. @throws Error saying what is wrong with it. */
export function keypairFromSecret(secretKey: string): Ed25519Keypair {
  const { scheme, secretKey: bytes } = decodeSuiPrivateKey(secretKey);
  if (scheme !== 'ED25519') throw new Error(`key scheme is ${scheme}; only ED25519 is supported`);
  return Ed25519Keypair.fromSecretKey(bytes);
}

function walletOf(path: string, keypair: Ed25519Keypair): Wallet {
  return { path, keypair, address: parseObjectId(keypair.toSuiAddress()) };
}
