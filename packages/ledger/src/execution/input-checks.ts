/**
 * What must hold before a transaction runs: limits, gas payment, objects as the transaction says they are, owners,
 * expiration. What fails here is refused without a trace on the ledger; what fails later is recorded and charged.
 */
import { MIN_COMPUTATION_UNITS, packageAt } from '@floe/contracts';
import { equalBytes } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import { toBase58 } from '@mysten/bcs';
import type { ChainInfo, LedgerObject, ObjectRef } from '../api.ts';
import { coinValue } from '../coin-value.ts';
import { errors } from '../errors.ts';
import { MAX_GAS_BUDGET, MAX_GAS_PAYMENTS, MAX_GAS_PRICE, MAX_PURE_BYTES, REFERENCE_GAS_PRICE } from '../limits.ts';
import { PACKAGE_TYPE } from '../object-codec.ts';
import { describeOwner, type ObjectReader } from '../object-store.ts';
import type { CallArg, Command, TransactionData } from '../transaction-data.ts';
import { CLOCK_ID, GAS_COIN_TYPE } from '../type-constants.ts';
import type { Origin } from './arena.ts';

/** The transaction's objects as they stand, all checked. */
export interface CheckedInputs {
  /** By position; undefined for pure inputs. */
  readonly inputs: readonly (Origin | undefined)[];
  /** The gas coins, the first of which takes the balance of all. Empty only in simulation. */
  readonly gasCoins: readonly LedgerObject[];
}

export interface CheckOptions {
  /** False: owners, gas and expiration are not checked (simulation). */
  readonly isStrict: boolean;
  /** True: no gas coins is as good as enough of them (simulation). */
  readonly allowNoGasCoins: boolean;
  readonly timestampMs: bigint;
}

/** @throws every error of errors.ts that names a transaction or an object */
export function checkInputs(
  transaction: TransactionData,
  chain: ChainInfo,
  reader: ObjectReader,
  options: CheckOptions,
): CheckedInputs {
  for (const command of transaction.commands) checkCommand(command, chain);
  // Also in simulation without checks: a cost has to fit in u64.
  checkGasPrice(transaction, options.isStrict ? REFERENCE_GAS_PRICE : 0n);
  if (options.isStrict) {
    checkExpiration(transaction, chain, options.timestampMs);
    checkGasTerms(transaction);
  }
  const seen = new Set<ObjectId>();
  const gasCoins = transaction.gas.payment.map((ref) => checkGasCoin(ref, transaction, reader, seen, options));
  const inputs = transaction.inputs.map((input) => checkInput(input, transaction.sender, reader, seen, options));
  checkGasBalance(transaction, gasCoins, options);
  return { inputs, gasCoins };
}

function checkCommand(command: Command, chain: ChainInfo): void {
  if (command.kind === 'move-call') {
    if (packageAt(command.package, chain.addresses) === undefined) {
      throw errors.OBJECT_NOT_FOUND({ objectId: command.package, version: 'package' });
    }
    return;
  }
  const isEmpty =
    (command.kind === 'transfer-objects' && command.objects.length === 0) ||
    (command.kind === 'split-coins' && command.amounts.length === 0) ||
    (command.kind === 'merge-coins' && command.sources.length === 0) ||
    (command.kind === 'make-move-vec' && command.elements.length === 0 && command.type === undefined);
  if (isEmpty) throw errors.INVALID_TRANSACTION({ reason: `a ${command.kind} command has no arguments` });
}

function checkExpiration(transaction: TransactionData, chain: ChainInfo, timestampMs: bigint): void {
  const { expiration } = transaction;
  if (expiration.kind !== 'valid-during') return;
  // The ledger's own epoch is always 0: an expiration epoch, the last valid one, never passes.
  if (!equalBytes(expiration.chain, chain.chainIdentifier)) {
    throw errors.WRONG_CHAIN({ expected: toBase58(chain.chainIdentifier), came: toBase58(expiration.chain) });
  }
  if ((expiration.minEpoch ?? 0n) > 0n) throw errors.TRANSACTION_EXPIRED({ reason: 'its first epoch is yet to come' });
  if (expiration.minTimestamp !== undefined && timestampMs < expiration.minTimestamp) {
    throw errors.TRANSACTION_EXPIRED({ reason: `it starts at ${expiration.minTimestamp} ms, it is ${timestampMs} ms` });
  }
  if (expiration.maxTimestamp !== undefined && timestampMs > expiration.maxTimestamp) {
    throw errors.TRANSACTION_EXPIRED({ reason: `it ended at ${expiration.maxTimestamp} ms, it is ${timestampMs} ms` });
  }
}

function checkGasPrice({ gas: { price } }: TransactionData, least: bigint): void {
  if (price >= least && price <= MAX_GAS_PRICE) return;
  throw errors.INVALID_GAS({ reason: `price ${price} is not from ${least} to ${MAX_GAS_PRICE}` });
}

function checkGasTerms(transaction: TransactionData): void {
  const { price, budget } = transaction.gas;
  const least = MIN_COMPUTATION_UNITS * price;
  if (budget < least || budget > MAX_GAS_BUDGET) {
    throw errors.INVALID_GAS({ reason: `budget ${budget} MIST is not from ${least} to ${MAX_GAS_BUDGET}` });
  }
}

