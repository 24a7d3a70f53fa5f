/**
 * Resolution of a transaction draft: what a client leaves open, the ledger fills in. Inputs keep their order; an object
 * named by id becomes an owned reference or a shared one with its initial version; a shared object is taken mutably
 * when any command takes it by `&mut` or by value.
 *
 * Gas: all SUI coins of the gas owner that are not inputs, at most 256 of them, and a budget from a dry run with margin.
 */
import { callParameters } from '@floe/contracts';
import { equalBytes, isFloeError } from '@floe/platform';
import { type ObjectId, type SuiAddress, parseObjectId } from '@floe/protocol';
import type { LedgerApi, LedgerObject, ObjectRef } from '../api.ts';
import { errors } from '../errors.ts';
import { MAX_GAS_BUDGET } from '../limits.ts';
import type { Argument, CallArg, Command, TransactionData } from '../transaction-data.ts';
import { rpcErrors } from './errors.ts';
import { rpcLimits } from './limits.ts';
import { coinBalance } from './rendering/objects.ts';
import type { DraftInput, TransactionDraft, UnresolvedInput } from './transaction-draft.ts';

/** Units of computation added to an estimated budget: prices move little between estimate and execution. */
const BUDGET_OVERHEAD_UNITS = 1000n;

const ZERO_ADDRESS: SuiAddress = parseObjectId('0x0');

export interface ResolveOptions {
  /** Choose what is missing of gas payment and budget. Otherwise a missing payment stays empty. */
  readonly selectGas: boolean;
}

/**
 * The transaction with everything filled in.
 * @throws RPC_NOT_FOUND, RPC_INVALID_FIELD, STALE_OBJECT, RPC_INSUFFICIENT_GAS_BALANCE
 */
export function resolveTransaction(
  ledger: LedgerApi,
  draft: TransactionDraft,
  options: ResolveOptions,
): TransactionData {
  const sender = draft.sender ?? ZERO_ADDRESS;
  const transaction: TransactionData = {
    sender,
    inputs: resolveInputs(ledger, draft),
    commands: draft.commands,
    gas: {
      payment: draft.gas.payment,
      owner: draft.gas.owner ?? sender,
      price: draft.gas.price ?? ledger.epochInfo().referenceGasPrice,
      budget: draft.gas.budget ?? MAX_GAS_BUDGET,
    },
    expiration: draft.expiration,
  };
  return options.selectGas ? selectGas(ledger, transaction, draft.gas.budget) : transaction;
}

/**
 * Fills in an empty payment, and the budget unless it is given.
 * @throws RPC_INSUFFICIENT_GAS_BALANCE
 */
export function selectGas(
  ledger: LedgerApi,
  transaction: TransactionData,
  fixedBudget: bigint | undefined,
): TransactionData {
  const { gas } = transaction;
  const coins = gas.payment.length > 0 ? undefined : gasCoinsFor(ledger, transaction);
  const payment = coins?.map(referenceOf) ?? gas.payment;
  const funded = { ...transaction, gas: { ...gas, payment } };
  const budget = fixedBudget ?? estimateBudget(ledger, funded);
  if (coins !== undefined) {
    const balance = coins.reduce((sum, coin) => sum + (coinBalance(coin) ?? 0n), 0n);
    if (balance < budget) {
      throw rpcErrors.RPC_INSUFFICIENT_GAS_BALANCE({ owner: gas.owner, balance, required: budget });
    }
  }
  return { ...funded, gas: { ...funded.gas, budget } };
}

function gasCoinsFor(ledger: LedgerApi, { inputs, gas }: TransactionData): LedgerObject[] {
  const used = new Set(inputs.flatMap((input) => (input.kind === 'owned' ? [input.ref.id] : [])));
  return ledger.gasCoins(gas.owner, used, rpcLimits.gasCoins);
}

/** Cost of a dry run without the rebate, a tenth more, and the overhead; a failed run is charged like any other. */
function estimateBudget(ledger: LedgerApi, transaction: TransactionData): bigint {
  const { gasUsed } = ledger.simulate(transaction, { checks: 'disabled', outputs: false }).effects;
  const cost = gasUsed.computationCost + gasUsed.storageCost;
  const budget = cost + cost / 10n + BUDGET_OVERHEAD_UNITS * transaction.gas.price;
  return budget < MAX_GAS_BUDGET ? budget : MAX_GAS_BUDGET;
}

