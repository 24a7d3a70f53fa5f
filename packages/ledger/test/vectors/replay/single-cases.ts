/** Groups whose cases are single calls. */
import type { layouts } from '@floe/contracts';
import { fromHex, toHex } from '@floe/platform';
import { blobIdBytes, type ObjectId, type ShardIndex, u256Bytes, u256FromBytes } from '@floe/protocol';
import { expect } from 'vitest';
import { readBlobCertificate } from '../../../src/natives/blob-certificate.ts';
import { MESSAGE_TYPES, requireType, verifyCertificate } from '../../../src/natives/certificates.ts';
import { deriveBlobId, encodedBlobLength } from '../../../src/natives/encoding.ts';
import { selectCommittee } from '../../../src/natives/staking/epoch.ts';
import { activeSetOf } from '../../../src/natives/staking/state.ts';
import { updateActiveSet } from '../../../src/staking/active-set.ts';
import { apportionShards, maxShardsPerNode } from '../../../src/staking/apportionment.ts';
import { firstAssignment, transitionShards } from '../../../src/staking/shard-assignment.ts';
import { quorumAtOrAbove, quorumAtOrBelow } from '../../../src/staking/votes.ts';
import { nativeCall, outcomeOf } from '../../support/native-call.ts';
import { Chain } from '../../support/chain.ts';
import { type Abort, abortText, type Case, requireFields } from './vector-file.ts';

const bytes = (hex: unknown) => fromHex(hex as string) as Uint8Array;
const nodeId = (label: unknown) => `0x${BigInt(label as string).toString(16).padStart(64, '0')}` as ObjectId;
const label = (id: ObjectId) => String(BigInt(id));

function expectOutcome(outcome: object, vector: Case, value: unknown): void {
  const abort = vector['abort'] as Abort | 'ARITHMETIC_ERROR' | undefined;
  expect(outcome).toEqual(abort === undefined ? { value } : { abort: abortText(abort) });
}

export function replayApportionment(vector: Case): void {
  requireFields(vector, ['n_shards', 'stakes', 'max_shards_per_node', 'shards', 'abort']);
  const stakes = (vector['stakes'] as string[]).map(BigInt);
  const nShards = vector['n_shards'] as number;
  if (vector['abort'] === undefined) {
    expect(apportionShards(stakes, nShards)).toEqual(vector['shards']);
    expect(maxShardsPerNode(stakes.length, nShards)).toBe(vector['max_shards_per_node']);
    return;
  }
  const chain = new Chain({ nShards });
  const set = activeSetOf(chain.call, chain.stakingState);
  set.value = { ...set.value, nodes: stakes.map((stakedAmount, i) => ({ nodeId: nodeId(i), stakedAmount })) };
  expectOutcome(
    outcomeOf(() => selectCommittee(chain.call, chain.stakingState)),
    vector,
    undefined,
  );
}

interface Holding {
  readonly node_id: string;
  readonly shards: number[];
}

const wanted = (value: unknown) =>
  (value as [string, number][]).map(([node, count]) => ({ nodeId: nodeId(node), count }));
const committeeJson = (committee: layouts.Committee): Holding[] =>
  committee.map(({ key, value }) => ({ node_id: label(key), shards: value as ShardIndex[] }));

export function replayTransition(vector: Case): void {
  requireFields(vector, ['n_shards', 'initial_want', 'initial_committee', 'steps']);
  let committee = firstAssignment(wanted(vector['initial_want']));
  expect(committeeJson(committee)).toEqual(vector['initial_committee']);
  for (const step of vector['steps'] as Case[]) {
    requireFields(step, ['want_in_active_set_order', 'committee', 'abort']);
    const next = transitionShards(committee, wanted(step['want_in_active_set_order']));
    const abort = step['abort'] as Abort | undefined;
    if (abort !== undefined) {
      expect({ next, abort: abortText(abort) }).toEqual({ next: undefined, abort: 'committee::0' });
      continue;
    }
    committee = next as layouts.Committee;
    expect(committeeJson(committee)).toEqual(step['committee']);
  }
}

export function replayVotes(vector: Case): void {
  const [price, capacity] = ['price_lowest_with_quorum_at_or_below', 'capacity_highest_with_quorum_at_or_above'];
  requireFields(vector, ['n_shards', 'votes', price, capacity]);
  const votes = (vector['votes'] as { value: string; weight: number }[]).map(({ value, weight }) => ({
    value: BigInt(value),
    weight,
  }));
  const nShards = vector['n_shards'] as number;
  expect(String(quorumAtOrBelow(votes, nShards))).toBe(vector[price]);
  expect(String(quorumAtOrAbove(votes, nShards))).toBe(vector[capacity]);
}

