import { type HttpHandler, deferred, silentLogger } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { seededBytes, seededRandom } from './support/random.ts';
import { GrpcTypes, type RpcError, SuiGrpcClient } from '@mysten/sui/grpc';
import { describe, expect, it } from 'vitest';
import { decodeBase64Text, encodeBase64Text } from '../../src/rpc/base64-text.ts';
import { rpcErrors } from '../../src/rpc/errors.ts';
import { dataFrame } from '../../src/rpc/frames.ts';
import { createGrpcWebHandler } from '../../src/rpc/grpc-web.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';
import { createDispatcher, type RpcService } from '../../src/rpc/service.ts';

const ORIGIN = 'http://ledger.test';
const METHOD = `${ORIGIN}/sui.rpc.v2.LedgerService/GetServiceInfo`;

function handlerOf(services: Partial<RpcService>): HttpHandler {
  const service: RpcService = { descriptor: GrpcTypes.LedgerService, unary: {}, streams: {}, ...services };
  return createGrpcWebHandler({
    dispatcher: createDispatcher([service]),
    logger: silentLogger,
    read: (pathname) =>
      pathname === '/' || pathname.endsWith('/health') ? Response.json({ status: 'ok' }) : undefined,
  });
}

function clientOf(handler: HttpHandler, format: 'text' | 'binary', path = ''): SuiGrpcClient {
  const fetchHandler = async (input: string | URL | Request, init?: RequestInit) =>
    handler(new Request(input as string, init));
  return new SuiGrpcClient({ network: 'localnet', baseUrl: `${ORIGIN}${path}`, format, fetch: fetchHandler });
}

const info: RpcService['unary'] = { GetServiceInfo: () => ({ chainId: 'chain', checkpointHeight: 5n }) };

const post = (body: Uint8Array<ArrayBuffer> | string, contentType = 'application/grpc-web+proto', url = METHOD) =>
  new Request(url, { method: 'POST', headers: { 'content-type': contentType }, body });

/** Status and message of a binary response, whose last frame must be the trailer. */
async function trailerOf(response: Response): Promise<{ status: number; message: string; frames: number }> {
  let bytes = new Uint8Array(await response.arrayBuffer());
  if (response.headers.get('content-type')?.includes('-text') === true) bytes = decodeBase64Text(bytes);
  let frames = 0;
  for (;;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
    if (bytes[0] === 0x80) {
      expect(length).toBe(bytes.length - 5);
      const fields = new Map(
        new TextDecoder()
          .decode(bytes.subarray(5))
          .split('\r\n')
          .filter((line) => line !== '')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
      );
      const message = decodeURIComponent(fields.get('grpc-message') ?? '');
      return { status: Number(fields.get('grpc-status')), message, frames };
    }
    frames += 1;
    bytes = bytes.subarray(5 + length);
  }
}

describe('over a socket', () => {
  it.each([
    ['a unary call', 'application/grpc-web+proto', METHOD, dataFrame(new Uint8Array(0))],
    ['a unary call in text', 'application/grpc-web-text', METHOD, encodeBase64Text(dataFrame(new Uint8Array(0)))],
    ['a malformed frame', 'application/grpc-web', METHOD, Uint8Array.of(1, 2, 3)],
    ['an unknown method', 'application/grpc-web', `${ORIGIN}/no.Service/Method`, dataFrame(new Uint8Array(0))],
    ['another content type', 'text/plain', METHOD, new Uint8Array(0)],
    ['a body that is too large', 'application/grpc-web', METHOD, new Uint8Array(2 * rpcLimits.requestBytes)],
  ])('answers %s as the web-standard handler does', async (_what, contentType, url, body) => {
    const handler = handlerOf({ unary: info });
    const server = await serveHttp(handler, { host: '127.0.0.1', port: 0 });
    try {
      const request = { method: 'POST', headers: { 'content-type': contentType }, body };
      const [direct, web] = [
        await fetch(url.replace(ORIGIN, server.url), request),
        await handler(new Request(url, request)),
      ];
      expect(direct.status).toBe(web.status);
      for (const [name, value] of web.headers) expect(direct.headers.get(name)).toBe(value);
      expect(new Uint8Array(await direct.arrayBuffer())).toEqual(new Uint8Array(await web.arrayBuffer()));
    } finally {
      await server.close(0);
    }
  });
});

