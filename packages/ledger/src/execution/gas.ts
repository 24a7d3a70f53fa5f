/** What a transaction costs, by the schedule that `@floe/contracts` states (its `gas-schedule.ts`). */
import { shapeUnits, STORAGE_MIST_PER_BYTE, storageRebateOf } from '@floe/contracts';
import type { GasUsed, LedgerObject } from '../api.ts';
import { objectSize } from '../object-codec.ts';
import type { TransactionData } from '../transaction-data.ts';

/** Units for what is known before execution. */
export function baseUnits(transaction: TransactionData, sizeBytes: number): bigint {
  return shapeUnits({ commands: transaction.commands.length, inputs: transaction.inputs.length, sizeBytes });
}

/** MIST kept in an object for its storage. */
export function storageCharge(object: Pick<LedgerObject, 'type' | 'contents' | 'owner'>): bigint {
  return BigInt(objectSize(object)) * STORAGE_MIST_PER_BYTE;
}

/** The summary of a transaction whose writes keep `storageCost` and free `freed`. */
export function gasSummary(cost: bigint, storageCost: bigint, freed: bigint): GasUsed {
  const storageRebate = storageRebateOf(freed);
  return { computationCost: cost, storageCost, storageRebate, nonRefundableStorageFee: freed - storageRebate };
}

/** What the sender pays; negative when it gets more back. */
export function netCost(gas: GasUsed): bigint {
  return gas.computationCost + gas.storageCost - gas.storageRebate;
}
