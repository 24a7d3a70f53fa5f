import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ensureWallet,
  keypairFromSecret,
  readWallet,
  walletPath,
  writeSecretFile,
  writeWallet,
} from '../src/wallet.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-wallet-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the wallet', () => {
  it('reads back as it was made, and only its owner can read it', async () => {
    const path = join(directory, 'deep', 'wallet.json');
    const made = await ensureWallet(path);
    const read = await readWallet(path);
    expect(read?.address).toBe(made.address);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(keypairFromSecret(made.keypair.getSecretKey()).toSuiAddress()).toBe(made.address);
  });

  it('is the same for all commands that start at once', async () => {
    const path = join(directory, 'wallet.json');
    const wallets = await Promise.all(Array.from({ length: 20 }, () => ensureWallet(path)));
    expect(new Set(wallets.map(({ address }) => address)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['wallet.json']);
  });

  it('is not replaced unless that is said', async () => {
    const path = join(directory, 'wallet.json');
    const kept = await ensureWallet(path);
    const other = new Ed25519Keypair();
    expect(await writeWallet(path, other, { replace: false })).toBe(false);
    expect((await readWallet(path))?.address).toBe(kept.address);
    expect(await writeWallet(path, other, { replace: true })).toBe(true);
    expect((await readWallet(path))?.address).toBe(other.toSuiAddress());
  });

  it('that cannot be written is named, and leaves nothing behind', async () => {
    const path = join(directory, 'taken');
    await mkdir(join(path, 'in the way'), { recursive: true });
    await expect(writeSecretFile(path, 'secret')).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', data: { path } });
    expect(await readdir(directory)).toEqual(['taken']);
  });

  it('is undefined when absent and refused by name when damaged', async () => {
    expect(await readWallet(join(directory, 'none.json'))).toBeUndefined();
    const path = join(directory, 'bad.json');
    await writeFile(path, JSON.stringify({ version: 1, secretKey: 'suiprivkey1nonsense' }));
    await expect(readWallet(path)).rejects.toMatchObject({ code: 'WALLET_INVALID', data: { path } });
    await writeFile(path, JSON.stringify({ version: 2, secretKey: '' }));
    await expect(readWallet(path)).rejects.toMatchObject({ code: 'WALLET_INVALID' });
  });

  it('is looked for by option, environment, network directory, then configuration directory', () => {
    const network = { directory: '/net' } as never;
    expect(walletPath({ wallet: '/a' }, network, { FLOE_WALLET: '/b' })).toBe('/a');
    expect(walletPath({}, network, { FLOE_WALLET: '/b' })).toBe('/b');
    expect(walletPath({}, network, {})).toBe('/net/wallet.json');
    expect(walletPath({}, undefined, { XDG_CONFIG_HOME: '/config' })).toBe('/config/floe/wallet.json');
  });
});
