/**
 * The aggregator's routes: blobs by id and by object, patches of quilts. Every byte that leaves was verified by the
 * client; what is sent is immutable, so that any cache may keep it.
 */
import type { BlobReadOptions, FloeClient, OpenBlob } from '@floe/client';
import { streamResponse } from '@floe/platform';
import { parseBlobId, parseObjectId, type BlobId } from '@floe/protocol';
import { Hono } from 'hono';
import type { Admission } from './admission.ts';
import { gatewayErrors } from './errors.ts';
import { MAX_HEADER_VALUE_BYTES } from './limits.ts';
import { flag, parseQuery, whole } from './parameters.ts';
import { chooseRange, matchesEtag, rangeStillApplies } from './ranges.ts';

export interface AggregatorModules {
  readonly client: FloeClient;
  readonly reads: Admission;
  /** Attribute and tag names, in lower case, that become response headers. */
  readonly allowedHeaders: ReadonlySet<string>;
}

/** What can be asked of a blob route. */
const BLOB_QUERY = { strict_consistency_check: flag, skip_consistency_check: flag } as const;

export function aggregatorRoutes(modules: AggregatorModules): Hono {
  const app = new Hono();
  const { client } = modules;
  app.get('/v1/blobs/by-object-id/:objectId', async (context) => {
    const objectId = parseObjectId(context.req.param('objectId'));
    const { signal } = context.req.raw;
    const blob = await client.blobObject(objectId, { signal });
    if (blob === undefined) throw gatewayErrors.OBJECT_NOT_A_BLOB({ objectId });
    const attributes = await client.attributes(objectId, { signal });
    return serveBlob(context.req.raw, blob.blobId, modules, headersFrom(attributes, modules.allowedHeaders));
  });
  app.get('/v1/blobs/by-quilt-patch-id/:patchId', (context) =>
    servePatch(context.req.raw, modules, (signal) => client.readPatch(context.req.param('patchId'), { signal })),
  );
  app.get('/v1/blobs/by-quilt-id/:quiltId/:identifier', (context) => {
    const quiltId = parseBlobId(context.req.param('quiltId'));
    const identifier = context.req.param('identifier');
    return servePatch(context.req.raw, modules, (signal) =>
      client.readPatchByIdentifier(quiltId, identifier, { signal }),
    );
  });
  app.get('/v1/quilts/:quiltId/patches', async (context) => {
    parseQuery(new URL(context.req.url), {});
    const quiltId = parseBlobId(context.req.param('quiltId'));
    const patches = await client.listPatches(quiltId, { signal: context.req.raw.signal });
    return context.json(
      patches.map(({ identifier, patchId, tags }) => ({
        identifier,
        patch_id: patchId,
        tags: Object.fromEntries(tags),
      })),
    );
  });
  app.get('/v1/blobs/:blobId/byte-range', (context) =>
    serveSlice(context.req.raw, context.req.param('blobId'), modules),
  );
  app.get('/v1/blobs/:blobId', (context) =>
    serveBlob(context.req.raw, parseBlobId(context.req.param('blobId')), modules, {}),
  );
  return app;
}

