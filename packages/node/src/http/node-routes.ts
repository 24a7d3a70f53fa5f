/** What each route does: reads the request, asks the part of the node that knows, and makes the answer. */
import { isFloeError, readBody, streamBody } from '@floe/platform';
import {
  type Axis,
  BATCH_CONTENT_TYPE,
  BCS_CONTENT_TYPE,
  type BlobId,
  blobStatusToJson,
  decodeBatch,
  decodeBlobMetadata,
  decodeInconsistencyProof,
  encodeBatch,
  encodedMetadataSize,
  type Geometry,
  MAX_MERKLE_PATH_NODES,
  MAX_SHARDS,
  MAX_SYMBOL_SIZE_BYTES,
  nodeErrors,
  type NodeHealth,
  type NodeRedundancy,
  type NodeRoute,
  orthogonal,
  PUT_MESSAGES,
  signedMessageToJson,
  sliverDataSize,
  sliverSize,
  sourceSymbols,
} from '@floe/protocol';
import type { ChallengeBook } from '../challenges/challenge-book.ts';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { Confirmations } from '../confirmations.ts';
import type { NodeLimits } from '../limits.ts';
import type { Probe } from '../probe.ts';
import type { Reads } from '../reads.ts';
import { parseAuthorization, type ShardPages } from '../shards/shard-pages.ts';
import type { Symbols } from '../symbols.ts';
import type { Uploads } from '../uploads.ts';
import type { Admission, Lease, RequestClass } from './admission.ts';
import { type Answer, bcsAnswer, dataAnswer, LARGE_ANSWER_BYTES, textAnswer } from './answers.ts';
import { readBatch, storeBatch, type WantedSliver } from './sliver-batches.ts';
import { resume } from './streaming.ts';

export interface RouteModules {
  readonly committees: CommitteeTracker;
  readonly uploads: Uploads;
  readonly reads: Reads;
  readonly confirmations: Confirmations;
  readonly symbols: Symbols;
  readonly pages: ShardPages;
  readonly book: Pick<ChallengeBook, 'results'>;
  readonly health: (detailed: boolean) => NodeHealth;
  readonly probe: Pick<Probe, 'result'>;
  readonly redundancy: () => Promise<NodeRedundancy>;
}

/** A request being answered. */
export interface Call {
  readonly request: Request;
  readonly requestClass: RequestClass;
  /** Aborts when the client goes away or the node stops. */
  readonly signal: AbortSignal;
  readonly lease: Lease;
}

/** The routes that this node serves; others are unknown paths to it. */
export type ServedRoute = Exclude<NodeRoute, { name: 'getApi' }>;
type Route<Name extends ServedRoute['name']> = Extract<ServedRoute, { name: Name }>;

/** Slack over the largest sliver, as upstream nodes give. */
const SLIVER_BODY_SLACK_BYTES = 128;
const METADATA_BODY_SLACK_BYTES = 1024;
/** A signed request of a node has 152 bytes. */
const MAX_SIGNED_MESSAGE_BYTES = 1024;

export class NodeRoutes {
  readonly #limits: NodeLimits;
  readonly #modules: RouteModules & { readonly admission: Admission };

  constructor(options: { limits: NodeLimits }, modules: RouteModules & { readonly admission: Admission }) {
    this.#limits = options.limits;
    this.#modules = modules;
  }

  /** What a request of this route takes while it is served; looks at nothing but its head. */
  classOf(route: ServedRoute, request: Request): RequestClass {
    switch (route.name) {
      case 'getRecoverySymbols':
      case 'getDecodingSymbols':
        return 'symbols';
      case 'postSyncShard':
        return 'pages';
      case 'getSliver':
      case 'getSliverBatch':
        return 'reads';
      case 'putMetadata':
        return 'metadata';
      case 'putSliver': {
        const { blobId, pair, axis } = route;
        const declared = Number(request.headers.get('content-length') ?? '0');
        const awaited = this.#modules.uploads.awaitedBytes(blobId, pair, axis);
        return awaited > 0 && declared <= awaited ? 'writes' : 'unsolicited';
      }
      case 'putSliverBatch':
        return 'writes';
      case 'postInconsistencyProof':
        return 'unsolicited';
      default:
        return 'small';
    }
  }

