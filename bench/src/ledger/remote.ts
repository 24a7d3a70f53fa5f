/** Starts the ledger's process and calls it over gRPC-Web or gRPC, a connection per client. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { assert } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { Started, Usage } from './server.ts';
import type { SignedBytes } from './transactions.ts';

const METHOD = '/sui.rpc.v2.TransactionExecutionService/ExecuteTransaction';

/** What lives for one batch dies young only if the young generation holds a few batches. */
export const LEDGER_FLAGS = ['--max-semi-space-size=64'];

export interface RemoteLedger {
  readonly started: Started;
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

/** @param profileDirectory where the process leaves a profile of its processor time, if anywhere */
export async function startRemoteLedger(directory: string, profileDirectory?: string): Promise<RemoteLedger> {
  const path = fileURLToPath(new URL('server.js', import.meta.url));
  const profiling = profileDirectory === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
  const execArgv = [...LEDGER_FLAGS, ...profiling];
  const child = fork(path, [directory], { execArgv });
  const started = (await answer(child)) as Started;
  return {
    started,
    async usage() {
      const usage = answer(child);
      child.send('usage');
      return (await usage) as Usage;
    },
    async close() {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

async function answer(child: ChildProcess): Promise<unknown> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error("the ledger's process ended"))),
  ])) as unknown[];
  return message;
}

/** Asks for executions in one way. Requests are made before the load begins. */
export interface Protocol {
  readonly name: string;
  request(signed: SignedBytes, url: string): Uint8Array;
  /** A client with one connection. */
  connect(url: string): Promise<Caller>;
}

export interface Caller {
  /** Resolves when the ledger says that the transaction succeeded. */
  execute(request: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * gRPC-Web over plain sockets: what is written is whole HTTP requests, and of an answer no more is looked at than its size
 * and that it says what a success says, so that the load leaves the processor to the ledger.
 */
export const grpcWebCalls: Protocol = {
  name: 'gRPC-Web',
  request(signed, url) {
    const frame = requestFrame(signed);
    const head = [
      `POST ${METHOD} HTTP/1.1`,
      `host: ${new URL(url).host}`,
      'content-type: application/grpc-web+proto',
      'x-grpc-web: 1',
      `content-length: ${frame.length}`,
    ];
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), frame]);
  },
  async connect(url) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setNoDelay();
    await once(socket, 'connect');
    let received: Buffer = Buffer.alloc(0);
    let waiting: { resolve(): void; reject(error: unknown): void } | undefined;
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const body = wholeBody(received);
      if (body === undefined) return;
      received = Buffer.alloc(0);
      try {
        const size = 5 + body.readUInt32BE(1);
        const trailer = body.subarray(body[0] === 0 ? size : 0).toString('latin1');
        assert(trailer.includes('grpc-status:0'), 'a call of a benchmark succeeds', { trailer });
        checkSuccess(body.subarray(5, size));
        waiting?.resolve();
      } catch (error) {
        waiting?.reject(error);
      }
    });
    socket.on('error', (error) => waiting?.reject(error));
    socket.on('close', () => waiting?.reject(new Error('the ledger closed a connection')));
    return {
      execute: (request) =>
        new Promise((resolve, reject) => {
          waiting = { resolve, reject };
          socket.write(request);
        }),
      close: () => void socket.destroy(),
    };
  },
};

/** gRPC over HTTP/2, through Node's client. */
export const grpcCalls: Protocol = {
  name: 'gRPC',
  request: requestFrame,
  async connect(url) {
    const session = connectHttp2(url);
    await once(session, 'connect');
    const headers = { ':method': 'POST', ':path': METHOD, 'content-type': 'application/grpc+proto', te: 'trailers' };
    return {
      execute: (request) =>
        new Promise((resolve, reject) => {
          const stream = session.request(headers);
          const parts: Buffer[] = [];
          let status: unknown;
          stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
          stream.on('data', (part: Buffer) => parts.push(part));
          stream.on('error', reject);
          stream.on('end', () => {
            try {
              assert(status === '0', 'a call of a benchmark succeeds', { status });
              checkSuccess(Buffer.concat(parts).subarray(5));
              resolve();
            } catch (error) {
              reject(error as Error);
            }
          });
          stream.end(request);
        }),
      close: () => session.destroy(),
    };
  },
};

/** The gRPC frame that asks for execution. */
function requestFrame({ bytes, signature }: SignedBytes): Uint8Array {
  const message = GrpcTypes.ExecuteTransactionRequest.toBinary(
    GrpcTypes.ExecuteTransactionRequest.create({
      transaction: { bcs: { value: bytes } },
      signatures: [{ bcs: { value: signature } }],
    }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Undefined while some of the response is to come. */
function wholeBody(response: Buffer): Buffer | undefined {
  const headEnd = response.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = response.toString('latin1', 0, headEnd);
  assert(head.startsWith('HTTP/1.1 200'), 'a call of a benchmark is answered', { head });
  const size = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  const body = response.subarray(headEnd + 4);
  return body.length >= size ? body : undefined;
}

function checkSuccess(message: Uint8Array): void {
  const response = GrpcTypes.ExecuteTransactionResponse.fromBinary(message);
  assert(response.transaction?.effects?.status?.success === true, 'a transaction of a benchmark succeeds');
}
