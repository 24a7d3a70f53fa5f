/**
 * The aggregator's routes: blobs by id and by object, patches of quilts. Every byte that leaves was verified by the
 * client, and what a URL names never changes, so that any cache may keep it.
 */
import type { Consistency, FloeClient, PatchContents } from '@floe/client';
import type { BlobObject } from '@floe/contracts';
import { isFloeError } from '@floe/platform';
import { type BlobId, type ObjectId, parseBlobId, parseObjectId } from '@floe/protocol';
import { parseQuiltPatchId } from '@floe/redstuff';
import { Hono } from 'hono';
import type { Admission, Hold, Place } from './admission.ts';
import { boundedStream } from './bounded-stream.ts';
import { gatewayErrors } from './errors.ts';
import { flag, parseQuery, required, whole } from './parameters.ts';
import { answerWith, sendBytes } from './representation.ts';
import {
  askedContentType,
  cacheHeaders,
  type Caching,
  type HeaderRecord,
  headersFrom,
  isHeaderValue,
} from './response-headers.ts';

export interface AggregatorModules {
  readonly client: FloeClient;
  /** By number. */
  readonly reads: Admission;
  /** By the bytes of their windows. */
  readonly streams: Admission;
  /** By the bytes of the blobs that are held whole. */
  readonly wholes: Admission;
  /** Attribute and tag names, in lower case, that become response headers. */
  readonly allowedHeaders: ReadonlySet<string>;
}

/** What can be asked of a blob route. */
const BLOB_QUERY = { strict_consistency_check: flag, skip_consistency_check: flag } as const;

const SLICE_QUERY = { start: whole(0, Number.MAX_SAFE_INTEGER), length: whole(0, Number.MAX_SAFE_INTEGER) } as const;

/** Hono answers HEAD with the GET route and drops the body; {@link sendBytes} sees to it that none is fetched. */
export function aggregatorRoutes(modules: AggregatorModules): Hono {
  const app = new Hono();
  const { client } = modules;
  app.get('/v1/blobs/by-object-id/:objectId', (context) =>
    serveObject(context.req.raw, parseObjectId(context.req.param('objectId')), modules),
  );
  app.get('/v1/blobs/by-quilt-patch-id/:patchId', (context) => {
    const patchId = context.req.param('patchId');
    const { blobId } = parseQuiltPatchId(patchId);
    return servePatch(context.req.raw, blobId, modules, (signal) => client.readPatch(patchId, { signal }));
  });
  app.get('/v1/blobs/by-quilt-id/:quiltId/:identifier', (context) => {
    const quiltId = parseBlobId(context.req.param('quiltId'));
    const identifier = context.req.param('identifier');
    return servePatch(context.req.raw, quiltId, modules, (signal) =>
      client.readPatchByIdentifier(quiltId, identifier, { signal }),
    );
  });
  app.get('/v1/quilts/:quiltId/patches', (context) =>
    servePatchList(context.req.raw, parseBlobId(context.req.param('quiltId')), modules),
  );
  app.get('/v1/blobs/:blobId/byte-range', (context) =>
    serveSlice(context.req.raw, parseBlobId(context.req.param('blobId')), modules),
  );
  app.get('/v1/blobs/:blobId', (context) =>
    serveBlob(context.req.raw, parseBlobId(context.req.param('blobId')), modules),
  );
  return app;
}

function serveBlob(request: Request, blobId: BlobId, modules: AggregatorModules): Promise<Response> {
  const consistency = askedConsistency(request);
  return modules.reads.run(request, (hold) =>
    answerWithBlob(request, hold, modules, { blobId, consistency, caching: 'immutable', headers: {} }),
  );
}

function serveObject(request: Request, objectId: ObjectId, modules: AggregatorModules): Promise<Response> {
  const { client, allowedHeaders } = modules;
  const consistency = askedConsistency(request);
  return modules.reads.run(request, async (hold) => {
    const { signal } = request;
    const [{ blobId, shared }, own] = await Promise.all([
      blobObject(client, objectId, signal),
      client.attributes(objectId, { signal }),
    ]);
    // Those of a shared blob lie on the blob object that it wraps.
    const attributes = shared === undefined ? own : await client.attributes(shared.blobObjectId, { signal });
    const headers = headersFrom(attributes, allowedHeaders);
    return answerWithBlob(request, hold, modules, { blobId, consistency, caching: 'mutable', headers });
  });
}

/** @throws OBJECT_NOT_A_BLOB */
async function blobObject(client: FloeClient, objectId: ObjectId, signal: AbortSignal): Promise<BlobObject> {
  try {
    const object = await client.blobObject(objectId, { signal });
    if (object !== undefined) return object;
  } catch (error) {
    if (!isFloeError(error, 'WRONG_OBJECT_TYPE') || error.data['objectId'] !== objectId) throw error;
  }
  throw gatewayErrors.OBJECT_NOT_A_BLOB({ objectId });
}

