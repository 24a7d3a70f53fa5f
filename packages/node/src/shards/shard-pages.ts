/**
 * Gives pages of shards to the nodes that take them over (Walrus node rules: shard sync).
 *
 * A page has at most the slivers asked for, and fewer when they are large: only an empty page says that there are no more.
 */
import { fromBase64, isFloeError, pause, type Scheduler } from '@floe/platform';
import {
  type BlobId,
  blobIdBytes,
  type Bls,
  type CommitteeMember,
  decodeMessage,
  decodeSignedMessage,
  decodeSliverData,
  encodeSyncShardResponse,
  nodeErrors,
  type Sliver,
  type SyncShardRequest,
} from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { Reads } from '../reads.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { SliverKey } from '../sliver-store.ts';

/** Rows of the registry looked at between two turns of the event loop. */
const ROWS_AT_ONCE = 500;

export interface ShardPageModules {
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly reads: Reads;
  readonly bls: Bls;
  readonly scheduler: Scheduler;
}

export class ShardPages {
  readonly #limits: Pick<NodeLimits, 'shardPageBytes' | 'shardPageMaxSlivers'>;
  readonly #modules: ShardPageModules;

  constructor(limits: Pick<NodeLimits, 'shardPageBytes' | 'shardPageMaxSlivers'>, modules: ShardPageModules) {
    this.#limits = limits;
    this.#modules = modules;
  }

  /**
   * What a signed request asks for, after all checks.
   * @param authorization - standard base64 of the asker's BLS key
   * @throws REQUEST_UNAUTHORIZED, MESSAGE_VERIFICATION_FAILED, INVALID_BCS, INVALID_EPOCH, SLIVER_COUNT_EXCEEDS_LIMIT, SHARD_NOT_ASSIGNED
   */
  authorize(publicKey: Uint8Array, body: Uint8Array): SyncShardRequest {
    const { committees } = this.#modules;
    if (this.#memberOf(publicKey) === undefined) {
      throw nodeErrors.REQUEST_UNAUTHORIZED({ reason: 'the key is of no committee member' });
    }
    const request = this.#verified(publicKey, body);
    const { epoch, shard } = request;
    if (epoch !== committees.epoch) {
      throw nodeErrors.INVALID_EPOCH({ requestEpoch: epoch, serverEpoch: committees.epoch });
    }
    const owner = committees.committees.current.members.find((member) => isKeyOf(member, publicKey));
    if (owner === undefined || !owner.shards.includes(shard)) {
      throw nodeErrors.REQUEST_UNAUTHORIZED({ reason: `shard ${shard} is not the asker's in epoch ${epoch}` });
    }
    const max = this.#limits.shardPageMaxSlivers;
    if (request.sliverCount > BigInt(max)) {
      throw nodeErrors.SLIVER_COUNT_EXCEEDS_LIMIT({ came: `${request.sliverCount}`, max });
    }
    if (!committees.isStored(shard)) throw nodeErrors.SHARD_NOT_ASSIGNED({ shard, epoch });
    return request;
  }

  /** Bytes of slivers that the request's page has at most: a first sliver that is larger than a page should be is one all the same. */
  async sizeOf(request: SyncShardRequest, signal: AbortSignal): Promise<number> {
    const { shardPageBytes } = this.#limits;
    for await (const key of this.#keysOf(request, signal)) {
      return Math.max(shardPageBytes, this.#modules.reads.sizeOf(key));
    }
    return shardPageBytes;
  }

  /** BCS of the page: blobs certified before the request's epoch and still in it, whose sliver is here. */
  async page(request: SyncShardRequest, signal: AbortSignal): Promise<Uint8Array> {
    const entries: { blobId: BlobId; sliver: Sliver }[] = [];
    const most = Number(request.sliverCount);
    let bytes = 0;
    for await (const key of this.#keysOf(request, signal)) {
      const payload = await this.#modules.reads.sliverIfIntact(key);
      if (payload === undefined) continue;
      if (entries.length > 0 && bytes + payload.length > this.#limits.shardPageBytes) break;
      entries.push({ blobId: key.blobId, sliver: decodeSliverData(payload, key.axis) });
      bytes += payload.length;
      if (entries.length >= most) break;
    }
    return encodeSyncShardResponse(entries);
  }

  /** The slivers that are here, in the order of their blobs; none when none are asked for. */
  async *#keysOf(request: SyncShardRequest, signal: AbortSignal): AsyncGenerator<SliverKey, void, undefined> {
    const { registry, reads, scheduler } = this.#modules;
    const { epoch, shard, axis, startingBlobId, sliverCount } = request;
    for (let from: Uint8Array | undefined = blobIdBytes(startingBlobId); from !== undefined && sliverCount > 0n;) {
      const { blobs, next } = registry.certifiedPage({ from, limit: ROWS_AT_ONCE, epoch });
      for (const { blobId, since } of blobs) {
        const key = { blobId, shard, axis };
        if (since < epoch && reads.sizeOf(key) > 0) yield key;
      }
      from = next;
      signal.throwIfAborted();
      if (from !== undefined) await pause(scheduler, 0, signal);
    }
  }

  #memberOf(publicKey: Uint8Array): CommitteeMember | undefined {
    const { current, previous, next } = this.#modules.committees.committees;
    const members = [current, previous, next].flatMap((committee) => committee?.members ?? []);
    return members.find((member) => isKeyOf(member, publicKey));
  }

  #verified(publicKey: Uint8Array, body: Uint8Array): SyncShardRequest {
    const { bls } = this.#modules;
    let reason = 'the signature is wrong';
    try {
      const signed = decodeSignedMessage(body);
      if (bls.verify(publicKey, signed.serializedMessage, signed.signature)) {
        const message = decodeMessage(signed.serializedMessage);
        if (message.kind === 'syncShard') return message;
        reason = `it is a message of kind ${message.kind}`;
      }
    } catch (error) {
      if (!isFloeError(error)) throw error;
      reason = error.message;
    }
    throw nodeErrors.MESSAGE_VERIFICATION_FAILED({ reason });
  }
}

/** The key in an Authorization header; undefined when it is malformed. */
export function parseAuthorization(header: string): Uint8Array | undefined {
  const key = fromBase64(header);
  return key?.length === 48 ? key : undefined;
}

function isKeyOf(member: CommitteeMember, publicKey: Uint8Array): boolean {
  return member.publicKey.length === publicKey.length && member.publicKey.every((byte, at) => byte === publicKey[at]);
}