export function replayActiveSet(vector: Case): void {
  requireFields(vector, ['max_size', 'threshold_stake', 'steps']);
  let set: layouts.ActiveSet = {
    maxSize: vector['max_size'] as number,
    thresholdStake: BigInt(vector['threshold_stake'] as string),
    nodes: [],
    totalStake: 0n,
  };
  for (const step of vector['steps'] as Case[]) {
    requireFields(step, ['node_id', 'staked_amount', 'is_in_set_after', 'entries', 'total_stake']);
    const id = nodeId(step['node_id']);
    set = updateActiveSet(set, id, BigInt(step['staked_amount'] as string));
    expect({
      is_in_set_after: set.nodes.some((entry) => entry.nodeId === id),
      entries: set.nodes.map((entry) => [Number(label(entry.nodeId)), String(entry.stakedAmount)]),
      total_stake: String(set.totalStake),
    }).toEqual({
      is_in_set_after: step['is_in_set_after'],
      entries: step['entries'],
      total_stake: step['total_stake'],
    });
  }
}

export function replayCertificate(vector: Case): void {
  requireFields(vector, [
    'member_weights',
    'committee_epoch',
    'threshold',
    'expected_message_type',
    'signers_bitmap_hex',
    'message_hex',
    'abort',
    'signed_weight',
    'blob_id_hex',
    'deletable_object_id',
  ]);
  const weights = vector['member_weights'] as number[];
  const committee: layouts.BlsCommittee = {
    members: weights.map((weight, i) => ({
      publicKey: new Uint8Array(96).fill(i + 1),
      weight,
      nodeId: nodeId(i),
    })),
    nShards: weights.reduce((sum, weight) => sum + weight, 0),
    epoch: vector['committee_epoch'] as never,
    totalAggregatedKey: new Uint8Array(48),
  };
  const certificate = {
    signature: new Uint8Array(96),
    bitmap: bytes(vector['signers_bitmap_hex']),
    message: bytes(vector['message_hex']),
  };
  const type = vector['expected_message_type'] as number;
  const outcome = outcomeOf(() => {
    if (vector['threshold'] === 'quorum' && type === MESSAGE_TYPES.blobCertificate) {
      const read = readBlobCertificate(nativeCall(), committee, certificate);
      const deletable = read.deletableObjectId;
      return {
        signed_weight: read.signedWeight,
        blob_id_hex: toHex(blobIdBytes(read.blobId)),
        ...('deletable_object_id' in vector ? { deletable_object_id: deletable ?? null } : {}),
      };
    }
    const threshold = vector['threshold'] === 'quorum' ? 'quorum' : 'one-honest';
    const call = nativeCall();
    const message = verifyCertificate(call, committee, certificate, threshold);
    requireType(call, message, type);
    return { signed_weight: message.signedWeight, blob_id_hex: toHex(message.body.take(32)) };
  });
  const { signed_weight, blob_id_hex } = vector;
  const deletable = vector['deletable_object_id'] as string | null | undefined;
  expectOutcome(outcome, vector, {
    signed_weight,
    blob_id_hex,
    ...('deletable_object_id' in vector
      ? { deletable_object_id: deletable === null ? null : `0x${(deletable ?? '').replace(/^0x/, '').padStart(64, '0')}` }
      : {}),
  });
}

export function replayEncodedLength(vector: Case): void {
  requireFields(vector, ['unencoded_length', 'n_shards', 'encoding_type', 'encoded_length', 'abort']);
  const size = BigInt(vector['unencoded_length'] as string);
  const outcome = outcomeOf(() =>
    encodedBlobLength(nativeCall(), size, vector['encoding_type'] as number, vector['n_shards'] as number),
  );
  expectOutcome(outcome, vector, BigInt((vector['encoded_length'] as string | undefined) ?? 0));
}

export function replayBlobId(vector: Case): void {
  requireFields(vector, ['root_hash_hex', 'root_hash_u256', 'encoding_type', 'size', 'blob_id_hex', 'blob_id_u256']);
  const root = u256FromBytes(bytes(vector['root_hash_hex']));
  expect(String(root)).toBe(vector['root_hash_u256']);
  const id = deriveBlobId(root, vector['encoding_type'] as number, BigInt(vector['size'] as string));
  expect(toHex(u256Bytes(id))).toBe(vector['blob_id_hex']);
  expect(String(id)).toBe(vector['blob_id_u256']);
}

export function replayRegistration(vector: Case): void {
  requireFields(vector, [
    'public_key_length',
    'name_length',
    'network_address_length',
    'commission_rate',
    'network_public_key_length',
    'abort',
  ]);
  const length = (field: string) => vector[`${field}_length`] as number;
  const chain = new Chain({ nShards: 10 });
  const outcome = outcomeOf(() => {
    chain.run(
      'staking::register_candidate',
      chain.staking,
      'n'.repeat(length('name')),
      'a'.repeat(length('network_address')),
      { imageUrl: '', projectUrl: '', description: '', extraFields: [] },
      new Uint8Array(length('public_key')),
      new Uint8Array(length('network_public_key')),
      new Uint8Array(96),
      vector['commission_rate'],
      0n,
      0n,
      0n,
    );
  });
  expectOutcome(outcome, vector, undefined);
}
