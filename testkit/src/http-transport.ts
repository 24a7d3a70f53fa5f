/** What every {@link HttpTransport} must do, together with the server or routes behind it. */
import {
  deferred,
  equalBytes,
  type HttpHandler,
  type HttpTransport,
  readBody,
  streamBody,
  streamResponse,
  utf8,
} from '@floe/platform';
import { afterEach, describe, expect, it } from 'vitest';

export interface TransportFixture {
  readonly transport: HttpTransport;
  /** Where `handler` answers, without a trailing slash. */
  readonly origin: string;
  /** An origin where nothing listens. */
  readonly deadOrigin: string;
  dispose(): Promise<void>;
}

const MIB = 1024 * 1024;
const pattern = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 255);

/** Declares the suite; call it at the top level of a test file. */
export function httpTransportCompliance(name: string, make: (handler: HttpHandler) => Promise<TransportFixture>): void {
  describe(`${name} is an HTTP transport`, () => {
    let fixture: TransportFixture | undefined;
    afterEach(async () => {
      await fixture?.dispose();
      fixture = undefined;
    });
    const serve = async (handler: HttpHandler): Promise<TransportFixture> => {
      fixture = await make(handler);
      return fixture;
    };

    it('carries method, path, query, headers, status and both bodies', async () => {
      const { transport, origin } = await serve(async (request) => {
        const url = new URL(request.url);
        const body = await readBody(request, 100);
        const text = `${request.method} ${url.pathname}${url.search} ${request.headers.get('x-ask')} ${body.length}`;
        return new Response(text, { status: 207, headers: { 'x-answer': 'yes' } });
      });
      const headers = { 'x-ask': 'why' };
      const response = await transport.request({
        method: 'PUT',
        url: `${origin}/a%20b?c=d`,
        headers,
        body: utf8('four'),
      });
      expect(response.status).toBe(207);
      expect(response.header('x-answer')).toBe('yes');
      expect(response.header('x-missing')).toBeUndefined();
      expect(new TextDecoder().decode(await response.bytes(1000))).toBe('PUT /a%20b?c=d why 4');
    });

    it.each([0, 1, 65_536, 3 * MIB + 1])('echoes %i bytes', async (size) => {
      const { transport, origin } = await serve(
        async (request) => new Response((await readBody(request, size)) as BodyInit),
      );
      const body = pattern(size);
      const response = await transport.request({ method: 'POST', url: origin, body });
      expect(equalBytes(await response.bytes(size), body)).toBe(true);
    });

    it('streams a body up and a body down, neither held whole', async () => {
      const { transport, origin } = await serve((request) => streamResponse(streamBody(request)));
      const chunk = pattern(64 * 1024);
      async function* upload(): AsyncGenerator<Uint8Array> {
        for (let index = 0; index < 64; index += 1) yield chunk;
      }
      const response = await transport.request({ method: 'PUT', url: origin, body: upload() });
      let size = 0;
      for await (const part of response.body) {
        for (let index = 0; index < part.length; index += 997)
          expect(part[index]).toBe(chunk[(size + index) % chunk.length]);
        size += part.length;
      }
      expect(size).toBe(64 * chunk.length);
    });

    it('hands on the first chunk while the handler has not made the second', async () => {
      const second = deferred<void>();
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield utf8('first');
        await second.promise;
        yield utf8('second');
      }
      const { transport, origin } = await serve(() => streamResponse(slow()));
      const response = await transport.request({ method: 'GET', url: origin });
      const parts = response.body[Symbol.asyncIterator]();
      expect(new TextDecoder().decode((await parts.next()).value as Uint8Array)).toBe('first');
      second.resolve();
      expect(new TextDecoder().decode((await parts.next()).value as Uint8Array)).toBe('second');
      expect((await parts.next()).done).toBe(true);
    });

    it('does not read far ahead of its reader', async () => {
      let produced = 0;
      const left = deferred<void>();
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) {
            produced += 1;
            yield new Uint8Array(64 * 1024);
          }
        } finally {
          left.resolve();
        }
      }
      const { transport, origin } = await serve(() => streamResponse(endless()));
      const response = await transport.request({ method: 'GET', url: origin });
      const parts = response.body[Symbol.asyncIterator]();
      for (let size = 0; size < 4 * MIB;) size += ((await parts.next()).value as Uint8Array).length;
      await response.cancel();
      // Returned by the server only because the client left; without bounds it would have produced for ever.
      await left.promise;
      expect(produced).toBeLessThan(4096);
    });

    it('cuts a response off when its source fails, and the reader hears of it', async () => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield utf8('part');
        throw new Error('disk gone');
      }
      const { transport, origin } = await serve(() => streamResponse(failing()));
      const response = await transport.request({ method: 'GET', url: origin });
      await expect(response.bytes(1000)).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE', kind: 'unavailable' });
    });

    it('answers HEAD with headers and no body', async () => {
      const { transport, origin } = await serve(() => new Response('body', { headers: { 'content-length': '4' } }));
      const response = await transport.request({ method: 'HEAD', url: origin });
      expect(response.status).toBe(200);
      expect(response.header('content-length')).toBe('4');
      expect((await response.bytes(10)).length).toBe(0);
    });

    it('refuses a response larger than the reader takes, with and without a declared size', async () => {
      const { transport, origin } = await serve((request) =>
        request.url.endsWith('declared')
          ? new Response(new Uint8Array(2000))
          : streamResponse(
              (async function* () {
                for (let index = 0; index < 20; index += 1) yield new Uint8Array(100);
              })(),
            ),
      );
      for (const path of ['declared', 'streamed']) {
        const response = await transport.request({ method: 'GET', url: `${origin}/${path}` });
        await expect(response.bytes(1999)).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' });
        const again = await transport.request({ method: 'GET', url: `${origin}/${path}` });
        expect((await again.bytes(2000)).length).toBe(2000);
      }
    });

    it('refuses a request larger than the handler takes', async () => {
      const { transport, origin } = await serve(async (request) => {
        try {
          await readBody(request, 10);
          return new Response('taken');
        } catch (error) {
          return new Response((error as { code: string }).code, { status: 413 });
        }
      });
      async function* undeclared(): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(6);
        yield new Uint8Array(6);
      }
      for (const body of [new Uint8Array(11), undeclared()]) {
        const response = await transport.request({ method: 'PUT', url: origin, body });
        expect(response.status).toBe(413);
        expect(new TextDecoder().decode(await response.bytes(100))).toBe('BODY_TOO_LARGE');
      }
      const exact = await transport.request({ method: 'PUT', url: origin, body: new Uint8Array(10) });
      expect(exact.status).toBe(200);
      await exact.bytes(10);
    });

    it('says which address does not answer', async () => {
      const { transport, deadOrigin } = await serve(() => new Response());
      await expect(transport.request({ method: 'GET', url: `${deadOrigin}/x` })).rejects.toMatchObject({
        code: 'HTTP_UNREACHABLE',
        kind: 'unavailable',
        data: { method: 'GET', url: `${deadOrigin}/x` },
      });
    });

    it('gives up on a peer that never answers', async () => {
      const { transport, origin } = await serve(() => new Promise<Response>(() => undefined));
      await expect(transport.request({ method: 'GET', url: origin, timeoutMs: 50 })).rejects.toMatchObject({
        code: 'HTTP_TIMEOUT',
        data: { timeoutMs: 50 },
      });
    });

    it('gives up on a peer that falls silent in the middle of a body', async () => {
      async function* stuck(): AsyncGenerator<Uint8Array> {
        yield utf8('part');
        await new Promise(() => undefined);
      }
      const { transport, origin } = await serve(() => streamResponse(stuck()));
      for (const read of ['bytes', 'chunks'] as const) {
        // Long enough for the headers on a busy machine: they have the same time.
        const response = await transport.request({ method: 'GET', url: origin, timeoutMs: 1_000 });
        const reading =
          read === 'bytes'
            ? response.bytes(1000)
            : (async () => {
                for await (const part of response.body) expect(part.length).toBe(4);
              })();
        await expect(reading).rejects.toMatchObject({ code: 'HTTP_TIMEOUT' });
      }
    });

    it('rejects with the reason of an abort: before, while waiting, while reading', async () => {
      const asked = deferred<void>();
      const handlerHeard = deferred<void>();
      const { transport, origin } = await serve((request) => {
        if (request.url.endsWith('stream')) {
          return streamResponse(
            (async function* () {
              yield utf8('part');
              await new Promise(() => undefined);
            })(),
          );
        }
        request.signal.addEventListener('abort', () => handlerHeard.resolve());
        asked.resolve();
        return new Promise<Response>(() => undefined);
      });
      const early = AbortSignal.abort(new Error('early'));
      await expect(transport.request({ method: 'GET', url: origin, signal: early })).rejects.toThrow('early');

      const waiting = new AbortController();
      const request = transport.request({ method: 'GET', url: origin, signal: waiting.signal });
      await asked.promise;
      waiting.abort(new Error('while waiting'));
      await expect(request).rejects.toThrow('while waiting');
      await handlerHeard.promise;

      const reading = new AbortController();
      const response = await transport.request({ method: 'GET', url: `${origin}/stream`, signal: reading.signal });
      const bytes = response.bytes(1000);
      reading.abort(new Error('while reading'));
      await expect(bytes).rejects.toThrow('while reading');
    });

    it('passes on the failure of an upload that its own source could not finish', async () => {
      const { transport, origin } = await serve(
        async (request) => new Response(String((await readBody(request, 1000)).length)),
      );
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield utf8('part');
        throw new Error('source broke');
      }
      await expect(transport.request({ method: 'PUT', url: origin, body: broken() })).rejects.toThrow('source broke');
    });

    it('serves many requests at once', async () => {
      const { transport, origin } = await serve(
        async (request) => new Response((await readBody(request, MIB)) as BodyInit),
      );
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const response = await transport.request({ method: 'PUT', url: origin, body: utf8(`body ${index}`) });
          return new TextDecoder().decode(await response.bytes(100));
        }),
      );
      expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => `body ${index}`));
    });

    it('refuses requests after it was closed, and closes twice', async () => {
      const { transport, origin } = await serve(() => new Response());
      await transport.close();
      await transport.close();
      await expect(transport.request({ method: 'GET', url: origin })).rejects.toMatchObject({
        code: 'HTTP_UNREACHABLE',
      });
    });
  });
}
