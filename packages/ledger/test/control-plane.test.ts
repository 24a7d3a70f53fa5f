/** The control plane through real transactions: epochs with real keys, stake and rewards, governance, storage economics. */
import { layouts, parseContractEvent } from '@floe/contracts';
import { createMemoryStore } from '@floe/platform/memory';
import { createNobleBls, encodeConfirmation, encodeProofOfPossession, type ObjectId } from '@floe/protocol';
import { describe, expect, test } from 'vitest';
import type { TransactionRecord } from '../src/api.ts';
import { deriveBlobId } from '../src/natives/encoding.ts';
import { replayJournal } from '../src/replay.ts';
import { certify, createdBlob, registerBlob } from './support/blobs.ts';
import {
  allocations,
  changeEpoch,
  clockArg,
  EPOCH_MS,
  genesisCaps,
  operators,
  poolOf,
  stakingArg,
  stakingState,
  turnEpoch,
  votingEnd,
} from './support/epochs.ts';
import { walInState, walSupply } from './support/wal.ts';
import {
  addressOf,
  balanceOf,
  blsSecret,
  coinIdOf,
  created,
  failureText,
  keypair,
  openWorld,
  type Program,
  send,
  succeed,
  systemState,
  transactionOf,
  WAL,
  type World,
} from './support/world.ts';

const noble = createNobleBls();
const [alice, bob] = [keypair(2), keypair(3)];
const newcomer = keypair(5);
const NEW_SECRET = blsSecret(6);

const openControlPlane = () => openWorld({ config: { allocations }, bls: noble });
const wal = (p: Program, keys = alice) => p.owned(coinIdOf(p.world, addressOf(keys), p.world.walType));
const kinds = (record: TransactionRecord) =>
  record.events.map(({ type, contents }) => parseContractEvent(type, contents)?.kind);
const firstId = (world: World, record: TransactionRecord, typeEnd: string): ObjectId => {
  const [object] = created(world, record, typeEnd);
  if (object === undefined) throw new Error(`no ${typeEnd} was created`);
  return object.id;
};

/** All WAL is where the treasury says, and the committees are what they must be. */
function checkInvariants(world: World): void {
  expect(walInState(world)).toBe(walSupply(world));
  const [staking, system] = [stakingState(world), systemState(world)];
  expect(system.committee.epoch).toBe(staking.epoch);
  const shards = staking.committee.flatMap(({ value }) => value).toSorted((a, b) => a - b);
  expect(shards).toEqual(Array.from({ length: staking.nShards }, (_, i) => i));
  expect(system.committee.members.map(({ nodeId, weight }) => [nodeId, weight])).toEqual(
    staking.committee.map(({ key, value }) => [key, value.length]),
  );
  const { currentIndex, ringBuffer } = system.futureAccounting;
  expect(ringBuffer[currentIndex]).toMatchObject({ epoch: staking.epoch, usedCapacity: system.usedCapacitySize });
}

async function registerNewcomer(world: World): Promise<{ nodeId: ObjectId; capId: ObjectId }> {
  const publicKey = noble.publicKey(NEW_SECRET);
  const message = encodeProofOfPossession({
    epoch: stakingState(world).epoch,
    address: addressOf(newcomer),
    publicKey,
  });
  const build = (signature: Uint8Array) => (p: Program) => {
    const metadata = p.call('walrus::node_metadata::new', [p.text('image'), p.text('project'), p.text('text')]);
    const cap = p.call('walrus::staking::register_candidate', [
      stakingArg(p),
      p.text('newcomer'),
      p.text('127.0.0.1:9100'),
      metadata,
      p.bytes(publicKey),
      p.bytes(new Uint8Array(33).fill(2)),
      p.bytes(signature),
      p.u16(1000),
      p.u64(100_000n),
      p.u64(20_000n),
      p.u64(1_000_000_000_000n),
    ]);
    p.transfer(addressOf(newcomer), cap);
  };
  const forged = await send(world, newcomer, build(noble.sign(blsSecret(7), message)));
  expect(failureText(forged)).toBe('staking_pool::4');
  const record = await succeed(world, newcomer, build(noble.sign(NEW_SECRET, message)));
  const [cap] = created(world, record, '::storage_node::StorageNodeCap');
  const { id, nodeId } = layouts.StorageNodeCap.parse(cap!.contents);
  return { nodeId, capId: id };
}

