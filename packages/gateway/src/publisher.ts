/** The publisher's routes: store the body of a request, paid by the gateway's own wallet. */
import type { FloeClient, Signer, StoreResult } from '@floe/client';
import { readBody, type Logger } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import { Hono } from 'hono';
import type { Admission } from './admission.ts';
import { gatewayErrors } from './errors.ts';
import { readQuiltUpload } from './multipart.ts';
import { flag, oneOf, parsed, parseQuery, whole } from './parameters.ts';
import { storeResultJson } from './store-result.ts';

export interface PublisherModules {
  readonly client: FloeClient;
  readonly signer: Signer;
  readonly stores: Admission;
  readonly maxBlobBodyBytes: number;
  readonly maxQuiltBodyBytes: number;
  readonly logger: Logger;
}

const STORE_QUERY = {
  encoding_type: oneOf('RS2'),
  epochs: whole(1, 1000),
  deletable: flag,
  permanent: flag,
  force: flag,
  send_object_to: parsed(parseObjectId),
} as const;

const QUILT_QUERY = { ...STORE_QUERY, quilt_version: oneOf('v1', 'V1', '1') } as const;

export function publisherRoutes(modules: PublisherModules): Hono {
  const app = new Hono();
  app.put('/v1/blobs', (context) => storeBlob(context.req.raw, modules));
  app.put('/v1/quilts', (context) => storeQuilt(context.req.raw, modules));
  return app;
}

async function storeBlob(request: Request, modules: PublisherModules): Promise<Response> {
  const options = storeOptions(request, parseQuery(new URL(request.url), STORE_QUERY), modules);
  return modules.stores.run(request.signal, async () => {
    const blob = await readBody(request, modules.maxBlobBodyBytes);
    const result = await modules.client.store(blob, options);
    logStored(modules.logger, result);
    return Response.json(storeResultJson(result));
  });
}

async function storeQuilt(request: Request, modules: PublisherModules): Promise<Response> {
  const options = storeOptions(request, parseQuery(new URL(request.url), QUILT_QUERY), modules);
  return modules.stores.run(request.signal, async () => {
    const patches = await readQuiltUpload(request, modules.maxQuiltBodyBytes);
    const { patches: stored, ...result } = await modules.client.storeQuilt(patches, options);
    logStored(modules.logger, result);
    return Response.json({
      blobStoreResult: storeResultJson(result),
      storedQuiltBlobs: stored.map(({ identifier, patchId, startIndex, endIndex }) => ({
        identifier,
        quiltPatchId: patchId,
        range: [startIndex, endIndex],
      })),
    });
  });
}

type StoreQuery = ReturnType<typeof parseQuery<typeof STORE_QUERY>>;

/** Deletable unless permanent, as Walrus publishers store. @throws INVALID_BLOB_PERSISTENCE */
function storeOptions(request: Request, query: StoreQuery, modules: PublisherModules) {
  if (query.permanent === true && query.deletable === true) throw gatewayErrors.INVALID_BLOB_PERSISTENCE({});
  return {
    epochs: query.epochs ?? 1,
    deletable: query.permanent !== true,
    signer: modules.signer,
    signal: request.signal,
    ...(query.force === true ? { force: true } : {}),
    ...(query.send_object_to === undefined ? {} : { owner: query.send_object_to }),
  };
}

function logStored(logger: Logger, result: StoreResult): void {
  logger.info('stored', { blobId: result.blobId, sizeBytes: result.sizeBytes, kind: result.kind });
}
