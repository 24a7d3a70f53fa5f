/**
 * Executes one transaction against a state, without changing it: the result says what to write.
 *
 * A pure function of (transaction, objects, timestamp). Refused before execution (a FloeError): nothing happened. Failed
 * in execution: everything is undone but gas and the new versions of inputs, and the effects say why.
 */
import { computationCost } from '@floe/contracts';
import { concatBytes, type Logger, utf8 } from '@floe/platform';
import { objectIdBytes, objectIdFromBytes } from '@floe/protocol';
import type {
  ChainInfo,
  CommandResult,
  Digest,
  ExecutionError,
  ExecutionResult,
  ExecutionStatus,
  GasUsed,
  LedgerObject,
} from '../api.ts';
import { coinValue } from '../coin-value.ts';
import { errors } from '../errors.ts';
import { blake2b256 } from '../hash.ts';
import { MAX_CHANGED_OBJECTS, MAX_GAS_BUDGET, MAX_OUTPUT_BYTES } from '../limits.ts';
import { sealObject } from '../object-codec.ts';
import type { ObjectReader, ObjectWrites } from '../object-store.ts';
import type { TransactionData } from '../transaction-data.ts';
import { GAS_COIN_TYPE } from '../type-constants.ts';
import { Arena, objectSlot, pureSlot, type Slot } from './arena.ts';
import type { CertificateVerifier, Native } from './call.ts';
import { type CommandContext, CommandOutputs, runCommand } from './commands.ts';
import type { Datatypes } from './datatypes.ts';
import {
  buildResult,
  bumpInputs,
  collectChanges,
  type GasPayment,
  inputValue,
  lamportVersion,
  type PendingChanges,
  settleByBudget,
  settleGas,
} from './effects-builder.ts';
import { ExecutionFailure, fail, failureOf } from './failure.ts';
import { checkInputs, type CheckedInputs } from './input-checks.ts';
import { TransactionState } from './transaction-state.ts';
import { WorkMeter } from './work-meter.ts';

/** What execution needs beside the state; the same for all transactions of a chain. */
export interface ExecutionModules {
  readonly chain: ChainInfo;
  readonly types: Datatypes;
  readonly natives: ReadonlyMap<string, Native>;
  readonly certificates: CertificateVerifier;
  readonly logger?: Logger;
}

export interface ExecutionInput {
  readonly digest: Digest;
  readonly transaction: TransactionData;
  /** BCS size of the transaction. */
  readonly sizeBytes: number;
  readonly timestampMs: number;
  /** `commit`: for real. `simulate`: gas coins may be missing. `unchecked`: no owners, gas terms and expiration either. */
  readonly mode: 'commit' | 'simulate' | 'unchecked';
  /** Whether to encode what each command returns. */
  readonly withOutputs?: boolean;
}

export interface Execution {
  readonly result: ExecutionResult;
  readonly writes: ObjectWrites;
  /** In simulation: what each command that ran returned. */
  readonly commandResults: readonly CommandResult[];
}

/** @throws FloeError when the transaction cannot be executed at all; then nothing is charged */
export function executeTransaction(input: ExecutionInput, reader: ObjectReader, modules: ExecutionModules): Execution {
  const { transaction, digest, mode } = input;
  const checked = checkInputs(transaction, modules.chain, reader, {
    isStrict: mode !== 'unchecked',
    allowNoGasCoins: mode !== 'commit',
    timestampMs: BigInt(input.timestampMs),
  });
  const inputs = checked.gasCoins.length > 0 ? checked : { ...checked, gasCoins: [mockGasCoin(transaction)] };
  const state = new TransactionState(reader, digest);
  const run = runCommands(input, inputs, state, modules);
  const lamport = lamportVersion(inputs);
  const settled = settle(run, input, inputs, state, modules, lamport);
  const gasCoinId = (inputs.gasCoins[0] as LedgerObject).id;
  const { result, writes } = buildResult({ digest, transaction, inputs, lamport, state, gasCoinId, ...settled });
  return { result, writes, commandResults: run.commandResults };
}

interface CommandsRun {
  readonly arena: Arena;
  readonly status: ExecutionStatus;
  readonly units: bigint;
  readonly payment: GasPayment;
  /** What the gas coin had when the first command began. */
  readonly gasBalance: bigint;
  readonly commandResults: readonly CommandResult[];
}

function runCommands(
  input: ExecutionInput,
  inputs: CheckedInputs,
  state: TransactionState,
  modules: ExecutionModules,
): CommandsRun {
  const { transaction, mode } = input;
  const isReserved = mode !== 'unchecked';
  const total = inputs.gasCoins.reduce((sum, coin) => sum + coinValue(coin), 0n);
  const gasBalance = isReserved ? total - transaction.gas.budget : total;
  const meter = new WorkMeter({ transaction, sizeBytes: input.sizeBytes, isReserved });
  const { types } = modules;
  const arena = new Arena(makeSlots(transaction, inputs, gasBalance, types), { types, meter });
  const context: CommandContext = {
    sender: transaction.sender,
    timestampMs: BigInt(input.timestampMs),
    arena,
    state,
    types,
    natives: modules.natives,
    certificates: modules.certificates,
    meter,
    logger: modules.logger,
  };
  const outputs = input.withOutputs === true ? new CommandOutputs() : undefined;
  const status = runAll(transaction, context, outputs);
  if (outputs?.isOverflowing === true) {
    throw errors.LIMIT_EXCEEDED({ what: 'bytes that commands return', limit: MAX_OUTPUT_BYTES, came: outputs.bytes });
  }
  const payment = { coins: inputs.gasCoins, budget: transaction.gas.budget, isReserved };
  return { arena, status, units: meter.units, payment, gasBalance, commandResults: outputs?.results ?? [] };
}

