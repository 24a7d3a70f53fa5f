import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWallet, keypairFromSecret, readWallet, walletPath } from '../src/wallet.ts';

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
    const made = await createWallet(path);
    const read = await readWallet(path);
    expect(read?.address).toBe(made.address);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(keypairFromSecret(made.keypair.getSecretKey()).toSuiAddress()).toBe(made.address);
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
