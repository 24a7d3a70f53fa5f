/**
 * The other nodes as this one calls them: typed requests, one per route that nodes use among themselves.
 *
 * Invariants:
 * - Every request has a deadline that grows with what may rightly be answered, and a bound on the bytes that are read: a peer that drips
 *   or floods costs a bounded time and memory.
 * - Nothing is verified here beyond form; who asked knows what hashes and signatures must be, and reports a lie with `lied`.
 * - An abort by the caller is not held against the peer.
 */
import {
  type Clock,
  type HttpResponse,
  type HttpTransport,
  isFloeError,
  type Logger,
  type Rng,
  type Scheduler,
  Semaphore,
  shuffled,
  toBase64,
  withDeadline,
} from '@floe/platform';
import {
  BCS_CONTENT_TYPE,
  type BlobId,
  type BlobMetadata,
  type ChallengeResult,
  type CommitteeMember,
  decodeBatch,
  decodeGeneralRecoverySymbols,
  decodeMetadataWithId,
  decodeSliverData,
  decodeSyncShardResponse,
  encodedMetadataSize,
  encodeInconsistencyProof,
  encodeSignedMessage,
  type Epoch,
  type GeneralRecoverySymbol,
  type InconsistencyProof,
  MAX_ENVELOPE_BYTES,
  MAX_MERKLE_PATH_NODES,
  MAX_SHARDS,
  type NodeCapabilities,
  type NodeId,
  nodeRequest,
  type NodeRoute,
  pairOfSliver,
  parseBcsResponse,
  parseChallengeResults,
  parseFailure,
  parseJsonResponse,
  parseNodeCapabilities,
  parseSignedMessageJson,
  type SignedMessage,
  type Sliver,
  sliverDataSize,
  type SliverIndex,
  sliverSize,
  type SymbolId,
  type Axis,
  type VerifiedMetadata,
} from '@floe/protocol';
import { errors } from '../errors.ts';
import type { NodeLimits } from '../limits.ts';
import type { NodeMetrics } from '../node-metrics.ts';
import { PeerHealth } from './peer-health.ts';

/** Error bodies are short; more than this is not read. */
const MAX_ERROR_BYTES = 65_536;
/** Lengths, indices and tags around a symbol's data and the nodes of its proof. */
const SYMBOL_FRAMING_BYTES = 16;
const PROOF_NODE_BYTES = 33;

/** What moved, for counting the cost of healing. */
export type Traffic = 'metadata' | 'symbols' | 'slivers' | 'transfer' | 'control';

export interface PeersOptions {
  readonly nodeId: NodeId;
  readonly scheme: 'http' | 'https';
  readonly limits: NodeLimits;
}

export interface PeersModules {
  /** Called when a peer does not hold the key that the ledger had of it when it was last read: it may have a new one. */
  readonly onWrongKey?: () => void;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

interface Exchange {
  readonly traffic: Traffic;
  /** Most bytes that a right answer has. */
  readonly maxBytes: number;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/** Largest encoded form of a recovery symbol of this blob. */
export function recoverySymbolBytes({ geometry, symbolSize }: VerifiedMetadata): number {
  const pathNodes = Math.min(MAX_MERKLE_PATH_NODES, Math.ceil(Math.log2(geometry.nShards)));
  return symbolSize + SYMBOL_FRAMING_BYTES + pathNodes * PROOF_NODE_BYTES;
}

export class Peers {
  readonly health: PeerHealth;
  readonly #options: PeersOptions;
  readonly #modules: PeersModules;
  readonly #permits = new Map<NodeId, Semaphore>();
  readonly #offers = new Map<NodeId, { batched: NodeCapabilities['batchedSlivers']; untilMs: number }>();

  constructor(options: PeersOptions, modules: PeersModules) {
    this.#options = options;
    this.#modules = modules;
    this.health = new PeerHealth(options.limits, modules);
  }

