/**
 * A ledger made up for a node that holds many blobs: all are registered, then certified; at its end some are extended, and then the next epoch
 * begins. What it says follows from the number of the blobs, so that every process sees the same one; how much of it there is, its owner says.
 */
import type { CheckpointRecord, ContractEvent } from '@floe/contracts';
import type { NodeLedger } from '@floe/node';
import { deferred, raceAbort } from '@floe/platform';
import {
  type Bls,
  type Committee,
  type Committees,
  createCommittee,
  type NodeId,
  objectIdFromBytes,
  parseObjectId,
  type ShardIndex,
  blobIdBytes,
} from '@floe/protocol';
import {
  endEpochOf,
  extensionOf,
  FIRST_EPOCH,
  GEOMETRY,
  OWN_SHARDS,
  SECOND_EPOCH,
  type ZeroBlobs,
} from './zero-blobs.ts';

export const NODE_ID = parseObjectId('0xa1') as NodeId;
export const SYSTEM_ID = parseObjectId('0x5e');
export const SECRET_KEY = new Uint8Array(32).fill(0x21);

const BLOBS_PER_GROUP = 256;

/** How many checkpoints there are when all blobs are registered, certified, some extended, and the next epoch begun. */
export function checkpointsOf(blobs: number) {
  const groups = Math.ceil(blobs / BLOBS_PER_GROUP);
  return { registered: groups, certified: 2 * groups, extended: 2 * groups + 1, secondEpoch: 2 * groups + 2 };
}

export class HoldLedger implements NodeLedger {
  readonly #blobs: number;
  readonly #zeroBlobs: ZeroBlobs;
  readonly #committeeOf: (epoch: typeof FIRST_EPOCH) => Committee;
  #checkpoints: number;
  #grown = deferred<void>();
  #followed = 0;
  #moved = deferred<void>();

  constructor(
    options: { readonly blobs: number; readonly checkpoints: number },
    modules: { readonly zeroBlobs: ZeroBlobs; readonly bls: Bls },
  ) {
    this.#blobs = options.blobs;
    this.#checkpoints = options.checkpoints;
    this.#zeroBlobs = modules.zeroBlobs;
    const all = Array.from({ length: GEOMETRY.nShards }, (_, shard) => shard as ShardIndex);
    const member = (nodeId: NodeId, secretKey: Uint8Array, shards: readonly ShardIndex[]) => ({
      nodeId,
      name: nodeId,
      networkAddress: '127.0.0.1:1',
      publicKey: modules.bls.publicKey(secretKey),
      networkPublicKey: new Uint8Array(33),
      shards,
    });
    const others = all.filter((shard) => !OWN_SHARDS.includes(shard));
    const members = [
      member(NODE_ID, SECRET_KEY, OWN_SHARDS),
      member(parseObjectId('0xb2') as NodeId, new Uint8Array(32).fill(0x22), others),
    ];
    this.#committeeOf = (epoch) => createCommittee({ epoch, nShards: GEOMETRY.nShards, members });
  }

  /** The ledger grows to so many checkpoints; resolves when all have taken effect on the node. */
  async grow(checkpoints: number): Promise<void> {
    this.#checkpoints = checkpoints;
    this.#grown.resolve();
    this.#grown = deferred();
    while (this.#followed < checkpoints) await this.#moved.promise;
  }

  async chain(): Promise<{ chainId: string; latestCheckpoint: bigint }> {
    return { chainId: 'zeros', latestCheckpoint: BigInt(this.#checkpoints) - 1n };
  }

  async committees(): Promise<Committees> {
    const first = this.#committeeOf(FIRST_EPOCH);
    if (this.#checkpoints < checkpointsOf(this.#blobs).secondEpoch) return { current: first, phase: 'done' };
    return { current: this.#committeeOf(SECOND_EPOCH), previous: first, phase: 'done' };
  }

  async epochRandomness(): Promise<undefined> {
    return undefined;
  }

  async *followCheckpoints(options: { from: bigint; signal: AbortSignal }): AsyncIterable<CheckpointRecord> {
    const { from, signal } = options;
    for (let next = Number(from); ; next += 1) {
      // Whoever asks for the next one has done with those before.
      this.#followed = next;
      this.#moved.resolve();
      this.#moved = deferred();
      while (next >= this.#checkpoints) await raceAbort(this.#grown.promise, signal);
      yield await this.#checkpoint(next);
    }
  }

  async #checkpoint(sequence: number): Promise<CheckpointRecord> {
    const events = await this.#events(sequence);
    const txDigest = `${sequence}`.replaceAll('0', 'z').padStart(43, '1');
    return {
      sequence: BigInt(sequence),
      timestampMs: 1000 * sequence,
      events: events.map((event, eventSeq) => ({ txDigest, eventSeq, event })),
    };
  }

  async #events(sequence: number): Promise<ContractEvent[]> {
    const { registered, certified, extended } = checkpointsOf(this.#blobs);
    const events: ContractEvent[] = [];
    if (sequence < certified) {
      const first = (sequence % registered) * BLOBS_PER_GROUP;
      const end = Math.min(first + BLOBS_PER_GROUP, this.#blobs);
      for (let blob = first; blob < end; blob += 1) events.push(await this.#stored(blob, sequence < registered));
    } else if (sequence < extended) {
      for (let blob = 0; blob < this.#blobs; blob += 1) {
        const endEpoch = extensionOf(blob);
        if (endEpoch === undefined) continue;
        events.push({ kind: 'BlobCertified', ...(await this.#common(blob)), endEpoch, isExtension: true });
      }
    } else {
      events.push({ kind: 'EpochChangeStart', epoch: SECOND_EPOCH }, { kind: 'EpochChangeDone', epoch: SECOND_EPOCH });
    }
    return events;
  }

  async #stored(blob: number, isRegistration: boolean): Promise<ContractEvent> {
    const common = { ...(await this.#common(blob)), endEpoch: endEpochOf(blob) };
    if (!isRegistration) return { kind: 'BlobCertified', ...common, isExtension: false };
    const { metadata } = await this.#zeroBlobs.metadataOf(blob);
    return { kind: 'BlobRegistered', ...common, size: BigInt(metadata.unencodedLength), encodingType: 1 };
  }

  async #common(blob: number) {
    const { blobId } = await this.#zeroBlobs.metadataOf(blob);
    const objectId = objectIdFromBytes(blobIdBytes(blobId).map((byte) => byte ^ 0xff));
    return { epoch: FIRST_EPOCH, blobId, objectId, deletable: false };
  }
}
