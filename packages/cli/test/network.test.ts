import { createServer } from 'node:http';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNetwork, findNetworkIfAny, parseNetwork } from '../src/network.ts';

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

  it('is absent only for commands that can do without, and only when nobody named it', async () => {
    const cwd = process.cwd();
    process.chdir(directory);
    try {
      expect(await findNetworkIfAny({}, {})).toBeUndefined();
      expect(await findNetworkIfAny({}, { FLOE_NETWORK: '' })).toBeUndefined();
      for (const [choice, env] of [
        [{ network: 'nowhere' }, {}],
        [{}, { FLOE_NETWORK: 'nowhere' }],
      ] as const) {
        await expect(findNetworkIfAny(choice, env)).rejects.toMatchObject({ code: 'NETWORK_NOT_FOUND' });
      }
      await mkdir('.floe');
      await writeFile('.floe/network.json', '{}');
      await expect(findNetworkIfAny({}, {})).rejects.toMatchObject({ code: 'NETWORK_FILE_INVALID' });
    } finally {
      process.chdir(cwd);
    }
  });

  it('by URL says why not, and reads no more than a description can have', async () => {
    const endless = Buffer.alloc(1024 * 1024, ' ');
    let sentBytes = 0;
    const server = createServer((request, response) => {
      if (request.url === '/gone') {
        response.writeHead(404).end();
        return;
      }
      const send = (): void => {
        while (!response.destroyed && response.write(endless)) sentBytes += endless.length;
      };
      response.on('drain', send).on('error', () => undefined);
      send();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}`;
    await expect(findNetwork({ network: `${url}/gone` }, {})).rejects.toThrow(`${url}/gone (HTTP status 404)`);
    await expect(findNetwork({ network: `${url}/endless` }, {})).rejects.toThrow('larger than 4194304 bytes');
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('names every wrong field of a description', () => {
    const wrong = { ...description, nShards: 3, ledger: { ...description.ledger, systemObjectId: '0xzz' } };
    expect(() => parseNetwork(JSON.stringify(wrong), 'x.json')).toThrow(/ledger\.systemObjectId.*nShards/);
    expect(() => parseNetwork('{', 'x.json')).toThrow(/x\.json is not a Floe network description: not JSON/);
  });
});