function runAll(transaction: TransactionData, context: CommandContext, outputs?: CommandOutputs): ExecutionStatus {
  let command: number | undefined;
  try {
    // What is known of the cost before the first command may be more than the budget already.
    context.meter.work(0n);
    for (const [index, next] of transaction.commands.entries()) {
      command = index;
      runCommand(next, context);
      outputs?.add(context, index);
    }
    command = undefined;
    const unused = context.arena.unusedResult();
    if (unused !== undefined) fail({ kind: 'UnusedValueWithoutDrop', ...unused });
    return { success: true };
  } catch (error) {
    return { success: false, error: recordedFailure(error, context.logger), command };
  }
}

/** What stopped the transaction, for the record. What no rule of execution foresees is also reported. */
function recordedFailure(error: unknown, logger: Logger | undefined): ExecutionError {
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  if (!(error instanceof ExecutionFailure)) {
    logger?.error('a transaction failed for no reason that contracts know', { error: String(error) });
  }
  return failure;
}

interface Settled {
  readonly status: ExecutionStatus;
  readonly gas: GasUsed;
  readonly changes: PendingChanges;
  readonly isStorageCharged: boolean;
}

/** Charges gas for what happened; for a failure, or when that costs too much, for new versions of the inputs only. */
function settle(
  run: CommandsRun,
  input: ExecutionInput,
  inputs: CheckedInputs,
  state: TransactionState,
  modules: ExecutionModules,
  lamport: bigint,
): Settled {
  const computation = computationCost(run.units, input.transaction.gas.price);
  const enforceBudget = input.mode !== 'unchecked';
  let { status } = run;
  if (status.success) {
    try {
      const changes = collectChanges(run.arena, state, inputs, modules.types, lamport);
      checkChangeCount(changes);
      const gas = settleGas(changes, run.payment, computation, enforceBudget);
      if (gas !== undefined) return { status, gas, changes, isStorageCharged: true };
      status = { success: false, error: { kind: 'InsufficientGas' }, command: undefined };
    } catch (error) {
      status = { success: false, error: recordedFailure(error, modules.logger), command: undefined };
    }
  }
  const changes = bumpInputs(inputs, run.gasBalance);
  const gas = settleGas(changes, run.payment, computation, enforceBudget);
  if (gas !== undefined) return { status, gas, changes, isStorageCharged: true };
  const bare = bumpInputs(inputs, run.gasBalance);
  return { status, gas: settleByBudget(bare, run.payment, computation), changes: bare, isStorageCharged: false };
}

function checkChangeCount(changes: PendingChanges): void {
  const count = changes.writes.size + changes.created.size;
  if (count > MAX_CHANGED_OBJECTS) {
    fail({ kind: 'EffectsTooLarge', currentSize: BigInt(count), maxSize: BigInt(MAX_CHANGED_OBJECTS) });
  }
}

function makeSlots(
  transaction: TransactionData,
  inputs: CheckedInputs,
  gasBalance: bigint,
  types: Datatypes,
): { gas: Slot; inputs: Slot[] } {
  const gasCoin = inputs.gasCoins[0] as LedgerObject;
  const gas = objectSlot({ object: gasCoin, access: 'gas', isMutable: true }, { id: gasCoin.id, balance: gasBalance });
  const slots = transaction.inputs.map((input, i) => {
    if (input.kind === 'pure') return pureSlot(input.bytes);
    const origin = inputs.inputs[i];
    if (origin === undefined) throw new TypeError('an object input without its object');
    return objectSlot(origin, inputValue(origin.object, types));
  });
  return { gas, inputs: slots };
}

/** Pays for simulations that name no gas coin; never on the ledger. */
function mockGasCoin(transaction: TransactionData): LedgerObject {
  const id = objectIdFromBytes(
    blake2b256(concatBytes(utf8('simulated gas coin'), objectIdBytes(transaction.gas.owner))),
  );
  const contents = new Uint8Array(40);
  contents.set(objectIdBytes(id));
  new DataView(contents.buffer).setBigUint64(32, 1000n * MAX_GAS_BUDGET, true);
  return sealObject({
    id,
    version: 0n,
    owner: { kind: 'address', address: transaction.gas.owner },
    type: GAS_COIN_TYPE,
    hasPublicTransfer: true,
    contents,
    previousTransaction: new Uint8Array(32),
    storageRebate: 0n,
  });
}
