/**
 * The gateway: a Walrus aggregator and publisher on one port, as a web-standard handler. Streams hold two windows of rows;
 * stores and some reads hold a small blob whole, a large one never; all are bounded in number and in bytes.
 */
import type { FloeClient, Signer } from '@floe/client';
import { isFloeError, silentLogger, type HttpHandler, type Logger } from '@floe/platform';
import { Hono } from 'hono';
import { Admission } from './admission.ts';
import { aggregatorRoutes } from './aggregator.ts';
import { withCors } from './cors.ts';
import { errorResponse, gatewayErrors } from './errors.ts';
import * as limits from './limits.ts';
import { Payer, type Refill } from './payer.ts';
import { publisherRoutes } from './publisher.ts';

/** Attributes and tags that become response headers unless other names are given. */
export const DEFAULT_ALLOWED_HEADERS: readonly string[] = [
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'link',
];

/** The defaults are in `limits.ts`. */
export interface GatewayOptions {
  readonly allowedHeaders?: readonly string[];
  readonly maxBlobBodyBytes?: number;
  readonly maxQuiltBodyBytes?: number;
  readonly maxReads?: number;
  readonly maxStreamBytes?: number;
  readonly maxWholeReadBytes?: number;
  readonly maxWaitingReads?: number;
  readonly maxUploads?: number;
  readonly maxUploadBytes?: number;
  readonly maxStores?: number;
  readonly maxStoreBytes?: number;
  readonly maxWaitingStores?: number;
}

export interface GatewayModules {
  readonly client: FloeClient;
  /** Pays for stores; without it the gateway only reads. */
  readonly signer?: Signer;
  /** Called when the signer's WAL or SUI do not suffice; the store is then tried once more. */
  readonly refill?: Refill;
  readonly logger?: Logger;
}

export interface Gateway {
  readonly handler: HttpHandler;
  /**
   * Ends stores that go on without their clients; to be called when the server has closed, before the client's modules
   * do. Can be called twice.
   */
  readonly close: () => Promise<void>;
}

export function createGateway(options: GatewayOptions, modules: GatewayModules): Gateway {
  const { logger = silentLogger, signer } = modules;
  const app = new Hono();
  app.get('/status', (context) => context.text('OK'));
  app.route('/', readRoutes(options, modules.client));
  const payer = signer === undefined ? undefined : new Payer(signer, { refill: modules.refill, logger });
  if (payer !== undefined) app.route('/', storeRoutes(options, { client: modules.client, payer }));
  app.notFound(({ req }) => errorResponse(gatewayErrors.NO_SUCH_ROUTE({ method: req.method, path: req.path })));
  app.onError((error, { req }) => {
    const response = errorResponse(error);
    if (response.status >= 500 && !req.raw.signal.aborted) {
      const fields = { method: req.method, path: req.path, error };
      if (isFloeError(error)) logger.warn('request failed', fields);
      else logger.error('request failed', fields);
    }
    return response;
  });
  return {
    handler: withLog(
      withCors((request) => app.fetch(request)),
      logger,
    ),
    close: async () => payer?.close(),
  };
}

function readRoutes(options: GatewayOptions, client: FloeClient): Hono {
  const atOnce = options.maxReads ?? limits.DEFAULT_MAX_READS;
  const waiting = options.maxWaitingReads ?? limits.DEFAULT_MAX_WAITING_READS;
  const reads = new Admission({ name: 'the line of reads', atOnce, waiting });
  const streams = new Admission({
    name: 'the line of streams',
    atOnce,
    waiting,
    bytesAtOnce: options.maxStreamBytes ?? limits.DEFAULT_MAX_STREAM_BYTES,
  });
  const wholes = new Admission({
    name: 'the line of reads of whole blobs',
    atOnce,
    waiting,
    bytesAtOnce: options.maxWholeReadBytes ?? limits.DEFAULT_MAX_WHOLE_READ_BYTES,
  });
  const names = options.allowedHeaders ?? DEFAULT_ALLOWED_HEADERS;
  const allowedHeaders = new Set(names.map((name) => name.toLowerCase()));
  return aggregatorRoutes({ client, reads, streams, wholes, allowedHeaders });
}

function storeRoutes(options: GatewayOptions, modules: { client: FloeClient; payer: Payer }): Hono {
  const stores = new Admission({
    name: 'the line of stores',
    atOnce: options.maxStores ?? limits.DEFAULT_MAX_STORES,
    waiting: options.maxWaitingStores ?? limits.DEFAULT_MAX_WAITING_STORES,
    bytesAtOnce: options.maxStoreBytes ?? limits.DEFAULT_MAX_STORE_BYTES,
  });
  const uploads = new Admission({
    name: 'the line of uploads',
    atOnce: options.maxUploads ?? limits.DEFAULT_MAX_UPLOADS,
    waiting: options.maxWaitingStores ?? limits.DEFAULT_MAX_WAITING_STORES,
    bytesAtOnce: options.maxUploadBytes ?? limits.DEFAULT_MAX_UPLOAD_BYTES,
    addressShare: limits.UPLOAD_ADDRESS_SHARE,
  });
  return publisherRoutes({
    ...modules,
    uploads,
    stores,
    maxBlobBodyBytes: options.maxBlobBodyBytes ?? limits.DEFAULT_MAX_BLOB_BODY_BYTES,
    maxQuiltBodyBytes: options.maxQuiltBodyBytes ?? limits.DEFAULT_MAX_QUILT_BODY_BYTES,
  });
}

/** One line for each request, when its status is known. */
function withLog(handler: HttpHandler, logger: Logger): HttpHandler {
  return async (request) => {
    const response = await handler(request);
    const path = new URL(request.url).pathname;
    const range = response.headers.get('content-range') ?? undefined;
    logger.info('request', { method: request.method, path, status: response.status, range });
    return response;
  };
}
