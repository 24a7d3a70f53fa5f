/**
 * A storage node for tests: the whole HTTP contract over memory, with real slivers, real signatures and every check a
 * node makes, and with faults that a test turns on.
 */
import { type HttpHandler, readBody, type Scheduler, streamBody, streamResponse } from '@floe/platform';
import {
  AXES,
  type Axis,
  BATCH_CONTENT_TYPE,
  type BatchFrame,
  type BlobId,
  type Bls,
  type CommitteeMember,
  decodeBatch,
  decodeBlobMetadata,
  decodeSliverData,
  encodeBatch,
  encodeConfirmation,
  encodeGeneralRecoverySymbols,
  encodeMetadataWithId,
  encodeSliverData,
  errorAnswer,
  type GeneralRecoverySymbol,
  type JsonAnswer,
  matchNodeRoute,
  nodeErrors,
  type NodeRoute,
  orthogonal,
  pairOfShard,
  type Persistence,
  shardOfPair,
  signedMessageToJson,
  type Sliver,
  sliverOfPair,
  type SliverPairIndex,
  successAnswer,
  blobStatusToJson,
  type BlobStatus,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { FakeLedger } from './fake-ledger.ts';

export interface NodeFaults {
  /** No answer, ever. */
  blackHole?: boolean;
  /** Virtual time before each answer. */
  delayMs?: number;
  /** Serves slivers with a flipped byte, and symbols likewise. */
  wrongSlivers?: boolean;
  wrongMetadata?: boolean;
  /** Signs another blob's confirmation, or with another key. */
  equivocates?: 'message' | 'signature';
  /** Cuts every body in half. */
  truncates?: boolean;
  /** Sends far more than was asked for. */
  oversized?: boolean;
  /** Answers everything with 500. */
  fails?: boolean;
  /** Confirms for another epoch than the ledger's. */
  epochAhead?: number;
  /** Serves nothing of blobs, as if it had been wiped. */
  forgets?: boolean;
  /** Refuses reads as forbidden. */
  forbids?: boolean;
  /** Loses slivers of that axis. */
  loses?: Axis;
  /** Does not see a registration until that virtual time. */
  registrationAtMs?: number;
  /** Virtual time before each sliver of a batch. */
  dripMs?: number;
  /** Sends a single sliver in four pieces, with so much virtual time before each. */
  pieceMs?: number;
  /** Does not offer batches. */
  plain?: boolean;
}

interface HeldBlob {
  verified: VerifiedMetadata;
  readonly slivers: Map<string, Sliver>;
}

export interface FakeNodeModules {
  readonly ledger: FakeLedger;
  readonly codec: Codec;
  readonly bls: Bls;
  readonly time: Scheduler & { monotonicMs(): number };
}

export class FakeNode {
  readonly faults: NodeFaults = {};
  readonly held = new Map<BlobId, HeldBlob>();
  /** Requests by route name. */
  readonly requests = new Map<string, number>();
  readonly member: CommitteeMember;
  readonly #secretKey: Uint8Array;
  readonly #modules: FakeNodeModules;

  constructor(member: CommitteeMember, secretKey: Uint8Array, modules: FakeNodeModules) {
    this.member = member;
    this.#secretKey = secretKey;
    this.#modules = modules;
  }

  readonly handler: HttpHandler = async (request) => {
    const match = matchNodeRoute(request.method, request.url);
    if (match.kind === 'refused') return new Response(match.message, { status: match.httpStatus });
    const { route } = match;
    this.requests.set(route.name, (this.requests.get(route.name) ?? 0) + 1);
    await this.#modules.time.sleep(this.faults.delayMs ?? 2, request.signal);
    if (this.faults.blackHole === true) await this.#modules.time.sleep(1e12, request.signal);
    if (this.faults.fails === true) return json(errorAnswer(new Error('a fault')));
    try {
      return await this.#distort(await this.#answer(route, request));
    } catch (error) {
      return json(errorAnswer(error));
    }
  };

  async #distort(response: Response): Promise<Response> {
    const { truncates, oversized } = this.faults;
    if (truncates !== true && oversized !== true) return response;
    const body = new Uint8Array(await response.arrayBuffer());
    const { status, headers } = response;
    if (truncates === true) return new Response(body.slice(0, body.length >> 1), { status, headers });
    const more = new Uint8Array(body.length + 16 * 1024 * 1024);
    more.set(body);
    return new Response(more, { status, headers });
  }

  async #answer(route: NodeRoute, request: Request): Promise<Response> {
    switch (route.name) {
      case 'getCapabilities': {
        if (this.faults.plain === true) return new Response('', { status: 404 });
        return json(successAnswer({ floe: 1, batchedSlivers: { maxReadSlivers: 64, maxUploadSlivers: 64 } }));
      }
      case 'getMetadata': {
        const { verified } = this.#readable(route.blobId);
        const wrong = { ...verified.metadata, unencodedLength: verified.metadata.unencodedLength + 1 };
        return bcsAnswer(
          encodeMetadataWithId(route.blobId, this.faults.wrongMetadata === true ? wrong : verified.metadata),
        );
      }
      case 'putMetadata':
        return this.#putMetadata(route.blobId, await readBody(request, 1 << 20));
      case 'getSliver':
        return this.#inPieces(encodeSliverData(this.#sliver(route.blobId, route.axis, route.pair)));
      case 'putSliver': {
        const code = await this.#putSliver(route.blobId, route.axis, route.pair, await readBody(request, 1 << 26));
        return json(successAnswer('stored', code));
      }
      case 'getSliverStatus': {
        const held = this.held.get(route.blobId)?.slivers.has(`${route.axis} ${route.pair}`) === true;
        return json(successAnswer(held ? 'stored' : 'nonexistent'));
      }
      case 'getSliverBatch':
        return this.#readBatch(route.blobId, route);
      case 'putSliverBatch':
        return this.#writeBatch(route.blobId, request);
      case 'getConfirmation':
        return this.#confirm(route.blobId, route.persistence);
      case 'getBlobStatus':
        return json(successAnswer(blobStatusToJson(this.#status(route.blobId))));
      case 'getRecoverySymbols':
        return bcsAnswer(await this.#recoverySymbols(route));
      default:
        throw new Error(`route ${route.name} is not served here`);
    }
  }

  #registered(blobId: BlobId): boolean {
    if (this.#modules.time.monotonicMs() < (this.faults.registrationAtMs ?? 0)) return false;
    return this.#modules.ledger.living(blobId).length > 0;
  }

  #readable(blobId: BlobId): HeldBlob {
    if (this.faults.forbids === true) throw nodeErrors.FORBIDDEN_BLOB({ blobId });
    const held = this.held.get(blobId);
    if (held === undefined || this.faults.forgets === true || !this.#registered(blobId)) {
      throw nodeErrors.METADATA_NOT_FOUND({ blobId });
    }
    return held;
  }

  #putMetadata(blobId: BlobId, body: Uint8Array): Response {
    const { ledger } = this.#modules;
    if (this.held.has(blobId)) return json(successAnswer('metadata already stored', 200));
    const verified = verifyMetadata(ledger.committeesNow.current.geometry, blobId, decodeBlobMetadata(body));
    if (!this.#registered(blobId)) throw nodeErrors.NOT_REGISTERED({ blobId, epoch: ledger.epoch });
    this.held.set(blobId, { verified, slivers: new Map() });
    return json(successAnswer('metadata stored', 201));
  }

  async #putSliver(blobId: BlobId, axis: Axis, pair: SliverPairIndex, body: Uint8Array): Promise<200 | 201> {
    const held = this.held.get(blobId);
    if (held === undefined) throw nodeErrors.METADATA_REQUIRED({ blobId });
    const { geometry } = held.verified;
    const shard = shardOfPair(geometry, blobId, pair);
    if (!this.member.shards.includes(shard)) {
      throw nodeErrors.SHARD_NOT_ASSIGNED({ shard, epoch: this.#modules.ledger.epoch });
    }
    const key = `${axis} ${pair}`;
    if (held.slivers.has(key)) return 200;
    const sliver = decodeSliverData(Uint8Array.from(body), axis);
    const expected = sliverOfPair(geometry, axis, pair);
    if (sliver.index !== expected) {
      throw nodeErrors.SLIVER_INDEX_MISMATCH({ pair, axis, expected, came: sliver.index });
    }
    await this.#modules.codec.verifySliver(held.verified, sliver);
    held.slivers.set(key, sliver);
    return 201;
  }

  #sliver(blobId: BlobId, axis: Axis, pair: SliverPairIndex): Sliver {
    if (this.faults.forbids === true) throw nodeErrors.FORBIDDEN_BLOB({ blobId });
    const held = this.faults.forgets === true || !this.#registered(blobId) ? undefined : this.held.get(blobId);
    const sliver = this.faults.loses === axis ? undefined : held?.slivers.get(`${axis} ${pair}`);
    if (sliver === undefined) throw nodeErrors.SLIVER_NOT_FOUND({ blobId, pair, axis });
    if (this.faults.wrongSlivers !== true) return sliver;
    const data = Uint8Array.from(sliver.data);
    data[0] = (data[0] as number) ^ 1;
    return { ...sliver, data };
  }

  #inPieces(sliverData: Uint8Array): Response {
    const { pieceMs = 0 } = this.faults;
    if (pieceMs === 0) return bcsAnswer(sliverData);
    const { time } = this.#modules;
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      const size = Math.ceil(sliverData.length / 4);
      for (let at = 0; at < sliverData.length; at += size) {
        await time.sleep(pieceMs);
        yield Uint8Array.from(sliverData.subarray(at, at + size));
      }
    };
    return streamResponse(pieces(), { headers: { 'content-type': 'application/octet-stream' } });
  }

  #readBatch(blobId: BlobId, route: Readonly<Record<Axis, readonly SliverPairIndex[]>>): Response {
    const frames = AXES.flatMap((axis) => route[axis].map((pair) => ({ axis, pair }))).map(
      ({ axis, pair }): BatchFrame => {
        try {
          return { kind: 'sliver', axis, pair, sliverData: encodeSliverData(this.#sliver(blobId, axis, pair)) };
        } catch (error) {
          return outcomeOf(axis, pair, errorAnswer(error));
        }
      },
    );
    const { time } = this.#modules;
    const { dripMs = 0 } = this.faults;
    const paced = async function* (): AsyncGenerator<BatchFrame> {
      for (const frame of frames) {
        if (dripMs > 0) await time.sleep(dripMs);
        yield frame;
      }
    };
    return streamResponse(encodeBatch(paced()), { headers: { 'content-type': BATCH_CONTENT_TYPE } });
  }

  async #writeBatch(blobId: BlobId, request: Request): Promise<Response> {
    const outcomes: BatchFrame[] = [];
    for await (const frame of decodeBatch(streamBody(request), { maxSliverBytes: 1 << 26, maxFrames: 64 })) {
      if (frame.kind !== 'sliver') throw new Error('an upload holds slivers only');
      const { axis, pair } = frame;
      try {
        const httpStatus = await this.#putSliver(blobId, axis, pair, frame.sliverData);
        outcomes.push({ kind: 'outcome', axis, pair, httpStatus, reason: '', message: '' });
      } catch (error) {
        outcomes.push(outcomeOf(axis, pair, errorAnswer(error)));
      }
    }
    return streamResponse(encodeBatch(outcomes), { headers: { 'content-type': BATCH_CONTENT_TYPE } });
  }

  #confirm(blobId: BlobId, persistence: Persistence): Response {
    const { ledger, bls } = this.#modules;
    const held = this.held.get(blobId);
    if (!this.#registered(blobId) || held === undefined)
      throw nodeErrors.NOT_REGISTERED({ blobId, epoch: ledger.epoch });
    const pairs = this.member.shards.map((shard) => pairOfShard(held.verified.geometry, blobId, shard));
    const missing = pairs.flatMap((pair) => AXES.filter((axis) => !held.slivers.has(`${axis} ${pair}`))).length;
    if (missing > 0) throw nodeErrors.MISSING_SLIVERS({ blobId, missing });
    const epoch = (ledger.epoch + (this.faults.epochAhead ?? 0)) as typeof ledger.epoch;
    const other = `${blobId.startsWith('A') ? 'B' : 'A'}${blobId.slice(1)}` as BlobId;
    const said = this.faults.equivocates === 'message' ? other : blobId;
    const serializedMessage = encodeConfirmation({ epoch, blobId: said, persistence });
    const signature = bls.sign(
      this.#secretKey,
      this.faults.equivocates === 'signature' ? new Uint8Array(3) : serializedMessage,
    );
    return json(successAnswer({ signed: signedMessageToJson({ serializedMessage, signature }) }));
  }

  #status(blobId: BlobId): BlobStatus {
    const { ledger } = this.#modules;
    const deletableCounts = { total: 0, certified: 0 };
    const objects = this.#registered(blobId) ? ledger.living(blobId) : [];
    const permanent = objects.find((object) => !object.deletable && object.certifiedEpoch !== undefined);
    const last = ledger.events.findLast(({ event }) => 'blobId' in event && event.blobId === blobId);
    if (permanent !== undefined && last !== undefined) {
      return {
        kind: 'permanent',
        endEpoch: permanent.endEpoch,
        isCertified: true,
        statusEvent: { txDigest: last.txDigest, eventSeq: String(last.eventSeq) },
        deletableCounts,
        initialCertifiedEpoch: permanent.certifiedEpoch,
      };
    }
    if (objects.length === 0) return { kind: 'nonexistent' };
    return { kind: 'deletable', initialCertifiedEpoch: objects[0]?.certifiedEpoch, deletableCounts };
  }

  async #recoverySymbols(route: Extract<NodeRoute, { name: 'getRecoverySymbols' }>): Promise<Uint8Array> {
    const { blobId, filter } = route;
    if (filter.kind !== 'target') throw nodeErrors.INVALID_FILTER({ reason: 'only targets are served here' });
    const { geometry } = this.#readable(blobId).verified;
    const source = orthogonal(filter.axis);
    const symbols: GeneralRecoverySymbol[] = [];
    for (const shard of this.member.shards) {
      try {
        const sliver = this.#sliver(blobId, source, pairOfShard(geometry, blobId, shard));
        const [symbol] = await this.#modules.codec.recoverySymbols(geometry, sliver, [filter.index]);
        if (symbol !== undefined) symbols.push({ ...symbol, axis: filter.axis, targetIndex: filter.index });
      } catch {
        continue;
      }
    }
    if (symbols.length === 0) throw nodeErrors.SLIVER_NOT_FOUND({ blobId });
    return encodeGeneralRecoverySymbols(symbols);
  }
}

function json({ httpStatus, json: body }: JsonAnswer): Response {
  return Response.json(body, { status: httpStatus });
}

function bcsAnswer(bytes: Uint8Array): Response {
  return new Response(Uint8Array.from(bytes), { headers: { 'content-type': 'application/octet-stream' } });
}

function outcomeOf(axis: Axis, pair: SliverPairIndex, { httpStatus, json: body }: JsonAnswer): BatchFrame {
  const { message, details } = (body as { error: { message: string; details: { reason: string }[] } }).error;
  return { kind: 'outcome', axis, pair, httpStatus, reason: details[0]?.reason ?? '', message };
}
