/** Servers with TLS, and clients that know their keys. */
import { once } from 'node:events';
import { connect as connectHttp2, constants, type ClientHttp2Session, type ClientSessionOptions } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { deferred } from '../../src/concurrency.ts';
import { type HttpHandler, peerAddress, readBody, streamBody, streamResponse } from '../../src/http.ts';
import { type ListeningServer, serveHttp, type ServeOptions } from '../../src/node/http-server.ts';
import { createSelfSignedIdentity } from '../../src/node/tls-identity.ts';
import { createUndiciTransport } from '../../src/node/undici-transport.ts';

const identityOf = (fill: number) =>
  createSelfSignedIdentity({ secretKey: new Uint8Array(32).fill(fill), commonName: 'a.test', hosts: ['127.0.0.1'] });
const [identity, other] = [identityOf(1), identityOf(2)];

const endings: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function serve(handler: HttpHandler, options: Partial<ServeOptions> = {}): Promise<ListeningServer> {
  const server = await serveHttp(handler, { host: '127.0.0.1', port: 0, tls: identity, http2: 'handler', ...options });
  endings.push(() => server.close(0));
  return server;
}

function transport(): ReturnType<typeof createUndiciTransport> {
  const made = createUndiciTransport();
  endings.push(() => made.close());
  return made;
}

const echo: HttpHandler = async (request) => {
  const text = request.method === 'GET' ? 'nothing' : new TextDecoder().decode(await readBody(request, 1 << 20));
  return new Response(`${request.method} ${new URL(request.url).pathname} ${text} from ${peerAddress(request)}`, {
    headers: { 'x-seen': request.headers.get('x-sent') ?? '' },
  });
};

describe('a transport that knows the key of a server', () => {
  it('talks to the server that has it', async () => {
    const { url } = await serve(echo);
    const request = { method: 'PUT', url: `${url}/a`, body: utf8('hello'), serverKey: identity.publicKey } as const;
    const response = await transport().request(request);
    expect(new TextDecoder().decode(await response.bytes(100))).toBe('PUT /a hello from 127.0.0.1');
  });

  it('refuses one that has another, before it sends anything', async () => {
    let came = 0;
    const { url } = await serve(() => {
      came += 1;
      return new Response();
    });
    await expect(transport().request({ method: 'GET', url, serverKey: other.publicKey })).rejects.toMatchObject({
      code: 'WRONG_SERVER_KEY',
      kind: 'integrity',
      data: { came: Buffer.from(identity.publicKey).toString('hex') },
    });
    expect(came).toBe(0);
  });

  it('trusts no certificate that nobody vouches for when it knows no key', async () => {
    const { url } = await serve(echo);
    await expect(transport().request({ method: 'GET', url })).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE' });
  });

  it('finds a server that changed its key by the new one, and not by the old one', async () => {
    const server = await serve(echo);
    const client = transport();
    const ask = async (serverKey: Uint8Array): Promise<number> => {
      const response = await client.request({ method: 'GET', url: server.url, serverKey });
      await response.bytes(100);
      return response.status;
    };
    expect(await ask(identity.publicKey)).toBe(200);
    server.useIdentity(other);
    expect(await ask(other.publicKey)).toBe(200);
    await expect(
      transport().request({ method: 'GET', url: server.url, serverKey: identity.publicKey }),
    ).rejects.toMatchObject({ code: 'WRONG_SERVER_KEY' });
  });

  it('says that a server speaks no TLS', async () => {
    const { port } = await serve(echo, { tls: undefined });
    const url = `https://127.0.0.1:${port}`;
    await expect(transport().request({ method: 'GET', url, serverKey: identity.publicKey })).rejects.toMatchObject({
      code: 'HTTP_UNREACHABLE',
    });
  });
});

