import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNetwork, parseNetwork } from '../src/network.ts';

const id = (digit: string): string => `0x${digit.repeat(64)}`;

const description = {
  ledger: {
    url: 'http://127.0.0.1:31400',
    systemObjectId: id('1'),
    stakingObjectId: id('2'),
    packageId: id('3'),
    walType: `${id('4')}::wal::WAL`,
  },
  faucet: { url: 'http://127.0.0.1:31401' },
  gateway: { aggregatorUrl: 'http://127.0.0.1:31415', publisherUrl: 'http://127.0.0.1:31415' },
  nShards: 100,
  nodes: [{ name: 'node-00', nodeId: id('5'), url: 'http://127.0.0.1:31420', region: 'region-a' }],
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-network-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('finding a network', () => {
  it('takes the named file, a named directory, and the environment', async () => {
    const path = join(directory, 'network.json');
    await writeFile(path, JSON.stringify(description));
    for (const [choice, env] of [
      [{ network: path }, {}],
      [{ network: directory }, {}],
      [{}, { FLOE_NETWORK: path }],
    ] as const) {
      const found = await findNetwork(choice, env);
      expect(found).toEqual({ description, source: path, directory });
    }
  });

  it('says where it looked when there is none', async () => {
    const missing = join(directory, 'none', 'network.json');
    await expect(findNetwork({ network: missing }, {})).rejects.toMatchObject({
      code: 'NETWORK_NOT_FOUND',
      message: expect.stringContaining(missing) as string,
    });
    await mkdir(join(directory, 'empty'));
    await expect(findNetwork({ network: join(directory, 'empty') }, {})).rejects.toMatchObject({
      code: 'NETWORK_NOT_FOUND',
    });
  });

  it('names every wrong field of a description', () => {
    const wrong = { ...description, nShards: 3, ledger: { ...description.ledger, systemObjectId: '0xzz' } };
    expect(() => parseNetwork(JSON.stringify(wrong), 'x.json')).toThrow(/ledger\.systemObjectId.*nShards/);
    expect(() => parseNetwork('{', 'x.json')).toThrow(/x\.json is not a Floe network description: not JSON/);
  });
});
