/**
 * Which symbols a node asks its peers to prove in an epoch. Pure: everyone who knows the epoch's public randomness and the
 * certified blobs derives the same challenges, so that a result can be checked by others.
 *
 * challenge k of `challenger` to `target` in an epoch has the seed
 *   BLAKE2b-256("floe/challenge/1" ‖ randomness ‖ epoch u32 ‖ challenger id ‖ target id ‖ k u32), little-endian,
 * and the four bytes from 0 of it choose one of the target's shards (those of `challengeTargets`), byte 4 the axis, the two bytes
 * from 5 the place in the sliver, and all 32 bytes the blob: the first certified one that is not before them, in the order of
 * ids, around the end.
 * What a remainder prefers by chance is below 2^-6 for places and shards, and does not matter here.
 */
import { blake2b256 } from '@floe/kernels';
import { concatBytes, utf8 } from '@floe/platform';
import {
  type Axis,
  type BlobId,
  blobIdFromBytes,
  type CommitteeMember,
  type Committees,
  type Epoch,
  type Geometry,
  memberOfNode,
  type NodeId,
  objectIdBytes,
  pairOfShard,
  type ShardIndex,
  type SliverIndex,
  sliverOfPair,
} from '@floe/protocol';

export interface ChallengeSeed {
  readonly randomness: Uint8Array;
  readonly epoch: Epoch;
  readonly challenger: NodeId;
  readonly target: CommitteeMember;
  readonly number: number;
}

export interface Challenge {
  readonly shard: ShardIndex;
  readonly axis: Axis;
  /** Where the search for the blob begins. */
  readonly from: BlobId;
  /** Place of the symbol in the sliver's code word. */
  readonly place: SliverIndex;
}

const DOMAIN = utf8('floe/challenge/1');

/**
 * The members of the current committee with those of their shards that were theirs in the epoch before as well, in the order of the current
 * assignment; without those who gained all that they have: what is still being copied when a quorum has attested proves nothing of its new owner.
 */
export function challengeTargets({ current, previous }: Committees): CommitteeMember[] {
  if (previous === undefined) return [];
  return current.members.flatMap((member) => {
    const before = new Set(memberOfNode(previous, member.nodeId)?.shards);
    const shards = member.shards.filter((shard) => before.has(shard));
    return shards.length === 0 ? [] : [{ ...member, shards }];
  });
}

/** The target must hold shards. */
export function planChallenge({ nShards }: Geometry, seed: ChallengeSeed): Challenge {
  const { randomness, epoch, challenger, target, number } = seed;
  const parts = [DOMAIN, randomness, u32(epoch), objectIdBytes(challenger), objectIdBytes(target.nodeId), u32(number)];
  const hash = blake2b256(concatBytes(...parts));
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
  const shard = target.shards[view.getUint32(0, true) % target.shards.length] as ShardIndex;
  return {
    shard,
    axis: view.getUint8(4) % 2 === 0 ? 'primary' : 'secondary',
    from: blobIdFromBytes(hash),
    place: (view.getUint16(5, true) % nShards) as SliverIndex,
  };
}

/** The sliver of a blob that the challenge is about. */
export function challengedSliver(geometry: Geometry, blobId: BlobId, { shard, axis }: Challenge): SliverIndex {
  return sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard));
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
