/** The publisher's routes: store the body of a request, paid by the gateway's own wallet. */
import type { FloeClient, StoreOptions, StoreResult } from '@floe/client';
import { bodyTooLarge, isFloeError, streamBody } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import { Hono } from 'hono';
import type { Admission } from './admission.ts';
import { gatewayErrors } from './errors.ts';
import { STREAMED_BYTES } from './limits.ts';
import { readQuiltUpload } from './multipart.ts';
import { flag, oneOf, parsed, parseQuery, whole } from './parameters.ts';
import type { Payer } from './payer.ts';
import { markedInvalidJson, storedPatchesJson, storeResultJson } from './store-result.ts';

export interface PublisherModules {
  readonly client: FloeClient;
  readonly payer: Payer;
  /** Bodies that are being taken in, by their bytes on disk. */
  readonly uploads: Admission;
  /** By what they hold in memory. */
  readonly stores: Admission;
  readonly maxBlobBodyBytes: number;
  readonly maxQuiltBodyBytes: number;
}

/** No network plans further ahead; which horizon this one has, the client knows. */
const MAX_EPOCHS = 1000;

const STORE_QUERY = {
  encoding_type: oneOf('RS2'),
  epochs: whole(1, MAX_EPOCHS),
  deletable: flag,
  permanent: flag,
  force: flag,
  reuse_resources: flag,
  send_object_to: parsed(parseObjectId),
} as const;

const QUILT_QUERY = { ...STORE_QUERY, quilt_version: oneOf('v1', 'V1', '1') } as const;

type StoreQuery = ReturnType<typeof parseQuery<typeof STORE_QUERY>>;

export function publisherRoutes(modules: PublisherModules): Hono {
  const app = new Hono();
  app.put('/v1/blobs', (context) => storeBlob(context.req.raw, modules));
  app.put('/v1/quilts', (context) => storeQuilt(context.req.raw, modules));
  return app;
}

async function storeBlob(request: Request, modules: PublisherModules): Promise<Response> {
  const { client, payer, uploads, stores, maxBlobBodyBytes: maxBytes } = modules;
  const options = storeOptions(request, parseQuery(new URL(request.url), STORE_QUERY), modules);
  const { signal } = request;
  refuseDeclared(request, maxBytes);
  return uploads.run({ signal, sizeBytes: bodySize(request, maxBytes) }, async (_hold, shrinkTo) => {
    // As slowly as its sender likes, on disk: no store waits for it. It is there for a second try, should funds run out.
    const blob = await client.spool(streamBody(request, maxBytes), { maxBytes, signal });
    shrinkTo(blob.sizeBytes);
    try {
      return await stores.run({ signal, sizeBytes: Math.min(blob.sizeBytes, STREAMED_BYTES) }, () =>
        answerStore(
          () => payer.pay((link) => client.store(blob, { ...options, ...link })),
          (result: StoreResult) => storeResultJson(result),
          (marked) => marked,
        ),
      );
    } finally {
      await blob.close();
    }
  });
}

/** Before it waits for a place, and before any of it is sent by who asks first (`Expect: 100-continue`). @throws BODY_TOO_LARGE */
function refuseDeclared(request: Request, maxBytes: number): void {
  const declared = Number(request.headers.get('content-length') ?? '0');
  if (declared > maxBytes) throw bodyTooLarge(declared, maxBytes);
}

async function storeQuilt(request: Request, modules: PublisherModules): Promise<Response> {
  const { client, payer, stores, maxQuiltBodyBytes } = modules;
  const options = storeOptions(request, parseQuery(new URL(request.url), QUILT_QUERY), modules);
  const place = { signal: request.signal, sizeBytes: bodySize(request, maxQuiltBodyBytes) };
  return stores.run(place, async () => {
    const patches = await readQuiltUpload(request, maxQuiltBodyBytes);
    return answerStore(
      () => payer.pay((link) => client.storeQuilt(patches, { ...options, ...link })),
      ({ store, patches: stored }) => ({
        blobStoreResult: storeResultJson(store),
        storedQuiltBlobs: storedPatchesJson(stored),
      }),
      (marked) => ({ blobStoreResult: marked, storedQuiltBlobs: [] }),
    );
  });
}

/** A blob that was marked invalid is a result of its own to Walrus clients, though not a success. */
async function answerStore<T>(
  store: () => Promise<T>,
  toJson: (result: T) => unknown,
  toMarkedJson: (marked: unknown) => unknown,
): Promise<Response> {
  try {
    return Response.json(toJson(await store()));
  } catch (error) {
    if (!isFloeError(error, 'BLOB_MARKED_INVALID')) throw error;
    return Response.json(toMarkedJson(markedInvalidJson(error.data)), { status: 500 });
  }
}

/** Deletable unless permanent, as Walrus publishers store. @throws INVALID_BLOB_PERSISTENCE, MALFORMED_REQUEST */
function storeOptions(request: Request, query: StoreQuery, { payer }: PublisherModules): StoreOptions {
  if (query.permanent === true && query.deletable === true) throw gatewayErrors.INVALID_BLOB_PERSISTENCE({});
  return {
    epochs: query.epochs ?? 1,
    deletable: query.permanent !== true,
    signer: payer.signer,
    owner: query.send_object_to,
    force: query.force === true,
    // The wallet is everyone's: what one request left behind is not for the next, unless it says so.
    reuse: query.reuse_resources === true,
    signal: request.signal,
  };
}

/** What the request declares, or the most it may be. */
function bodySize(request: Request, maxBytes: number): number {
  const declared = /^\d+$/.exec(request.headers.get('content-length') ?? '');
  return declared === null ? maxBytes : Math.min(maxBytes, Number(declared[0]));
}