  /** The members without this node, in random order, those that failed or lied lately last. */
  inOrder(members: readonly CommitteeMember[]): CommitteeMember[] {
    const others = members.filter(({ nodeId }) => nodeId !== this.#options.nodeId);
    const mixed = shuffled(others, this.#modules.rng);
    return [
      ...mixed.filter(({ nodeId }) => !this.health.isSuspect(nodeId)),
      ...mixed.filter(({ nodeId }) => this.health.isSuspect(nodeId)),
    ];
  }

  /** Lets go of what is remembered of nodes that sit in no committee any more. */
  keep(nodeIds: ReadonlySet<NodeId>): void {
    this.health.keep(nodeIds);
    for (const map of [this.#permits, this.#offers]) {
      for (const nodeId of map.keys()) if (!nodeIds.has(nodeId)) map.delete(nodeId);
    }
  }

  /** It sent something that does not verify. */
  lied(member: CommitteeMember, reason: string): void {
    this.health.lied(member.nodeId);
    this.#modules.metrics.peerLies.add();
    this.#modules.logger.warn('a peer sent something false', { peer: member.name, nodeId: member.nodeId, reason });
  }

  /** Unverified, but for the id it says to belong to. */
  async metadata(member: CommitteeMember, blobId: BlobId, signal: AbortSignal): Promise<BlobMetadata> {
    const maxBytes = 32 + encodedMetadataSize(MAX_SHARDS);
    const bytes = await this.#bcs(member, { name: 'getMetadata', blobId }, { traffic: 'metadata', maxBytes, signal });
    const answer = this.#decoded(member, () => decodeMetadataWithId(bytes));
    if (answer.blobId !== blobId) throw this.#misbehaved(member, `metadata of ${answer.blobId}, not of ${blobId}`);
    return answer.metadata;
  }

  /** The symbols at `ids` that lie on slivers of `sourceAxis`, as many as the peer gives; proofs are not checked. */
  async recoverySymbols(
    member: CommitteeMember,
    wanted: { readonly verified: VerifiedMetadata; readonly sourceAxis: Axis; readonly ids: readonly SymbolId[] },
    signal: AbortSignal,
  ): Promise<GeneralRecoverySymbol[]> {
    const { verified, sourceAxis, ids } = wanted;
    const filter = { kind: 'ids', ids } as const;
    const route = { name: 'getRecoverySymbols', blobId: verified.blobId, proofAxis: sourceAxis, filter } as const;
    const maxBytes = 16 + ids.length * recoverySymbolBytes(verified);
    const bytes = await this.#bcs(member, route, { traffic: 'symbols', maxBytes, signal });
    return this.#decoded(member, () => decodeGeneralRecoverySymbols(bytes));
  }

  /** Whole slivers, those that the peer has; in one request when it offers that. Hashes are not checked. */
  async slivers(
    member: CommitteeMember,
    verified: VerifiedMetadata,
    wanted: readonly { readonly axis: Axis; readonly index: SliverIndex }[],
    signal: AbortSignal,
  ): Promise<Sliver[]> {
    const batched = wanted.length > 1 ? await this.#batchOffer(member, signal) : undefined;
    const found: Sliver[] = [];
    if (batched === undefined) {
      for (const { axis, index } of wanted) {
        const sliver = await this.#sliver(member, verified, axis, index, signal);
        if (sliver !== undefined) found.push(sliver);
      }
      return found;
    }
    for (let at = 0; at < wanted.length; at += batched.maxReadSlivers) {
      found.push(...(await this.#sliverBatch(member, verified, wanted.slice(at, at + batched.maxReadSlivers), signal)));
    }
    return found;
  }

  /** The peer's signature that the blob is invalid; not checked. */
  async attestInvalid(
    member: CommitteeMember,
    blobId: BlobId,
    proof: InconsistencyProof,
    signal: AbortSignal,
  ): Promise<SignedMessage> {
    const route = { name: 'postInconsistencyProof', blobId, axis: proof.axis } as const;
    const body = encodeInconsistencyProof(proof);
    const timeoutMs = this.#options.limits.proofTimeoutMs;
    return await this.#json(member, route, { body, timeoutMs, signal }, (data) => parseSignedMessageJson(data));
  }

  /** A page of a shard, in the order of blob ids; slivers are not checked. */
  async syncShard(
    member: CommitteeMember,
    request: { readonly signed: SignedMessage; readonly publicKey: Uint8Array; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<{ blobId: BlobId; sliver: Sliver }[]> {
    const bytes = await this.#bcs(
      member,
      { name: 'postSyncShard' },
      {
        traffic: 'transfer',
        maxBytes: request.maxBytes,
        body: encodeSignedMessage(request.signed),
        headers: { authorization: toBase64(request.publicKey) },
        signal,
      },
    );
    return this.#decoded(member, () => decodeSyncShardResponse(bytes));
  }

  /** What the peer says its challenges of that epoch came to. */
  async challengeResults(
    member: CommitteeMember,
    epoch: Epoch,
    signal: AbortSignal,
  ): Promise<readonly ChallengeResult[]> {
    const answer = await this.#json(member, { name: 'getChallenges', epoch }, { signal }, parseChallengeResults);
    if (answer.epoch !== epoch) throw this.#misbehaved(member, `challenges of epoch ${answer.epoch}, not of ${epoch}`);
    return answer.results;
  }

  async #sliver(
    member: CommitteeMember,
    verified: VerifiedMetadata,
    axis: Axis,
    index: SliverIndex,
    signal: AbortSignal,
  ): Promise<Sliver | undefined> {
    const { geometry, symbolSize, blobId } = verified;
    const route = { name: 'getSliver', blobId, pair: pairOfSliver(geometry, axis, index), axis } as const;
    const maxBytes = sliverDataSize(sliverSize(geometry, axis, symbolSize));
    let bytes: Uint8Array;
    try {
      bytes = await this.#bcs(member, route, { traffic: 'slivers', maxBytes, signal });
    } catch (error) {
      // What it does not have is no failure; what it cannot give now is.
      if (isFloeError(error) && (error.kind === 'not-found' || error.code === 'SHARD_NOT_ASSIGNED')) return undefined;
      throw error;
    }
    const sliver = this.#decoded(member, () => decodeSliverData(bytes, axis));
    if (sliver.index !== index) throw this.#misbehaved(member, `${axis} sliver ${sliver.index}, not ${index}`);
    return sliver;
  }

  async #sliverBatch(
    member: CommitteeMember,
    verified: VerifiedMetadata,
    wanted: readonly { readonly axis: Axis; readonly index: SliverIndex }[],
    signal: AbortSignal,
  ): Promise<Sliver[]> {
    const { geometry, symbolSize, blobId } = verified;
    const pairsOf = (axis: Axis) =>
      wanted.filter((sliver) => sliver.axis === axis).map(({ index }) => pairOfSliver(geometry, axis, index));
    const route = {
      name: 'getSliverBatch',
      blobId,
      primary: pairsOf('primary'),
      secondary: pairsOf('secondary'),
    } as const;
    const sizeOf = (axis: Axis): number => sliverDataSize(sliverSize(geometry, axis, symbolSize));
    const maxBytes = wanted.reduce((sum, { axis }) => sum + sizeOf(axis), 0);
    const limits = { maxSliverBytes: Math.max(sizeOf('primary'), sizeOf('secondary')), maxFrames: wanted.length };
    const awaited = new Set(wanted.map(({ axis, index }) => `${axis} ${index}`));
    return await this.#send(member, route, { traffic: 'slivers', maxBytes, signal }, async (response) => {
      const slivers: Sliver[] = [];
      for await (const frame of decodeBatch(response.body, limits)) {
        if (frame.kind === 'outcome') continue;
        this.#modules.metrics.recoveryReceivedBytes.add(frame.sliverData.length, { traffic: 'slivers' });
        const sliver = decodeSliverData(frame.sliverData, frame.axis);
        if (!awaited.delete(`${sliver.axis} ${sliver.index}`)) throw this.#misbehaved(member, 'a sliver not asked for');
        slivers.push(sliver);
      }
      return slivers;
    });
  }

  async #batchOffer(member: CommitteeMember, signal: AbortSignal): Promise<NodeCapabilities['batchedSlivers']> {
    const now = this.#modules.clock.monotonicMs();
    const known = this.#offers.get(member.nodeId);
    if (known !== undefined && now < known.untilMs) return known.batched;
    const route = { name: 'getCapabilities' } as const;
    let batched: NodeCapabilities['batchedSlivers'];
    try {
      batched = (await this.#json(member, route, { signal }, (data) => parseNodeCapabilities(data))).batchedSlivers;
    } catch (error) {
      // A node of another make does not know the route.
      if (!isFloeError(error) || error.kind !== 'not-found') throw error;
    }
    this.#offers.set(member.nodeId, { batched, untilMs: now + this.#options.limits.peerOfferMs });
    return batched;
  }

  async #bcs(member: CommitteeMember, route: NodeRoute, exchange: Exchange): Promise<Uint8Array> {
    return await this.#send(member, route, exchange, async (response) => {
      const body = await response.bytes(exchange.maxBytes);
      this.#modules.metrics.recoveryReceivedBytes.add(body.length, { traffic: exchange.traffic });
      const contentType = response.header('content-type');
      return parseBcsResponse({ httpStatus: response.status, contentType, body });
    });
  }

