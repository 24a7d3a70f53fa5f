/**
 * What the transactions of stores cost in gas, one store after another from the wallet's state of now.
 *
 * Reads once how the wallet stands, by running one transaction without effect, and computes each of the rest by the
 * ledger's gas schedule: a certification cannot be run before its certificate is there. The transaction that was run is
 * computed too: only if both agree is the schedule this ledger's, and the quote exact.
 *
 * As transactions are built, the first of all merges the coins that pay for gas, and the first that pays WAL the coins of
 * WAL; after that there is one of each.
 */
import {
  CERTIFICATE_UNITS,
  coinTypeOf,
  computationCost,
  ownedObjectCharge,
  shapeUnits,
  type SimulatedTransaction,
  SUI_TYPE,
  storageRebateOf,
  type SystemInfo,
  typeNames,
} from '@floe/contracts';
import type { Transaction } from '@mysten/sui/transactions';

/** BCS sizes of contents. */
const COIN_BYTES = 40;
const STORAGE_BYTES = 48;
const BLOB_BYTES = 127;
/** With the epoch in which it was certified. */
const CERTIFIED_BLOB_BYTES = 131;

/** An object reference in an input, and among the coins that pay for gas. */
const OWNED_INPUT_BYTES = 75;
const GAS_PAYMENT_BYTES = 73;
/** Most coins that are merged at once: beyond, some are left, and what comes later merges them. */
const MAX_GAS_PAYMENTS = 256;
const MAX_WAL_COINS = 50;

/** What kinds of objects a transaction makes, uses up and writes, beside the coin that pays for it. */
export interface GasFootprint {
  /** Commands and inputs as they were built, before coins are chosen. */
  readonly transaction: Transaction;
  /** It pays WAL: System, its state and a coin of WAL are written. */
  readonly paysWal: boolean;
  readonly creates: readonly ObjectKind[];
  readonly consumes: readonly ObjectKind[];
  readonly rewrites: readonly { readonly before: ObjectKind; readonly after: ObjectKind }[];
  readonly checksCertificate?: boolean;
}

export type ObjectKind = 'blob' | 'certifiedBlob' | 'storage';

/** What one run showed of the wallet and of the shared state. */
interface Observed {
  readonly gasPrice: bigint;
  readonly gasCoins: number;
  readonly walCoins: number;
  /** MIST kept in System and its state. */
  readonly sharedCharge: bigint;
  /** Whether computing the transaction that was run gave what running it did, and no coins are left unmerged. */
  readonly isExact: boolean;
}

export class GasQuote {
  readonly #charges: Readonly<Record<ObjectKind | 'sui' | 'wal', bigint>>;
  readonly #observed: Observed;
  #gasCoins: number;
  #walCoins: number;

