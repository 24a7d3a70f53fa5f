import { httpTransportCompliance } from '@floe/testkit';
import { describe, expect, it } from 'vitest';
import type { HttpHandler } from '../../src/http.ts';
import { createMemoryTransport } from '../../src/memory/memory-transport.ts';
import { createVirtualTime } from '../../src/memory/virtual-time.ts';

httpTransportCompliance('memory', async (handler) => {
  const transport = createMemoryTransport(new Map([['http://node:1', handler]]));
  return { transport, origin: 'http://node:1', deadOrigin: 'http://node:2', dispose: () => transport.close() };
});

describe('the transport in memory', () => {
  it('waits on virtual time', async () => {
    const time = createVirtualTime();
    const routes = new Map<string, HttpHandler>([['http://node:1', () => new Promise<Response>(() => undefined)]]);
    const transport = createMemoryTransport(routes, { scheduler: time });
    const request = transport.request({ method: 'GET', url: 'http://node:1/', timeoutMs: 3_600_000 });
    await expect(time.run(request)).rejects.toMatchObject({ code: 'HTTP_TIMEOUT' });
    expect(time.monotonicMs()).toBe(3_600_000);
    expect(time.sleepers).toBe(0);
  });

  it('loses a node as soon as its route is taken out', async () => {
    const routes = new Map<string, HttpHandler>([['http://node:1', () => new Response()]]);
    const transport = createMemoryTransport(routes);
    expect((await transport.request({ method: 'GET', url: 'http://node:1/' })).status).toBe(200);
    routes.delete('http://node:1');
    await expect(transport.request({ method: 'GET', url: 'http://node:1/' })).rejects.toMatchObject({
      code: 'HTTP_UNREACHABLE',
    });
  });
});