describe('a server with TLS', () => {
  it('answers nothing without it', async () => {
    const server = await serve(echo);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'close');
    expect(socket.bytesRead).toBeLessThan(20);
  });

  it('closes while handshakes are under way', async () => {
    const server = await serve(echo);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    await serveRequestOnce(server);
    await server.close(60_000);
    await gone;
  });

  const serveRequestOnce = async (server: ListeningServer): Promise<void> => {
    const response = await transport().request({ method: 'GET', url: server.url, serverKey: identity.publicKey });
    await response.bytes(100);
  };
});

/** HTTP/2 in the three ways in which clients come to it. */
const WAYS = {
  'with TLS and agreement': (port: number) => connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false }),
  'with TLS and no agreement': (port: number) =>
    connectHttp2(`https://127.0.0.1:${port}`, {
      createConnection: () => withoutAgreement(connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })),
    }),
  'without TLS': (port: number) => connectHttp2(`http://127.0.0.1:${port}`),
};

/** The client of Node.js insists on an agreement unless the socket says that there was one. */
function withoutAgreement(socket: TLSSocket): TLSSocket {
  Object.defineProperty(socket, 'alpnProtocol', { get: () => 'h2', set() {} });
  return socket;
}

describe.each(Object.entries(WAYS))('HTTP/2 %s', (way, open) => {
  const tls = way === 'without TLS' ? undefined : identity;

  async function start(handler: HttpHandler, options: Partial<ServeOptions> = {}): Promise<ClientHttp2Session> {
    const server = await serve(handler, { tls, ...options });
    const session = open(server.port);
    session.on('error', () => undefined);
    endings.push(() => session.destroy());
    return session;
  }

  async function send(
    session: ClientHttp2Session,
    headers: Record<string, string>,
    body?: Uint8Array,
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
    let text = '';
    for await (const part of stream) text += String(part);
    return { status: Number(answer[':status']), headers: answer, text };
  }

  it('is served by the same handler, many requests on one connection', async () => {
    const session = await start(echo);
    const answers = await Promise.all([
      send(session, { ':path': '/a?b', 'x-sent': 'seen' }),
      send(session, { ':path': '/c', ':method': 'PUT' }, utf8('hello')),
      send(session, { ':path': '/d', ':method': 'HEAD' }),
    ]);
    expect(answers.map(({ status, text }) => [status, text])).toEqual([
      [200, 'GET /a nothing from 127.0.0.1'],
      [200, 'PUT /c hello from 127.0.0.1'],
      [200, ''],
    ]);
    expect(answers[0]?.headers['x-seen']).toBe('seen');
  });

  it('moves bodies larger than its windows both ways, as streams', async () => {
    const session = await start((request) => streamResponse(streamBody(request)));
    const body = new Uint8Array(6 << 20).fill(120);
    const { text } = await send(session, { ':path': '/', ':method': 'POST' }, body);
    expect([text.length, /^x+$/.test(text)]).toEqual([body.length, true]);
  });

  it('refuses a body that is too large, and says so', async () => {
    const session = await start(async (request) => {
      const failure = await readBody(request, 1000).then(
        () => 'read',
        (error: Error) => (error as { code?: string }).code ?? error.message,
      );
      return new Response(failure, { status: 413 });
    });
    expect(await send(session, { ':path': '/', ':method': 'PUT' }, new Uint8Array(5000))).toMatchObject({
      status: 413,
      text: 'BODY_TOO_LARGE',
    });
  });
});

