/**
 * The thread that serves the ledger: sockets, HTTP, gRPC framing, and the signatures of transactions. What is asked of
 * the ledger itself goes to the thread that started this one.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert, isFloeError, type LogFields, type Logger } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { createGrpcWebHandler } from '../rpc/grpc-web.ts';
import { createRelayFront } from '../rpc/relay/front-side.ts';
import { withKnownSigners } from '../rpc/relay/known-signers.ts';
import type { CloseFront, FrontData, FrontReport, LogLevel, LogText } from './front-protocol.ts';
import { createGrpcConnections } from './grpc-http2.ts';
import { createPortChannel } from './port-channel.ts';
import { createSignatureVerifier } from './signature-verifier.ts';

const parent = parentPort;
assert(parent !== null, 'this file runs in a worker thread');
const report = (message: FrontReport): void => parent.postMessage(message);

const { listen, offered, relay } = workerData as FrontData;
const front = createRelayFront(offered, createPortChannel(relay));
const dispatcher = withKnownSigners(front.dispatcher, createSignatureVerifier({ isInline: true }));
const logger = reportingLogger({});

try {
  const http2 = createGrpcConnections({ dispatcher, logger });
  const handler = createGrpcWebHandler({ dispatcher, logger, read: (pathname) => front.read(pathname) });
  const server = await serveHttp(handler, { ...listen, logger, http2 });
  parent.once('message', ({ graceMs }: CloseFront) => {
    void server.close(graceMs).then(() => {
      report({ kind: 'closed' });
      relay.close();
    });
  });
  report({ kind: 'started', url: server.url, port: server.port });
} catch (error) {
  if (!isFloeError(error)) throw error;
  const { code, kind, message, data } = error;
  report({ kind: 'failed', error: { code, kind, message, data } });
  relay.close();
}

function reportingLogger(common: LogFields): Logger {
  const at = (level: LogLevel) => (message: string, fields?: LogFields) =>
    report({ kind: 'log', level, message, fields: asText({ ...common, ...fields }) });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => reportingLogger({ ...common, ...fields }),
  };
}

function asText(fields: LogFields): LogText {
  const text = (value: unknown): string => (value instanceof Error ? (value.stack ?? value.message) : String(value));
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, text(value)]));
}