test('a simulation is at the time of day, also when nothing was executed for long', async () => {
  const world = await openControlPlane();
  const ending = () =>
    transactionOf(world, alice, (p) => void p.call('walrus::staking::voting_end', [stakingArg(p), clockArg(p)]));
  await world.time.advance(EPOCH_MS / 2 - 1);
  expect(world.ledger.simulate(ending()).effects.status.success).toBe(false);
  await world.time.advance(1);
  const simulated = world.ledger.simulate(ending());
  expect(simulated.effects.status).toEqual({ success: true });
  expect((await votingEnd(world, alice)).effects).toEqual(simulated.effects);
  await world.ledger.close();
});

describe('epochs', () => {
  test('turn with real keys: a node joins by stake, stores are certified by it, rewards add up and are paid out', async () => {
    const world = await openControlPlane();
    const caps = genesisCaps(world);
    expect(failureText(await votingEnd(world, alice))).toBe('staking_inner::0');
    expect(failureText(await changeEpoch(world, alice))).toBe('staking_inner::6');

    const { nodeId, capId } = await registerNewcomer(world);
    caps.set(nodeId, { capId, operator: newcomer });
    const staked = await succeed(world, alice, (p) => {
      const [coin] = p.split(wal(p), 5_000n * WAL);
      p.transfer(
        addressOf(alice),
        p.call('walrus::staking::stake_with_pool', [stakingArg(p), coin!, p.address(nodeId)]),
      );
    });
    const stakeId = firstId(world, staked, '::staked_wal::StakedWal');
    // A stake writes its pool and the active set, not the state of all nodes: its cost does not grow with them.
    expect(staked.objectTypes.filter((type) => type?.includes('::staking_pool::StakingPool'))).toHaveLength(1);
    expect(staked.objectTypes.filter((type) => type?.includes('StakingInnerV1'))).toEqual([]);
    await registerBlob(world, alice, { root: 1n, epochs: 20 });
    checkInvariants(world);

    const before = walSupply(world);
    await turnEpoch(world, bob, caps);
    checkInvariants(world);
    expect(walSupply(world)).toBeLessThan(before);
    const state = stakingState(world);
    expect(state.epoch).toBe(2);
    expect(state.epochState.$kind).toBe('EpochChangeDone');
    expect(state.committee.find(({ key }) => key === nodeId)?.value.length).toBeGreaterThan(0);

    // A certificate that needs the newcomer's key.
    const blob = createdBlob(world, await registerBlob(world, alice, { root: 2n, epochs: 20 }));
    const { committee } = systemState(world);
    const secrets = new Map(world.genesis.nodes.map((node, i) => [node.nodeId, blsSecret(i)]));
    secrets.set(nodeId, NEW_SECRET);
    const message = encodeConfirmation({
      epoch: committee.epoch,
      blobId: blob.blobId,
      persistence: { kind: 'deletable', objectId: blob.id },
    });
    const certificate = {
      message,
      signature: noble.aggregateSignatures(
        committee.members.map((member) => noble.sign(secrets.get(member.nodeId) as Uint8Array, message)),
      ),
      bitmap: Uint8Array.of((1 << committee.members.length) - 1),
    };
    expect(kinds(await succeed(world, alice, (p) => void certify(p, blob.id, certificate)))).toEqual(['BlobCertified']);
    expect(committee.totalAggregatedKey).toEqual(
      noble.aggregatePublicKeys(committee.members.map(({ publicKey }) => noble.compressPublicKey(publicKey))),
    );

    await turnEpoch(world, bob, caps);
    checkInvariants(world);
    const pool = poolOf(world, nodeId);
    expect(pool.rewardsPool).toBeGreaterThan(0n);
    expect(pool.commission).toBeGreaterThan(0n);
    await succeed(
      world,
      alice,
      (p) => void p.call('walrus::staking::request_withdraw_stake', [stakingArg(p), p.owned(stakeId)]),
    );
    const early = await send(world, alice, (p) =>
      p.transfer(addressOf(alice), p.call('walrus::staking::withdraw_stake', [stakingArg(p), p.owned(stakeId)])),
    );
    expect(failureText(early)).toBe('staking_pool::11');
    await turnEpoch(world, bob, caps);
    const paid = await succeed(world, alice, (p) =>
      p.transfer(addressOf(alice), p.call('walrus::staking::withdraw_stake', [stakingArg(p), p.owned(stakeId)])),
    );
    const [coin] = created(world, paid, '::wal::WAL>');
    expect(balanceOf(coin!)).toBeGreaterThan(5_000n * WAL);
    const collected = await succeed(world, newcomer, (p) => {
      const who = p.call(
        'walrus::auth::authenticate_with_object',
        [p.owned(capId)],
        [`${world.genesis.walrusPackageId}::storage_node::StorageNodeCap`],
      );
      p.transfer(
        addressOf(newcomer),
        p.call('walrus::staking::collect_commission', [stakingArg(p), p.address(nodeId), who]),
      );
    });
    expect(balanceOf(created(world, collected, '::wal::WAL>')[0]!)).toBeGreaterThan(0n);
    checkInvariants(world);
    const replayed = await replayJournal(world.store, { target: createMemoryStore(), bls: noble });
    expect(replayed.digest).toEqual(world.ledger.getCheckpoint('latest')!.digest);
    await world.ledger.close();
  }, 60_000);

  test('emit their events in order, and go on only when due', async () => {
    const world = await openControlPlane();
    const caps = genesisCaps(world);
    await world.time.advance(EPOCH_MS / 2);
    expect(kinds(await votingEnd(world, alice))).toEqual(['EpochParametersSelected']);
    expect(failureText(await votingEnd(world, alice))).toBe('staking_inner::0');
    expect(failureText(await changeEpoch(world, alice))).toBe('staking_inner::0');
    await world.time.advance(EPOCH_MS / 2);
    expect(kinds(await changeEpoch(world, alice))).toEqual(['EpochChangeStart', 'PricesUpdated']);
    const events: unknown[] = [];
    for (const { operator, capId } of caps.values()) {
      const record = await send(world, operator, (p) => {
        p.call('walrus::staking::epoch_sync_done', [stakingArg(p), p.owned(capId), p.u32(2), clockArg(p)]);
      });
      events.push(...kinds(record));
    }
    expect(events.filter((kind) => kind === 'ShardsReceived')).toHaveLength(4);
    expect(events.filter((kind) => kind === 'EpochChangeDone')).toHaveLength(1);
    const again = [...caps.values()][0]!;
    const repeated = await send(world, again.operator, (p) => {
      p.call('walrus::staking::epoch_sync_done', [stakingArg(p), p.owned(again.capId), p.u32(2), clockArg(p)]);
    });
    expect(failureText(repeated)).toBe('staking_inner::2');
    await world.ledger.close();
  });

  test('put a key in force that was set before voting end, and keep a later one for the epoch after', async () => {
    const world = await openControlPlane();
    const caps = genesisCaps(world);
    const [nodeId, { capId, operator }] = [...caps][0]!;
    const setKey = async (secret: Uint8Array) => {
      const publicKey = noble.publicKey(secret);
      const { epoch } = stakingState(world);
      const possession = noble.sign(
        secret,
        encodeProofOfPossession({ epoch, address: addressOf(operator), publicKey }),
      );
      await succeed(world, operator, (p) => {
        p.call('walrus::staking::set_next_public_key', [
          stakingArg(p),
          p.owned(capId),
          p.bytes(publicKey),
          p.bytes(possession),
        ]);
      });
      return noble.expandPublicKey(publicKey);
    };
    const committeeKey = () =>
      systemState(world).committee.members.find((member) => member.nodeId === nodeId)?.publicKey;
    const first = await setKey(blsSecret(5));
    await world.time.advance(EPOCH_MS / 2);
    await votingEnd(world, alice);
    const second = await setKey(blsSecret(6));
    await world.time.advance(EPOCH_MS / 2);
    await changeEpoch(world, alice);
    expect(committeeKey()).toEqual(first);
    expect(poolOf(world, nodeId).nodeInfo.publicKey).toEqual(first);
    expect(poolOf(world, nodeId).nodeInfo.nextEpochPublicKey).toEqual(second);
    for (const holder of caps.values()) {
      await succeed(world, holder.operator, (p) => {
        p.call('walrus::staking::epoch_sync_done', [stakingArg(p), p.owned(holder.capId), p.u32(2), clockArg(p)]);
      });
    }
    await turnEpoch(world, alice, caps);
    expect(committeeKey()).toEqual(second);
    expect(poolOf(world, nodeId).nodeInfo).toMatchObject({ publicKey: second, nextEpochPublicKey: null });
    await world.ledger.close();
  });
});

