import {
  type Committee,
  createCommittee,
  type Epoch,
  type NodeId,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { planShards } from '../../src/shards/shard-plan.ts';
import type { ShardState } from '../../src/shards/shard-states.ts';

const SELF = parseObjectId('0x1') as NodeId;
const OTHER = parseObjectId('0x2') as NodeId;
const SHARD = 2 as ShardIndex;

/** A committee of five shards; `owner` has the one that it is about. */
function committee(epoch: number, owner: NodeId): Committee {
  const member = (nodeId: NodeId) => ({
    nodeId,
    name: nodeId,
    networkAddress: '127.0.0.1:1',
    publicKey: new Uint8Array(48),
    networkPublicKey: new Uint8Array(33),
    shards: (nodeId === SELF ? [0] : [1, 3, 4]).concat(nodeId === owner ? [SHARD] : []) as ShardIndex[],
  });
  return createCommittee({ epoch: epoch as Epoch, nShards: 5, members: [member(SELF), member(OTHER)] });
}

function plan(options: {
  owner: NodeId;
  before?: NodeId;
  state?: ShardState;
  lastEpoch?: number;
}): ShardState | undefined {
  const { owner, before, state, lastEpoch } = options;
  const states = new Map<ShardIndex, ShardState>([[0 as ShardIndex, 'active']]);
  if (state !== undefined) states.set(SHARD, state);
  const previous = before === undefined ? {} : { previous: committee(8, before) };
  const committees = { current: committee(9, owner), ...previous, phase: 'sync' as const };
  const changes = planShards({ nodeId: SELF, committees, states, lastEpoch: lastEpoch as Epoch | undefined });
  return changes.get(SHARD) ?? state;
}

describe('a shard that is this node’s', () => {
  it.each<[string, ShardState, Omit<Parameters<typeof plan>[0], 'owner'>]>([
    ['is looked through in the first epoch: it is new, or was lost', 'recovery', {}],
    ['is copied from the node that had it before', 'transfer', { before: OTHER, lastEpoch: 8 }],
    ['is recovered when this node had it and lost it', 'recovery', { before: SELF }],
    ['stays as it is over one change', 'active', { before: SELF, state: 'active', lastEpoch: 8 }],
    [
      'is looked through after a change that was slept through',
      'recovery',
      { before: SELF, state: 'active', lastEpoch: 7 },
    ],
    ['is recovered when it comes back', 'recovery', { before: OTHER, state: 'locked', lastEpoch: 8 }],
    ['is copied anew when it was being dropped', 'transfer', { before: OTHER, state: 'dropping', lastEpoch: 8 }],
    ['goes on being copied after a restart', 'transfer', { before: OTHER, state: 'transfer', lastEpoch: 9 }],
    [
      'is recovered when its old owner is one before the last',
      'recovery',
      { before: SELF, state: 'transfer', lastEpoch: 8 },
    ],
    ['goes on being recovered', 'recovery', { before: SELF, state: 'recovery', lastEpoch: 8 }],
  ])('%s', (_, expected, options) => {
    expect(plan({ owner: SELF, ...options })).toBe(expected);
  });
});

describe('a shard that is not this node’s', () => {
  it.each<[string, ShardState | undefined, Omit<Parameters<typeof plan>[0], 'owner'>]>([
    ['is nothing to it', undefined, { before: OTHER, lastEpoch: 8 }],
    ['is locked when it has just left', 'locked', { before: SELF, state: 'active', lastEpoch: 8 }],
    ['is locked when it left before it was complete', 'locked', { before: SELF, state: 'transfer', lastEpoch: 8 }],
    ['stays locked for the epoch', 'locked', { before: SELF, state: 'locked', lastEpoch: 9 }],
    ['is dropped an epoch later', 'dropping', { before: OTHER, state: 'locked', lastEpoch: 8 }],
    [
      'is dropped at once when its leaving was slept through',
      'dropping',
      { before: OTHER, state: 'active', lastEpoch: 7 },
    ],
    ['stays locked while it is not known who had it before', 'locked', { state: 'active' }],
  ])('%s', (_, expected, options) => {
    expect(plan({ owner: OTHER, ...options })).toBe(expected);
  });
});

describe('a state of a shard that no committee has', () => {
  it.each<[ShardState, string, boolean]>([
    ['dropping', 'is known', true],
    ['dropping', 'is not known', false],
    ['locked', 'is known', true],
    ['locked', 'is not known', false],
  ])('is dropped when it is %s and the epoch before %s', (state, _, isKnown) => {
    const states = new Map([[0xffff as ShardIndex, state]]);
    const committees = {
      current: committee(9, SELF),
      ...(isKnown && { previous: committee(8, SELF) }),
      phase: 'sync' as const,
    };
    const changes = planShards({ nodeId: SELF, committees, states, lastEpoch: 8 as Epoch });
    expect(changes.get(0xffff as ShardIndex) ?? state).toBe('dropping');
  });
});
