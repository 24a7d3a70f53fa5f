/**
 * The wallet: one Ed25519 key in a file only its owner can read. A command finds it by `--wallet`, else
 * `FLOE_WALLET`, else beside the network's description, else in the user's configuration directory.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { decodeSuiPrivateKey } from '@mysten/sui/cryptography';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { parseObjectId, type SuiAddress } from '@floe/protocol';
import { z } from 'zod';
import { cliErrors, systemErrorCode } from './errors.ts';
import { unwritable } from './files.ts';
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

/** The wallet at `path`, with a new key when there is none; commands that start at once all get the same one. */
export async function ensureWallet(path: string): Promise<Wallet> {
  const kept = await readWallet(path);
  if (kept !== undefined) return kept;
  const keypair = new Ed25519Keypair();
  if (await writeWallet(path, keypair, { replace: false })) return walletOf(path, keypair);
  // Another command made it meanwhile.
  return ensureWallet(path);
}

/**
 * Writes a wallet whole or not at all, readable by its owner only. Without `replace`, one that is there is kept;
 * returns whether it was written.
 */
export function writeWallet(
  path: string,
  keypair: Ed25519Keypair,
  options: { readonly replace: boolean },
): Promise<boolean> {
  const text = `${JSON.stringify({ version: WALLET_FORMAT_VERSION, secretKey: keypair.getSecretKey() }, null, 2)}\n`;
  return writeSecretFile(path, text, options);
}

/**
 * Writes `path` atomically with mode 0600. Without `replace`, a file that is there is kept; returns whether it was
 * written.
 */
export async function writeSecretFile(
  path: string,
  text: string,
  { replace }: { readonly replace: boolean } = { replace: true },
): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (replace) await rename(temporary, path);
    else if (!(await linkNew(temporary, path))) return false;
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw unwritable(path, error);
  }
}

/** Gives `temporary` its name, unless that is taken. */
async function linkNew(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
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
