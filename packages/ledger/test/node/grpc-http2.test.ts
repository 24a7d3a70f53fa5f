import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { GrpcTypes } from '@mysten/sui/grpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTimeout } from '../../src/rpc/call-deadline.ts';
import { dataFrame } from '../../src/rpc/frames.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';
import { startNetwork, type TestNetwork } from '../rpc/support/network.ts';

let network: TestNetwork;
let session: ClientHttp2Session;

beforeAll(async () => {
  network = await startNetwork();
  session = connect(network.url);
});
afterAll(async () => {
  session.close();
  await network.close();
});

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** `grpc-status` and `grpc-message`, wherever they came. */
  readonly status: string | undefined;
  readonly message: string;
}

function open(path: string, headers: Record<string, string> = {}) {
  return session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
}

async function call(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = open(path, headers);
  let first: IncomingHttpHeaders = {};
  let last: IncomingHttpHeaders = {};
  const parts: Buffer[] = [];
  stream.on('response', (received) => (first = received));
  stream.on('trailers', (received) => (last = received));
  stream.on('data', (part: Buffer) => parts.push(part));
  stream.end(body);
  await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject));
  const status = (last['grpc-status'] ?? first['grpc-status']) as string | undefined;
  const message = decodeURIComponent(((last['grpc-message'] ?? first['grpc-message']) as string | undefined) ?? '');
  return { headers: first, body: Buffer.concat(parts), status, message };
}

function frames(body: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const size = body.readUInt32BE(at + 1);
    messages.push(body.subarray(at + 5, at + 5 + size));
    at += 5 + size;
  }
  return messages;
}

const NOTHING = dataFrame(new Uint8Array(0));
const SERVICE_INFO = '/sui.rpc.v2.LedgerService/GetServiceInfo';

describe('gRPC over HTTP/2', () => {
  test('answers a unary call with one message and its status in trailers', async () => {
    const { headers, body, status } = await call(SERVICE_INFO, NOTHING);
    expect(headers[':status']).toBe(200);
    expect(headers['content-type']).toBe('application/grpc+proto');
    expect(headers['grpc-status']).toBeUndefined();
    expect(status).toBe('0');
    const [message] = frames(body);
    const { response } = await network.client().ledgerService.getServiceInfo({});
    expect(GrpcTypes.GetServiceInfoResponse.fromBinary(message!).chainId).toBe(response.chainId);
  });

  test('streams messages one by one', async () => {
    await network.wallet(7);
    const request = GrpcTypes.ListCheckpointsRequest.toBinary(GrpcTypes.ListCheckpointsRequest.create({}));
    const { body, status } = await call('/sui.rpc.v2.LedgerService/ListCheckpoints', dataFrame(request));
    expect(status).toBe('0');
    const messages = frames(body).map((message) => GrpcTypes.ListCheckpointsResponse.fromBinary(message));
    expect(messages.length).toBeGreaterThanOrEqual(2);
  });

  test('a subscriber gets headers at once, then every checkpoint, and can leave at any time', async () => {
    const stream = open('/sui.rpc.v2.SubscriptionService/SubscribeCheckpoints');
    const opened = new Promise<IncomingHttpHeaders>((resolve) => void stream.once('response', resolve));
    stream.end(NOTHING);
    expect((await opened)[':status']).toBe(200);
    const received = new Promise<Buffer>((resolve) => void stream.once('data', resolve));
    await network.wallet(8);
    const [message] = frames(await received);
    const { cursor } = GrpcTypes.SubscribeCheckpointsResponse.fromBinary(message!);
    expect(cursor).toBe(network.ledger.getCheckpoint('latest')!.sequence);
    const closed = new Promise((resolve) => void stream.once('close', resolve));
    stream.close();
    await closed;
    expect((await call(SERVICE_INFO, NOTHING)).status).toBe('0');
  });

  test('what fails ends with its gRPC status', async () => {
    const unknown = await call('/sui.rpc.v2.LedgerService/Guess', NOTHING);
    expect(unknown).toMatchObject({ status: '12', body: Buffer.alloc(0) });
    expect(unknown.message).toContain('Guess');
    expect(await call(SERVICE_INFO, Uint8Array.of(0, 0))).toMatchObject({ status: '3' });
    expect(await call(SERVICE_INFO, Uint8Array.of(1, 0, 0, 0, 0))).toMatchObject({ status: '12' });
    expect(await call(SERVICE_INFO, NOTHING, { 'grpc-timeout': 'soon' })).toMatchObject({ status: '3' });
    expect(await call(SERVICE_INFO, new Uint8Array(rpcLimits.requestBytes + 6))).toMatchObject({ status: '8' });
  });

  test('a deadline ends a call that is still waiting', async () => {
    const path = '/sui.rpc.v2.SubscriptionService/SubscribeCheckpoints';
    expect(await call(path, NOTHING, { 'grpc-timeout': '20m' })).toMatchObject({ status: '4' });
    expect(await call(SERVICE_INFO, NOTHING, { 'grpc-timeout': '99999999H' })).toMatchObject({ status: '0' });
  });

  test('what is no gRPC call is refused in HTTP', async () => {
    expect((await call(SERVICE_INFO, NOTHING, { 'content-type': 'text/plain' })).headers[':status']).toBe(415);
    expect((await call('/', NOTHING, { ':method': 'PUT' })).headers[':status']).toBe(405);
  });

  test('many calls share a connection', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(SERVICE_INFO, NOTHING)));
    expect(answers.every(({ status }) => status === '0')).toBe(true);
  });
});

describe('one port for both', () => {
  test('HTTP/1 and its keep-alive work beside HTTP/2', async () => {
    for (let i = 0; i < 3; i += 1) expect((await fetch(`${network.url}/health`)).status).toBe(200);
  });

  test('first bytes that come one by one are told apart', async () => {
    const { port } = new URL(network.url);
    const socket = connectSocket(Number(port), '127.0.0.1');
    socket.setNoDelay(true);
    await new Promise((resolve) => void socket.once('connect', resolve));
    const text = 'GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    for (const letter of text.slice(0, 8)) await new Promise((resolve) => void socket.write(letter, resolve));
    socket.end(text.slice(8));
    let answer = '';
    socket.on('data', (part) => (answer += String(part)));
    await new Promise((resolve) => void socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1.1 200/);
  });

  test('closing ends connections that never said anything', async () => {
    const other = await startNetwork();
    const { port } = new URL(other.url);
    const silent = connectSocket(Number(port), '127.0.0.1');
    const early = connectSocket(Number(port), '127.0.0.1');
    early.write('PRI');
    const idle = connect(other.url);
    await new Promise((resolve) => void idle.once('remoteSettings', resolve));
    const closed = Promise.all(
      [silent, early].map((socket) => new Promise((resolve) => void socket.once('close', resolve))),
    );
    silent.resume();
    early.resume();
    await other.close();
    await closed;
    idle.destroy();
  });
});

test('timeouts are digits and a unit', () => {
  expect(parseTimeout(undefined)).toBeUndefined();
  expect(['1H', '2M', '3S', '4m', '5u', '6n'].map(parseTimeout)).toEqual([3_600_000, 120_000, 3000, 4, 1, 1]);
  for (const text of ['', 'S', '1', '123456789S', '-1S', '1s']) expect(() => parseTimeout(text)).toThrow();
});