  /** @param probe a transaction, and what running it without effect showed */
  constructor(system: SystemInfo, probe: { readonly footprint: GasFootprint; readonly ran: SimulatedTransaction }) {
    const { blob, storage } = typeNames(system.originalPackageId);
    this.#charges = {
      sui: ownedObjectCharge(coinTypeOf(SUI_TYPE), COIN_BYTES),
      wal: ownedObjectCharge(coinTypeOf(system.walType), COIN_BYTES),
      blob: ownedObjectCharge(blob, BLOB_BYTES),
      certifiedBlob: ownedObjectCharge(blob, CERTIFIED_BLOB_BYTES),
      storage: ownedObjectCharge(storage, STORAGE_BYTES),
    };
    this.#observed = this.#observe(system, probe);
    this.#gasCoins = this.#observed.gasCoins;
    this.#walCoins = this.#observed.walCoins;
  }

  /** Whether executing will charge what is quoted, as long as nothing else changes the wallet or the prices. */
  get isExact(): boolean {
    return this.#observed.isExact;
  }

  /** MIST for the next transaction of the sequence; it counts as executed. */
  next(footprint: GasFootprint): bigint {
    const coins = { gas: this.#gasCoins, wal: this.#walCoins };
    this.#gasCoins = 1;
    if (payments(footprint) > 0) this.#walCoins = 1;
    return this.#costOf(footprint, coins, this.#observed);
  }

  #observe(
    system: SystemInfo,
    { footprint, ran }: { readonly footprint: GasFootprint; readonly ran: SimulatedTransaction },
  ): Observed {
    const others = footprint.consumes.length + footprint.rewrites.length;
    const walCoins = payments(footprint) > 0 ? ran.ownedInputs - others : 1;
    const shared = new Set<string>([system.systemObjectId]);
    const kept = ran.written.filter(({ isCreated, type }) => !isCreated && type.includes('::system_state_inner::'));
    for (const { objectId } of kept) shared.add(objectId);
    const sharedCharge = ran.written
      .filter(({ objectId }) => shared.has(objectId))
      .reduce((sum, { storageCharge }) => sum + storageCharge, 0n);
    const seen = { gasPrice: ran.gasPrice, gasCoins: ran.gasPayments, walCoins, sharedCharge };
    const computed = this.#costOf(footprint, { gas: seen.gasCoins, wal: walCoins }, seen);
    const allMerged = seen.gasCoins < MAX_GAS_PAYMENTS && walCoins < MAX_WAL_COINS;
    return { ...seen, isExact: computed === ran.gas.net && allMerged };
  }

  #costOf(
    footprint: GasFootprint,
    coins: { readonly gas: number; readonly wal: number },
    { gasPrice, sharedCharge }: Pick<Observed, 'gasPrice' | 'sharedCharge'>,
  ): bigint {
    const { paysWal, creates, consumes, rewrites } = footprint;
    const { sui, wal } = this.#charges;
    const takesWal = payments(footprint) > 0;
    const sum = (kinds: readonly ObjectKind[]) => kinds.reduce((total, kind) => total + this.#charges[kind], 0n);
    const persisting = sui + (paysWal ? sharedCharge : 0n) + (takesWal ? wal : 0n);
    const written = persisting + sum(creates) + sum(rewrites.map(({ after }) => after));
    const merged = BigInt(coins.gas - 1) * sui + (takesWal ? BigInt(coins.wal - 1) * wal : 0n);
    const freed = persisting + merged + sum(consumes) + sum(rewrites.map(({ before }) => before));
    const units =
      shapeUnits(shapeOf(footprint, coins)) + (footprint.checksCertificate === true ? CERTIFICATE_UNITS : 0n);
    return computationCost(units, gasPrice) + written - storageRebateOf(freed);
  }
}

/**
 * Commands and inputs once coins are chosen, and the size within some hundred bytes: 64 bytes are one unit, and units
 * are charged by the thousand.
 */
function shapeOf(footprint: GasFootprint, coins: { readonly gas: number; readonly wal: number }) {
  const { commands, inputs } = footprint.transaction.getData();
  const paid = payments(footprint);
  const merged = paid > 0 ? coins.wal - 1 : 0;
  const pureBytes = inputs.reduce((sum, { Pure }) => sum + (Pure === undefined ? 0 : Pure.bytes.length), 0);
  return {
    commands: commands.length + (merged > 0 ? 1 : 0),
    // The amounts, and the coins that they are taken from.
    inputs: inputs.length + (paid > 0 ? paid + 1 + merged : 0),
    sizeBytes:
      300 +
      pureBytes +
      OWNED_INPUT_BYTES * (inputs.length + merged) +
      60 * commands.length +
      GAS_PAYMENT_BYTES * coins.gas,
  };
}

/** How often the transaction takes WAL from the wallet; a payment of nothing takes no coin. */
function payments({ transaction }: GasFootprint): number {
  const intents = transaction.getData().commands.flatMap(({ $Intent }) => ($Intent === undefined ? [] : [$Intent]));
  return intents.filter(({ data }) => ((data['balance'] as bigint | undefined) ?? 0n) > 0n).length;
}