describe.each(['text', 'binary'] as const)('gRPC-Web, %s', (format) => {
  it('answers a unary call of the official client', async () => {
    const { response } = await clientOf(handlerOf({ unary: info }), format).ledgerService.getServiceInfo({});
    expect(response).toEqual({ chainId: 'chain', checkpointHeight: 5n });
  });

  it('answers under a path prefix', async () => {
    const client = clientOf(handlerOf({ unary: info }), format, '/some/prefix/');
    expect((await client.ledgerService.getServiceInfo({})).response.chainId).toBe('chain');
  });

  it('streams messages in order and ends with a trailer', async () => {
    const handler = handlerOf({
      streams: {
        async *ListCheckpoints() {
          for (let sequenceNumber = 0n; sequenceNumber < 20n; sequenceNumber += 1n) {
            yield { checkpoint: { sequenceNumber, transactions: [] } };
          }
        },
      },
    });
    const call = clientOf(handler, format).ledgerService.listCheckpoints({});
    const seen: bigint[] = [];
    for await (const { checkpoint } of call.responses) seen.push(checkpoint?.sequenceNumber ?? -1n);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i)));
    expect((await call.status).code).toBe('OK');
  });

  it('reports an error of a method with code and readable message', async () => {
    const handler = handlerOf({
      unary: {
        GetServiceInfo: () => {
          throw rpcErrors.RPC_NOT_FOUND({ what: 'größe', id: '100%' });
        },
      },
    });
    const error: RpcError = await clientOf(handler, format)
      .ledgerService.getServiceInfo({})
      .then(
        () => expect.fail(),
        (reason) => reason,
      );
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toBe('größe 100% not found');
  });

  it('reports an error in the middle of a stream after the messages before it', async () => {
    const handler = handlerOf({
      streams: {
        async *ListCheckpoints() {
          yield { watermark: { checkpoint: 1n } };
          throw rpcErrors.RPC_SUBSCRIPTIONS_FULL({ limit: 1 });
        },
      },
    });
    const call = clientOf(handler, format).ledgerService.listCheckpoints({});
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const message of call.responses) seen.push(message);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(seen).toHaveLength(1);
  });

  it('hides the text of an unexpected error', async () => {
    const handler = handlerOf({
      unary: {
        GetServiceInfo: () => {
          throw new TypeError('secret detail');
        },
      },
    });
    const error: RpcError = await clientOf(handler, format)
      .ledgerService.getServiceInfo({})
      .then(
        () => expect.fail(),
        (reason) => reason,
      );
    expect(error.code).toBe('INTERNAL');
    expect(error.message).not.toContain('secret');
  });
});

