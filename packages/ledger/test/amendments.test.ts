/** Where a chain of this ledger does better than the original contracts: see docs/EXTENSIONS.md. */
import { layouts } from '@floe/contracts';
import { createMemoryStore } from '@floe/platform/memory';
import { bcs } from '@mysten/sui/bcs';
import { expect, test } from 'vitest';
import { randomnessFieldId } from '../src/epoch-randomness.ts';
import { Ledger } from '../src/ledger.ts';
import { replayJournal } from '../src/replay.ts';
import { clientOfLedger } from './rpc/support/client.ts';
import { registerBlob } from './support/blobs.ts';
import {
  allocations,
  changeEpoch,
  clockArg,
  EPOCH_MS,
  genesisCaps,
  stakingArg,
  stakingState,
  turnEpoch,
  votingEnd,
} from './support/epochs.ts';
import { walInState, walSupply } from './support/wal.ts';
import {
  addressOf,
  coinIdOf,
  created,
  failureText,
  keypair,
  ledgerSigner,
  openWorld,
  succeed,
  systemState,
  trustingBls,
  verifier,
  WAL,
  type World,
} from './support/world.ts';

const alice = keypair(2);
const openAmended = () => openWorld({ config: { allocations } });
const nothing = (world: World) => succeed(world, alice, () => {});

test('a committee that never attests its shards holds up the chain until a deadline, and no longer', async () => {
  const world = await openAmended();
  await world.time.advance(EPOCH_MS / 2);
  await votingEnd(world, alice);
  await world.time.advance(EPOCH_MS / 2);
  expect(failureText(await changeEpoch(world, alice))).toBe('success');
  expect(stakingState(world).epochState.$kind).toBe('EpochChangeSync');
  await world.time.advance(2 * EPOCH_MS - 1);
  expect(failureText(await votingEnd(world, alice))).toBe('staking_inner::0');
  await world.time.advance(1);
  expect(failureText(await votingEnd(world, alice))).toBe('success');
  expect(stakingState(world).epochState.$kind).toBe('NextParamsSelected');
  // The epoch has half its time left, as after every voting end.
  await world.time.advance(EPOCH_MS / 2 - 1);
  expect(failureText(await changeEpoch(world, alice))).toBe('staking_inner::0');
  await world.time.advance(1);
  expect(failureText(await changeEpoch(world, alice))).toBe('success');
  expect(stakingState(world)).toMatchObject({ epoch: 3, epochState: { $kind: 'EpochChangeSync' } });
  // A new deadline, from the new change on.
  await world.time.advance(2 * EPOCH_MS - 1);
  expect(failureText(await votingEnd(world, alice))).toBe('staking_inner::0');
  await world.ledger.close();
});

test('parameters of the next epoch are gone once they are in force', async () => {
  const world = await openAmended();
  expect(stakingState(world).nextEpochParams).toBeNull();
  await world.time.advance(EPOCH_MS / 2);
  await votingEnd(world, alice);
  const voted = stakingState(world).nextEpochParams?.totalCapacitySize;
  expect(voted).toBeGreaterThan(0n);
  await world.time.advance(EPOCH_MS / 2);
  await changeEpoch(world, alice);
  expect(stakingState(world).nextEpochParams).toBeNull();
  expect(systemState(world).totalCapacitySize).toBe(voted);
  await world.ledger.close();
});

