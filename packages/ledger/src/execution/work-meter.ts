/**
 * Counts what one transaction makes the ledger do, in units of the gas schedule, and stops it where its budget or what
 * one transaction may use ends. What a unit is charged for is done after it was counted, so that what cannot be paid is
 * not done. In every mode of execution: a simulation costs the ledger what an execution does, and nobody pays for it.
 */
import { computationCost, countedUnits, MAX_COMPUTATION_UNITS } from '@floe/contracts';
import { MAX_MADE_BYTES } from '../limits.ts';
import type { TransactionData } from '../transaction-data.ts';
import { fail } from './failure.ts';
import { baseUnits } from './gas.ts';

export interface WorkMeterOptions {
  readonly transaction: TransactionData;
  /** BCS of the transaction. */
  readonly sizeBytes: number;
  /** Whether the budget binds. */
  readonly isReserved: boolean;
}

export class WorkMeter {
  readonly #options: WorkMeterOptions;
  #direct: bigint;
  #decodedBytes = 0;
  #elements = 0;
  #madeBytes = 0;

  constructor(options: WorkMeterOptions) {
    this.#options = options;
    this.#direct = baseUnits(options.transaction, options.sizeBytes);
  }

  /** All units so far. */
  get units(): bigint {
    const counted = { decodedBytes: this.#decodedBytes, elements: this.#elements };
    return this.#direct + countedUnits(counted, this.#options.sizeBytes);
  }

  /** Counts units. @throws ExecutionFailure InsufficientGas */
  work(units: bigint): void {
    this.#direct += units;
    this.#check();
  }

  /** Counts bytes of a pure input that are about to be read. @throws ExecutionFailure InsufficientGas */
  decode(bytes: number): void {
    this.#decodedBytes += bytes;
    this.#check();
  }

  /** Counts elements of a vector that are about to be gone through. @throws ExecutionFailure InsufficientGas */
  elements(count: number): void {
    this.#elements += count;
    this.#check();
  }

  /**
   * Counts the BCS of a vector that a command makes. Vectors share what they are made of: few commands name gigabytes.
   * @throws ExecutionFailure MoveVectorElemTooBig
   */
  make(bytes: number): void {
    this.#madeBytes += bytes;
    if (this.#madeBytes <= MAX_MADE_BYTES) return;
    fail({ kind: 'MoveVectorElemTooBig', valueSize: BigInt(this.#madeBytes), maxScaledSize: BigInt(MAX_MADE_BYTES) });
  }

  #check(): void {
    const { transaction, isReserved } = this.#options;
    const { units } = this;
    const isUnpaid = isReserved && computationCost(units, transaction.gas.price) > transaction.gas.budget;
    if (isUnpaid || units > MAX_COMPUTATION_UNITS) fail({ kind: 'InsufficientGas' });
  }
}