describe('gRPC-Web', () => {
  it('answers exactly the content types that clients accept', async () => {
    const handler = handlerOf({ unary: info });
    const text = await handler(post('AAAAAAA=', 'application/grpc-web-text; charset=utf-8'));
    expect(text.headers.get('content-type')).toBe('application/grpc-web-text+proto');
    expect(await trailerOf(text)).toEqual({ status: 0, message: '', frames: 1 });
    const binary = await handler(post(dataFrame(new Uint8Array(0)), 'application/grpc-web'));
    expect(binary.headers.get('content-type')).toBe('application/grpc-web+proto');
  });

  it('lets a web page of any origin call', async () => {
    const handler = handlerOf({ unary: info });
    const preflight = await handler(
      new Request(METHOD, {
        method: 'OPTIONS',
        headers: { origin: 'https://page', 'access-control-request-headers': 'content-type,x-grpc-web,x-sui-client' },
      }),
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type,x-grpc-web,x-sui-client');
    const response = await handler(post(dataFrame(new Uint8Array(0))));
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-expose-headers')).toContain('grpc-status');
    expect(response.headers.get('access-control-expose-headers')).toContain('grpc-message');
  });

  it('shows its status to a browser and refuses other methods, paths and content types', async () => {
    const handler = handlerOf({ unary: info });
    for (const path of ['/', '/health']) {
      const response = await handler(new Request(`${ORIGIN}${path}`));
      expect(await response.json()).toEqual({ status: 'ok' });
    }
    expect((await handler(new Request(`${ORIGIN}/`, { method: 'HEAD' }))).status).toBe(200);
    expect((await handler(new Request(`${ORIGIN}/elsewhere`))).status).toBe(404);
    expect((await handler(new Request(METHOD, { method: 'PUT' }))).status).toBe(405);
    const native = await handler(post(dataFrame(new Uint8Array(0)), 'application/grpc'));
    expect(native.status).toBe(415);
    expect(await native.json()).toMatchObject({
      error: { message: expect.stringContaining('application/grpc-web-text') },
    });
  });

  it('names an unknown method, one that is not offered, and a malformed message', async () => {
    const handler = handlerOf({ unary: info });
    const call = async (path: string, message: Uint8Array) =>
      trailerOf(await handler(post(dataFrame(message), 'application/grpc-web+proto', `${ORIGIN}${path}`)));
    expect(await call('/sui.rpc.v2.LedgerService/GetEpoch', new Uint8Array(0))).toMatchObject({
      status: 12,
      message: expect.stringContaining('sui.rpc.v2.LedgerService/GetEpoch'),
    });
    expect(await call('/x', new Uint8Array(0))).toMatchObject({ status: 12 });
    expect(await call('/sui.rpc.v2.LedgerService/GetServiceInfo', Uint8Array.of(0xff, 0xff))).toMatchObject({
      status: 3,
      message: expect.stringContaining('malformed protobuf message sui.rpc.v2.GetServiceInfoRequest'),
    });
  });

  it('refuses a body over the limit', async () => {
    const body = new Uint8Array(rpcLimits.requestBytes * 2);
    const answer = await trailerOf(await handlerOf({ unary: info })(post(body)));
    expect(answer).toMatchObject({ status: 8, message: expect.stringContaining('larger than the maximum') });
  });

  it('makes the next message only when the last was taken, and closes the stream when its reader leaves', async () => {
    const closed = deferred<void>();
    let made = 0;
    let aborted = false;
    const handler = handlerOf({
      streams: {
        async *ListCheckpoints(_request, { signal }) {
          signal.addEventListener('abort', () => (aborted = true));
          try {
            for (;;) {
              made += 1;
              yield { watermark: { checkpoint: BigInt(made) } };
            }
          } finally {
            closed.resolve();
          }
        },
      },
    });
    const url = `${ORIGIN}/sui.rpc.v2.LedgerService/ListCheckpoints`;
    const response = await handler(post(dataFrame(new Uint8Array(0)), 'application/grpc-web+proto', url));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (let i = 0; i < 3; i += 1) await reader.read();
    expect(made).toBe(3);
    await reader.cancel();
    await closed.promise;
    expect(aborted).toBe(true);
    expect(made).toBe(3);
  });

  it('ends a stream that waits when its reader leaves', async () => {
    const closed = deferred<void>();
    const handler = handlerOf({
      streams: {
        async *ListCheckpoints(_request, { signal }) {
          try {
            yield { watermark: { checkpoint: 1n } };
            await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
          } finally {
            closed.resolve();
          }
        },
      },
    });
    const url = `${ORIGIN}/sui.rpc.v2.LedgerService/ListCheckpoints`;
    const response = await handler(post(dataFrame(new Uint8Array(0)), 'application/grpc-web+proto', url));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const waiting = reader.read();
    await reader.cancel('gone');
    await closed.promise;
    expect((await waiting).done).toBe(true);
  });

  it('answers any bytes with a well-formed trailer', async () => {
    const services = {
      unary: { ...info, BatchGetObjects: () => ({ objects: [] }), GetTransaction: () => ({}) },
    };
    const handler = handlerOf(services);
    const seed = Number(process.env['FLOE_SEED'] ?? 20240);
    const random = seededRandom(seed);
    const valid = dataFrame(
      GrpcTypes.BatchGetObjectsRequest.toBinary({
        requests: [{ objectId: '0x1', version: 3n }, { objectId: '0x2' }],
        readMask: { paths: ['digest', 'owner'] },
      }),
    );
    const methods = ['GetServiceInfo', 'BatchGetObjects', 'GetTransaction'];
    for (let round = 0; round < 2000; round += 1) {
      const body = mutate(valid, random);
      const isText = random(2) === 0;
      const sent = isText && random(4) > 0 ? encodeBase64Text(body) : body;
      const contentType = isText ? 'application/grpc-web-text' : 'application/grpc-web+proto';
      const url = `${ORIGIN}/sui.rpc.v2.LedgerService/${methods[random(methods.length)]}`;
      const response = await handler(post(sent, contentType, url));
      expect(response.status, `seed ${seed} round ${round}`).toBe(200);
      const answer = await trailerOf(response);
      expect([0, 3, 12], `seed ${seed} round ${round}: ${answer.message}`).toContain(answer.status);
    }
  });
});

function mutate(frame: Uint8Array<ArrayBuffer>, random: (bound: number) => number): Uint8Array<ArrayBuffer> {
  switch (random(4)) {
    case 0:
      return seededBytes(random, random(64));
    case 1:
      return frame.slice(0, random(frame.length));
    case 2:
      return Uint8Array.of(...frame, ...seededBytes(random, random(20)));
    default: {
      const mutated = frame.slice();
      for (let i = 0; i <= random(6); i += 1) mutated[random(mutated.length)] = random(256);
      return mutated;
    }
  }
}
