/**
 * Turns what a transaction did into object versions, gas, effects and balance changes.
 *
 * Every object written takes the lamport version: one more than the highest version among all inputs. Owned inputs, gas
 * and shared inputs that may be written get a new version even when nothing in them changed; dynamic fields only when
 * they changed.
 */
import { assert, compareBytes, toHex } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type {
  BalanceChange,
  Digest,
  ExecutionResult,
  ExecutionStatus,
  GasUsed,
  LedgerObject,
  ObjectChange,
  ObjectRef,
  Owner,
  TransactionEffects,
  TypeName,
} from '../api.ts';
import { coinValue } from '../coin-value.ts';
import { effectsDigestOf, encodeEffects, eventsDigestOf } from '../effects-codec.ts';
import { MAX_OBJECT_BYTES } from '../limits.ts';
import { sealObject } from '../object-codec.ts';
import type { ObjectWrites } from '../object-store.ts';
import type { TransactionData } from '../transaction-data.ts';
import { coinTypeName } from '../type-constants.ts';
import type { Arena, Origin } from './arena.ts';
import { type Datatypes, objectValue, rememberValue } from './datatypes.ts';
import { fail } from './failure.ts';
import { gasSummary, netCost, storageCharge } from './gas.ts';
import type { CheckedInputs } from './input-checks.ts';
import type { TransactionState } from './transaction-state.ts';

/** An object as it will be written, without version, digest and rebate. */
export interface PendingWrite {
  readonly id: ObjectId;
  readonly type: TypeName;
  readonly owner: Owner;
  readonly contents: Uint8Array;
  readonly value: unknown;
  readonly hasPublicTransfer: boolean;
}

/** Everything a transaction wants to write; gas is not settled yet. */
export interface PendingChanges {
  /** By id; undefined: it leaves the store. */
  readonly writes: Map<ObjectId, PendingWrite | undefined>;
  readonly before: ReadonlyMap<ObjectId, LedgerObject>;
  readonly created: ReadonlySet<ObjectId>;
  /** Grows when gas is settled: coins merged into the gas coin. */
  readonly deleted: Set<ObjectId>;
}

/** One more than the highest version among the inputs. */
export function lamportVersion(inputs: CheckedInputs): bigint {
  const objects = [...inputs.gasCoins, ...inputs.inputs.flatMap((origin) => origin?.object ?? [])];
  return objects.reduce((highest, { version }) => (version > highest ? version : highest), 0n) + 1n;
}

/** Changes of a transaction that ran to its end. @throws ExecutionFailure when an object is too large */
export function collectChanges(
  arena: Arena,
  state: TransactionState,
  inputs: CheckedInputs,
  types: Datatypes,
  lamport: bigint,
): PendingChanges {
  const writes = new Map<ObjectId, PendingWrite | undefined>();
  const before = inputsBefore(inputs);
  for (const id of before.keys()) writes.set(id, undefined);
  for (const slot of [arena.gas, ...arena.inputs]) {
    const { origin } = slot;
    if (origin === undefined || !isWritten(origin) || !slot.isPresent) continue;
    const { object } = origin;
    const isUnchanged = slot.value === slot.before;
    writes.set(
      object.id,
      isUnchanged
        ? { ...keepObject(object), value: slot.value }
        : pendingWrite(object.id, object.type, object.owner, slot.value, types),
    );
  }
  for (const [id, { type, value, owner }] of state.given) {
    const owned: Owner = owner === 'shared' ? { kind: 'shared', initialVersion: lamport } : owner;
    writes.set(id, pendingWrite(id, type, owned, value, types));
  }
  for (const [id, { place, before: existing, value, isChanged, hasPublicTransfer }] of state.children) {
    if (!isChanged || (existing === undefined && value === undefined)) continue;
    if (existing !== undefined) before.set(id, existing);
    const contents = value === undefined ? undefined : place.layout.serialize(value).toBytes();
    writes.set(
      id,
      contents === undefined
        ? undefined
        : {
            id,
            type: place.type,
            owner: { kind: 'object', parent: place.owner },
            contents,
            value,
            hasPublicTransfer,
          },
    );
  }
  for (const write of writes.values()) checkSize(write);
  return { writes, before, created: createdIds(state, writes, before), deleted: deletedIds(state, writes, before) };
}

/**
 * Changes of a transaction that failed: new versions of its inputs, nothing else.
 *
 * @param gasBalance what the gas coin holds before it is charged, the other gas coins included
 */
export function bumpInputs(inputs: CheckedInputs, gasBalance: bigint): PendingChanges {
  const before = inputsBefore(inputs);
  const writes = new Map<ObjectId, PendingWrite | undefined>();
  for (const object of before.values()) writes.set(object.id, keepObject(object));
  const [gasCoin] = inputs.gasCoins;
  assert(gasCoin !== undefined, 'a gas coin to charge');
  writes.set(gasCoin.id, withBalance(keepObject(gasCoin), gasBalance));
  return { writes, before, created: new Set(), deleted: new Set() };
}

