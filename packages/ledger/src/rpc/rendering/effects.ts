/** Effects, events and balance changes as protobuf messages. */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { ExecutionResult, GasUsed, LedgerEvent, ObjectChange, TransactionEffects, TypeName } from '../../api.ts';
import { type FieldMask, fullMask, selects } from '../field-mask.ts';
import { renderStatus } from './execution-errors.ts';
import { digestText, renderOwner } from './values.ts';

/** Version of Sui's `TransactionEffects` that the ledger writes. */
const EFFECTS_VERSION = 2;

/**
 * The effects of an execution, its changed objects with their types. Only what the mask (of effects) selects is made: the
 * base58 of all their digests costs more than all else in the answer to an execution.
 */
export function renderEffects(result: ExecutionResult, mask: FieldMask = fullMask): GrpcTypes.TransactionEffects {
  const { effects } = result;
  const when = <T>(field: string, make: () => T): T | undefined => (selects(mask, field) ? make() : undefined);
  const change = (index: number): GrpcTypes.ChangedObject =>
    renderChange(effects.changedObjects[index] as ObjectChange, effects, result.objectTypes[index]);
  const { gasObjectIndex, eventsDigest } = effects;
  return {
    bcs: { name: 'TransactionEffects', value: result.effectsBytes },
    digest: when('digest', () => digestText(result.effectsDigest)),
    version: EFFECTS_VERSION,
    status: renderStatus(effects.status),
    epoch: effects.executedEpoch,
    gasUsed: renderGasUsed(effects.gasUsed),
    transactionDigest: when('transaction_digest', () => digestText(effects.transactionDigest)),
    gasObject: gasObjectIndex === undefined ? undefined : when('gas_object', () => change(gasObjectIndex)),
    eventsDigest: eventsDigest === undefined ? undefined : when('events_digest', () => digestText(eventsDigest)),
    dependencies: when('dependencies', () => effects.dependencies.map(digestText)) ?? [],
    lamportVersion: effects.lamportVersion,
    changedObjects: when('changed_objects', () => effects.changedObjects.map((_, index) => change(index))) ?? [],
    unchangedConsensusObjects: when('unchanged_consensus_objects', () => renderUnchanged(effects)) ?? [],
    unchangedLoadedRuntimeObjects: [],
  };
}

function renderUnchanged(effects: TransactionEffects): GrpcTypes.UnchangedConsensusObject[] {
  return effects.unchangedShared.map((shared) => ({
    kind: GrpcTypes.UnchangedConsensusObject_UnchangedConsensusObjectKind.READ_ONLY_ROOT,
    objectId: shared.id,
    version: shared.version,
    digest: digestText(shared.digest),
  }));
}

/** Costs and rebate in MIST. */
export function renderGasUsed(gas: GasUsed): GrpcTypes.GasCostSummary {
  return {
    computationCost: gas.computationCost,
    storageCost: gas.storageCost,
    storageRebate: gas.storageRebate,
    nonRefundableStorageFee: gas.nonRefundableStorageFee,
  };
}

/** Where an event stands in the ledger; undefined for a simulated one. */
export interface EventPosition {
  readonly checkpoint: bigint;
  /** Undefined when it was not looked up. */
  readonly transactionIndex: bigint | undefined;
}

/** One event with its position. */
export function renderEvent(
  event: LedgerEvent,
  index: number,
  transactionDigest: string,
  position: EventPosition | undefined,
): GrpcTypes.Event {
  return {
    packageId: event.packageId,
    module: event.module,
    sender: event.sender,
    eventType: event.type,
    contents: { name: event.type, value: event.contents },
    checkpoint: position?.checkpoint,
    transactionDigest,
    transactionIndex: position?.transactionIndex,
    eventIndex: index,
  };
}

/** The events of an execution; undefined when it emitted none, as Sui does. */
export function renderEvents(
  result: ExecutionResult,
  position: EventPosition | undefined,
): GrpcTypes.TransactionEvents | undefined {
  const { eventsDigest } = result.effects;
  if (eventsDigest === undefined || result.events.length === 0) return undefined;
  const digest = digestText(result.digest);
  return {
    digest: digestText(eventsDigest),
    events: result.events.map((event, index) => renderEvent(event, index, digest, position)),
  };
}

/** Balance changes; amounts are signed decimal text. */
export function renderBalanceChanges(result: ExecutionResult): GrpcTypes.BalanceChange[] {
  return result.balanceChanges.map(({ address, coinType, amount }) => ({
    address,
    coinType,
    amount: amount.toString(),
  }));
}

function renderChange(
  change: ObjectChange,
  effects: TransactionEffects,
  objectType: TypeName | undefined,
): GrpcTypes.ChangedObject {
  const { input, output } = change;
  return {
    objectId: change.id,
    inputState:
      input === undefined
        ? GrpcTypes.ChangedObject_InputObjectState.DOES_NOT_EXIST
        : GrpcTypes.ChangedObject_InputObjectState.EXISTS,
    inputVersion: input?.version,
    inputDigest: input === undefined ? undefined : digestText(input.digest),
    inputOwner: input === undefined ? undefined : renderOwner(input.owner),
    outputState:
      output === undefined
        ? GrpcTypes.ChangedObject_OutputObjectState.DOES_NOT_EXIST
        : GrpcTypes.ChangedObject_OutputObjectState.OBJECT_WRITE,
    outputVersion: output === undefined ? undefined : effects.lamportVersion,
    outputDigest: output === undefined ? undefined : digestText(output.digest),
    outputOwner: output === undefined ? undefined : renderOwner(output.owner),
    idOperation: ID_OPERATION[change.idOperation],
    objectType,
  };
}

const ID_OPERATION: Readonly<Record<ObjectChange['idOperation'], number>> = {
  none: GrpcTypes.ChangedObject_IdOperation.NONE,
  created: GrpcTypes.ChangedObject_IdOperation.CREATED,
  deleted: GrpcTypes.ChangedObject_IdOperation.DELETED,
};