function resolveInputs(ledger: LedgerApi, draft: TransactionDraft): CallArg[] {
  const mutable = mutableInputs(ledger, draft.commands);
  return draft.inputs.map((input, index) => resolveInput(ledger, input, mutable.has(index)));
}

function resolveInput(ledger: LedgerApi, input: DraftInput, usedMutably: boolean): CallArg {
  if (input.kind === 'pure') return input;
  // What the client fixed entirely is left to the checks at execution, as with a signed transaction.
  if (input.as === 'shared' && input.version !== undefined && input.mutable !== undefined) {
    return { kind: 'shared', id: input.id, initialVersion: input.version, mutable: input.mutable };
  }
  if (input.as !== undefined && input.as !== 'shared' && input.version !== undefined && input.digest !== undefined) {
    return { kind: input.as, ref: { id: input.id, version: input.version, digest: input.digest } };
  }
  const object = ledger.getObject(input.id);
  if (object === undefined) throw rpcErrors.RPC_NOT_FOUND({ what: 'Object', id: input.id });
  if (object.owner.kind === 'shared') return resolveShared(object, object.owner.initialVersion, input, usedMutably);
  return resolveOwned(object, input);
}

function resolveShared(
  object: LedgerObject,
  initialVersion: bigint,
  input: UnresolvedInput,
  usedMutably: boolean,
): CallArg {
  if (input.as !== undefined && input.as !== 'shared') throw mismatch(input, 'is shared');
  if (input.version !== undefined && input.version !== initialVersion) {
    throw mismatch(input, `has initial shared version ${initialVersion}, not ${input.version}`);
  }
  return { kind: 'shared', id: object.id, initialVersion, mutable: input.mutable ?? usedMutably };
}

function resolveOwned(object: LedgerObject, input: UnresolvedInput): CallArg {
  if (input.as === 'shared') throw mismatch(input, 'is not shared');
  if (object.owner.kind === 'object') {
    throw mismatch(input, `belongs to the object ${object.owner.parent}; child objects cannot be inputs`);
  }
  if (input.version !== undefined && input.version !== object.version) {
    throw errors.STALE_OBJECT({
      objectId: object.id,
      currentVersion: object.version.toString(),
      version: input.version.toString(),
    });
  }
  if (input.digest !== undefined && !equalBytes(input.digest, object.digest)) {
    throw mismatch(input, `has another digest at version ${object.version}`);
  }
  return { kind: input.as === 'receiving' ? 'receiving' : 'owned', ref: referenceOf(object) };
}

/** Indices of inputs that a command takes by `&mut` or by value. */
function mutableInputs(ledger: LedgerApi, commands: readonly Command[]): ReadonlySet<number> {
  const taken = commands.flatMap((command) => argumentsTakenMutably(ledger, command));
  return new Set(taken.flatMap((argument) => (argument.kind === 'input' ? [argument.index] : [])));
}

function argumentsTakenMutably(ledger: LedgerApi, command: Command): readonly Argument[] {
  switch (command.kind) {
    case 'move-call': {
      const signature = signatureOf(ledger, command.package, command.module, command.function);
      // An unknown function fails in execution; until then the cautious answer is mutable.
      const parameters = signature === undefined ? undefined : callParameters(signature);
      return command.arguments.filter((_argument, index) => parameters?.[index]?.ref !== 'imm');
    }
    case 'transfer-objects':
      return command.objects;
    case 'split-coins':
      return [command.coin];
    case 'merge-coins':
      return [command.destination, ...command.sources];
    case 'make-move-vec':
      return command.elements;
    case 'upgrade':
      return [command.ticket];
  }
}

function signatureOf(ledger: LedgerApi, packageId: ObjectId, module: string, name: string) {
  try {
    return ledger.packageFunction(packageId, module, name);
  } catch (error) {
    if (isFloeError(error)) return undefined;
    throw error;
  }
}

function referenceOf(object: LedgerObject): ObjectRef {
  return { id: object.id, version: object.version, digest: object.digest };
}

function mismatch(input: UnresolvedInput, reason: string): Error {
  return rpcErrors.RPC_INVALID_FIELD({ field: `input ${input.id}`, reason: `the object ${reason}` });
}
