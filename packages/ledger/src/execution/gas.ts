/**
 * What a transaction costs, in MIST. Deterministic: a function of the transaction and of the state, nothing else.
 *
 *     computation = round up to whole thousands (BASE + per command + per input + per 64 bytes of transaction
 *                   + what built-in functions count for signature checks) × gas price
 *     storage     = for every object written: bytes of its BCS × 100 units × 76 MIST, kept in the object
 *     rebate      = 99 % of what is kept in the objects it overwrites or deletes; 1 % is not refunded
 *
 * The sender pays computation + storage - rebate, which can be negative.
 */
import type { GasUsed, LedgerObject } from '../api.ts';
import { objectSize } from '../object-codec.ts';
import type { TransactionData } from '../transaction-data.ts';

const BASE_UNITS = 100n;
const COMMAND_UNITS = 50n;
const INPUT_UNITS = 20n;
const BYTES_PER_UNIT = 64;
const BUCKET_UNITS = 1000n;
const MIST_PER_BYTE = 100n * 76n;
const REBATE_BASIS_POINTS = 9900n;

/** The least a transaction can cost in computation. */
export const MIN_COMPUTATION_UNITS = BUCKET_UNITS;

/** Units for what is known before execution. */
export function baseUnits(transaction: TransactionData, sizeBytes: number): bigint {
  return (
    BASE_UNITS +
    COMMAND_UNITS * BigInt(transaction.commands.length) +
    INPUT_UNITS * BigInt(transaction.inputs.length) +
    BigInt(Math.ceil(sizeBytes / BYTES_PER_UNIT))
  );
}

/** MIST for `units` at `price`. */
export function computationCost(units: bigint, price: bigint): bigint {
  return ((units + BUCKET_UNITS - 1n) / BUCKET_UNITS) * BUCKET_UNITS * price;
}

/** MIST kept in an object for its storage. */
export function storageCharge(object: Pick<LedgerObject, 'type' | 'contents' | 'owner'>): bigint {
  return BigInt(objectSize(object)) * MIST_PER_BYTE;
}

/** The summary of a transaction whose writes keep `storageCost` and free `freed`. */
export function gasSummary(cost: bigint, storageCost: bigint, freed: bigint): GasUsed {
  const storageRebate = (freed * REBATE_BASIS_POINTS) / 10_000n;
  return { computationCost: cost, storageCost, storageRebate, nonRefundableStorageFee: freed - storageRebate };
}

/** What the sender pays; negative when it gets more back. */
export function netCost(gas: GasUsed): bigint {
  return gas.computationCost + gas.storageCost - gas.storageRebate;
}
