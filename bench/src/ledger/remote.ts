/** Starts the ledger's process and calls it over gRPC-Web, a connection per client. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { assert } from '@floe/platform';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { Started, Usage } from './server.ts';
import type { SignedBytes } from './transactions.ts';

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

/** The frame that asks for execution. */
export function executionRequest({ bytes, signature }: SignedBytes): Uint8Array {
  const message = GrpcTypes.ExecuteTransactionRequest.toBinary(
    GrpcTypes.ExecuteTransactionRequest.create({
      transaction: { bcs: { value: bytes } },
      signatures: [{ bcs: { value: signature } }],
    }),
  );
  const frame = new Uint8Array(5 + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, 5);
  return frame;
}

/** A client with one connection; `execute` resolves when the ledger says that the transaction succeeded. */
export function createCaller(url: string): { execute(frame: Uint8Array): Promise<void>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const target = new URL('/sui.rpc.v2.TransactionExecutionService/ExecuteTransaction', url);
  const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' };
  return {
    async execute(frame) {
      const body = await new Promise<Buffer>((resolve, reject) => {
        const outgoing = request(
          target,
          { method: 'POST', agent, headers: { ...headers, 'content-length': frame.length } },
          (response) => {
            const parts: Buffer[] = [];
            response.on('data', (part: Buffer) => parts.push(part));
            response.on('end', () => resolve(Buffer.concat(parts)));
            response.on('error', reject);
          },
        );
        outgoing.on('error', reject);
        outgoing.end(frame);
      });
      checkSuccess(body);
    },
    close: () => agent.destroy(),
  };
}

function checkSuccess(body: Buffer): void {
  const size = body.readUInt32BE(1);
  const isData = body[0] === 0;
  const trailer = (isData ? body.subarray(5 + size) : body).toString('latin1');
  assert(isData && trailer.includes('grpc-status:0'), 'a call of a benchmark succeeds', { trailer });
  const response = GrpcTypes.ExecuteTransactionResponse.fromBinary(body.subarray(5, 5 + size));
  assert(response.transaction?.effects?.status?.success === true, 'a transaction of a benchmark succeeds');
}
