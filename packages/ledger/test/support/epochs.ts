/** Turning epochs on a test chain, as its nodes do. */
import { innerStateFieldId, layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import type { TransactionRecord } from '../../src/api.ts';
import { CLOCK_ID } from '../../src/type-constants.ts';
import { addressOf, keypair, type Program, send, succeed, WAL, type World } from './world.ts';

export const EPOCH_MS = 3_600_000;

/** Accounts of the four genesis nodes. */
export const operators = [0, 1, 2, 3].map((i) => keypair(50 + i));

/** Coins for users and operators. */
export const allocations = [keypair(2), keypair(3), keypair(4), keypair(5), ...operators].map((keys) => ({
  address: addressOf(keys),
  sui: 1_000n * WAL,
  wal: 100_000n * WAL,
}));

export function stakingState(world: World): layouts.StakingInnerV1 {
  const field = world.ledger.getObject(innerStateFieldId(world.genesis.stakingObjectId, 4n));
  return layouts.StakingInnerField.parse((field as NonNullable<typeof field>).contents).value;
}

export function poolOf(world: World, nodeId: ObjectId): layouts.StakingPool {
  const object = world.ledger.getObject(nodeId);
  if (object === undefined) throw new Error(`no pool ${nodeId}`);
  return layouts.StakingPool.parse(object.contents);
}

export const stakingArg = (program: Program, mutable = true) =>
  program.shared(program.world.genesis.stakingObjectId, mutable);
export const clockArg = (program: Program) => program.shared(CLOCK_ID, false);

export function votingEnd(world: World, sender: Ed25519Keypair): Promise<TransactionRecord> {
  return send(world, sender, (p) => {
    p.call('walrus::staking::voting_end', [stakingArg(p), clockArg(p)]);
  });
}

export function changeEpoch(world: World, sender: Ed25519Keypair): Promise<TransactionRecord> {
  return send(world, sender, (p) => {
    const treasury = p.shared(world.genesis.treasuryObjectId, true);
    p.call('walrus::staking::initiate_epoch_change_v2', [stakingArg(p), p.system(), treasury, clockArg(p)]);
  });
}

export function syncDone(world: World, operator: Ed25519Keypair, capId: ObjectId): Promise<TransactionRecord> {
  return succeed(world, operator, (p) => {
    const epoch = p.u32(stakingState(world).epoch);
    p.call('walrus::staking::epoch_sync_done', [stakingArg(p), p.owned(capId), epoch, clockArg(p)]);
  });
}

/** One whole epoch: half its length, voting end, the other half, change, attestations of all members with a cap. */
export async function turnEpoch(
  world: World,
  sender: Ed25519Keypair,
  caps: ReadonlyMap<ObjectId, { capId: ObjectId; operator: Ed25519Keypair }>,
): Promise<void> {
  await world.time.advance(EPOCH_MS / 2);
  const ended = await votingEnd(world, sender);
  if (!ended.effects.status.success) throw new Error(JSON.stringify(ended.effects.status.error, bigintText));
  await world.time.advance(EPOCH_MS / 2);
  const changed = await changeEpoch(world, sender);
  if (!changed.effects.status.success) throw new Error(JSON.stringify(changed.effects.status.error, bigintText));
  for (const { key } of stakingState(world).committee) {
    const holder = caps.get(key);
    if (holder !== undefined) await syncDone(world, holder.operator, holder.capId);
  }
}

const bigintText = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/** The genesis nodes' caps. */
export function genesisCaps(world: World): Map<ObjectId, { capId: ObjectId; operator: Ed25519Keypair }> {
  return new Map(
    world.genesis.nodes.map(({ nodeId, capId }, i) => [nodeId, { capId, operator: operators[i] as Ed25519Keypair }]),
  );
}
