/** Starts the ledger's process and calls it over gRPC-Web, a connection per client. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { assert } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { Started, Usage } from './server.ts';
import type { SignedBytes } from './transactions.ts';

const METHOD = '/sui.rpc.v2.TransactionExecutionService/ExecuteTransaction';

export interface RemoteLedger {
  readonly started: Started;
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

/** @param profileDirectory where the process leaves a profile of its processor time, if anywhere */
export async function startRemoteLedger(directory: string, profileDirectory?: string): Promise<RemoteLedger> {
  const path = fileURLToPath(new URL('server.js', import.meta.url));
  const execArgv = profileDirectory === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
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

/** The whole HTTP request that asks for execution; `url` is the ledger's. */
export function executionRequest({ bytes, signature }: SignedBytes, url: string): Uint8Array {
  const message = GrpcTypes.ExecuteTransactionRequest.toBinary(
    GrpcTypes.ExecuteTransactionRequest.create({
      transaction: { bcs: { value: bytes } },
      signatures: [{ bcs: { value: signature } }],
    }),
  );
  const head = [
    `POST ${METHOD} HTTP/1.1`,
    `host: ${new URL(url).host}`,
    'content-type: application/grpc-web+proto',
    'x-grpc-web: 1',
    `content-length: ${message.length + 5}`,
  ];
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), prefix, message]);
}

/** The call of `executionRequest`, answered when the ledger says that the transaction succeeded. */
export interface Caller {
  execute(request: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * A client with one connection. It writes requests made before and looks at no more of an answer than its size and that
 * it says what a success says, so that the load leaves the processor to the ledger.
 */
export async function createCaller(url: string): Promise<Caller> {
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
      checkSuccess(body);
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

function checkSuccess(body: Buffer): void {
  const size = body.readUInt32BE(1);
  const isData = body[0] === 0;
  const trailer = (isData ? body.subarray(5 + size) : body).toString('latin1');
  assert(isData && trailer.includes('grpc-status:0'), 'a call of a benchmark succeeds', { trailer });
  const response = GrpcTypes.ExecuteTransactionResponse.fromBinary(body.subarray(5, 5 + size));
  assert(response.transaction?.effects?.status?.success === true, 'a transaction of a benchmark succeeds');
}
