import {
  type Committee,
  type Committees,
  createCommittee,
  type Epoch,
  type NodeId,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { expect, it } from 'vitest';
import { membershipOf } from '../src/node-leaving.ts';

const NODE = parseObjectId('0xa1') as NodeId;

/** Four shards, of which the node has so many. */
function committee(epoch: number, own: number): Committee {
  const member = {
    name: 'x',
    networkAddress: '127.0.0.1:1',
    publicKey: new Uint8Array(48),
    networkPublicKey: new Uint8Array(33),
  };
  const all = [0, 1, 2, 3] as ShardIndex[];
  const members = [
    { ...member, nodeId: NODE, shards: all.slice(0, own) },
    { ...member, nodeId: parseObjectId('0xb2') as NodeId, shards: all.slice(own) },
  ];
  return createCommittee({
    epoch: epoch as Epoch,
    nShards: 4,
    members: members.filter(({ shards }) => shards.length > 0),
  });
}

it('a node leaves by way of the next committee, and is gone once others have had its shards for an epoch', () => {
  const at = (parts: Omit<Committees, 'phase'>) => membershipOf({ ...parts, phase: 'done' }, NODE);
  expect(at({ current: committee(5, 2) })).toEqual({ kind: 'member', shards: 2, nextShards: undefined });
  expect(at({ current: committee(5, 2), next: committee(6, 0) })).toEqual({ kind: 'member', shards: 2, nextShards: 0 });
  // Coming back in: not to be stopped either.
  expect(at({ current: committee(5, 0), next: committee(6, 1) })).toMatchObject({ kind: 'member', nextShards: 1 });
  expect(at({ previous: committee(5, 2), current: committee(6, 0) })).toMatchObject({ kind: 'moving', shards: 2 });
  expect(at({ previous: committee(6, 0), current: committee(7, 0) })).toEqual({ kind: 'drained' });
  expect(at({ current: committee(1, 0) })).toEqual({ kind: 'drained' });
});
