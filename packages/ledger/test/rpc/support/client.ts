/** The official client over a handler in process, without a socket. */
import type { HttpHandler } from '@floe/platform';
import { RpcError, SuiGrpcClient } from '@mysten/sui/grpc';
import { expect } from 'vitest';
import type { LedgerApi } from '../../../src/api.ts';
import { createLedgerHandler } from '../../../src/rpc/handler.ts';

export function clientOf(handler: HttpHandler, format: 'text' | 'binary' = 'binary'): SuiGrpcClient {
  const fetchHandler = async (input: string | URL | Request, init?: RequestInit) =>
    handler(new Request(input as string, init));
  return new SuiGrpcClient({ network: 'testnet', baseUrl: 'http://ledger.test', format, fetch: fetchHandler });
}

export function clientOfLedger(ledger: LedgerApi): SuiGrpcClient {
  return clientOf(createLedgerHandler(ledger));
}

/** The gRPC error that a call ends with. */
export async function rpcErrorOf(call: PromiseLike<unknown>): Promise<{ code: string; message: string }> {
  const error = await Promise.resolve(call).then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RpcError);
  const { code, message } = error as RpcError;
  return { code, message };
}