  async #json<T>(
    member: CommitteeMember,
    route: NodeRoute,
    exchange: Omit<Exchange, 'maxBytes' | 'traffic'>,
    parse: (data: unknown) => T,
  ): Promise<T> {
    const maxBytes = MAX_ENVELOPE_BYTES;
    return await this.#send(member, route, { traffic: 'control', maxBytes, ...exchange }, async (response) => {
      const body = await response.bytes(maxBytes);
      const contentType = response.header('content-type');
      return parse(parseJsonResponse({ httpStatus: response.status, contentType, body }).data);
    });
  }

  /** One request: in turn, in time, its outcome remembered. */
  async #send<T>(
    member: CommitteeMember,
    route: NodeRoute,
    exchange: Exchange,
    read: (response: HttpResponse) => Promise<T>,
  ): Promise<T> {
    const { limits, scheme } = this.#options;
    const { scheduler, transport } = this.#modules;
    const { method, target } = nodeRequest(route);
    const silenceMs = exchange.timeoutMs ?? limits.peerTimeoutMs;
    // A small answer may rightly be late by the silence allowed; a large one by what it takes on a slow line.
    const bytes = (exchange.body?.length ?? 0) + (exchange.traffic === 'control' ? 0 : exchange.maxBytes);
    const timeoutMs = silenceMs + Math.ceil(bytes / limits.peerBytesPerMs);
    const onTimeout = (): Error =>
      errors.PEER_UNREACHABLE({ peer: member.name, reason: `no answer in ${timeoutMs} ms` });
    const work = async (signal: AbortSignal): Promise<T> => {
      const response = await transport.request({
        method,
        url: `${scheme}://${member.networkAddress}${target}`,
        headers: {
          ...(exchange.body === undefined ? {} : { 'content-type': BCS_CONTENT_TYPE }),
          ...exchange.headers,
        },
        body: exchange.body,
        timeoutMs: silenceMs,
        serverKey: member.networkPublicKey,
        signal,
      });
      try {
        if (response.status < 200 || response.status > 299) {
          const body = await response.bytes(MAX_ERROR_BYTES);
          throw parseFailure({ httpStatus: response.status, contentType: response.header('content-type'), body });
        }
        return await read(response);
      } catch (error) {
        await response.cancel().catch(() => undefined);
        throw error;
      }
    };
    const inTime = (): Promise<T> => withDeadline({ scheduler, timeoutMs, parent: exchange.signal, onTimeout }, work);
    try {
      const result = await this.#permitsOf(member).run(inTime, exchange.signal);
      this.health.succeeded(member.nodeId);
      return result;
    } catch (error) {
      exchange.signal.throwIfAborted();
      throw this.#failure(member, error);
    }
  }

  #permitsOf({ nodeId, name }: CommitteeMember): Semaphore {
    const known = this.#permits.get(nodeId);
    if (known !== undefined) return known;
    const permits = new Semaphore({ name: `requests to ${name}`, permits: this.#options.limits.peerRequests });
    this.#permits.set(nodeId, permits);
    return permits;
  }

  #failure(member: CommitteeMember, error: unknown): Error {
    if (isFloeError(error) && typeof error.data['httpStatus'] === 'number') {
      if (error.data['httpStatus'] >= 500 || error.data['httpStatus'] === 429) this.health.failed(member.nodeId);
      return error;
    }
    if (isFloeError(error, 'PEER_MISBEHAVED')) return error;
    if (isFloeError(error, 'WRONG_SERVER_KEY')) {
      this.lied(member, error.message);
      this.#modules.onWrongKey?.();
      return errors.PEER_WRONG_KEY({ peer: member.name, reason: error.message }, error);
    }
    this.health.failed(member.nodeId);
    if (isFloeError(error, 'PEER_UNREACHABLE')) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return errors.PEER_UNREACHABLE({ peer: member.name, reason }, error);
  }

  #decoded<T>(member: CommitteeMember, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw this.#misbehaved(member, error instanceof Error ? error.message : String(error));
    }
  }

  #misbehaved(member: CommitteeMember, reason: string): Error {
    this.lied(member, reason);
    return errors.PEER_MISBEHAVED({ peer: member.name, reason });
  }
}