/** Hono answers HEAD with the GET route and drops the body: reading must not begin for it. */
async function serveBlob(
  request: Request,
  blobId: BlobId,
  modules: AggregatorModules,
  extraHeaders: Readonly<Record<string, string>>,
): Promise<Response> {
  const query = parseQuery(new URL(request.url), BLOB_QUERY);
  if (query.strict_consistency_check === true && query.skip_consistency_check === true) {
    throw gatewayErrors.INVALID_CONSISTENCY_CHECK({});
  }
  const consistency = query.strict_consistency_check ? 'strict' : query.skip_consistency_check ? 'skip' : 'default';
  return modules.reads.run(request.signal, async (hold) => {
    const blob = await modules.client.open(blobId, { signal: request.signal });
    const etag = `"${blobId}"`;
    const headers = { ...immutableHeaders(etag), 'accept-ranges': 'bytes', ...contentType(request), ...extraHeaders };
    if (matchesEtag(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    const applies = rangeStillApplies(request.headers.get('if-range'), etag);
    const range = chooseRange(applies ? request.headers.get('range') : null, blob.sizeBytes);
    if (range.kind === 'unsatisfiable') throw gatewayErrors.INVALID_BYTE_RANGE({ sizeBytes: blob.sizeBytes });
    const [start, end] = range.kind === 'part' ? [range.start, range.end + 1] : [0, blob.sizeBytes];
    const part: Record<string, string> =
      range.kind === 'part' ? { 'content-range': `bytes ${start}-${end - 1}/${blob.sizeBytes}` } : {};
    const init = {
      status: range.kind === 'part' ? 206 : 200,
      headers: { ...headers, ...part, 'content-length': String(end - start) },
    };
    if (request.method === 'HEAD' || start === end) return new Response(null, init);
    const parts = await begun(blob, { range: { start, end }, consistency, signal: request.signal });
    return streamResponse(hold(parts), init);
  });
}

/** `start` and `length` in the query, so that caches which ignore `Range` can keep slices; always 200. */
async function serveSlice(request: Request, blobIdText: string, modules: AggregatorModules): Promise<Response> {
  const blobId = parseBlobId(blobIdText);
  const bound = whole(0, Number.MAX_SAFE_INTEGER);
  const { start, length } = parseQuery(new URL(request.url), { start: bound, length: bound });
  if (start === undefined || length === undefined) {
    throw gatewayErrors.INVALID_PARAMETER({ parameter: 'start and length', expected: 'both', got: request.url });
  }
  return modules.reads.run(request.signal, async (hold) => {
    const blob = await modules.client.open(blobId, { signal: request.signal });
    const parts = await begun(blob, { range: { start, end: start + length }, signal: request.signal });
    const headers = { ...immutableHeaders(`"${blobId}-${start}-${length}"`), ...contentType(request) };
    return streamResponse(hold(parts), { headers: { ...headers, 'content-length': String(length) } });
  });
}

/**
 * A stream whose first part is already there: whatever fails before it becomes an error response, not a cut
 * connection after the status line.
 */
async function begun(blob: OpenBlob, options: BlobReadOptions): Promise<AsyncIterable<Uint8Array>> {
  const parts = blob.stream(options)[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | undefined = await parts.next();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        if (first === undefined) return parts.next();
        const result = first;
        first = undefined;
        return Promise.resolve(result);
      },
      return: async () => {
        await parts.return?.();
        return { done: true, value: undefined };
      },
    }),
  };
}

interface Patch {
  readonly quiltId: BlobId;
  readonly patchId: string;
  readonly identifier: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly contents: Uint8Array;
}

async function servePatch(
  request: Request,
  modules: AggregatorModules,
  read: (signal: AbortSignal) => Promise<Patch>,
): Promise<Response> {
  parseQuery(new URL(request.url), {});
  return modules.reads.run(request.signal, async () => {
    const patch = await read(request.signal);
    // The patch's own id, not the quilt's: patches of one quilt are different representations.
    const etag = `"${patch.patchId}"`;
    const headers: Record<string, string> = {
      ...immutableHeaders(etag),
      ...contentType(request),
      ...headersFrom(patch.tags, modules.allowedHeaders),
      'content-length': String(patch.contents.length),
    };
    if (isHeaderValue(patch.identifier)) headers['x-quilt-patch-identifier'] = patch.identifier;
    if (matchesEtag(request.headers.get('if-none-match'), etag)) {
      const { 'content-length': _length, ...rest } = headers;
      return new Response(null, { status: 304, headers: rest });
    }
    return new Response(patch.contents as Uint8Array<ArrayBuffer>, { headers });
  });
}

function immutableHeaders(etag: string): Record<string, string> {
  return {
    etag,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  };
}

/** A blob has no type of its own: what the reader asks for, when that is one type, else plain bytes. */
function contentType(request: Request): Record<string, string> {
  const accept = request.headers.get('accept') ?? '*/*';
  const asked = /^[\w.+-]+\/[\w.+-]+$/.test(accept.trim()) ? accept.trim() : 'application/octet-stream';
  return { 'content-type': asked };
}

/** Attributes or tags that may be headers. */
function headersFrom(pairs: ReadonlyMap<string, string>, allowed: ReadonlySet<string>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [key, value] of pairs) {
    if (allowed.has(key.toLowerCase()) && isHeaderValue(value)) headers[key.toLowerCase()] = value;
  }
  return headers;
}

function isHeaderValue(text: string): boolean {
  return text.length <= MAX_HEADER_VALUE_BYTES && /^[\x20-\x7E]*$/.test(text);
}