describe('HTTP/2', () => {
  const plain = { tls: undefined };
  const open = (server: ListeningServer, options?: ClientSessionOptions): ClientHttp2Session => {
    const session = connectHttp2(server.url, options);
    session.on('error', () => undefined);
    endings.push(() => session.destroy());
    return session;
  };

  it('tells the handler that its client went away', async () => {
    const left = deferred<unknown>();
    const begun = deferred<void>();
    const server = await serve(
      (request) =>
        new Promise(() => {
          request.signal.addEventListener('abort', () => left.resolve(request.signal.reason));
          begun.resolve();
        }),
      plain,
    );
    const stream = open(server).request({ ':path': '/x' });
    stream.on('error', () => undefined);
    await begun.promise;
    stream.close(constants.NGHTTP2_CANCEL);
    expect(await left.promise).toMatchObject({ code: 'CLIENT_GONE' });
  });

  it('cuts a body that comes too slowly, and only that', async () => {
    const outcome = deferred<unknown>();
    const server = await serve(
      async (request) => {
        if (request.method === 'GET') return new Response('fine');
        await readBody(request, 1000).catch((error: unknown) => outcome.resolve(error));
        return new Response();
      },
      { ...plain, bodyGraceMs: 40 },
    );
    const session = open(server);
    const slow = session.request({ ':path': '/', ':method': 'PUT', 'content-length': '100' });
    slow.on('error', () => undefined);
    slow.write('a few');
    const [answer] = (await once(slow, 'response')) as [Record<string, unknown>];
    expect(answer[':status']).toBe(408);
    expect(await outcome.promise).toMatchObject({ code: 'BODY_TRUNCATED', data: { sizeBytes: 5, expectedBytes: 100 } });
    const [next] = (await once(session.request({ ':path': '/' }), 'response')) as [Record<string, unknown>];
    expect(next[':status']).toBe(200);
  });

  it('cuts who takes an answer too slowly', async () => {
    const ended = deferred<void>();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(65_536);
      } finally {
        ended.resolve();
      }
    };
    const server = await serve(() => streamResponse(endless()), {
      ...plain,
      answerGraceMs: 40,
      minAnswerBytesPerSecond: 1e9,
    });
    const stream = open(server).request({ ':path': '/' });
    stream.on('error', () => undefined);
    await Promise.all([once(stream, 'response'), ended.promise]);
  });

  it('lets who is still taking one long part of an answer go on, as what was taken of it counts', async () => {
    const sizeBytes = 4 << 20;
    const long = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(sizeBytes);
    };
    const server = await serve(
      (request) => (request.method === 'GET' ? streamResponse(long()) : new Response(request.body)),
      { ...plain, answerGraceMs: 40, minAnswerBytesPerSecond: 1, bodyGraceMs: 80 },
    );
    const session = open(server);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    // Another one, who sends too slowly, is cut after twice as long.
    const slow = session.request({ ':path': '/', ':method': 'PUT', 'content-length': '100' });
    slow.on('error', () => undefined);
    slow.write('a few');
    await once(slow.resume(), 'close');
    let taken = 0;
    stream.on('data', (chunk: Buffer) => (taken += chunk.length));
    await new Promise((resolve) => void stream.once('close', resolve));
    expect(taken).toBe(sizeBytes);
  });

  it.each([
    ['silent', { idleTimeoutMs: 50 }],
    ['slow', { answerGraceMs: 40, minAnswerBytesPerSecond: 1e9 }],
  ])('cuts who never takes a short answer, as one that is too %s', async (_, pace) => {
    const server = await serve(() => new Response(new Uint8Array(10_000)), { ...plain, ...pace });
    const session = open(server, { settings: { initialWindowSize: 0 } });
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    await new Promise((resolve) => void stream.once('close', resolve));
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });

  it('has no more requests of one address than its part, also on many connections', async () => {
    const release = deferred<void>();
    const server = await serve(async () => (await release.promise, new Response()), { ...plain, maxRequests: 4 });
    const begin = (): Promise<number> =>
      once(open(server).request({ ':path': '/' }), 'response').then(([answer]) =>
        Number((answer as Record<string, unknown>)[':status']),
      );
    const third = Promise.any(Array.from({ length: 3 }, begin));
    expect(await third).toBe(503);
    release.resolve();
  });

  it('ends what is under way before it closes', async () => {
    const release = deferred<void>();
    const begun = deferred<void>();
    const server = await serve(async () => {
      begun.resolve();
      await release.promise;
      return new Response('done');
    }, plain);
    const stream = open(server).request({ ':path': '/' });
    await begun.promise;
    const closed = server.close(60_000);
    release.resolve();
    let text = '';
    for await (const part of stream) text += String(part);
    expect(text).toBe('done');
    await closed;
  });
});