/** The value of an object in the arena; undefined for types whose values no function uses. */
export function inputValue(object: LedgerObject, types: Datatypes): unknown {
  const datatype = types.find(object.type);
  return datatype === undefined ? undefined : objectValue(object, datatype.codec);
}

function isWritten(origin: Origin): boolean {
  return origin.access === 'owned' || origin.access === 'gas' || (origin.access === 'shared' && origin.isMutable);
}

function inputsBefore(inputs: CheckedInputs): Map<ObjectId, LedgerObject> {
  const before = new Map<ObjectId, LedgerObject>();
  for (const coin of inputs.gasCoins) before.set(coin.id, coin);
  for (const origin of inputs.inputs)
    if (origin !== undefined && isWritten(origin)) before.set(origin.object.id, origin.object);
  return before;
}

function keepObject(object: LedgerObject): PendingWrite {
  return { ...object, value: undefined };
}

function pendingWrite(id: ObjectId, type: TypeName, owner: Owner, value: unknown, types: Datatypes): PendingWrite {
  const datatype = types.get(type);
  const contents = datatype.codec.serialize(value).toBytes();
  return { id, type, owner, contents, value, hasPublicTransfer: datatype.abilities.includes('store') };
}

function checkSize(write: PendingWrite | undefined): void {
  const size = write?.contents.length ?? 0;
  if (size > MAX_OBJECT_BYTES) {
    fail({ kind: 'MoveObjectTooBig', objectSize: BigInt(size), maxObjectSize: BigInt(MAX_OBJECT_BYTES) });
  }
}

/** Fresh ids, and dynamic fields that were not there: their ids are derived, not fresh. */
function createdIds(
  state: TransactionState,
  writes: ReadonlyMap<ObjectId, PendingWrite | undefined>,
  before: ReadonlyMap<ObjectId, LedgerObject>,
): Set<ObjectId> {
  const created = new Set(state.freshIds);
  for (const id of state.children.keys()) if (writes.get(id) !== undefined && !before.has(id)) created.add(id);
  return created;
}

function deletedIds(
  state: TransactionState,
  writes: ReadonlyMap<ObjectId, PendingWrite | undefined>,
  before: ReadonlyMap<ObjectId, LedgerObject>,
): Set<ObjectId> {
  const deleted = new Set(state.deletedIds);
  for (const id of state.children.keys()) if (before.has(id) && writes.get(id) === undefined) deleted.add(id);
  return deleted;
}

/** How gas is paid. */
export interface GasPayment {
  /** The coins named, the first of which takes the balance of all. */
  readonly coins: readonly LedgerObject[];
  readonly budget: bigint;
  /** Whether the budget was set aside from the gas coin while commands ran. */
  readonly isReserved: boolean;
}

/**
 * Charges for `changes`: computes the summary, merges the gas coins and settles the balance in `changes`.
 * Undefined when the cost is above the budget.
 */
export function settleGas(
  changes: PendingChanges,
  payment: GasPayment,
  computation: bigint,
  enforceBudget: boolean,
): GasUsed | undefined {
  const [gasCoin, ...merged] = payment.coins;
  assert(gasCoin !== undefined, 'a gas coin to charge');
  removeMerged(changes, merged);
  let storageCost = 0n;
  for (const write of changes.writes.values()) if (write !== undefined) storageCost += storageCharge(write);
  let freed = 0n;
  for (const object of changes.before.values()) freed += object.storageRebate;
  const gas = gasSummary(computation, storageCost, freed);
  const cost = netCost(gas);
  if (enforceBudget && cost > payment.budget) return undefined;
  chargeCoin(changes, gasCoin.id, cost, payment);
  return gas;
}

/**
 * The last resort when even new versions cost more than the budget: storage stays as it was paid for, and the budget (at
 * most) is the price of computation.
 */
export function settleByBudget(changes: PendingChanges, payment: GasPayment, computation: bigint): GasUsed {
  const [gasCoin, ...merged] = payment.coins;
  assert(gasCoin !== undefined, 'a gas coin to charge');
  removeMerged(changes, merged);
  const freed = merged.reduce((sum, coin) => sum + coin.storageRebate, 0n);
  const cost = computation < payment.budget ? computation : payment.budget;
  const gas = gasSummary(cost, 0n, freed);
  chargeCoin(changes, gasCoin.id, netCost(gas), payment);
  return gas;
}

/** Sets the gas coin's balance: what it had (with the other coins), less the cost. */
function chargeCoin(changes: PendingChanges, gasCoinId: ObjectId, cost: bigint, payment: GasPayment): void {
  const write = changes.writes.get(gasCoinId);
  assert(write !== undefined, 'the gas coin is still there to be charged');
  const balance = coinValue(write) + (payment.isReserved ? payment.budget : 0n) - cost;
  // Below zero only in a simulation that checks no budget.
  changes.writes.set(gasCoinId, withBalance(write, balance < 0n ? 0n : balance));
}

function withBalance(coin: PendingWrite, balance: bigint): PendingWrite {
  const contents = coin.contents.slice();
  new DataView(contents.buffer).setBigUint64(32, balance, true);
  return { ...coin, contents, value: { id: coin.id, balance } };
}

