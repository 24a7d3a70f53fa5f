/** Commands that read standard input, as processes whose input stays open: nothing but they themselves can end them. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '@floe/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCli, EXIT, type Cli } from './support/cli.ts';

/** Of nothing: what is read from standard input is read before the network is spoken to. */
const ID = `0x${'1'.repeat(64)}`;
const NETWORK = {
  ledger: {
    url: 'http://127.0.0.1:9',
    systemObjectId: ID,
    stakingObjectId: ID,
    packageId: ID,
    walType: `${ID}::wal::WAL`,
  },
  nShards: 10,
  nodes: [],
};

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let floe: Cli;
beforeAll(async () => {
  home = await temporaryDirectory('standard-input');
  await writeFile(join(home.path, 'network.json'), JSON.stringify(NETWORK));
  floe = createCli({ cwd: home.path, env: { FLOE_NETWORK: 'network.json', HOME: home.path } });
});
afterAll(() => home?.remove());

it.each([
  ['store', ['store', '-'], 'SIGTERM'],
  ['wallet import', ['wallet', 'import', '-', '--wallet', 'wallet.json'], 'SIGINT'],
] as const)('an interrupt ends a %s that waits for more, at once and with 130', async (_name, args, signal) => {
  const kill = { on: 'standard input: reading', signal };
  const { code, stdout, stderr } = await floe.run(args, { input: 'the beginning', inputStaysOpen: true, kill });
  expect([code, stdout, stderr.trimEnd().split('\n').at(-1)]).toEqual([EXIT.interrupted, '', 'interrupted']);
  expect(await readdir(home.path)).toEqual(['network.json']);
});

it('a wallet import of what is too long to be a key ends without the rest of it', async () => {
  const args = ['wallet', 'import', '-', '--wallet', 'wallet.json'];
  const message = await floe.fails(args, EXIT.invalid, 'USAGE', { input: 'x'.repeat(5000), inputStaysOpen: true });
  expect(message).toBe('standard input is not a secret key');
  expect(await readdir(home.path)).toEqual(['network.json']);
});
