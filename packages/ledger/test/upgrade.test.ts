/** An upgrade from the committee's votes to the record of it, through transactions. */
import { contractsManifest, layouts, upgradeDigest } from '@floe/contracts';
import { bcs } from '@mysten/sui/bcs';
import { expect, test } from 'vitest';
import { CONTRACTS_VERSION } from '../src/packages.ts';
import { decodeTransactionData, encodeTransactionData } from '../src/transaction-data.ts';
import { allocations, operators, stakingArg } from './support/epochs.ts';
import {
  failureText,
  keypair,
  openWorld,
  type Program,
  send,
  succeed,
  transactionOf,
  type World,
} from './support/world.ts';

const alice = keypair(2);

const manifest = contractsManifest(CONTRACTS_VERSION);
const openUpgrades = () => openWorld({ config: { allocations } });

const dependencies = ({ ledger }: World) => [ledger.chain.addresses.std, ledger.chain.addresses.sui];
const digestOf = (world: World, modules = [manifest]) => upgradeDigest(modules, dependencies(world));

function managerOf(world: World): layouts.UpgradeManager {
  return layouts.UpgradeManager.parse(world.ledger.getObject(world.genesis.upgradeManagerObjectId)!.contents);
}

async function vote(world: World, digest: Uint8Array): Promise<void> {
  for (const [i, { nodeId }] of world.genesis.nodes.entries()) {
    await succeed(world, operators[i]!, (p) => {
      const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
      const who = p.call('walrus::auth::authenticate_sender');
      p.call('walrus::upgrade::vote_for_upgrade', [
        manager,
        stakingArg(p, false),
        who,
        p.address(nodeId),
        p.bytes(digest),
      ]);
    });
  }
}

/** Takes the ticket of that digest and redeems it with these modules. */
function upgrade(p: Program, world: World, digest: Uint8Array, modules: readonly Uint8Array[] = [manifest]): void {
  const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
  const staking = stakingArg(p);
  const ticket = p.call('walrus::upgrade::authorize_upgrade', [manager, staking, p.bytes(digest)]);
  const packageId = world.ledger.chain.addresses.walrus;
  const receipt = p.upgrade(ticket, { modules, dependencies: dependencies(world), package: packageId });
  p.call('walrus::upgrade::commit_upgrade', [manager, staking, p.system(), receipt]);
}

test('what the committee voted for is redeemed by anyone, once, and recorded', async () => {
  const world = await openUpgrades();
  const digest = digestOf(world);
  const before = managerOf(world);
  expect(failureText(await send(world, alice, (p) => upgrade(p, world, digest)))).toBe('upgrade::4');
  await vote(world, digest);
  await succeed(world, alice, (p) => upgrade(p, world, digest));
  const after = managerOf(world);
  expect(after.cap).toEqual({ ...before.cap, version: before.cap.version + 1n });
  expect(after.upgradeProposals.size).toBe(0n);
  const system = layouts.System.parse(world.ledger.getObject(world.genesis.systemObjectId)!.contents);
  const staking = layouts.Staking.parse(world.ledger.getObject(world.genesis.stakingObjectId)!.contents);
  expect([system.newPackageId, staking.newPackageId]).toEqual([before.cap.package, before.cap.package]);
  expect(failureText(await send(world, alice, (p) => upgrade(p, world, digest)))).toBe('upgrade::4');
  // The contracts go on as they were, for the next version, too.
  await vote(world, digest);
  await succeed(world, alice, (p) => upgrade(p, world, digest));
  expect(managerOf(world).cap.version).toBe(before.cap.version + 2n);
  await world.ledger.close();
});

test('other modules than were voted for, and rules that this ledger lacks, are refused; the votes stand', async () => {
  const world = await openUpgrades();
  const digest = digestOf(world);
  await vote(world, digest);
  const unknown = [contractsManifest(CONTRACTS_VERSION + 1n)];
  await vote(world, digestOf(world, unknown));
  const before = managerOf(world);
  const failures = [
    [(p: Program) => upgrade(p, world, digest, unknown), 'PackageUpgradeError'],
    [(p: Program) => upgrade(p, world, digestOf(world, unknown), unknown), 'VMVerificationOrDeserializationError'],
  ] as const;
  for (const [build, failure] of failures) {
    const record = await send(world, alice, build);
    expect(failureText(record)).toBe(failure);
    expect(bcs.TransactionEffects.parse(record.effectsBytes).V2?.status.$kind).toBe('Failure');
  }
  // Nobody keeps a ticket, or a receipt, for later.
  const kept = await send(world, alice, (p) => {
    const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
    p.call('walrus::upgrade::authorize_upgrade', [manager, stakingArg(p, false), p.bytes(digest)]);
  });
  expect(failureText(kept)).toBe('UnusedValueWithoutDrop');
  expect(managerOf(world)).toEqual(before);
  await succeed(world, alice, (p) => upgrade(p, world, digest));
  await world.ledger.close();
});

test('a ticket is good for its own package, and the bytes of the command are Sui’s', async () => {
  const world = await openUpgrades();
  const digest = digestOf(world);
  await vote(world, digest);
  const ofOther = await send(world, alice, (p) => {
    const manager = p.shared(world.genesis.upgradeManagerObjectId, true);
    const ticket = p.call('walrus::upgrade::authorize_upgrade', [manager, stakingArg(p, false), p.bytes(digest)]);
    const packageId = world.ledger.chain.addresses.sui;
    p.upgrade(ticket, { modules: [manifest], dependencies: dependencies(world), package: packageId });
  });
  expect(ofOther.effects.status).toMatchObject({
    error: { reason: 'PackageIDDoesNotMatch', ticketId: world.ledger.chain.addresses.walrus },
  });
  const failed = bcs.TransactionEffects.parse(ofOther.effectsBytes).V2?.status.Failure?.error;
  expect(failed?.$kind).toBe('PackageUpgradeError');
  const bytes = transactionOf(world, alice, (p) => upgrade(p, world, digest));
  const { commands } = bcs.TransactionData.parse(bytes).V1!.kind.ProgrammableTransaction!;
  const parsed = commands.find(({ $kind }) => $kind === 'Upgrade')!.Upgrade!;
  expect(parsed.package).toBe(world.ledger.chain.addresses.walrus);
  expect(parsed.dependencies).toEqual(dependencies(world));
  expect(encodeTransactionData(decodeTransactionData(bytes))).toEqual(bytes);
  await world.ledger.close();
});
