import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededRng } from '@floe/platform/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyProxy, type ProxyMode } from '../../src/chaos/faulty-proxy.ts';

const BODY = Buffer.alloc(300_000, 7);
let server: Server;
let proxy: FaultyProxy;

beforeEach(async () => {
  server = createServer((_request, response) => response.end(BODY));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const targetPort = (server.address() as AddressInfo).port;
  proxy = await FaultyProxy.listen({ port: 0, targetPort }, { rng: seededRng(1) });
});

afterEach(async () => {
  await proxy.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** What a request comes to: how many bytes, or whether it hangs when it is given up, or fails before. */
async function outcome(giveUp?: AbortSignal): Promise<number | 'hangs' | 'fails'> {
  try {
    const response = await fetch(`http://127.0.0.1:${proxy.port}/`, { signal: giveUp ?? null });
    return (await response.arrayBuffer()).byteLength;
  } catch {
    return giveUp?.aborted === true ? 'hangs' : 'fails';
  }
}

describe('a proxy that fails', () => {
  it('passes everything on unchanged', async () => {
    const response = await fetch(`http://127.0.0.1:${proxy.port}/`);
    expect(Buffer.from(await response.arrayBuffer()).equals(BODY)).toBe(true);
  });

  it.each<ProxyMode>(['black-hole', 'stall'])('accepts and lets requests hang: %s', async (mode) => {
    proxy.set(mode);
    expect(await outcome(AbortSignal.timeout(50))).toBe('hangs');
    proxy.set('pass');
    expect(await outcome()).toBe(BODY.length);
  });

  it('resets connections in the middle of answers', async () => {
    proxy.set('reset');
    expect(await outcome()).toBe('fails');
  });

  it('stops connections that are open already', async () => {
    expect(await outcome()).toBe(BODY.length);
    proxy.set('black-hole');
    expect(await outcome(AbortSignal.timeout(50))).toBe('hangs');
  });

  it('lets a request that hung go on, or resets it', async () => {
    proxy.set('black-hole');
    const hanging = [outcome(), outcome(), outcome(), outcome()];
    await outcome(AbortSignal.timeout(50));
    proxy.set('pass');
    for (const result of await Promise.all(hanging)) expect([BODY.length, 'fails']).toContain(result);
  });
});