  answer(route: ServedRoute, call: Call): Answer | Promise<Answer> {
    const { reads, health, redundancy, confirmations, book } = this.#modules;
    switch (route.name) {
      case 'getMetadata':
        return bcsAnswer(reads.metadata(route.blobId));
      case 'putMetadata':
        return this.#putMetadata(route, call);
      case 'getMetadataStatus':
        return dataAnswer(reads.metadataStatus(route.blobId));
      case 'getSliver':
        return this.#getSliver(route, call);
      case 'putSliver':
        return this.#putSliver(route, call);
      case 'getSliverStatus':
        return dataAnswer(reads.sliverStatus(route.blobId, route.pair, route.axis));
      case 'getSliverBatch':
        return this.#getSliverBatch(route, call);
      case 'putSliverBatch':
        return this.#putSliverBatch(route, call);
      case 'getConfirmation':
        return confirmations
          .confirm(route, call.signal)
          .then((signed) => dataAnswer({ signed: signedMessageToJson(signed) }));
      case 'getRecoverySymbols':
        return this.#getRecoverySymbols(route, call);
      case 'getDecodingSymbols':
        return this.#getDecodingSymbols(route, call);
      case 'postInconsistencyProof':
        return this.#postInconsistencyProof(route, call);
      case 'postSyncShard':
        return this.#postSyncShard(call);
      case 'getBlobStatus':
        return dataAnswer(blobStatusToJson(reads.blobStatus(route.blobId)));
      case 'getHealth':
        return route.detailed ? this.#detailedHealth() : dataAnswer(health(false));
      case 'getCapabilities': {
        const { batchReadSlivers, batchUploadSlivers } = this.#limits;
        const batchedSlivers = { maxReadSlivers: batchReadSlivers, maxUploadSlivers: batchUploadSlivers };
        return dataAnswer({ floe: 1, batchedSlivers, challenges: true, redundancy: true });
      }
      case 'getRedundancy':
        return redundancy().then((data) => dataAnswer(data));
      case 'getChallenges':
        return dataAnswer({ epoch: route.epoch, results: book.results(route.epoch) });
    }
  }

