import { type NodeHealth, type NodeId, parseObjectId } from '@floe/protocol';
import { expect, it } from 'vitest';
import { problemsOf } from '../src/commands/node-status.ts';

it('a node is healthy when its disk keeps what is stored, its ledger is followed, and its shards are ready', () => {
  const nodeId = parseObjectId('0xa1') as NodeId;
  const shards = (ready: number, inTransfer: number): NodeHealth =>
    ({
      shardSummary: {
        owned: ready + inTransfer,
        ownedShardStatus: { unknown: 0, ready, inTransfer, inRecovery: 0 },
        readOnly: 0,
      },
    }) as NodeHealth;
  const well = { nodeId, health: shards(3, 0), checkpointsBehind: 2, failingNodes: [] };
  expect(problemsOf(well, { ok: true })).toEqual([]);
  // Before it has shards it has nothing to be not ready.
  expect(problemsOf({ ...well, health: shards(0, 0) }, { ok: true })).toEqual([]);
  expect(problemsOf(well, { ok: false, problem: 'the disk is full' })).toEqual([
    'its disk does not keep what is stored: the disk is full',
  ]);
  expect(problemsOf({ ...well, checkpointsBehind: undefined }, { ok: true })).toEqual(['its ledger does not answer']);
  expect(problemsOf({ ...well, checkpointsBehind: 5000 }, { ok: true })).toEqual([
    'it is 5000 checkpoints behind its ledger',
  ]);
  expect(problemsOf({ ...well, health: shards(1, 2) }, { ok: true })).toEqual([
    '2 of its 3 shards are not ready: 1 ready, 2 in transfer',
  ]);
  expect(problemsOf({ ...well, failingNodes: [nodeId] }, { ok: true })).toHaveLength(1);
});
