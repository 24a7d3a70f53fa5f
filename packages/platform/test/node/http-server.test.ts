import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { deferred } from '../../src/concurrency.ts';
import {
  type DirectHandler,
  type HttpHandler,
  type HttpServer,
  readBody,
  setDirectHandler,
  streamBody,
  streamResponse,
} from '../../src/http.ts';
import { serveHttp, type ServeOptions } from '../../src/node/http-server.ts';

describe('the HTTP server', () => {
  const servers: HttpServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close(0);
  });
  const serve = async (handler: HttpHandler, options: Partial<ServeOptions> = {}): Promise<HttpServer> => {
    const server = await serveHttp(handler, { host: '127.0.0.1', port: 0, ...options });
    servers.push(server);
    return server;
  };
  const raw = async (server: HttpServer, text: string): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  /** Also when the server cuts it with bytes of it unread, which shows as an error. */
  const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));
  const everything = async (socket: Socket): Promise<string> => {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  };

  it('names a port that is taken', async () => {
    const first = await serve(() => new Response());
    await expect(serve(() => new Response(), { port: first.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      kind: 'conflict',
      message: expect.stringContaining(`127.0.0.1:${first.port}`) as string,
    });
  });

  it('says why it cannot listen', async () => {
    await expect(serve(() => new Response(), { host: '203.0.113.1' })).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  it('tells clients to use an idle connection for half of the time that it keeps one, and closes it at last', async () => {
    const lasting = await serve(() => new Response('here'));
    expect((await fetch(lasting.url)).headers.get('keep-alive')).toBe('timeout=60');
    const short = await serve(() => new Response('here'), { keepAliveTimeoutMs: 100 });
    const socket = await raw(short, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    expect(await everything(socket)).toContain('here');
  });

  describe('with a direct handler', () => {
    const withDirect = (direct: DirectHandler): HttpHandler => {
      const handler: HttpHandler = () => new Response('the long way');
      setDirectHandler(handler, direct);
      return handler;
    };

    it('answers what it takes without a web request, and the rest the long way', async () => {
      const server = await serve(
        withDirect((request) => {
          if (request.method !== 'POST') return undefined;
          const type = request.header('content-type') ?? '';
          return request.readBody(100).then((body) => ({
            status: 201,
            headers: { 'content-type': type },
            body: Uint8Array.of(...utf8(request.target), ...body),
          }));
        }),
      );
      const response = await fetch(`${server.url}/a?b`, {
        method: 'POST',
        headers: { 'content-type': 'text/x' },
        body: ' body',
      });
      expect([response.status, response.headers.get('content-type'), response.headers.get('content-length')]).toEqual([
        201,
        'text/x',
        '9',
      ]);
      expect(await response.text()).toBe('/a?b body');
      expect(await (await fetch(server.url)).text()).toBe('the long way');
    });

    it('aborts its signal when the client leaves', async () => {
      const started = deferred<void>();
      const aborted = deferred<unknown>();
      const server = await serve(
        withDirect((request) => {
          request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason));
          started.resolve();
          return new Promise(() => undefined);
        }),
      );
      const socket = await raw(server, 'GET /wait?long HTTP/1.1\r\nhost: x\r\n\r\n');
      await started.promise;
      socket.destroy();
      expect(await aborted.promise).toMatchObject({ code: 'CLIENT_GONE', data: { method: 'GET', path: '/wait' } });
    });

    it('closes the connection when it answers before the whole body came', async () => {
      const server = await serve(withDirect(() => Promise.resolve({ status: 413, headers: {}, body: utf8('enough') })));
      const answer = everything(await raw(server, 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart'));
      expect(await answer).toMatch(/^HTTP\/1.1 413 [^]*connection: close[^]*enough$/i);
    });
  });

  it('aborts the request of a client that leaves', async () => {
    const started = deferred<void>();
    const aborted = deferred<unknown>();
    const server = await serve((request) => {
      request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason));
      started.resolve();
      return new Promise<Response>(() => undefined);
    });
    const socket = await raw(server, 'GET /wait HTTP/1.1\r\nhost: x\r\n\r\n');
    await started.promise;
    socket.destroy();
    expect(await aborted.promise).toMatchObject({ code: 'CLIENT_GONE', data: { method: 'GET', path: '/wait' } });
  });

  it('does not abort a request that was answered', async () => {
    let signal: AbortSignal | undefined;
    const server = await serve((request) => {
      signal = request.signal;
      return new Response('done');
    });
    expect(await everything(await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'))).toContain(
      'done',
    );
    expect(signal?.aborted).toBe(false);
  });

  it('returns the source of a response whose client leaves', async () => {
    const returned = deferred<void>();
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(100_000);
      } finally {
        returned.resolve();
      }
    }
    const server = await serve(() => streamResponse(source()));
    const socket = await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await returned.promise;
  });

  it('tells the handler when a body ends early', async () => {
    const failure = deferred<unknown>();
    const server = await serve(async (request) => {
      await readBody(request, 1000).catch(failure.resolve);
      return new Response();
    });
    const socket = await raw(server, 'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart');
    socket.end();
    expect(await failure.promise).toMatchObject({ code: 'BODY_TRUNCATED', data: { expectedBytes: 100 } });
  });

  it('cuts a client that stops in the middle of its body, but never a slow handler', async () => {
    const release = deferred<void>();
    const failure = deferred<unknown>();
    const server = await serve(
      async (request) => {
        if (request.method === 'PUT') await readBody(request, 1000).catch(failure.resolve);
        else await release.promise;
        return new Response('patience');
      },
      { idleTimeoutMs: 50 },
    );
    const waiting = everything(await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    const silent = await raw(server, 'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart');
    await Promise.all([closed(silent), failure.promise]);
    expect(await failure.promise).toMatchObject({ code: 'BODY_TRUNCATED' });
    release.resolve();
    expect(await waiting).toContain('patience');
  });

  it('does not cut a client whose body waits for the handler, unless it stops once that reads', async () => {
    const release = deferred<void>();
    const outcomes: unknown[] = [];
    const server = await serve(
      async (request) => {
        if (request.url.endsWith('/waiting')) await release.promise;
        const body = await readBody(request, 10_000_000).catch((error: unknown) => error);
        outcomes.push(body instanceof Uint8Array ? body.length : body);
        return new Response('patience');
      },
      { idleTimeoutMs: 50 },
    );
    const head = (path: string, size: number) =>
      `PUT ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`;
    const whole = everything(await raw(server, head('/waiting', 4_000_000) + 'x'.repeat(4_000_000)));
    const part = await raw(server, `${head('/waiting', 100)}part`);
    const cut = closed(part);
    // Whoever came last is cut last: the others have been silent for longer by then.
    const silent = await raw(server, `${head('/', 100)}part`);
    await closed(silent);
    release.resolve();
    expect(await whole).toContain('patience');
    await cut;
    const truncated = expect.objectContaining({ code: 'BODY_TRUNCATED' }) as unknown;
    await expect.poll(() => outcomes).toHaveLength(3);
    expect(outcomes).toEqual(expect.arrayContaining([truncated, 4_000_000, truncated]));
  });

  it('cuts a client that sends its body byte by byte, with 408, and lets one go on that is fast enough', async () => {
    const failure = deferred<unknown>();
    const server = await serve(
      async (request) => {
        const body = await readBody(request, 10_000_000);
        return new Response(`${body.length} bytes`);
      },
      { bodyGraceMs: 60, minBodyBytesPerSecond: 10_000 },
    );
    const failing = await serve(
      async (request) => {
        await readBody(request, 1000).catch(failure.resolve);
        return new Response();
      },
      { bodyGraceMs: 60, minBodyBytesPerSecond: 10_000 },
    );
    const head = (size: number) => `PUT / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`;
    // Never silent for long: only its pace is against it.
    const slow = await raw(failing, head(1000));
    const dripping = setInterval(() => slow.write('x'), 5);
    // 100 kB earn it ten seconds.
    const earned = await raw(server, head(100_001) + 'x'.repeat(100_000));
    const answer = everything(earned);
    // What it sent meanwhile may make the end of the connection a reset, which comes after the answer.
    let told = '';
    slow.on('data', (chunk) => (told += String(chunk)));
    await closed(slow);
    clearInterval(dripping);
    expect(told).toContain('408 Request Timeout');
    expect(await failure.promise).toMatchObject({ code: 'BODY_TRUNCATED' });
    earned.write('x');
    expect(await answer).toContain('100001 bytes');
  });

  it('lets a client that asks before it sends wait for its turn, go on when its body is read, or keep it', async () => {
    const gate = deferred<void>();
    const server = await serve(
      async (request) => {
        if (request.url.endsWith('/refused')) return new Response('no', { status: 413 });
        await gate.promise;
        let size = 0;
        for await (const part of streamBody(request)) size += part.length;
        return new Response(`${size} bytes`);
      },
      { bodyGraceMs: 20, minBodyBytesPerSecond: 1_000_000 },
    );
    const head = (path: string) =>
      `PUT ${path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 5\r\n\r\n`;
    const refused = await everything(await raw(server, head('/refused')));
    expect(refused).toMatch(/^HTTP\/1.1 413/);
    const socket = await raw(server, head('/taken'));
    let told = '';
    const goOn = deferred<void>();
    socket.on('data', (chunk) => {
      told += String(chunk);
      if (told.includes('100 Continue')) goOn.resolve();
    });
    // Another client, whose turn it is, is cut in that time: this one waits for its reader.
    const owing = await raw(server, head('/owing').replace('expect: 100-continue\r\n', ''));
    await closed(owing.resume());
    gate.resolve();
    await goOn.promise;
    socket.write('hello');
    await closed(socket);
    expect(told).toContain('5 bytes');
  });

  it('tells the reader of a streamed body when its client leaves in the middle', async () => {
    const failure = deferred<unknown>();
    const began = deferred<void>();
    const server = await serve(async (request) => {
      try {
        for await (const part of streamBody(request)) if (part.length > 0) began.resolve();
      } catch (error) {
        failure.resolve(error);
      }
      return new Response();
    });
    const socket = await raw(server, 'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nhello');
    await began.promise;
    socket.destroy();
    expect(await failure.promise).toMatchObject({ code: 'BODY_TRUNCATED', data: { sizeBytes: 5, expectedBytes: 50 } });
  });

  it('cuts a client that takes its answer a little at a time, and lets one go on that is fast enough', async () => {
    const left = deferred<void>();
    const sizeBytes = 64 * 1024 * 1024;
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (let sent = 0; sent < sizeBytes; sent += 1024 * 1024) yield new Uint8Array(1024 * 1024);
      } finally {
        left.resolve();
      }
    };
    const init = { headers: { 'content-length': String(sizeBytes) } };
    const server = await serve(() => streamResponse(parts(), init), {
      answerGraceMs: 60,
      minAnswerBytesPerSecond: 1_000_000_000,
    });
    const slow = await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let taken = 0;
    slow.on('data', (chunk) => {
      taken += chunk.length;
      slow.pause();
    });
    slow.on('error', () => undefined);
    // Never silent for long: only its pace is against it.
    const sipping = setInterval(() => slow.resume(), 5);
    await closed(slow);
    clearInterval(sipping);
    expect(taken).toBeLessThan(sizeBytes);
    await left.promise;
    const patient = await serve(() => streamResponse(parts(), init), { answerGraceMs: 60, minAnswerBytesPerSecond: 1 });
    const whole = await fetch(patient.url);
    expect((await whole.arrayBuffer()).byteLength).toBe(sizeBytes);
  });

  describe('with an answer given whole', () => {
    const sizeBytes = 32 * 1024 * 1024;
    const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    const statusOf = async (server: HttpServer): Promise<number> => (await fetch(`${server.url}/small`)).status;

    it.each([
      ['silent', { idleTimeoutMs: 50 }],
      ['slow', { answerGraceMs: 40, minAnswerBytesPerSecond: 1_000_000_000 }],
    ])('cuts a client that never reads it, as one that is too %s', async (_, options) => {
      const given = deferred<void>();
      const server = await serve(
        ({ url }) => {
          if (url.endsWith('/small')) return new Response();
          given.resolve();
          return new Response(new Uint8Array(sizeBytes));
        },
        { ...options, maxRequests: 1 },
      );
      await raw(server, ask('/large'));
      await given.promise;
      await expect.poll(() => statusOf(server), { timeout: 5_000 }).toBe(200);
    });

    it('does not hold it against a client that the answer is behind a slow one', async () => {
      const release = deferred<void>();
      const given = { '/fast': deferred<void>(), '/large': deferred<void>() };
      const server = await serve(
        async ({ url }) => {
          const { pathname } = new URL(url);
          if (pathname === '/slow') await release.promise;
          if (pathname === '/fast' || pathname === '/large') given[pathname].resolve();
          return pathname === '/large'
            ? new Response(new Uint8Array(sizeBytes))
            : new Response(`answer of ${pathname}`);
        },
        { answerGraceMs: 20, minAnswerBytesPerSecond: 1_000_000_000, maxRequests: 3, addressShare: 1 },
      );
      const last = ask('/fast').replace('host: x', 'host: x\r\nconnection: close');
      const answers = everything(await raw(server, ask('/slow') + last));
      await given['/fast'].promise;
      // Another client, who could have read, is cut in that time.
      await raw(server, ask('/large'));
      await given['/large'].promise;
      await expect.poll(() => statusOf(server), { timeout: 5_000 }).toBe(200);
      release.resolve();
      expect(await answers).toMatch(/answer of \/slow.*answer of \/fast/s);
    });
  });

  it('turns away what is more than it works on at once', async () => {
    const release = deferred<void>();
    const server = await serve(
      async () => {
        await release.promise;
        return new Response('served');
      },
      { maxRequests: 1 },
    );
    const ask = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    const first = everything(await raw(server, ask));
    const second = await everything(await raw(server, ask));
    expect(second).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1/is);
    release.resolve();
    expect(await first).toContain('served');
    expect(await everything(await raw(server, ask))).toContain('served');
  });

  it('has no more connections of one address than its part, whatever they speak or if they say nothing', async () => {
    const server = await serve(() => new Response(), { http2: 'handler', maxConnections: 4, addressShare: 0.5 });
    const speaker = connectHttp2(server.url);
    await once(speaker, 'remoteSettings');
    const silent = await raw(server, '');
    const third = await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let told = '';
    third.on('data', (chunk) => (told += String(chunk)));
    await new Promise((resolve) => void third.once('close', resolve));
    expect(told).toBe('');
    silent.destroy();
    const answered = async (): Promise<number> => (await fetch(server.url).catch(() => Response.error())).status;
    await expect.poll(answered, { timeout: 5_000 }).toBe(200);
    speaker.destroy();
  });

  it('refuses a head that is too long, and rubbish', async () => {
    const server = await serve(() => new Response());
    expect(await everything(await raw(server, `GET / HTTP/1.1\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`))).toContain('431');
    expect(await everything(await raw(server, 'rubbish\r\n\r\n'))).toContain('400');
  });

  it('answers 500 when a handler throws, and logs it', async () => {
    const errors: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (message: string) => errors.push(message),
      child: () => logger,
    };
    const server = await serve(
      () => {
        throw new Error('bug');
      },
      { logger },
    );
    const answer = await everything(await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    expect(answer).toContain('500');
    expect(answer).not.toContain('bug');
    expect(errors).toEqual(['a handler failed']);
  });

  it('closes gracefully: no new connections, those under way end first', async () => {
    const started = deferred<void>();
    const release = deferred<void>();
    const server = await serve(async () => {
      started.resolve();
      await release.promise;
      return new Response('finished');
    });
    const answer = everything(await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
    await started.promise;
    // The grace is longer than the test may take: closing must not wait for it.
    const closed = server.close(600_000);
    const late = connect(server.port, '127.0.0.1');
    expect(((await once(late, 'error')) as [NodeJS.ErrnoException])[0].code).toBe('ECONNREFUSED');
    release.resolve();
    expect(await answer).toContain('finished');
    await closed;
    await server.close();
  });

  it('cuts what does not end within the grace', async () => {
    const started = deferred<void>();
    const server = await serve(() => {
      started.resolve();
      return new Promise<Response>(() => undefined);
    });
    const socket = await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await started.promise;
    const cut = closed(socket);
    await server.close(10);
    await cut;
  });

  it('sends every cookie and the status of a streamed response', async () => {
    const server = await serve(() => {
      const headers = new Headers([
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
      ]);
      const source = (async function* () {
        yield utf8('body');
      })();
      return streamResponse(source, { status: 206, headers });
    });
    const answer = await everything(await raw(server, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1\.1 206 /);
    expect(answer.toLowerCase()).toContain('set-cookie: a=1\r\nset-cookie: b=2\r\n');
    expect(answer).toContain('body');
  });
});