describe('governance', () => {
  const authenticate = (p: Program) => p.call('walrus::auth::authenticate_sender');

  test('a quorum of nodes burns the commission of one, and nobody votes for another', async () => {
    const world = await openControlPlane();
    const candidate = world.genesis.nodes[0]!.nodeId;
    const framework = `0x${'2'.padStart(64, '0')}`;
    await succeed(world, alice, (p) => {
      const [coin] = p.split(wal(p), 7n * WAL);
      const balance = p.call('0x2::coin::into_balance', [coin!], [world.walType]);
      p.call('walrus::staking::add_commission_to_pools', [
        stakingArg(p),
        p.vector(`${framework}::object::ID`, p.address(candidate)),
        p.vector(`${framework}::balance::Balance<${world.walType}>`, balance),
      ]);
    });
    expect(poolOf(world, candidate).commission).toBe(7n * WAL);
    const manager = (p: Program) => p.shared(world.genesis.slashingManagerObjectId, true);
    const vote = (keys: typeof alice, voter: ObjectId) =>
      send(world, keys, (p) => {
        const ids = [p.address(voter), p.address(candidate)];
        p.call('walrus::slashing::vote_for_slashing', [manager(p), stakingArg(p, false), authenticate(p), ...ids]);
      });
    const execute = () =>
      send(world, alice, (p) => {
        const treasury = p.shared(world.genesis.treasuryObjectId, true);
        p.call('walrus::slashing::execute_slashing', [manager(p), stakingArg(p), treasury, p.address(candidate)]);
      });
    expect(failureText(await execute())).toBe('slashing::2');
    const voters = world.genesis.nodes;
    expect(failureText(await vote(alice, voters[1]!.nodeId))).toBe('slashing::0');
    expect(failureText(await vote(operators[1]!, voters[1]!.nodeId))).toBe('success');
    expect(failureText(await vote(operators[1]!, voters[1]!.nodeId))).toBe('slashing::1');
    expect(failureText(await execute())).toBe('slashing::4');
    expect(failureText(await vote(operators[2]!, voters[2]!.nodeId))).toBe('success');
    expect(failureText(await vote(operators[3]!, voters[3]!.nodeId))).toBe('success');
    const supply = walSupply(world);
    const executed = await execute();
    const weight = stakingState(world)
      .committee.filter(({ key }) => voters.slice(1).some(({ nodeId }) => nodeId === key))
      .reduce((sum, { value }) => sum + value.length, 0);
    expect(weight).toBeGreaterThanOrEqual(7);
    expect(failureText(executed)).toBe('success');
    expect(walSupply(world)).toBe(supply - 7n * WAL);
    expect(poolOf(world, candidate).commission).toBe(0n);
    checkInvariants(world);
    await world.ledger.close();
  });

  test('votes for an upgrade are counted and reported once they are enough', async () => {
    const world = await openControlPlane();
    const digest = new Uint8Array(32).fill(7);
    const events: unknown[] = [];
    for (const [i, { nodeId }] of world.genesis.nodes.entries()) {
      const record = await succeed(world, operators[i]!, (p) => {
        const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
        const args = [manager, stakingArg(p, false), authenticate(p), p.address(nodeId), p.bytes(digest)];
        p.call('walrus::upgrade::vote_for_upgrade', args);
      });
      events.push(...kinds(record));
    }
    expect(events[0]).toBe('ContractUpgradeProposed');
    expect(events.slice(1)).toContain('ContractUpgradeQuorumReached');
    const wrong = await send(world, operators[0]!, (p) => {
      const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
      const nodeId = p.address(world.genesis.nodes[0]!.nodeId);
      const args = [manager, stakingArg(p, false), authenticate(p), nodeId, p.bytes(new Uint8Array(31))];
      p.call('walrus::upgrade::vote_for_upgrade', args);
    });
    expect(failureText(wrong)).toBe('upgrade::3');
    await world.ledger.close();
  });
});

