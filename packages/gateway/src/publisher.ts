/** The publisher's routes: store the body of a request, paid by the gateway's own wallet. */
import type { FloeClient, SpooledBlob, StoreResult } from '@floe/client';
import { bodyTooLarge, isFloeError, peerAddress, sharingAddress, streamBody } from '@floe/platform';
import { parseObjectId } from '@floe/protocol';
import { quiltSizeBytes } from '@floe/redstuff';
import { Hono } from 'hono';
import type { Admission, Place } from './admission.ts';
import { gatewayErrors } from './errors.ts';
import { STREAMED_BYTES, UNDECLARED_BODY_BYTES } from './limits.ts';
import { formType, type PatchUpload, parseQuiltForm } from './multipart.ts';
import { flag, oneOf, parsed, parseQuery, whole } from './parameters.ts';
import type { PaidStoreOptions, Payer } from './payer.ts';
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
  const { client, payer, stores, maxBlobBodyBytes } = modules;
  const options = storeOptions(request, parseQuery(new URL(request.url), STORE_QUERY), modules);
  const { signal } = request;
  return takeIn(request, maxBlobBodyBytes, modules, (blob) =>
    stores.run({ signal, sizeBytes: Math.min(blob.sizeBytes, STREAMED_BYTES) }, () =>
      answerStore(
        () => payer.pay(options, (paid) => client.store(blob, paid)),
        (result: StoreResult) => storeResultJson(result),
        (marked) => marked,
      ),
    ),
  );
}

async function storeQuilt(request: Request, modules: PublisherModules): Promise<Response> {
  const { client, payer, maxQuiltBodyBytes } = modules;
  const options = storeOptions(request, parseQuery(new URL(request.url), QUILT_QUERY), modules);
  const type = formType(request);
  const { signal } = request;
  return takeIn(request, maxQuiltBodyBytes, modules, (body) =>
    withPatches({ type, body, signal }, modules, (patches) =>
      answerStore(
        () => payer.pay(options, (paid) => client.storeQuilt(patches, paid)),
        ({ store, patches: stored }) => ({
          blobStoreResult: storeResultJson(store),
          storedQuiltBlobs: storedPatchesJson(stored),
        }),
        (marked) => ({ blobStoreResult: marked, storedQuiltBlobs: [] }),
      ),
    ),
  );
}

/**
 * The patches of a form, in a place among the stores that has room for the quilt they make too: that may be many times
 * what they are. Where there is no room for it the patches are dropped, and read again when its turn has come.
 *
 * @throws QUEUE_FULL, MALFORMED_REQUEST, QUILT_TOO_LARGE, TOO_MANY_PATCHES, and what else is wrong with the patches
 */
async function withPatches(
  { type, body, signal }: { readonly type: string; readonly body: SpooledBlob; readonly signal: AbortSignal },
  { client, stores }: PublisherModules,
  answer: (patches: readonly PatchUpload[]) => Promise<Response>,
): Promise<Response> {
  let place = await stores.enter({ signal, sizeBytes: body.sizeBytes });
  try {
    let patches = await parseQuiltForm(type, await wholeBody(body, signal));
    const { geometry } = (await client.committees({ signal })).current;
    const sizeBytes = body.sizeBytes + quiltSizeBytes(geometry, patches);
    if (!place.growTo(sizeBytes)) {
      patches = [];
      place.release();
      place = await stores.enter({ signal, sizeBytes });
      patches = await parseQuiltForm(type, await wholeBody(body, signal));
    }
    return await answer(patches);
  } finally {
    place.release();
  }
}

/**
 * Takes the body in, as slowly as its sender likes, on disk: no store waits for it. It is there for a second try, should
 * funds run out, until `answer` has ended.
 *
 * @throws BODY_TOO_LARGE, NO_ROOM_FOR_BODY, QUEUE_FULL
 */
async function takeIn(
  request: Request,
  maxBytes: number,
  { client, uploads }: PublisherModules,
  answer: (body: SpooledBlob) => Promise<Response>,
): Promise<Response> {
  const { signal } = request;
  const declaredBytes = declaredSize(request);
  // Before it waits for a place, and before any of it is sent by who asks first (`Expect: 100-continue`).
  if (declaredBytes !== undefined && declaredBytes > maxBytes) throw bodyTooLarge(declaredBytes, maxBytes);
  const sizeBytes = declaredBytes ?? Math.min(maxBytes, UNDECLARED_BODY_BYTES);
  const address = sharingAddress(peerAddress(request));
  return uploads.run({ signal, sizeBytes, address }, async (_hold, place) => {
    const body = await client.spool(withRoom(streamBody(request, maxBytes), place), { maxBytes, signal });
    place.shrinkTo(body.sizeBytes);
    try {
      return await answer(body);
    } finally {
      await body.close();
    }
  });
}

/** The parts for which there is room, which grows with them. @throws NO_ROOM_FOR_BODY */
async function* withRoom(
  parts: AsyncIterable<Uint8Array>,
  place: Pick<Place, 'growTo'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let sizeBytes = 0;
  for await (const part of parts) {
    if (!place.growTo(sizeBytes + part.length)) throw gatewayErrors.NO_ROOM_FOR_BODY({ sizeBytes });
    sizeBytes += part.length;
    yield part;
  }
}

async function wholeBody({ content }: SpooledBlob, signal: AbortSignal): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content;
  const bytes = new Uint8Array(content.sizeBytes);
  await content.read(0, bytes, { signal });
  return bytes;
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
function storeOptions(request: Request, query: StoreQuery, { payer }: PublisherModules): PaidStoreOptions {
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

function declaredSize(request: Request): number | undefined {
  const declared = /^\d+$/.exec(request.headers.get('content-length') ?? '');
  return declared === null ? undefined : Number(declared[0]);
}
