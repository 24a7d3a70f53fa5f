/** The ledger's service on one port: gRPC-Web for browsers and the SDKs, native gRPC over HTTP/2 for all others. */
import type { HttpServer, Logger } from '@floe/platform';
import { serveHttp, type ServeOptions } from '@floe/platform/node';
import type { LedgerApi } from '../api.ts';
import { createLedgerDispatcher, createLedgerHandler } from '../rpc/handler.ts';
import { createGrpcConnections } from './grpc-http2.ts';

/** @throws PORT_IN_USE, LISTEN_FAILED */
export function serveLedger(
  ledger: LedgerApi,
  options: Omit<ServeOptions, 'http2' | 'logger'>,
  modules: { readonly logger?: Logger } = {},
): Promise<HttpServer> {
  const http2 = createGrpcConnections({ dispatcher: createLedgerDispatcher(ledger), ...modules });
  return serveHttp(createLedgerHandler(ledger, modules), { ...options, ...modules, http2 });
}
