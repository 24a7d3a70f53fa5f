/**
 * The gateway: a Walrus aggregator and publisher on one port, as a web-standard handler. Reads hold a window of rows,
 * stores hold the blob; both are bounded in number.
 */
import type { FloeClient, Signer } from '@floe/client';
import { silentLogger, type HttpHandler, type Logger } from '@floe/platform';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { Admission } from './admission.ts';
import { aggregatorRoutes } from './aggregator.ts';
import { errorResponse } from './errors.ts';
import {
  DEFAULT_MAX_BLOB_BODY_BYTES,
  DEFAULT_MAX_QUILT_BODY_BYTES,
  DEFAULT_MAX_READS,
  DEFAULT_MAX_STORES,
  DEFAULT_MAX_WAITING_READS,
  DEFAULT_MAX_WAITING_STORES,
} from './limits.ts';
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

export interface GatewayOptions {
  readonly allowedHeaders?: readonly string[];
  readonly maxBlobBodyBytes?: number;
  readonly maxQuiltBodyBytes?: number;
  readonly maxReads?: number;
  readonly maxStores?: number;
}

export interface GatewayModules {
  readonly client: FloeClient;
  /** Pays for stores; without it the gateway only reads. */
  readonly signer?: Signer;
  readonly logger?: Logger;
}

export interface Gateway {
  readonly handler: HttpHandler;
}

/** Seconds for which a browser may remember the answer to a preflight request. */
const PREFLIGHT_MAX_AGE_SECONDS = 86_400;

export function createGateway(options: GatewayOptions, modules: GatewayModules): Gateway {
  const { client, signer, logger = silentLogger } = modules;
  const app = new Hono();
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD', 'PUT', 'OPTIONS'],
      exposeHeaders: ['ETag', 'Content-Range', 'Content-Length', 'Accept-Ranges', 'X-Quilt-Patch-Identifier'],
      maxAge: PREFLIGHT_MAX_AGE_SECONDS,
    }),
  );
  app.use(async (context, next) => {
    await next();
    const { method, path } = context.req;
    logger.info('request', { method, path, status: context.res.status });
  });
  app.get('/status', (context) => context.text('OK'));
  const reads = new Admission({
    name: 'reads',
    atOnce: options.maxReads ?? DEFAULT_MAX_READS,
    waiting: DEFAULT_MAX_WAITING_READS,
  });
  const allowedHeaders = new Set((options.allowedHeaders ?? DEFAULT_ALLOWED_HEADERS).map((name) => name.toLowerCase()));
  app.route('/', aggregatorRoutes({ client, reads, allowedHeaders }));
  if (signer !== undefined) {
    const stores = new Admission({
      name: 'stores',
      atOnce: options.maxStores ?? DEFAULT_MAX_STORES,
      waiting: DEFAULT_MAX_WAITING_STORES,
    });
    const maxBlobBodyBytes = options.maxBlobBodyBytes ?? DEFAULT_MAX_BLOB_BODY_BYTES;
    const maxQuiltBodyBytes = options.maxQuiltBodyBytes ?? DEFAULT_MAX_QUILT_BODY_BYTES;
    app.route('/', publisherRoutes({ client, signer, stores, maxBlobBodyBytes, maxQuiltBodyBytes, logger }));
  }
  app.onError((error, context) => {
    if (error.name !== 'FloeError' && !context.req.raw.signal.aborted) {
      logger.error('request failed', { path: context.req.path, error: String(error) });
    }
    return errorResponse(error);
  });
  return { handler: (request) => app.fetch(request) };
}