function removeMerged(changes: PendingChanges, merged: readonly LedgerObject[]): void {
  for (const { id } of merged) {
    changes.writes.set(id, undefined);
    changes.deleted.add(id);
  }
}

/** Everything about one executed transaction, but what it did to the store. */
export interface SettledTransaction {
  readonly digest: Digest;
  readonly transaction: TransactionData;
  readonly inputs: CheckedInputs;
  readonly status: ExecutionStatus;
  readonly gas: GasUsed;
  readonly lamport: bigint;
  readonly changes: PendingChanges;
  /** False: objects keep the storage that was paid for them. */
  readonly isStorageCharged: boolean;
  readonly state: TransactionState;
  readonly gasCoinId: ObjectId;
}

/** Seals the objects and writes the effects. */
export function buildResult(settled: SettledTransaction): { result: ExecutionResult; writes: ObjectWrites } {
  const { changes, digest } = settled;
  const writes = new Map<ObjectId, LedgerObject | undefined>();
  for (const [id, write] of changes.writes) {
    writes.set(id, write === undefined ? undefined : sealWrite(write, settled, changes.before.get(id)));
  }
  const ids = [...new Set([...writes.keys(), ...changes.created, ...changes.deleted])].sort();
  const changedObjects = ids.map((id) => objectChange(id, changes, writes.get(id)));
  const events = settled.status.success ? settled.state.events : [];
  const effects: TransactionEffects = {
    status: settled.status,
    executedEpoch: 0n,
    gasUsed: settled.gas,
    transactionDigest: digest,
    gasObjectIndex: ids.indexOf(settled.gasCoinId),
    eventsDigest: eventsDigestOf(events),
    dependencies: dependencies(settled),
    lamportVersion: settled.lamport,
    changedObjects,
    unchangedShared: readOnlyShared(settled.inputs),
  };
  const effectsBytes = encodeEffects(effects);
  const result: ExecutionResult = {
    digest,
    transaction: settled.transaction,
    effects,
    effectsBytes,
    effectsDigest: effectsDigestOf(effectsBytes),
    events,
    objectTypes: ids.map((id) => (writes.get(id) ?? changes.before.get(id))?.type),
    balanceChanges: balanceChanges(changes.before, writes),
  };
  return { result, writes };
}

function sealWrite(write: PendingWrite, settled: SettledTransaction, before: LedgerObject | undefined): LedgerObject {
  const { id, type, owner, contents, hasPublicTransfer } = write;
  const sealed = sealObject({
    id,
    type,
    owner,
    contents,
    hasPublicTransfer,
    version: settled.lamport,
    previousTransaction: settled.digest,
    storageRebate: settled.isStorageCharged ? storageCharge(write) : (before?.storageRebate ?? 0n),
  });
  if (write.value !== undefined) rememberValue(sealed, write.value);
  return sealed;
}

function objectChange(id: ObjectId, changes: PendingChanges, after: LedgerObject | undefined): ObjectChange {
  const before = changes.before.get(id);
  return {
    id,
    input: before === undefined ? undefined : { version: before.version, digest: before.digest, owner: before.owner },
    output: after === undefined ? undefined : { digest: after.digest, owner: after.owner },
    // An object that vanished without deletion is wrapped in another.
    idOperation: changes.created.has(id) ? 'created' : changes.deleted.has(id) ? 'deleted' : 'none',
  };
}

function dependencies(settled: SettledTransaction): Digest[] {
  const digests = new Map<string, Digest>();
  const add = (object: LedgerObject) => {
    if (object.version > 0n) digests.set(toHex(object.previousTransaction), object.previousTransaction);
  };
  for (const coin of settled.inputs.gasCoins) add(coin);
  for (const origin of settled.inputs.inputs) if (origin !== undefined) add(origin.object);
  for (const object of settled.changes.before.values()) add(object);
  return [...digests.values()].sort(compareBytes);
}

function readOnlyShared(inputs: CheckedInputs): ObjectRef[] {
  return inputs.inputs.flatMap((origin) =>
    origin?.access === 'shared' && !origin.isMutable
      ? [{ id: origin.object.id, version: origin.object.version, digest: origin.object.digest }]
      : [],
  );
}

/** By address and coin type, in ascending order. */
function balanceChanges(before: ReadonlyMap<ObjectId, LedgerObject>, after: ObjectWrites): BalanceChange[] {
  const totals = new Map<string, { address: SuiAddress; coinType: TypeName; amount: bigint }>();
  const count = (object: LedgerObject | undefined, sign: bigint) => {
    const coinType = object === undefined ? undefined : coinTypeName(object.type);
    if (object?.owner.kind !== 'address' || coinType === undefined) return;
    const key = `${object.owner.address} ${coinType}`;
    const total = totals.get(key) ?? { address: object.owner.address, coinType, amount: 0n };
    totals.set(key, { ...total, amount: total.amount + sign * coinValue(object) });
  };
  for (const object of before.values()) count(object, -1n);
  for (const object of after.values()) count(object, 1n);
  return [...totals.entries()]
    .filter(([, { amount }]) => amount !== 0n)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, change]) => change);
}