interface WantedBlob {
  readonly blobId: BlobId;
  readonly consistency: Consistency;
  readonly caching: Caching;
  /** Stronger than those that every blob has. */
  readonly headers: HeaderRecord;
}

async function answerWithBlob(
  request: Request,
  hold: Hold,
  modules: AggregatorModules,
  { blobId, consistency, caching, headers }: WantedBlob,
): Promise<Response> {
  const { signal } = request;
  const blob = await modules.client.open(blobId, { signal });
  const etag = `"${blobId}"`;
  return answerWith(request, hold, {
    etag,
    sizeBytes: blob.sizeBytes,
    headers: { ...cacheHeaders(etag, caching), ...askedContentType(request), ...headers },
    bytes: (start, end) => boundedStream(blob, { start, end, consistency, signal }, modules),
  });
}

/** `start` and `length` in the query, so that caches which ignore `Range` can keep slices; always 200. */
function serveSlice(request: Request, blobId: BlobId, modules: AggregatorModules): Promise<Response> {
  const query = parseQuery(new URL(request.url), SLICE_QUERY);
  const start = required(query.start, 'start', 'the first byte');
  const length = required(query.length, 'length', 'how many bytes');
  return modules.reads.run(request, async (hold) => {
    const { signal } = request;
    const blob = await modules.client.open(blobId, { signal });
    const { sizeBytes } = blob;
    const end = start + length;
    if (length === 0 || end > sizeBytes) throw gatewayErrors.INVALID_SLICE({ start, length, sizeBytes });
    const etag = `"${blobId}-${start}-${length}"`;
    return sendBytes(request, hold, {
      status: 200,
      headers: { ...cacheHeaders(etag, 'immutable'), ...askedContentType(request) },
      sizeBytes: length,
      bytes: () => boundedStream(blob, { start, end, consistency: 'default', signal }, modules),
    });
  });
}

/**
 * A patch is read whole whatever is asked: its size stands in front of its bytes. Until it is there it counts as its quilt,
 * which is what it takes when its own columns cannot be had.
 */
function servePatch(
  request: Request,
  quiltId: BlobId,
  { client, reads, wholes, allowedHeaders }: AggregatorModules,
  read: (signal: AbortSignal) => Promise<PatchContents>,
): Promise<Response> {
  parseQuery(new URL(request.url), {});
  const answer = async (hold: Hold, shrinkTo: Place['shrinkTo']): Promise<Response> => {
    const { patchId, identifier, tags, contents } = await read(request.signal);
    shrinkTo(contents.length);
    // Its own id, not the quilt's: the patches of one quilt are different representations.
    const etag = `"${patchId}"`;
    const name: HeaderRecord = isHeaderValue(identifier) ? { 'x-quilt-patch-identifier': identifier } : {};
    return answerWith(request, hold, {
      etag,
      sizeBytes: contents.length,
      headers: {
        ...cacheHeaders(etag, 'immutable'),
        ...askedContentType(request),
        ...headersFrom(Object.entries(tags), allowedHeaders),
        ...name,
      },
      bytes: (start, end) => once(contents.subarray(start, end)),
    });
  };
  return reads.run(request, async (hold) => {
    const { sizeBytes } = await client.open(quiltId, { signal: request.signal });
    const place = { signal: request.signal, sizeBytes };
    return wholes.run(place, (holdBytes, { shrinkTo }) => answer((parts) => hold(holdBytes(parts)), shrinkTo));
  });
}

function servePatchList(
  request: Request,
  quiltId: BlobId,
  { client, reads, wholes }: AggregatorModules,
): Promise<Response> {
  parseQuery(new URL(request.url), {});
  const { signal } = request;
  return reads.run(request, async () => {
    const { sizeBytes } = await client.open(quiltId, { signal });
    return wholes.run({ signal, sizeBytes }, async () => {
      const patches = await client.quiltPatches(quiltId, { signal });
      const list = patches.map(({ identifier, patchId, tags }) => ({ identifier, patch_id: patchId, tags }));
      return Response.json(list, { headers: cacheHeaders(`"${quiltId}-patches"`, 'immutable') });
    });
  });
}

/** @throws INVALID_CONSISTENCY_CHECK, UNKNOWN_PARAMETER, INVALID_PARAMETER */
function askedConsistency(request: Request): Consistency {
  const { strict_consistency_check: strict, skip_consistency_check: skip } = parseQuery(
    new URL(request.url),
    BLOB_QUERY,
  );
  if (strict === true && skip === true) throw gatewayErrors.INVALID_CONSISTENCY_CHECK({});
  if (strict === true) return 'strict';
  return skip === true ? 'skip' : 'default';
}

async function* once(part: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield part;
}
