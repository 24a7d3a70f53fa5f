import { describe, expect, it } from 'vitest';
import { createCommittee, memberOfNode, memberOfShard, weightOf } from '../src/committee.ts';
import type { Epoch, ShardIndex } from '../src/ids.ts';
import { committeeOf, memberWith, nodeIdOf } from './support/committees.ts';

const epoch = 3 as Epoch;

describe('a committee', () => {
  const committee = committeeOf([[0, 3], [1], [2, 4, 5, 6]]);

  it('knows who owns a shard', () => {
    const owners = [0, 1, 2, 3, 4, 5, 6].map((shard) => memberOfShard(committee, shard as ShardIndex).index);
    expect(owners).toEqual([0, 1, 2, 0, 2, 2, 2]);
  });

  it('numbers its members in the order given and finds them by node', () => {
    expect(committee.members.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(memberOfNode(committee, nodeIdOf(1))?.index).toBe(1);
    expect(memberOfNode(committee, nodeIdOf(9))).toBeUndefined();
  });

  it('weighs its members in shards', () => {
    expect(weightOf(committee.members)).toBe(7);
    expect(weightOf([committee.members[0]!, committee.members[2]!])).toBe(6);
  });

  it('a shard outside it is a bug', () => {
    expect(() => memberOfShard(committee, 7 as ShardIndex)).toThrow('a shard of this committee');
  });
});

describe('making one refuses', () => {
  it.each([
    [
      'a shard without an owner',
      [[0, 1], [3]],
      'committee of epoch 3 is wrong: expected an owner of shard 2, came none',
    ],
    [
      'a shard with two owners',
      [
        [0, 1],
        [1, 2, 3],
      ],
      'expected one owner of shard 1, came members 0 and 1',
    ],
    [
      'a shard out of range',
      [
        [0, 1],
        [2, 3, 4],
      ],
      'expected shards 0..3, came shard 4',
    ],
  ])('%s', (_what, shards, message) => {
    const members = shards.map((owned, i) => memberWith(i, owned));
    expect(() => createCommittee({ epoch, nShards: 4, members })).toThrow(message);
  });

  it('too few shards', () => {
    expect(() => createCommittee({ epoch, nShards: 3, members: [] })).toThrow('shard count 3');
  });
});
