/**
 * A network whose nodes serve TLS with their own keys, each in a process of its own: clients and nodes know each other by
 * the keys that the ledger has, whoever else can be reached at an address is told nothing, and a key can be changed.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { createUndiciTransport } from '@floe/platform/node';
import { equalBytes, toHex } from '@floe/platform';
import type { CommitteeMember } from '@floe/protocol';
import { type DevProcess, runFloe, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateNetworkKey } from '../src/keys.ts';

const TEST_TIMEOUT_MS = 180_000;
const WITHIN_MS = 90_000;
const signer = new Ed25519Keypair();
const transport = createUndiciTransport();
let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: DevProcess;
let connection: FloeConnection;

beforeAll(async () => {
  home = await temporaryDirectory('tls');
  network = await startDev(home.path, [
    '--isolate',
    '--tls',
    '--nodes',
    '4',
    '--shards',
    '10',
    '--epoch-duration',
    '40s',
  ]);
  connection = await connectFloe({ ledger: network.ledger });
  await network.fund(signer.toSuiAddress());
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await transport.close();
  await connection.close();
  await network.stop();
  await home.remove();
}, TEST_TIMEOUT_MS);

const member = async (name: string): Promise<CommitteeMember> => {
  const { current } = await connection.client.committees({ fresh: true });
  const found = current.members.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
};

const healthOf = async ({ networkAddress }: CommitteeMember, serverKey: Uint8Array): Promise<number> => {
  const url = `https://${networkAddress}/v1/health`;
  const response = await transport.request({ method: 'GET', url, serverKey });
  await response.bytes(1 << 20);
  return response.status;
};

const act = async (action: string, name: string): Promise<void> => {
  const { code, stderr } = await runFloe(['dev', action, name, '--dir', home.path]);
  if (code !== 0) throw new Error(`dev ${action} ${name}: ${stderr}`);
};

const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
  const endMs = Date.now() + WITHIN_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
    await pause(250);
  }
};

describe('a network with TLS', () => {
  it('stores, reads and heals between its nodes', { timeout: TEST_TIMEOUT_MS }, async () => {
    const bytes = randomBytes(300_000);
    const { blobId } = await connection.client.store(bytes, { epochs: 20, signer });
    expect(equalBytes(await connection.client.read(blobId), bytes)).toBe(true);
    await act('wipe', 'node-01');
    await act('restore', 'node-01');
    const { networkAddress, networkPublicKey: serverKey } = await member('node-01');
    await until('node-01 holds the metadata again', async () => {
      const url = `https://${networkAddress}/v1/blobs/${blobId}/metadata/status`;
      const response = await transport.request({ method: 'GET', url, serverKey }).catch(() => undefined);
      return response !== undefined && new TextDecoder().decode(await response.bytes(1000)).includes('stored');
    });
  });

  it('answers HTTP/2 on the same port, and nothing without TLS', { timeout: TEST_TIMEOUT_MS }, async () => {
    const { networkAddress } = await member('node-02');
    await expect(fetch(`http://${networkAddress}/v1/health`)).rejects.toThrow();
    const session = connectHttp2(`https://${networkAddress}`, { rejectUnauthorized: false });
    const status = await new Promise((resolve, reject) => {
      session.on('error', reject);
      session.request({ ':path': '/v1/health' }).on('response', (headers) => resolve(headers[':status']));
    });
    session.destroy();
    expect(status).toBe(200);
  });

  it(
    'tells one that has another key nothing, and goes on with a key that was changed',
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const before = await member('node-03');
      const { secretKey, publicKey } = generateNetworkKey();
      await expect(healthOf(before, publicKey)).rejects.toMatchObject({ code: 'WRONG_SERVER_KEY' });
      await act('kill', 'node-03');
      await writeFile(join(home.path, 'nodes', 'node-03', 'network.key'), `${toHex(secretKey)}\n`, { mode: 0o600 });
      await act('restore', 'node-03');
      await until('the ledger has the new key', async () =>
        equalBytes((await member('node-03')).networkPublicKey, publicKey),
      );
      expect(await healthOf(await member('node-03'), publicKey)).toBe(200);
      await expect(healthOf(before, before.networkPublicKey)).rejects.toMatchObject({ code: 'WRONG_SERVER_KEY' });
      const bytes = randomBytes(10_000);
      const { blobId } = await connection.client.store(bytes, { epochs: 2, signer });
      expect(equalBytes(await connection.client.read(blobId), bytes)).toBe(true);
    },
  );
});
