/**
 * Who stores what in an epoch. Members stand in the ledger's order, which is the order of signer bitmaps; every shard
 * belongs to exactly one member, so a member's weight is its number of shards.
 */
import { assert } from '@floe/platform';
import { errors } from './errors.ts';
import { type Geometry, geometryOf } from './geometry.ts';
import type { Epoch, NodeId, ShardIndex } from './ids.ts';

export interface CommitteeMember {
  /** Position in the ledger's list: the bit in a signers bitmap. */
  readonly index: number;
  readonly nodeId: NodeId;
  readonly name: string;
  /** `host:port`. */
  readonly networkAddress: string;
  /** BLS key, 48 bytes compressed. */
  readonly publicKey: Uint8Array;
  /** secp256r1 key, 33 bytes compressed. */
  readonly networkPublicKey: Uint8Array;
  readonly shards: readonly ShardIndex[];
}

export interface Committee {
  readonly epoch: Epoch;
  readonly geometry: Geometry;
  readonly members: readonly CommitteeMember[];
}

/**
 * Where the network is in its epoch: `sync` while the new committee fetches its shards (reads still go to the previous
 * one), `done` once a quorum has, `selected` when the next committee is chosen.
 */
export type CommitteePhase = 'sync' | 'done' | 'selected';

export interface Committees {
  readonly current: Committee;
  readonly previous?: Committee;
  readonly next?: Committee;
  readonly phase: CommitteePhase;
}

/**
 * Makes a committee from what the ledger says.
 * @throws INVALID_COMMITTEE unless every shard belongs to exactly one member
 * @throws INVALID_SHARD_COUNT
 */
export function createCommittee(parts: {
  readonly epoch: Epoch;
  readonly nShards: number;
  readonly members: readonly Omit<CommitteeMember, 'index'>[];
}): Committee {
  const geometry = geometryOf(parts.nShards);
  const members = parts.members.map((member, index) => ({ ...member, index }));
  const committee: Committee = { epoch: parts.epoch, geometry, members };
  const owners = ownersOf(committee);
  const orphan = owners.indexOf(NO_OWNER);
  if (orphan !== -1) throw invalid(committee, `an owner of shard ${orphan}`, 'none');
  return committee;
}

/**
 * The member that owns `shard`.
 * @throws INVALID_COMMITTEE when nobody does, or the committee gives a shard twice
 */
export function memberOfShard(committee: Committee, shard: ShardIndex): CommitteeMember {
  assert(shard >= 0 && shard < committee.geometry.nShards, 'a shard of this committee', { shard });
  let owners = ownersByCommittee.get(committee);
  if (owners === undefined) {
    owners = ownersOf(committee);
    ownersByCommittee.set(committee, owners);
  }
  const member = committee.members[owners[shard] as number];
  if (member === undefined) throw invalid(committee, `an owner of shard ${shard}`, 'none');
  return member;
}

/** The member with this node id, if it is one. */
export function memberOfNode(committee: Committee, nodeId: NodeId): CommitteeMember | undefined {
  return committee.members.find((member) => member.nodeId === nodeId);
}

/** Shards of these members together. Members must be distinct. */
export function weightOf(members: Iterable<CommitteeMember>): number {
  let weight = 0;
  for (const member of members) weight += member.shards.length;
  return weight;
}

const NO_OWNER = 0xffff;

/** Built once per committee: `memberOfShard` is called for every sliver of every blob. */
const ownersByCommittee = new WeakMap<Committee, Uint16Array>();

function ownersOf(committee: Committee): Uint16Array {
  const owners = new Uint16Array(committee.geometry.nShards).fill(NO_OWNER);
  for (const member of committee.members) {
    for (const shard of member.shards) {
      const owner = owners[shard];
      if (owner === undefined)
        throw invalid(committee, `shards 0..${committee.geometry.nShards - 1}`, `shard ${shard}`);
      if (owner !== NO_OWNER)
        throw invalid(committee, `one owner of shard ${shard}`, `members ${owner} and ${member.index}`);
      owners[shard] = member.index;
    }
  }
  return owners;
}

function invalid(committee: Committee, expected: string, came: string) {
  return errors.INVALID_COMMITTEE({ epoch: committee.epoch, expected, came });
}