function checkGasCoin(
  ref: ObjectRef,
  transaction: TransactionData,
  reader: ObjectReader,
  seen: Set<ObjectId>,
  options: CheckOptions,
): LedgerObject {
  checkOnce(ref.id, seen);
  const coin = findVersion(ref, reader);
  if (coin.type !== GAS_COIN_TYPE) throw errors.INVALID_GAS({ reason: `object ${ref.id} is not a SUI coin` });
  if (options.isStrict) checkOwner(coin, transaction.gas.owner);
  return coin;
}

function checkGasBalance(transaction: TransactionData, gasCoins: readonly LedgerObject[], options: CheckOptions): void {
  if (gasCoins.length > MAX_GAS_PAYMENTS) {
    throw errors.INVALID_GAS({ reason: `at most ${MAX_GAS_PAYMENTS} coins, came ${gasCoins.length}` });
  }
  if (gasCoins.length === 0) {
    if (options.allowNoGasCoins) return;
    throw errors.INVALID_GAS({ reason: 'the transaction names no coin that pays for it' });
  }
  const balance = gasCoins.reduce((sum, coin) => sum + coinValue(coin), 0n);
  if (options.isStrict && balance < transaction.gas.budget) {
    throw errors.INSUFFICIENT_GAS_BALANCE({ balance: `${balance}`, budget: `${transaction.gas.budget}` });
  }
}

function checkInput(
  input: CallArg,
  sender: SuiAddress,
  reader: ObjectReader,
  seen: Set<ObjectId>,
  options: CheckOptions,
): Origin | undefined {
  switch (input.kind) {
    case 'pure':
      if (input.bytes.length <= MAX_PURE_BYTES) return undefined;
      throw errors.LIMIT_EXCEEDED({ what: 'bytes of a pure input', limit: MAX_PURE_BYTES, came: input.bytes.length });
    case 'receiving':
      throw errors.UNSUPPORTED_TRANSACTION({ what: `object ${input.ref.id} received by an object` });
    case 'owned':
      checkOnce(input.ref.id, seen);
      return ownedOrigin(findVersion(input.ref, reader), sender, options);
    case 'shared':
      checkOnce(input.id, seen);
      return sharedOrigin(input, reader);
  }
}

function checkOnce(id: ObjectId, seen: Set<ObjectId>): void {
  if (seen.has(id)) throw errors.DUPLICATE_OBJECT({ objectId: id });
  seen.add(id);
}

function findVersion(ref: ObjectRef, reader: ObjectReader): LedgerObject {
  const object = reader.getObject(ref.id);
  if (object === undefined) throw errors.OBJECT_NOT_FOUND({ objectId: ref.id, version: `${ref.version}` });
  if (object.version !== ref.version) {
    throw errors.STALE_OBJECT({ objectId: ref.id, currentVersion: `${object.version}`, version: `${ref.version}` });
  }
  if (!equalBytes(object.digest, ref.digest)) {
    throw errors.OBJECT_DIGEST_MISMATCH({ objectId: ref.id, version: `${ref.version}` });
  }
  return object;
}

function checkOwner(object: LedgerObject, signer: SuiAddress): void {
  if (object.owner.kind === 'address' && object.owner.address === signer) return;
  throw errors.OBJECT_NOT_OWNED({ objectId: object.id, owner: describeOwner(object.owner), signer });
}

function ownedOrigin(object: LedgerObject, sender: SuiAddress, options: CheckOptions): Origin {
  if (object.type === PACKAGE_TYPE) {
    throw errors.INVALID_OBJECT_INPUT({ objectId: object.id, reason: 'it is a package' });
  }
  if (object.owner.kind === 'shared') {
    throw errors.INVALID_OBJECT_INPUT({ objectId: object.id, reason: 'it is shared, the input says it is owned' });
  }
  if (object.owner.kind === 'immutable') return { object, access: 'immutable', isMutable: false };
  if (object.owner.kind === 'object') {
    throw errors.INVALID_OBJECT_INPUT({ objectId: object.id, reason: `it belongs to ${describeOwner(object.owner)}` });
  }
  if (options.isStrict) checkOwner(object, sender);
  return { object, access: 'owned', isMutable: true };
}

function sharedOrigin(input: Extract<CallArg, { kind: 'shared' }>, reader: ObjectReader): Origin {
  const object = reader.getObject(input.id);
  if (object === undefined) {
    throw errors.OBJECT_NOT_FOUND({ objectId: input.id, version: `shared from ${input.initialVersion}` });
  }
  if (object.owner.kind !== 'shared') {
    throw errors.INVALID_OBJECT_INPUT({ objectId: input.id, reason: 'it is not shared, the input says it is' });
  }
  if (object.owner.initialVersion !== input.initialVersion) {
    throw errors.INVALID_OBJECT_INPUT({
      objectId: input.id,
      reason: `it is shared from version ${object.owner.initialVersion}, the input says ${input.initialVersion}`,
    });
  }
  if (input.id === CLOCK_ID && input.mutable) {
    throw errors.INVALID_OBJECT_INPUT({ objectId: input.id, reason: 'the clock can only be read' });
  }
  return { object, access: 'shared', isMutable: input.mutable };
}
