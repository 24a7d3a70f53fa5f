/**
 * One storage node as the client uses it: typed calls, one per route of the node's HTTP contract.
 *
 * Slivers go in batches when the node offers that, else one request each; callers do not see which. Answers are bounded
 * by what the request can rightly yield. Nothing is verified here beyond form: hashes, proofs and signatures are for
 * those who know what they asked for, and they report a lie with {@link NodeClient.reportMisbehaviour}.
 */
import { type FloeError, type HttpResponse, isFloeError } from '@floe/platform';
import {
  type Axis,
  BATCH_CONTENT_TYPE,
  type BlobId,
  type BlobMetadata,
  type BlobStatus,
  type CommitteeMember,
  decodeBatch,
  decodeGeneralRecoverySymbols,
  decodeMetadataWithId,
  decodeSliverData,
  encodeBatchEnd,
  encodedMetadataSize,
  errorOfRefusal,
  type GeneralRecoverySymbol,
  MAX_ENVELOPE_BYTES,
  MAX_SHARDS,
  type NodeCapabilities,
  type NodeHealth as HealthReport,
  type NodeRedundancy,
  type NodeRoute,
  nodeRequest,
  type OutcomeFrame,
  pairOfSliver,
  parseBcsResponse,
  parseBlobStatus,
  parseJsonResponse,
  parseNodeCapabilities,
  parseNodeHealth,
  parseNodeRedundancy,
  parseSignedMessageJson,
  parseStoredStatus,
  type Persistence,
  type SignedMessage,
  type Sliver,
  sliverDataSize,
  sliverFrameHeader,
  type SliverIndex,
  sliverOfPair,
  type SliverPairIndex,
  sliverSize,
  STATUS_CODES,
  type StoredStatus,
  type VerifiedMetadata,
} from '@floe/protocol';
import { clientErrors } from './errors.ts';
import type { NodeConnection, NodeRequest } from './node-connection.ts';
import { rebuildSize } from './sliver-rebuild.ts';
import {
  sizeOfSliver,
  sliverDataParts,
  sliverDataSizeOf,
  type SliverName,
  type SliverSource,
} from './sliver-source.ts';

export interface SliverReadCalls {
  readonly signal: AbortSignal;
  /** As each arrives; its index is one that was asked for, its hash unchecked. */
  readonly onSliver: (sliver: Sliver) => void;
  /** The node refused this one. */
  readonly onMissing: (index: SliverIndex, error: unknown) => void;
  /** Something of a sliver came. */
  readonly onBytes: () => void;
}

export interface SliverWriteCalls {
  readonly signal: AbortSignal;
  readonly onStored: (sliver: SliverName) => void;
  readonly onRefused: (sliver: SliverName, error: unknown) => void;
}

type BatchOffer = NodeCapabilities['batchedSlivers'];

/** What a node offers, remembered beside its connection. */
interface Remembered {
  readonly offer: BatchOffer;
  readonly untilMs: number;
}

const offers = new WeakMap<NodeConnection, Remembered>();

export class NodeClient {
  /** Its place and shards in one committee. */
  readonly member: CommitteeMember;
  readonly #connection: NodeConnection;

  constructor(member: CommitteeMember, connection: NodeConnection) {
    this.member = member;
    this.#connection = connection;
  }

  get name(): string {
    return this.member.name;
  }

  /** Shards it holds in its committee. */
  get weight(): number {
    return this.member.shards.length;
  }

  /** Smaller is better to ask. */
  rank(): number {
    return this.#connection.health.rank(this.member.nodeId);
  }

  /** Whether it failed or lied lately. */
  isSuspect(): boolean {
    return this.#connection.health.isSuspect(this.member.nodeId);
  }

  /** How long to wait for an answer of that size before asking another node too. */
  hedgeDelayMs(sizeBytes: number): number {
    return this.#connection.health.hedgeDelayMs(sizeBytes);
  }

  /** How long a whole answer of that size may take, however steadily it comes. */
  answerTimeMs(sizeBytes: number): number {
    return this.#connection.health.answerTimeMs(sizeBytes);
  }

  /** It was overtaken by others and had not answered when the work was done. */
  reportStall(): void {
    this.#connection.health.failed(this.member.nodeId);
  }

  /** It sent something that does not verify. */
  reportMisbehaviour(reason: string): void {
    this.#connection.reportLie(reason);
  }

  /** Unverified, but for the id it says to belong to. */
  async metadata(blobId: BlobId, signal: AbortSignal): Promise<BlobMetadata> {
    const maxBytes = 32 + encodedMetadataSize(MAX_SHARDS);
    const bytes = await this.#bcs({ name: 'getMetadata', blobId }, maxBytes, { signal });
    const answer = this.#decoded(() => decodeMetadataWithId(bytes));
    if (answer.blobId !== blobId) throw this.#misbehaved(`metadata of ${answer.blobId} when asked for ${blobId}`);
    return answer.metadata;
  }

