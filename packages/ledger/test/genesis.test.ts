import { innerStateFieldId, layouts } from '@floe/contracts';
import { createNobleBls, type ObjectId } from '@floe/protocol';
import { toHex } from '@floe/platform';
import { describe, expect, test } from 'vitest';
import { createGenesis, type GenesisConfig } from '../src/genesis.ts';
import { chainIdentifierOf } from '../src/store-opening.ts';
import { addressOf, genesisConfig, genesisOf, keypair, trustingBls } from './support/world.ts';

const bls = createNobleBls();

function innerOf<T>(
  genesis: ReturnType<typeof createGenesis>,
  parent: ObjectId,
  layout: { parse(bytes: Uint8Array): { value: T } },
): T {
  const id = innerStateFieldId(parent, 4n);
  return layout.parse(genesis.objects.find((object) => object.id === id)!.contents).value;
}

test('the same configuration makes the same chain, another seed another', () => {
  const chain = (changes?: Partial<GenesisConfig>) =>
    toHex(chainIdentifierOf(createGenesis(genesisConfig(changes), { bls }), { bls: trustingBls }));
  expect(chain()).toBe(chain());
  expect(chain({ seed: Uint8Array.of(9) })).not.toBe(chain());
});

test('committee, pools and accounts are as the bootstrap leaves them in epoch 1', () => {
  const genesis = genesisOf();
  const system = innerOf(genesis, genesis.systemObjectId, layouts.SystemInnerField);
  const staking = innerOf(genesis, genesis.stakingObjectId, layouts.StakingInnerField);
  expect(system.committee.epoch).toBe(1);
  expect(staking.epoch).toBe(1);
  expect(staking.epochState).toMatchObject({ $kind: 'EpochChangeDone' });
  const ids = system.committee.members.map(({ nodeId }) => nodeId);
  expect(ids).toEqual([...ids].sort());
  expect(staking.committee.map(({ key }) => key)).toEqual(ids);
  // Shards in order, by ascending node id, as many as the weight says.
  expect(staking.committee.flatMap(({ value }) => value)).toEqual(Array.from({ length: 10 }, (_, i) => i));
  expect(staking.committee.map(({ value }) => value.length)).toEqual(
    system.committee.members.map(({ weight }) => weight),
  );
  expect(system.committee.members.every(({ publicKey }) => publicKey.length === 96)).toBe(true);
  const keys = genesisConfig().nodes.map(({ blsPublicKey }) => blsPublicKey);
  expect(system.committee.totalAggregatedKey).toEqual(bls.aggregatePublicKeys(keys));
  const { currentIndex, length, ringBuffer } = system.futureAccounting;
  expect(length).toBe(53);
  expect(Array.from({ length }, (_, i) => ringBuffer[(currentIndex + i) % length]!.epoch)).toEqual(
    Array.from({ length }, (_, i) => 1 + i),
  );
  for (const { nodeId, capId, name } of genesis.nodes) {
    const pool = layouts.StakingPool.parse(genesis.objects.find(({ id }) => id === nodeId)!.contents);
    expect(pool).toMatchObject({ nodeInfo: { name, nodeId }, latestEpoch: 1, walBalance: pool.numShares });
    const cap = layouts.StorageNodeCap.parse(genesis.objects.find(({ id }) => id === capId)!.contents);
    expect(cap).toMatchObject({ nodeId, lastEpochSyncDone: 1 });
  }
});

test('shards follow stake, unless they are given', () => {
  const nodes = genesisConfig().nodes;
  const staked = createGenesis(
    genesisConfig({ nodes: nodes.map((node, i) => ({ ...node, stake: BigInt([5, 3, 1, 1][i]!) * 10n ** 12n })) }),
    { bls },
  );
  expect(staked.nodes.map(({ shardCount }) => shardCount)).toEqual([5, 3, 1, 1]);
  const given = createGenesis(
    genesisConfig({ nodes: nodes.map((node, i) => ({ ...node, shardCount: [7, 3, 0, 0][i]! })) }),
    { bls },
  );
  expect(given.nodes.map(({ shardCount }) => shardCount)).toEqual([7, 3, 0, 0]);
  const system = innerOf(given, given.systemObjectId, layouts.SystemInnerField);
  expect(system.committee.members).toHaveLength(2);
});

describe('configurations that make no chain are refused', () => {
  const [first] = genesisConfig().nodes as [GenesisConfig['nodes'][number]];
  test.each<[string, Partial<GenesisConfig>]>([
    ['no nodes', { nodes: [] }],
    ['no shards', { nShards: 0 }],
    ['too many shards', { nShards: 1001 }],
    ['two nodes with one key', { nodes: [first, first] }],
    ['a BLS key that is none', { nodes: [{ ...first, blsPublicKey: new Uint8Array(48) }] }],
    ['a network key of another size', { nodes: [{ ...first, networkPublicKey: new Uint8Array(32) }] }],
    ['a long name', { nodes: [{ ...first, name: 'x'.repeat(101) }] }],
    ['a commission above all', { nodes: [{ ...first, commissionRate: 10_001 }] }],
    ['stakes below 1 WAL', { nodes: [{ ...first, stake: 1n }] }],
    ['more WAL than there is', { allocations: [{ address: addressOf(keypair(1)), wal: 6n * 10n ** 18n }] }],
    ['shard counts that do not add up', { nodes: [{ ...first, shardCount: 3 }] }],
    ['an epoch of no time', { epochDurationMs: 0 }],
    ['a horizon beyond 1000 epochs', { maxEpochsAhead: 1001 }],
    ['a key of another size', { ledgerPublicKey: new Uint8Array(31) }],
    ['a long seed', { seed: new Uint8Array(65) }],
  ])('%s', (_name, changes) => {
    expect(() => createGenesis(genesisConfig(changes), { bls })).toThrow(
      expect.objectContaining({ code: 'INVALID_GENESIS' }),
    );
  });
});