  async #detailedHealth(): Promise<Answer> {
    const { health, probe } = this.#modules;
    return dataAnswer({ ...health(true), probe: await probe.result() });
  }

  async #putMetadata({ blobId, pending }: Route<'putMetadata'>, { request }: Call): Promise<Answer> {
    checkContentType(request, BCS_CONTENT_TYPE);
    this.#modules.reads.checkAllowed(blobId);
    const body = await readBody(request, encodedMetadataSize(MAX_SHARDS) + METADATA_BODY_SLACK_BYTES);
    const outcome = await this.#modules.uploads.putMetadata(blobId, decodeBlobMetadata(body), pending);
    if (outcome === 'existing') return dataAnswer(PUT_MESSAGES.metadataAlreadyStored);
    return pending ? dataAnswer(PUT_MESSAGES.metadataBuffered, 202) : dataAnswer(PUT_MESSAGES.metadataStored, 201);
  }

  async #getSliver({ blobId, pair, axis }: Route<'getSliver'>, call: Call): Promise<Answer> {
    const { reads, admission } = this.#modules;
    const key = reads.locate(blobId, pair, axis);
    const sizeBytes = reads.sizeOf(key);
    if (sizeBytes >= LARGE_ANSWER_BYTES) await admission.reserve('reads', sizeBytes, call.lease, call.signal);
    return bcsAnswer(await reads.sliver(key, pair));
  }

  async #putSliver(route: Route<'putSliver'>, call: Call): Promise<Answer> {
    const { uploads, committees, reads } = this.#modules;
    const { blobId, pair, axis, pending } = route;
    reads.checkAllowed(blobId);
    const body = await this.#readRawBody(call, largestSliver(committees.geometry) + SLIVER_BODY_SLACK_BYTES);
    if (!(body instanceof Uint8Array)) return body;
    const outcome = await uploads.putSliver(blobId, { pair, axis, bytes: body }, pending, call.signal);
    if (outcome === 'existing') return dataAnswer(PUT_MESSAGES.sliverAlreadyStored);
    return pending ? dataAnswer(PUT_MESSAGES.sliverBuffered, 202) : dataAnswer(PUT_MESSAGES.sliverStored, 201);
  }

  async #getSliverBatch(route: Route<'getSliverBatch'>, call: Call): Promise<Answer> {
    const { reads, admission } = this.#modules;
    const { blobId } = route;
    const wanted: WantedSliver[] = [
      ...route.primary.map((pair) => ({ axis: 'primary' as const, pair })),
      ...route.secondary.map((pair) => ({ axis: 'secondary' as const, pair })),
    ];
    if (wanted.length > this.#limits.batchReadSlivers) {
      const reason = `${wanted.length} slivers in one read, at most ${this.#limits.batchReadSlivers} are given`;
      throw nodeErrors.INVALID_FILTER({ reason });
    }
    reads.checkReadable(blobId);
    let largest = 0;
    for (const { pair, axis } of wanted) largest = Math.max(largest, this.#sizeOf(blobId, pair, axis));
    // The one being sent and the one being read.
    await admission.reserve('reads', 2 * largest, call.lease, call.signal);
    const frames = readBatch(wanted, ({ pair, axis }) =>
      Promise.resolve(reads.locate(blobId, pair, axis)).then((key) => reads.sliver(key, pair)),
    );
    return batchAnswer(encodeBatch(frames));
  }

  #sizeOf(...[blobId, pair, axis]: Parameters<Reads['locate']>): number {
    const { reads } = this.#modules;
    try {
      return reads.sizeOf(reads.locate(blobId, pair, axis));
    } catch (error) {
      // Its frame will say why.
      if (isFloeError(error)) return 0;
      throw error;
    }
  }

  async #putSliverBatch({ blobId, pending }: Route<'putSliverBatch'>, call: Call): Promise<Answer> {
    const { uploads, admission, reads } = this.#modules;
    checkContentType(call.request, BATCH_CONTENT_TYPE);
    reads.checkAllowed(blobId);
    const verified = uploads.metadataForSlivers(blobId, pending);
    const { geometry, symbolSize } = verified;
    const sizeOf = (axis: Axis): number => sliverDataSize(sliverSize(geometry, axis, symbolSize));
    const maxSliverBytes = Math.max(sizeOf('primary'), sizeOf('secondary'));
    const { batchWindowBytes: maxBytes, batchWindowSlivers: maxSlivers, batchUploadSlivers: maxFrames } = this.#limits;
    // A window that is written, one that arrives, each at most a sliver over its size, and a sliver in parts.
    const windowBytes = Math.min(maxBytes + maxSliverBytes, maxSlivers * maxSliverBytes);
    await admission.reserve('writes', 2 * windowBytes + maxSliverBytes, call.lease, call.signal);
    const frames = decodeBatch(streamBody(call.request), { maxSliverBytes, maxFrames });
    const outcomes = storeBatch(frames, { window: { maxBytes, maxSlivers }, newStatus: pending ? 202 : 201 }, (group) =>
      uploads.putSlivers(
        verified,
        group.map(({ pair, axis, sliverData }) => ({ pair, axis, bytes: sliverData })),
        call.signal,
      ),
    );
    // What is malformed from the beginning is refused as such, before the answer has begun.
    const first = await outcomes.next();
    return batchAnswer(encodeBatch(resume(first, outcomes)));
  }

  async #getRecoverySymbols(route: Route<'getRecoverySymbols'>, call: Call): Promise<Answer> {
    const { symbols, committees } = this.#modules;
    const { nShards } = committees.geometry;
    const count = route.filter.kind === 'ids' ? route.filter.ids.length : committees.ownShards.length;
    // One source sliver at a time, with its expansion to a symbol per shard.
    await this.#reserveSymbols(route.blobId, 2 * nShards + Math.min(count, this.#limits.symbolsPerRequest), call);
    return bcsAnswer(await symbols.recovery(route, call.signal));
  }

  async #getDecodingSymbols(route: Route<'getDecodingSymbols'>, call: Call): Promise<Answer> {
    const { symbols, committees, reads } = this.#modules;
    const { nShards } = committees.geometry;
    const most = Math.floor(this.#limits.symbolAnswerBytes / Math.max(1, reads.symbolSize(route.blobId)));
    // The symbols once by themselves and once in the answer, and one source sliver.
    const count = 2 * Math.min(route.targets.length * committees.ownShards.length, most);
    await this.#reserveSymbols(route.blobId, nShards + count, call);
    return bcsAnswer(await symbols.decoding(route));
  }

  async #reserveSymbols(blobId: BlobId, count: number, call: Call): Promise<void> {
    const { reads, admission } = this.#modules;
    await admission.reserve('symbols', count * reads.symbolSize(blobId), call.lease, call.signal);
  }

  async #postInconsistencyProof(route: Route<'postInconsistencyProof'>, call: Call): Promise<Answer> {
    const { confirmations } = this.#modules;
    const { geometry, symbolSize } = confirmations.metadataForProof(route.blobId);
    const body = await this.#readRawBody(call, proofSize(geometry, route.axis, symbolSize));
    if (!(body instanceof Uint8Array)) return body;
    const proof = decodeInconsistencyProof(body, route.axis);
    const signed = await confirmations.attestInvalid(route.blobId, proof, call.signal);
    return dataAnswer(signedMessageToJson(signed));
  }

  async #postSyncShard(call: Call): Promise<Answer> {
    const { pages, admission } = this.#modules;
    const header = call.request.headers.get('authorization');
    if (header === null) return textAnswer(401, 'Missing Authorization header');
    const publicKey = parseAuthorization(header);
    if (publicKey === undefined) return textAnswer(400, 'Invalid Authorization header');
    const request = pages.authorize(publicKey, await readBody(call.request, MAX_SIGNED_MESSAGE_BYTES));
    // The slivers, and the answer made of them.
    await admission.reserve('pages', 2 * (await pages.sizeOf(request, call.signal)), call.lease, call.signal);
    return bcsAnswer(await pages.page(request, call.signal));
  }

  /** A body in one piece within the memory for bodies; one that is too large is answered in plain text, as upstream does. */
  async #readRawBody(call: Call, maxBytes: number): Promise<Uint8Array | Answer> {
    const header = call.request.headers.get('content-length');
    const declared = header === null ? maxBytes : Number(header);
    try {
      const sizeBytes = Math.min(declared, maxBytes);
      await this.#modules.admission.reserve(call.requestClass, sizeBytes, call.lease, call.signal);
      return await readBody(call.request, maxBytes);
    } catch (error) {
      if (isFloeError(error, 'BODY_TOO_LARGE')) return textAnswer(413, error.message);
      throw error;
    }
  }
}

function batchAnswer(body: AsyncIterable<Uint8Array>): Answer {
  return { status: 200, headers: { 'content-type': BATCH_CONTENT_TYPE }, body };
}

function largestSliver(geometry: Geometry): number {
  return sliverDataSize(sliverSize(geometry, 'primary', MAX_SYMBOL_SIZE_BYTES));
}

/** Exactly as many symbols as rebuild the sliver, each with its index, lengths and path. */
function proofSize(geometry: Geometry, axis: Axis, symbolSize: number): number {
  const count = sourceSymbols(geometry, orthogonal(axis));
  return 16 + count * (symbolSize + 8 + MAX_MERKLE_PATH_NODES * 33);
}

/** An absent content type is fine. @throws INVALID_CONTENT_TYPE */
function checkContentType(request: Request, expected: string): void {
  const came = request.headers.get('content-type');
  if (came === null) return;
  const type = came.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== expected && type !== BCS_CONTENT_TYPE) throw nodeErrors.INVALID_CONTENT_TYPE({ came });
}