  /** `present`: the node had it before. */
  async putMetadata(blobId: BlobId, body: Uint8Array, signal: AbortSignal): Promise<'stored' | 'present'> {
    const { code } = await this.#json({ name: 'putMetadata', blobId, pending: false }, { body, signal });
    return code === 200 ? 'present' : 'stored';
  }

  async sliverStatus(blobId: BlobId, pair: SliverPairIndex, axis: Axis, signal: AbortSignal): Promise<StoredStatus> {
    const { data } = await this.#json({ name: 'getSliverStatus', blobId, pair, axis }, { signal });
    return this.#decoded(() => parseStoredStatus(data));
  }

  async blobStatus(blobId: BlobId, signal: AbortSignal): Promise<BlobStatus> {
    const { data } = await this.#json({ name: 'getBlobStatus', blobId }, { signal });
    return this.#decoded(() => parseBlobStatus(data));
  }

  async health(detailed: boolean, signal: AbortSignal): Promise<HealthReport> {
    const { data } = await this.#json({ name: 'getHealth', detailed }, { signal });
    return this.#decoded(() => parseNodeHealth(data));
  }

  /** What the node lacks of what it owes; undefined when it does not offer to say. */
  async redundancy(signal: AbortSignal): Promise<NodeRedundancy | undefined> {
    try {
      const { data } = await this.#json({ name: 'getRedundancy' }, { signal });
      return this.#decoded(() => parseNodeRedundancy(data));
    } catch (error) {
      // A node of another make does not know the route.
      if (isFloeError(error) && error.data['httpStatus'] === 404) return undefined;
      throw error;
    }
  }