test('what rounding leaves of the rewards is not subsidised a second time', async () => {
  const world = await openAmended();
  const caps = genesisCaps(world);
  const made = await succeed(world, alice, (p) => {
    const args = [p.system(false), stakingArg(p, false), p.u32(10_000), p.u64(0n), p.u64(0n)];
    p.transfer(addressOf(alice), p.call('walrus_subsidies::walrus_subsidies::new', args));
  });
  const { id } = created(world, made, '::walrus_subsidies::WalrusSubsidies')[0]!;
  await succeed(world, alice, (p) => {
    const coin = p.split(p.owned(coinIdOf(world, addressOf(alice), world.walType)), 10n * WAL)[0]!;
    p.call('walrus_subsidies::walrus_subsidies::add_coin', [p.shared(id, true), coin]);
  });
  const process = () =>
    succeed(world, alice, (p) => {
      const args = [p.shared(id, true), stakingArg(p), p.system(), clockArg(p)];
      p.call('walrus_subsidies::walrus_subsidies::process_subsidies', args);
    });
  await registerBlob(world, alice, { root: 4n, epochs: 1 });
  // An odd sum that ten shards do not share evenly.
  await succeed(world, alice, (p) => {
    const coin = p.split(p.owned(coinIdOf(world, addressOf(alice), world.walType)), 7n)[0]!;
    p.call('walrus::system::add_subsidy', [p.system(), coin, p.u32(1)]);
  });
  await process();
  const current = () => {
    const { currentIndex, ringBuffer } = systemState(world).futureAccounting;
    return ringBuffer[currentIndex]!.rewardsToDistribute;
  };
  await turnEpoch(world, alice, caps);
  const leftover = current();
  expect(leftover).toBeGreaterThan(0n);
  await process();
  expect(current()).toBe(leftover);
  // What is paid in the new epoch is subsidised as ever, once.
  await succeed(world, alice, (p) => {
    const coin = p.split(p.owned(coinIdOf(world, addressOf(alice), world.walType)), 1000n)[0]!;
    p.call('walrus::system::add_subsidy', [p.system(), coin, p.u32(1)]);
  });
  await process();
  await process();
  expect(current()).toBe(leftover + 2000n);
  expect(walInState(world)).toBe(walSupply(world));
  await world.ledger.close();
});

test('each epoch’s randomness is the digest of the checkpoint in which it began, for any client to read', async () => {
  const store = createMemoryStore();
  const world = await openWorld({ config: { allocations }, store });
  const client = clientOfLedger(world.ledger);
  const read = async (epoch: number) => {
    const name = { type: 'u32', bcs: bcs.u32().serialize(epoch).toBytes() };
    const parentId = world.genesis.stakingObjectId;
    const { dynamicField } = await client.getDynamicField({ parentId, name });
    return bcs.byteVector().parse(dynamicField.value.bcs);
  };
  await nothing(world);
  expect(await read(1)).toEqual(world.ledger.getCheckpoint(0n)?.digest);
  await turnEpoch(world, alice, genesisCaps(world));
  const started = world.ledger
    .listCheckpoints(0n, 100)
    .filter(({ transactions }) =>
      transactions.some(({ digest }) =>
        world.ledger.getTransaction(digest)?.events.some(({ type }) => type.endsWith('::EpochChangeStart')),
      ),
    );
  expect(started).toHaveLength(2);
  expect(await read(2)).toEqual(started[1]?.digest);
  await expect(read(3)).rejects.toThrow();
  const replayed = await replayJournal(store, { target: createMemoryStore(), bls: trustingBls });
  expect(replayed.digest).toEqual(world.ledger.getCheckpoint('latest')?.digest);
  await world.ledger.close();
});

test('the randomness of an epoch is recorded also when the ledger stopped in between', async () => {
  const store = createMemoryStore();
  const world = await openWorld({ config: { allocations }, store });
  await world.time.advance(EPOCH_MS / 2);
  await votingEnd(world, alice);
  await world.time.advance(EPOCH_MS / 2);
  await changeEpoch(world, alice);
  const { digest } = world.ledger.getCheckpoint('latest')!;
  const id = randomnessFieldId(world.genesis.stakingObjectId, stakingState(world).epoch);
  expect(world.ledger.getObject(id)).toBeUndefined();
  await world.ledger.close();
  const modules = {
    store: store.reopen(),
    clock: world.time,
    bls: trustingBls,
    signatures: verifier,
    signer: ledgerSigner,
  };
  const again = { ...world, ledger: await Ledger.open({}, modules) };
  await nothing(again);
  const field = again.ledger.getObject(id);
  expect(layouts.RandomnessField.parse(field!.contents)).toMatchObject({ name: 2, value: digest });
  expect(again.ledger.proveObject(id)).toBeDefined();
  await again.ledger.close();
});