describe('storage economics', () => {
  test('a pool takes blobs up to its capacity, grows, is extended, and gives its space back', async () => {
    const world = await openControlPlane();
    const made = await succeed(world, alice, (p) => {
      const pool = p.call('walrus::system::create_storage_pool', [p.system(), p.u64(7000n), p.u32(3), wal(p)]);
      p.transfer(addressOf(alice), pool);
    });
    expect(kinds(made)).toEqual(['StoragePoolCreated']);
    const poolId = firstId(world, made, '::storage_pool::StoragePool');
    const register = (root: bigint) =>
      send(world, alice, (p) => {
        const terms = [p.u256(deriveBlobId(root, 1, 1n)), p.u256(root), p.u64(1n), p.u8(1), p.bool(true)];
        p.call('walrus::system::register_pooled_blob', [p.system(), p.owned(poolId), ...terms, wal(p)]);
      });
    const first = await register(1n);
    expect(kinds(first)).toEqual(['PooledBlobRegistered']);
    const blobObject = created(world, first, '::storage_pool::PooledBlob')[0]!;
    expect(layouts.PooledBlob.parse(blobObject.contents)).toMatchObject({
      storagePoolId: poolId,
      certifiedEpoch: null,
    });
    expect(failureText(await register(2n))).toBe('storage_pool::6');
    await succeed(world, alice, (p) => {
      const pool = p.owned(poolId);
      p.call('walrus::system::increase_storage_pool_capacity', [p.system(), pool, p.u64(7000n), wal(p)]);
    });
    expect(failureText(await register(2n))).toBe('success');
    expect(failureText(await register(2n))).toBe('storage_pool::6');
    const changed = await succeed(world, alice, (p) => {
      const [pool, system] = [p.owned(poolId), p.system()];
      p.call('walrus::system::extend_storage_pool', [system, pool, p.u32(2), wal(p)]);
      p.call('walrus::storage_pool::insert_or_update_blob_metadata_pair', [
        pool,
        p.u256(deriveBlobId(1n, 1, 1n)),
        p.text('name'),
        p.text('first'),
      ]);
      for (const root of [1n, 2n]) {
        p.call('walrus::system::delete_pooled_blob', [system, pool, p.u256(deriveBlobId(root, 1, 1n))]);
      }
      p.transfer(addressOf(alice), p.call('walrus::storage_pool::destroy', [pool]));
    });
    expect(kinds(changed)).toEqual(['StoragePoolExtended', 'PooledBlobDeleted', 'PooledBlobDeleted']);
    expect(world.ledger.getObject(blobObject.id)).toBeUndefined();
    expect(world.ledger.getObject(poolId)).toBeUndefined();
    const [storage] = created(world, changed, '::storage_resource::Storage');
    const space =
      storage ??
      world.ledger
        .listOwned({ owner: addressOf(alice), limit: 50 })
        .items.find(({ type }) => type.endsWith('::storage_resource::Storage'));
    expect(layouts.Storage.parse(space!.contents)).toMatchObject({ storageSize: 14_000n, startEpoch: 1, endEpoch: 6 });
    checkInvariants(world);
    await world.ledger.close();
  });

  test('a bucket is its cap holder’s; anybody may use an exchange; subsidies pay buyers and nodes', async () => {
    const world = await openControlPlane();
    const bucket = await succeed(world, alice, (p) => {
      const cap = p.call('blob_bucket::blob_bucket::new', [p.system(), p.u64(7000n), p.u32(2), wal(p)]);
      p.transfer(addressOf(alice), cap);
    });
    const bucketId = firstId(world, bucket, '::blob_bucket::BlobBucket');
    const capId = firstId(world, bucket, '::blob_bucket::BlobBucketCap');
    const stored = await succeed(world, alice, (p) => {
      const terms = [p.u256(deriveBlobId(9n, 1, 1n)), p.u256(9n), p.u64(1n), p.u8(1), p.bool(true)];
      const args = [p.shared(bucketId, true), p.owned(capId), p.system(), ...terms, wal(p)];
      p.call('blob_bucket::blob_bucket::register_blob', args);
    });
    expect(kinds(stored)).toEqual(['PooledBlobRegistered']);

    const exchange = await succeed(world, alice, (p) => {
      const cap = p.call('wal_exchange::wal_exchange::new_funded', [wal(p), p.u64(100n * WAL)]);
      p.transfer(addressOf(alice), cap);
    });
    const exchangeId = firstId(world, exchange, '::wal_exchange::Exchange');
    const adminId = firstId(world, exchange, '::wal_exchange::AdminCap');
    await succeed(world, alice, (p) => {
      const args = [p.shared(exchangeId, true), p.owned(adminId), p.u64(3n), p.u64(2n)];
      p.call('wal_exchange::wal_exchange::set_exchange_rate', args);
    });
    const bought = await succeed(world, bob, (p) => {
      const [sui] = p.split(p.gas, 2n * WAL + 1n);
      const args = [p.shared(exchangeId, true), sui!];
      p.transfer(addressOf(bob), p.call('wal_exchange::wal_exchange::exchange_all_for_wal', args));
    });
    expect(balanceOf(created(world, bought, '::wal::WAL>')[0]!)).toBe(3n * WAL + 1n);

    const funded = await succeed(world, alice, (p) => {
      const [coin] = p.split(wal(p), WAL);
      const args = [p.address(world.genesis.walrusPackageId), p.u16(1000), p.u16(500), coin!];
      p.transfer(addressOf(alice), p.call('subsidies::subsidies::new_with_initial_rates_and_funds', args));
    });
    const subsidiesId = firstId(world, funded, '::subsidies::Subsidies');
    await succeed(world, bob, (p) => {
      const args = [p.shared(subsidiesId, true), p.system(), p.u64(1_048_576n), p.u32(2), wal(p, bob)];
      p.transfer(addressOf(bob), p.call('subsidies::subsidies::reserve_space', args));
    });
    const { subsidyPool } = layouts.Subsidies.parse(world.ledger.getObject(subsidiesId)!.contents);
    expect(subsidyPool).toBe(WAL - 20_000n - 10_000n);
    checkInvariants(world);
    await world.ledger.close();
  });

  test('system subsidies are paid once for what was paid, and each epoch’s fixed part to the nodes of the last', async () => {
    const world = await openControlPlane();
    const caps = genesisCaps(world);
    const made = await succeed(world, alice, (p) => {
      const terms = [p.u32(5000), p.u64(1000n), p.u64(10n)];
      const args = [p.system(false), stakingArg(p, false), ...terms];
      p.transfer(addressOf(alice), p.call('walrus_subsidies::walrus_subsidies::new', args));
    });
    const id = firstId(world, made, '::walrus_subsidies::WalrusSubsidies');
    await succeed(world, alice, (p) => {
      const [coin] = p.split(wal(p), 10n * WAL);
      p.call('walrus_subsidies::walrus_subsidies::add_coin', [p.shared(id, true), coin!]);
    });
    const process = () =>
      succeed(world, bob, (p) => {
        const args = [p.shared(id, true), stakingArg(p), p.system(), clockArg(p)];
        p.call('walrus_subsidies::walrus_subsidies::process_subsidies', args);
      });
    const ringTotal = () =>
      systemState(world).futureAccounting.ringBuffer.reduce((sum, entry) => sum + entry.rewardsToDistribute, 0n);
    await registerBlob(world, alice, { root: 4n, epochs: 3 });
    const paid = ringTotal();
    await process();
    expect(ringTotal()).toBe(paid + paid / 2n);
    await process();
    expect(ringTotal()).toBe(paid + paid / 2n);
    await turnEpoch(world, bob, caps);
    const commissions = () => world.genesis.nodes.map(({ nodeId }) => poolOf(world, nodeId).commission);
    const before = commissions();
    const weights = world.genesis.nodes.map(
      ({ nodeId }) => stakingState(world).previousCommittee.find(({ key }) => key === nodeId)?.value.length ?? 0,
    );
    await process();
    expect(commissions()).toEqual(before.map((amount, i) => amount + 1000n + 10n * BigInt(weights[i]!)));
    checkInvariants(world);
    await world.ledger.close();
  });

  test('aborts of pools come in the order of the contracts', async () => {
    const world = await openControlPlane();
    const made = await succeed(world, alice, (p) => {
      const pool = p.call('walrus::system::create_storage_pool', [p.system(), p.u64(7000n), p.u32(1), wal(p)]);
      p.transfer(addressOf(alice), pool);
    });
    const poolId = firstId(world, made, '::storage_pool::StoragePool');
    const [right, wrong] = [deriveBlobId(5n, 1, 1n), 12n];
    const attempt = async (build: (p: Program) => void) => failureText(await send(world, alice, build));
    const register = (p: Program, blobId: bigint, size = 1n, type = 1) => {
      const terms = [p.u256(blobId), p.u256(5n), p.u64(size), p.u8(type), p.bool(false)];
      p.call('walrus::system::register_pooled_blob', [p.system(), p.owned(poolId), ...terms, wal(p)]);
    };
    const onPool =
      (name: string, ...args: ((p: Program) => ReturnType<Program['u8']>)[]) =>
      (p: Program) => {
        const target = `walrus::system::${name}`;
        p.transfer(
          addressOf(alice),
          p.call(target, [p.system(false), p.owned(poolId), ...args.map((make) => make(p))]),
        );
      };
    expect(await attempt((p) => register(p, wrong, 1n, 2))).toBe('encoding::0');
    expect(await attempt((p) => register(p, wrong, 100_000n))).toBe('storage_pool::3');
    expect(await attempt((p) => register(p, right))).toBe('success');
    const remove = (blobId: bigint, name = 'delete_pooled_blob') =>
      attempt((p) => {
        p.call(`walrus::system::${name}`, [p.system(false), p.owned(poolId), p.u256(blobId)]);
      });
    expect(await remove(wrong)).toBe('dynamic_field::1');
    expect(await remove(right)).toBe('storage_pool::0');
    expect(await remove(right, 'burn_expired_pooled_blob')).toBe('system_state_inner::2');
    const percent = (value: number) => onPool('decrease_storage_pool_unused_capacity_by_percent', (p) => p.u8(value));
    expect(await attempt(percent(101))).toBe('storage_pool::14');
    expect(await attempt(percent(0))).toBe('system::2');
    const bySize = (size: bigint) => onPool('decrease_storage_pool_capacity_by_size', (p) => p.u64(size));
    expect(await attempt(bySize(0n))).toBe('system::2');
    expect(await attempt(bySize(61n))).toBe('storage_pool::6');
    expect(await attempt(bySize(60n))).toBe('success');
    const destroy = (p: Program) =>
      p.transfer(addressOf(alice), p.call('walrus::storage_pool::destroy', [p.owned(poolId)]));
    expect(await attempt(destroy)).toBe('storage_pool::7');
    await turnEpoch(world, bob, genesisCaps(world));
    expect(await remove(right)).toBe('system_state_inner::2');
    expect(await attempt((p) => register(p, right))).toBe('system_state_inner::2');
    expect(await remove(right, 'burn_expired_pooled_blob')).toBe('success');
    expect(await attempt(destroy)).toBe('success');
    checkInvariants(world);
    await world.ledger.close();
  });

  test('burning lowers the supply by what was burned', async () => {
    const world = await openControlPlane();
    const supply = walSupply(world);
    await succeed(world, alice, (p) => {
      const [coin] = p.split(wal(p), 12_345n);
      p.call('wal::wal::burn', [p.shared(world.genesis.treasuryObjectId, true), coin!]);
    });
    expect(walSupply(world)).toBe(supply - 12_345n);
    checkInvariants(world);
    await world.ledger.close();
  });
});
