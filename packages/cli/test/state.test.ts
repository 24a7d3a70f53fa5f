import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMakeKey } from '../src/commands/node-key.ts';
import { choosePorts, holdPorts } from '../src/dev/ports.ts';
import { nodeName, readState, regionOf, writeState } from '../src/dev/state.ts';
import { generateBlsSecretKey, generateNetworkKey, networkPublicKeyOf } from '../src/keys.ts';
import { ensureNodeKeys } from '../src/node-keys.ts';
import { readBlsKey, readNodeConfig, writeBlsKey, writeNodeConfig } from '../src/node-config.ts';
import type { Output } from '../src/output.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-state-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the state of a development network', () => {
  it('reads back as written, and is undefined in a new directory', async () => {
    expect(await readState(directory)).toBeUndefined();
    const ports = { ledger: 1, faucet: 2, gateway: 3, nodes: [4, 5] };
    const written = await writeState(directory, {
      createdMs: 7,
      seed: 'ab'.repeat(32),
      nShards: 10,
      regions: 2,
      epochDurationMs: 30_000,
      tls: false,
      ports,
    });
    expect(await readState(directory)).toEqual(written);
  });

  it('refuses a directory of another format or version, naming it', async () => {
    for (const [text, detail] of [
      ['not json', 'not JSON'],
      ['{}', 'not of Floe'],
      ['{"format":"floe-dev","version":2}', 'version 2'],
      ['{"format":"floe-dev","version":1,"nShards":"x"}', 'nShards'],
    ] as const) {
      await writeFile(join(directory, 'dev.json'), text);
      await expect(readState(directory)).rejects.toMatchObject({
        code: 'DIRECTORY_FOREIGN',
        message: expect.stringContaining(detail) as string,
      });
    }
  });

  it('deals regions out in turn and names nodes so that they sort', () => {
    expect([0, 1, 2, 3, 4].map((index) => regionOf(index, 4))).toEqual(
      ['a', 'b', 'c', 'd', 'a'].map((letter) => `region-${letter}`),
    );
    expect(nodeName(7)).toBe('node-07');
  });
});

describe('ports', () => {
  it('are distinct when free ones are asked for, and none that systems lend to connections', async () => {
    const ports = await choosePorts(0, 20);
    const all = [ports.ledger, ports.faucet, ports.gateway, ...ports.nodes];
    expect(new Set(all).size).toBe(23);
    expect(Math.max(...all)).toBeLessThan(32_768);
  });

  it('are held until they are released, one by one or all', async () => {
    const ports = await choosePorts(0, 2);
    const held = await holdPorts(ports, 'choose others');
    await expect(holdPorts(ports, 'choose others')).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    const [first = 0] = ports.nodes;
    await held.release(first);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(first, '127.0.0.1', resolve));
    await new Promise((resolve) => server.close(resolve));
    await held.releaseAll();
    await (await holdPorts(ports, 'choose others')).releaseAll();
  });

  it('are named when another program has one', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const taken = (server.address() as { port: number }).port;
    const ports = { ...(await choosePorts(0, 1)), nodes: [taken] };
    await expect(holdPorts(ports, 'choose others')).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `127.0.0.1:${taken} is in use by another program; stop it, or choose others`,
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("a node's configuration", () => {
  const id = `0x${'a'.repeat(64)}`;
  const config = {
    name: 'node-00',
    region: 'region-a',
    nodeId: id,
    'listen.host': '127.0.0.1',
    'listen.port': 0,
    'ledger.url': 'http://127.0.0.1:1',
    'ledger.systemObjectId': id,
    'ledger.stakingObjectId': id,
    blsKeyFile: 'bls.key',
    dataDirectory: 'data',
    plainHttp: true,
  } as const;

  it('reads back with absolute paths and its key', async () => {
    const key = generateBlsSecretKey();
    await writeBlsKey(join(directory, 'bls.key'), key);
    await writeNodeConfig(join(directory, 'node.json'), config);
    const read = await readNodeConfig(join(directory, 'node.json'));
    expect(read.blsSecretKey).toEqual(key);
    expect(read.dataDirectory).toBe(join(directory, 'data'));
  });

  it('names the key to change to, which is made once and then kept', async () => {
    const path = join(directory, 'next-bls.key');
    await writeBlsKey(join(directory, 'bls.key'), generateBlsSecretKey());
    await writeNodeConfig(join(directory, 'node.json'), { ...config, nextProtocolKeyFile: 'next-bls.key' });
    await expect(readNodeConfig(join(directory, 'node.json'))).rejects.toThrow(/next-bls\.key/);
    const results: unknown[] = [];
    const output = { line: () => undefined, result: (value: unknown) => results.push(value) } as unknown as Output;
    await runMakeKey(path, output);
    const key = await readBlsKey(path);
    await runMakeKey(path, output);
    const read = await readNodeConfig(join(directory, 'node.json'));
    expect(read.nextBlsSecretKey).toEqual(key);
    expect(read.blsSecretKey).not.toEqual(key);
    expect(read.keyFiles).toContain(path);
    expect(results).toMatchObject([
      { file: path, isNew: true },
      { file: path, isNew: false },
    ]);
  });

  it('refuses unknown fields and damaged keys by name', async () => {
    await writeFile(join(directory, 'node.json'), JSON.stringify({ reserveByte: 5 }));
    await expect(readNodeConfig(join(directory, 'node.json'))).rejects.toThrow(/reserveByte/);
    await writeFile(join(directory, 'bls.key'), 'AAAA');
    await expect(readBlsKey(join(directory, 'bls.key'))).rejects.toThrow(/bls\.key/);
  });

  it('serves TLS with its network key unless it says that it does not', async () => {
    await writeBlsKey(join(directory, 'bls.key'), generateBlsSecretKey());
    const { plainHttp: _, ...withTls } = config;
    const path = join(directory, 'node.json');
    await writeNodeConfig(path, withTls);
    await expect(readNodeConfig(path)).rejects.toThrow(/network\.key/);
    const { networkPublicKey } = await ensureNodeKeys(directory);
    const read = await readNodeConfig(path);
    expect(networkPublicKeyOf(read.networkSecretKey as Uint8Array)).toEqual(networkPublicKey);
    await writeNodeConfig(path, { ...config, 'tls.certificateFile': 'chain.pem' });
    await expect(readNodeConfig(path)).rejects.toThrow(/exclude each other/);
  });

  it('has keys of the right form', () => {
    expect(generateBlsSecretKey()).toHaveLength(32);
    const { secretKey, publicKey } = generateNetworkKey();
    expect(secretKey).toHaveLength(32);
    expect([2, 3]).toContain(publicKey[0]);
    expect(publicKey).toHaveLength(33);
  });
});
