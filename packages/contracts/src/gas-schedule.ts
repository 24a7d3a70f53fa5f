/**
 * The gas schedule of Floe's ledger, in MIST. Deterministic: a function of the transaction and of the state, nothing
 * else, so that what a store will cost can be told before it is sent.
 *
 *     computation = round up to whole thousands (BASE + per command + per input + per 64 bytes of transaction
 *                   + what built-in functions count for signature checks
 *                   + 1 per byte of pure inputs read, beyond the bytes of the transaction
 *                   + 50 per element of vectors gone through, beyond 128) × gas price
 *     storage     = for every object written: bytes of its BCS × 100 units × 76 MIST, kept in the object
 *     rebate      = 99 % of what is kept in the objects it overwrites or deletes; 1 % is not refunded
 *
 * A pure input is read once for each type that commands take it as: only what takes large inputs as many types comes to
 * pay for that. A transaction that needs more than {@link MAX_COMPUTATION_UNITS} fails.
 *
 * The sender pays computation + storage - rebate, which can be negative.
 */
import { bcs, TypeTagSerializer } from '@mysten/sui/bcs';
import { coinTypeOf, SUI_TYPE } from './type-names.ts';

const BASE_UNITS = 100n;
const COMMAND_UNITS = 50n;
const INPUT_UNITS = 20n;
const BYTES_PER_UNIT = 64;
const BUCKET_UNITS = 1000n;
const REBATE_BASIS_POINTS = 9900n;

/** MIST kept in an object for each byte of its BCS. */
export const STORAGE_MIST_PER_BYTE = 100n * 76n;

/** The least a transaction can cost in computation. */
export const MIN_COMPUTATION_UNITS = BUCKET_UNITS;

/** Units for the check of a committee's certificate: a pairing, which outweighs everything else a call can do. */
export const CERTIFICATE_UNITS = 1000n;

/** The most units that one transaction can use: what it can hold of commands and inputs, and a signature check for each command. */
export const MAX_COMPUTATION_UNITS = 1_200_000n;

const FREE_ELEMENTS = 128;
const ELEMENT_UNITS = 50n;

/** What a transaction is found to do while it runs, beside signature checks. */
export interface CountedWork {
  /** Bytes of pure inputs that were read, each once for every type that they were taken as. */
  readonly decodedBytes: number;
  /** Elements of vectors that built-in functions looked up one by one. */
  readonly elements: number;
}

/**
 * Units for what was counted.
 *
 * @param transactionBytes BCS of the transaction
 */
export function countedUnits({ decodedBytes, elements }: CountedWork, transactionBytes: number): bigint {
  const bytes = BigInt(Math.max(0, decodedBytes - transactionBytes));
  return bytes + ELEMENT_UNITS * BigInt(Math.max(0, elements - FREE_ELEMENTS));
}

/** What of a transaction is known before it runs. */
export interface TransactionShape {
  readonly commands: number;
  readonly inputs: number;
  /** BCS of the transaction. */
  readonly sizeBytes: number;
}

/** Units for what is known before execution. */
export function shapeUnits({ commands, inputs, sizeBytes }: TransactionShape): bigint {
  return (
    BASE_UNITS +
    COMMAND_UNITS * BigInt(commands) +
    INPUT_UNITS * BigInt(inputs) +
    BigInt(Math.ceil(sizeBytes / BYTES_PER_UNIT))
  );
}

/** MIST for `units` at `price`. */
export function computationCost(units: bigint, price: bigint): bigint {
  return ((units + BUCKET_UNITS - 1n) / BUCKET_UNITS) * BUCKET_UNITS * price;
}

/** What is paid back of the MIST that the objects overwritten or deleted had kept. */
export function storageRebateOf(freed: bigint): bigint {
  return (freed * REBATE_BASIS_POINTS) / 10_000n;
}

/** Beside type and contents: tags, transferability, version, owner address, previous transaction, rebate. */
const OWNED_ENVELOPE_BYTES = 1 + 9 + 33 + 33 + 8;
const GAS_COIN_TYPE = coinTypeOf(SUI_TYPE);
const COIN_PREFIX = GAS_COIN_TYPE.slice(0, GAS_COIN_TYPE.indexOf('<') + 1);

/**
 * MIST kept in an object that an address owns.
 *
 * @param type canonical
 * @param contentsBytes size of its contents in BCS
 */
export function ownedObjectCharge(type: string, contentsBytes: number): bigint {
  const contents = contentsBytes + (contentsBytes < 128 ? 1 : contentsBytes < 16_384 ? 2 : 3);
  return BigInt(OWNED_ENVELOPE_BYTES + typeBytes(type) + contents) * STORAGE_MIST_PER_BYTE;
}

/** Types of SUI coins take a byte, of other coins one more than that of what they hold. */
function typeBytes(type: string): number {
  if (type === GAS_COIN_TYPE) return 1;
  const isCoin = type.startsWith(COIN_PREFIX);
  const named = isCoin ? type.slice(COIN_PREFIX.length, -1) : type;
  const tag = bcs.TypeTag.serialize(TypeTagSerializer.parseFromStr(named)).toBytes().length;
  return isCoin ? 1 + tag : tag;
}
