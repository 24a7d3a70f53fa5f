/** Compares the accounts with the ledger: committees, stake, pools, prices, reservations, and where every FROST is. */
import type { SuiAddress } from '@floe/protocol';
import { expect } from 'vitest';
import type { Accounts, Action, PoolAccount } from './accounts.ts';
import { assignmentOf, candidatesOf, type ChainReader, type ChainState } from './chain.ts';
import type { Gate } from './gate.ts';

export interface Audit {
  /** Compares everything, with the traffic stopped for the moment. */
  run(): Promise<void>;
  readonly runs: number;
}

export function createAudit(
  { owners }: { readonly owners: readonly SuiAddress[] },
  modules: {
    readonly reader: ChainReader;
    readonly accounts: Accounts;
    readonly actions: ReadonlyMap<string, Action>;
    /** Closed one after another, so that what has to be quick waits for the shortest time. */
    readonly gates: readonly Gate[];
  },
): Audit {
  const { reader, accounts, actions, gates } = modules;
  const alone = (work: () => Promise<void>): Promise<void> =>
    gates.reduceRight<() => Promise<void>>((inner, gate) => () => gate.alone(inner), work)();
  let runs = 0;
  return {
    get runs() {
      return runs;
    },
    run: () =>
      alone(async () => {
        const registered = [...actions.values()].flatMap((action) =>
          action.kind === 'register' ? [action.nodeId] : [],
        );
        const state = await reader.state(owners, [...accounts.pools.keys(), ...registered]);
        for (const transaction of await reader.transactionsUpTo(state.sequence)) {
          accounts.apply(transaction, actions.get(transaction.digest));
        }
        expect(ledgerView(state)).toEqual(accountsView(accounts, state.sequence));
        const { coins, stakes, ring, pools } = state.held;
        expect(coins + stakes + ring + pools).toBe(state.supply);
        runs += 1;
      }),
  };
}

/** The state as the accounts have it, and as the ledger has it, in the same form. */
function accountsView(accounts: Accounts, sequence: bigint) {
  const ring = [...accounts.ring].filter(([, { used, rewards }]) => used > 0n || rewards > 0n);
  return {
    sequence,
    epoch: accounts.epoch,
    prices: [accounts.storagePrice, accounts.writePrice],
    totalCapacity: accounts.totalCapacity,
    supply: accounts.supply,
    ring: new Map(ring.map(([epoch, { used, rewards }]) => [epoch, [used, rewards]])),
    committee: accounts.committee,
    nextCommittee: accounts.nextCommittee,
    activeSet: accounts.activeSet.entries,
    pools: [...accounts.pools.values()].toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1)).map(poolView),
  };
}

function ledgerView({ sequence, epoch, system, staking, supply, pools, activeSet }: ChainState) {
  const slots = system.futureAccounting.ringBuffer.filter((s) => s.usedCapacity > 0n || s.rewardsToDistribute > 0n);
  return {
    sequence,
    epoch,
    prices: [system.storagePricePerUnitSize, system.writePricePerUnitSize],
    totalCapacity: system.totalCapacitySize,
    supply,
    ring: new Map(slots.map((slot) => [slot.epoch as number, [slot.usedCapacity, slot.rewardsToDistribute]])),
    committee: assignmentOf(staking.committee),
    nextCommittee: staking.nextCommittee === null ? undefined : assignmentOf(staking.nextCommittee),
    activeSet: candidatesOf(activeSet),
    pools: pools.map(poolView),
  };
}

/** Amounts of nothing say nothing: the contracts keep some entries of 0. */
function poolView(pool: PoolAccount) {
  const amounts = (values: ReadonlyMap<number, bigint>) => new Map([...values].filter(([, amount]) => amount !== 0n));
  const { pendingStake, pendingShares, preActive } = pool;
  return {
    ...pool,
    pendingStake: amounts(pendingStake),
    pendingShares: amounts(pendingShares),
    preActive: amounts(preActive),
  };
}
