import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@floe/platform';
import { createVirtualTime } from '@floe/platform/memory';
import { createSelfSignedIdentity, type TlsIdentity } from '@floe/platform/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CERTIFICATE_RELOAD_MS } from '../src/limits.ts';
import type { NodeConfig } from '../src/node-config.ts';
import { followCertificate, tlsIdentityOf } from '../src/node-tls.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-tls-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const secretKey = new Uint8Array(32).fill(5);
const configOf = (fields: Partial<NodeConfig>): NodeConfig =>
  ({ networkSecretKey: secretKey, listen: { host: '0.0.0.0', port: 1 }, ...fields }) as NodeConfig;
const chainOf = (commonName: string, key = secretKey): string =>
  createSelfSignedIdentity({ secretKey: key, commonName, hosts: [] }).certificate;

describe("a node's certificate", () => {
  it('is of its own making, named after its key and for the hosts by which others reach it', async () => {
    const identity = (await tlsIdentityOf(
      configOf({ address: 'node.example:9185', listen: { host: '203.0.113.1', port: 1 } }),
    )) as TlsIdentity;
    const { subject, subjectAltName } = new X509Certificate(identity.certificate);
    const prefix = [...identity.publicKey.subarray(0, 4)].map((byte) => byte.toString(16)).join('');
    expect(subject).toBe(`CN=${prefix}.network.walrus.alt`);
    expect(subjectAltName).toBe(`DNS:${prefix}.network.walrus.alt, DNS:node.example, IP Address:203.0.113.1`);
  });

  it('is there only with TLS', async () => {
    expect(await tlsIdentityOf(configOf({ networkSecretKey: undefined }))).toBeUndefined();
  });

  it('may be of an authority, for the same key only', async () => {
    const certificateFile = join(directory, 'chain.pem');
    await writeFile(certificateFile, chainOf('node.example'));
    const identity = await tlsIdentityOf(configOf({ certificateFile }));
    expect(new X509Certificate(identity?.certificate ?? '').subject).toBe('CN=node.example');
    await writeFile(certificateFile, chainOf('node.example', new Uint8Array(32).fill(6)));
    await expect(tlsIdentityOf(configOf({ certificateFile }))).rejects.toMatchObject({ code: 'CERTIFICATE_UNUSABLE' });
    await rm(certificateFile);
    await expect(tlsIdentityOf(configOf({ certificateFile }))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('is shown anew once it was renewed, and not when the new one is of no use', async () => {
    const certificateFile = join(directory, 'chain.pem');
    const old = chainOf('old');
    await writeFile(certificateFile, old);
    const scheduler = createVirtualTime({ startMs: 0 });
    const shown: string[] = [];
    let turn: (() => void) | undefined;
    const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
      turn?.();
      await scheduler.sleep(ms, signal);
    };
    const stop = new AbortController();
    const asleep = (): Promise<void> => new Promise((resolve) => (turn = resolve));
    const first = asleep();
    const following = followCertificate(
      configOf({ certificateFile }),
      { useIdentity: ({ certificate }) => void shown.push(new X509Certificate(certificate).subject) },
      { scheduler: { ...scheduler, sleep }, logger: silentLogger, signal: stop.signal },
    );
    await first;
    for (const chain of [old, 'rubbish', chainOf('new')]) {
      await writeFile(certificateFile, chain);
      const next = asleep();
      await scheduler.advance(CERTIFICATE_RELOAD_MS);
      await next;
    }
    expect(shown).toEqual(['CN=new']);
    stop.abort();
    await following;
  });
});
