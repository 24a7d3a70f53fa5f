/** The ledger's service on one port: gRPC-Web for browsers and the SDKs, native gRPC over HTTP/2 for all others. */
import type { HttpServer, Logger } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import type { LedgerApi } from '../api.ts';
import { createLedgerDispatcher, createLedgerHandler } from '../rpc/handler.ts';
import { startFront } from './front.ts';
import type { ListenOptions } from './front-protocol.ts';
import { createGrpcConnections } from './grpc-http2.ts';
import { pauseForSending } from './pause.ts';

export interface ServeLedgerOptions extends ListenOptions {
  /**
   * True: sockets and signatures have a thread of their own (front.ts), which takes half a second to start and some
   * 60 MiB. For a ledger that shall execute as much as it can; default: all in the calling thread.
   */
  readonly ownThread?: boolean;
}

/** @throws PORT_IN_USE, LISTEN_FAILED */
export function serveLedger(
  ledger: LedgerApi,
  { ownThread = false, ...listen }: ServeLedgerOptions,
  modules: { readonly logger?: Logger } = {},
): Promise<HttpServer> {
  if (ownThread) return startFront(ledger, listen, modules);
  const pause = pauseForSending;
  const http2 = createGrpcConnections({ dispatcher: createLedgerDispatcher(ledger, { pause }), ...modules });
  return serveHttp(createLedgerHandler(ledger, { ...modules, pause }), { ...listen, ...modules, http2 });
}