  /** The node's confirmation, of whatever it says; the signature is not checked. */
  async confirmation(blobId: BlobId, persistence: Persistence, signal: AbortSignal): Promise<SignedMessage> {
    const waitMs = Math.floor(this.#connection.limits.controlTimeoutMs / 2);
    const route = { name: 'getConfirmation', blobId, persistence, waitForRegistration: true, waitMs } as const;
    const { data } = await this.#json(route, { signal });
    return this.#decoded(() => parseSignedMessageJson((data as { signed?: unknown } | null)?.signed));
  }

  /** One symbol for that sliver from each of the node's shards that can give one; proofs are not checked. */
  async recoverySymbols(
    verified: VerifiedMetadata,
    axis: Axis,
    index: SliverIndex,
    signal: AbortSignal,
  ): Promise<GeneralRecoverySymbol[]> {
    const filter = { kind: 'target', axis, index } as const;
    const route = { name: 'getRecoverySymbols', blobId: verified.blobId, filter } as const;
    // Of a whole sliver's symbols the node holds at most all.
    const bytes = await this.#bcs(route, 65_536 + 2 * rebuildSize(verified, axis), {
      timeoutMs: this.#connection.limits.dataTimeoutMs,
      signal,
    });
    const symbols = this.#decoded(() => decodeGeneralRecoverySymbols(bytes));
    return symbols.filter((symbol) => symbol.axis === axis && symbol.targetIndex === index);
  }

  /** Fetches slivers of one axis. Resolves when each was handed to one of the callbacks; rejects when the rest failed. */
  async slivers(
    verified: VerifiedMetadata,
    axis: Axis,
    indices: readonly SliverIndex[],
    calls: SliverReadCalls,
  ): Promise<void> {
    const offer = indices.length > 1 ? await this.#batchOffer(calls.signal) : undefined;
    if (offer === undefined) {
      await Promise.all(indices.map((index) => this.#readOne(verified, axis, index, calls)));
      return;
    }
    for (let at = 0; at < indices.length; at += offer.maxReadSlivers) {
      await this.#readBatch(verified, axis, indices.slice(at, at + offer.maxReadSlivers), calls);
    }
  }

  /** Stores slivers. Resolves when each was handed to one of the callbacks; rejects when the rest failed. */
  async putSlivers(source: SliverSource, slivers: readonly SliverName[], calls: SliverWriteCalls): Promise<void> {
    const offer = slivers.length > 1 ? await this.#batchOffer(calls.signal) : undefined;
    if (offer === undefined) {
      await Promise.all(slivers.map((sliver) => this.#writeOne(source, sliver, calls)));
      return;
    }
    for (let at = 0; at < slivers.length; at += offer.maxUploadSlivers) {
      await this.#writeBatch(source, slivers.slice(at, at + offer.maxUploadSlivers), calls);
    }
  }

  async #readOne(verified: VerifiedMetadata, axis: Axis, index: SliverIndex, calls: SliverReadCalls): Promise<void> {
    const { geometry, symbolSize, blobId } = verified;
    const pair = pairOfSliver(geometry, axis, index);
    const maxBytes = sliverDataSize(sliverSize(geometry, axis, symbolSize));
    let sliver: Sliver;
    try {
      const bytes = await this.#sliverData({ name: 'getSliver', blobId, pair, axis }, maxBytes, calls);
      sliver = this.#decoded(() => decodeSliverData(bytes, axis));
      if (sliver.index !== index) throw this.#misbehaved(`${axis} sliver ${sliver.index} when asked for ${index}`);
    } catch (error) {
      calls.signal.throwIfAborted();
      calls.onMissing(index, error);
      return;
    }
    calls.onSliver(sliver);
  }

  /** Into one array of the size that is expected: large ones are not held twice. */
  async #sliverData(route: NodeRoute, maxBytes: number, { signal, onBytes }: SliverReadCalls): Promise<Uint8Array> {
    const { dataTimeoutMs: timeoutMs } = this.#connection.limits;
    return await this.#send(route, { timeoutMs, signal }, async (response) => {
      const bytes = new Uint8Array(maxBytes);
      let sizeBytes = 0;
      for await (const part of noticed(response.body, onBytes)) {
        if (sizeBytes + part.length > maxBytes) throw this.#misbehaved(`a sliver of more than ${maxBytes} bytes`);
        bytes.set(part, sizeBytes);
        sizeBytes += part.length;
      }
      const body = bytes.subarray(0, sizeBytes);
      const contentType = response.header('content-type');
      return { value: parseBcsResponse({ httpStatus: response.status, contentType, body }), sizeBytes };
    });
  }

  async #readBatch(
    verified: VerifiedMetadata,
    axis: Axis,
    indices: readonly SliverIndex[],
    calls: SliverReadCalls,
  ): Promise<void> {
    const { geometry, symbolSize, blobId } = verified;
    const pairs = indices.map((index) => pairOfSliver(geometry, axis, index));
    const route = {
      name: 'getSliverBatch',
      blobId,
      primary: axis === 'primary' ? pairs : [],
      secondary: axis === 'secondary' ? pairs : [],
    } as const;
    const waiting = new Set<SliverIndex>(indices);
    const limits = {
      maxSliverBytes: sliverDataSize(sliverSize(geometry, axis, symbolSize)),
      maxFrames: indices.length,
    };
    const options = { timeoutMs: this.#connection.limits.dataTimeoutMs, signal: calls.signal };
    await this.#send(route, options, async (response) => {
      let sizeBytes = 0;
      for await (const frame of decodeBatch(noticed(response.body, calls.onBytes), limits)) {
        const index = sliverOfPair(geometry, axis, frame.pair);
        if (frame.axis !== axis || !waiting.delete(index)) throw this.#misbehaved('a sliver nobody asked for');
        if (frame.kind === 'outcome') {
          calls.onMissing(index, refusalOf(frame));
          continue;
        }
        sizeBytes += frame.sliverData.length;
        const sliver = decodeSliverData(frame.sliverData, axis);
        if (sliver.index === index) calls.onSliver(sliver);
        else calls.onMissing(index, this.#misbehaved(`${axis} sliver ${sliver.index} when asked for ${index}`));
      }
      return { value: undefined, sizeBytes };
    });
    for (const index of waiting) calls.onMissing(index, this.#misbehaved(`no answer for ${axis} sliver ${index}`));
  }

  async #writeOne(source: SliverSource, sliver: SliverName, calls: SliverWriteCalls): Promise<void> {
    const { geometry, blobId } = source.verified;
    const { axis, index } = sliver;
    const route = {
      name: 'putSliver',
      blobId,
      pair: pairOfSliver(geometry, axis, index),
      axis,
      pending: false,
    } as const;
    try {
      const sizeBytes = sliverDataSizeOf(source.verified, sliver);
      await this.#json(route, {
        body: sliverDataParts(source, sliver, calls.signal),
        sizeBytes,
        timeoutMs: this.#uploadTimeoutMs(sizeBytes),
        signal: calls.signal,
      });
    } catch (error) {
      calls.signal.throwIfAborted();
      calls.onRefused(sliver, error);
      return;
    }
    calls.onStored(sliver);
  }

  async #writeBatch(source: SliverSource, slivers: readonly SliverName[], calls: SliverWriteCalls): Promise<void> {
    const { verified } = source;
    const { geometry, blobId } = verified;
    const waiting = new Map(
      slivers.map((sliver) => [`${sliver.axis} ${pairOfSliver(geometry, sliver.axis, sliver.index)}`, sliver]),
    );
    const sizeBytes = slivers.reduce((sum, sliver) => sum + sizeOfSliver(verified, sliver), 0);
    const options = {
      body: batchBody(source, slivers, calls.signal),
      contentType: BATCH_CONTENT_TYPE,
      timeoutMs: this.#uploadTimeoutMs(sizeBytes),
      signal: calls.signal,
    };
    const limits = { maxSliverBytes: 0, maxFrames: slivers.length };
    await this.#send({ name: 'putSliverBatch', blobId, pending: false }, options, async (response) => {
      for await (const frame of decodeBatch(response.body, limits)) {
        const sliver = waiting.get(`${frame.axis} ${frame.pair}`);
        if (frame.kind !== 'outcome' || sliver === undefined) throw this.#misbehaved('an outcome of no sliver sent');
        waiting.delete(`${frame.axis} ${frame.pair}`);
        if (frame.httpStatus < 300) calls.onStored(sliver);
        else calls.onRefused(sliver, refusalOf(frame));
      }
      return { value: undefined, sizeBytes: 0 };
    });
    for (const sliver of waiting.values()) calls.onRefused(sliver, this.#misbehaved('no outcome of a sliver sent'));
  }

  /** What it offers; a node without the route offers nothing, one that failed is asked again next time. */
  async #batchOffer(signal: AbortSignal): Promise<BatchOffer> {
    const { clock, limits } = this.#connection;
    const remembered = offers.get(this.#connection);
    if (remembered !== undefined && clock.monotonicMs() < remembered.untilMs) return remembered.offer;
    let offer: BatchOffer;
    try {
      const { data } = await this.#json({ name: 'getCapabilities' }, { signal });
      offer = this.#decoded(() => parseNodeCapabilities(data)).batchedSlivers;
    } catch (error) {
      if (!isFloeError(error) || typeof error.data['httpStatus'] !== 'number' || error.data['httpStatus'] >= 500) {
        throw error;
      }
    }
    offers.set(this.#connection, { offer, untilMs: clock.monotonicMs() + limits.capabilitiesTtlMs });
    return offer;
  }

  #uploadTimeoutMs(sizeBytes: number): number {
    const { dataTimeoutMs, minUploadBytesPerMs } = this.#connection.limits;
    return dataTimeoutMs + Math.ceil(sizeBytes / minUploadBytesPerMs);
  }

  async #bcs(
    route: NodeRoute,
    maxBytes: number,
    options: { timeoutMs?: number; signal: AbortSignal },
  ): Promise<Uint8Array> {
    return await this.#send(route, options, async (response) => {
      const body = await response.bytes(maxBytes);
      const contentType = response.header('content-type');
      return { value: parseBcsResponse({ httpStatus: response.status, contentType, body }), sizeBytes: body.length };
    });
  }

  async #json(
    route: NodeRoute,
    options: Omit<NodeRequest, 'method' | 'target'>,
  ): Promise<{ code: number; data: unknown }> {
    return await this.#send(route, options, async (response) => {
      const body = await response.bytes(MAX_ENVELOPE_BYTES);
      const contentType = response.header('content-type');
      return { value: parseJsonResponse({ httpStatus: response.status, contentType, body }), sizeBytes: body.length };
    });
  }

  async #send<T>(
    route: NodeRoute,
    options: Omit<NodeRequest, 'method' | 'target'>,
    read: (response: HttpResponse) => Promise<{ value: T; sizeBytes: number }>,
  ): Promise<T> {
    return await this.#connection.send({ ...nodeRequest(route), ...options }, read);
  }

  /** What cannot be decoded is the node's fault. */
  #decoded<T>(decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw this.#misbehaved(error instanceof Error ? error.message : String(error));
    }
  }

  #misbehaved(reason: string): Error {
    this.reportMisbehaviour(reason);
    return clientErrors.NODE_MISBEHAVED({ node: this.name, reason });
  }
}

/** The same parts; `onPart` hears of each. */
async function* noticed(
  parts: AsyncIterable<Uint8Array>,
  onPart: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const part of parts) {
    onPart();
    yield part;
  }
}

/** Sliver frames, pulled from their source as the socket drains. */
async function* batchBody(
  source: SliverSource,
  slivers: readonly SliverName[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { geometry } = source.verified;
  for (const sliver of slivers) {
    const pair = pairOfSliver(geometry, sliver.axis, sliver.index);
    yield sliverFrameHeader(sliver.axis, pair, sliverDataSizeOf(source.verified, sliver));
    yield* sliverDataParts(source, sliver, signal);
  }
  yield encodeBatchEnd(slivers.length);
}

/** The same error as the single-sliver route's answer would give; a frame has its code and reason, not its status. */
function refusalOf({ httpStatus, reason, message }: OutcomeFrame): FloeError {
  const statuses = Object.entries(STATUS_CODES).filter(([, code]) => code === httpStatus);
  const errors = statuses.map(([status]) => errorOfRefusal({ httpStatus, status, reason, message }));
  const known = errors.find(({ code }) => code !== 'NODE_REFUSED');
  return known ?? errorOfRefusal({ httpStatus, status: '', reason, message });
}
