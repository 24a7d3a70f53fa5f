/** The commands of a programmable transaction, over the arena. Sui's rules: programmable transaction commands. */
import {
  abortCode,
  type Ability,
  callParameters,
  functionSignature,
  type FunctionSignature,
  packageAt,
  type Parameter,
} from '@floe/contracts';
import type { Logger } from '@floe/platform';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type { CommandResult, MoveLocation, TypeName } from '../api.ts';
import { MAX_OUTPUT_BYTES } from '../limits.ts';
import type { Argument, Command, MoveCall } from '../transaction-data.ts';
import { coinOf, coinTypeName } from '../type-constants.ts';
import { type Arena, resultSlot, type Slot } from './arena.ts';
import type { Call, CertificateVerifier, Native } from './call.ts';
import type { Datatype, Datatypes } from './datatypes.ts';
import { ExecutionFailure, fail, failArgument } from './failure.ts';
import type { TransactionState } from './transaction-state.ts';
import { redeemTicket } from './upgrade-command.ts';
import type { WorkMeter } from './work-meter.ts';

/** A coin in the arena. */
export interface CoinValue {
  readonly id: ObjectId;
  readonly balance: bigint;
}

export interface CommandContext {
  readonly sender: SuiAddress;
  readonly timestampMs: bigint;
  readonly arena: Arena;
  readonly state: TransactionState;
  readonly types: Datatypes;
  readonly natives: ReadonlyMap<string, Native>;
  readonly certificates: CertificateVerifier;
  readonly meter: WorkMeter;
  readonly logger: Logger | undefined;
}

const MAX_U64 = (1n << 64n) - 1n;

/** Runs one command and keeps its results in the arena. @throws ExecutionFailure */
export function runCommand(command: Command, context: CommandContext): void {
  context.arena.beginCommand();
  context.arena.results.push(execute(command, context));
}

/** What the commands of a simulation returned, as bytes, up to a bound. */
export class CommandOutputs {
  readonly results: CommandResult[] = [];
  #bytes = 0;

  /** Of all that was encoded. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is more than is returned. */
  get isOverflowing(): boolean {
    return this.#bytes > MAX_OUTPUT_BYTES;
  }

  /** Adds what the last command returned. */
  add(context: CommandContext, index: number): void {
    const returnValues: CommandResult['returnValues'][number][] = [];
    for (const slot of context.arena.results[index] ?? []) {
      if (this.isOverflowing) return;
      const type = slot.type as TypeName;
      const bytes = context.types.get(type).codec.serialize(slot.value).toBytes();
      this.#bytes += bytes.length;
      returnValues.push({ type, bytes });
    }
    this.results.push({ returnValues });
  }
}

function execute(command: Command, context: CommandContext): Slot[] {
  switch (command.kind) {
    case 'move-call':
      return moveCall(command, context);
    case 'transfer-objects':
      return transferObjects(command.objects, command.address, context);
    case 'split-coins':
      return splitCoins(command.coin, command.amounts, context);
    case 'merge-coins':
      return mergeCoins(command.destination, command.sources, context);
    case 'make-move-vec':
      return makeMoveVec(command.type, command.elements, context);
    case 'upgrade':
      return redeemTicket(command, context);
  }
}

function transferObjects(objects: readonly Argument[], address: Argument, context: CommandContext): Slot[] {
  const { arena, types, state } = context;
  const taken = objects.map((argument, position) => {
    const type = arena.typeOf(argument, position);
    const datatype = type === undefined ? failArgument(position, 'InvalidTransferObject') : types.get(type);
    if (!isPublicObject(datatype)) failArgument(position, 'InvalidTransferObject');
    return { datatype, value: arena.take(argument, position, datatype, { allowGas: true }) as { id: ObjectId } };
  });
  const recipient = arena.take(address, objects.length, types.get('address')) as SuiAddress;
  for (const { datatype, value } of taken) {
    state.give(value.id, { type: datatype.type, value, owner: { kind: 'address', address: recipient } });
  }
  return [];
}

function splitCoins(coin: Argument, amounts: readonly Argument[], context: CommandContext): Slot[] {
  const { arena, types, state } = context;
  const slot = arena.write(coin, 0, coinDatatype(coin, 0, context));
  const u64 = types.get('u64');
  const wanted = amounts.map((argument, i) => arena.take(argument, i + 1, u64) as bigint);
  return wanted.map((amount) => {
    const whole = slot.value as CoinValue;
    if (whole.balance < amount) fail({ kind: 'InsufficientCoinBalance' });
    slot.value = { ...whole, balance: whole.balance - amount };
    return resultSlot(slot.type as TypeName, { id: state.freshId(), balance: amount });
  });
}

function mergeCoins(destination: Argument, sources: readonly Argument[], context: CommandContext): Slot[] {
  const { arena, state } = context;
  const datatype = coinDatatype(destination, 0, context);
  const slot = arena.write(destination, 0, datatype);
  for (const [i, argument] of sources.entries()) {
    const source = arena.take(argument, i + 1, datatype) as CoinValue;
    const whole = slot.value as CoinValue;
    const balance = whole.balance + source.balance;
    if (balance > MAX_U64) fail({ kind: 'CoinBalanceOverflow' });
    slot.value = { ...whole, balance };
    state.deleteId(source.id);
  }
  return [];
}

function makeMoveVec(named: TypeName | undefined, elements: readonly Argument[], context: CommandContext): Slot[] {
  const { arena, types, meter } = context;
  const first = elements[0];
  const type = named ?? (first === undefined ? undefined : arena.typeOf(first, 0));
  const datatype = type === undefined ? undefined : types.find(type);
  if (type === undefined) failArgument(0, 'InvalidMakeMoveVecNonObjectArgument');
  if (datatype === undefined) fail({ kind: 'TypeArgumentError', argumentIndex: 0, argumentError: 'TypeNotFound' });
  if (named === undefined && !datatype.abilities.includes('key')) {
    failArgument(0, 'InvalidMakeMoveVecNonObjectArgument');
  }
  const vector = types.find(`vector<${type}>`);
  // One level too deep for a type.
  if (vector === undefined) fail({ kind: 'TypeArgumentError', argumentIndex: 0, argumentError: 'TypeNotFound' });
  const values = elements.map((argument, position) => arena.take(argument, position, datatype));
  let bytes = elements.length < 128 ? 1 : 2;
  meter.make(bytes);
  for (const [position, argument] of elements.entries()) {
    const size = arena.sizeOf(argument, position, datatype);
    meter.make(size);
    bytes += size;
  }
  const value = type === 'u8' ? Uint8Array.from(values as number[]) : values;
  return [arena.sizedResult(vector.type, value, bytes)];
}

function coinDatatype(argument: Argument, position: number, { arena, types }: CommandContext): Datatype {
  const type = arena.typeOf(argument, position);
  const coinType = type === undefined ? undefined : coinTypeName(type);
  if (coinType === undefined) failArgument(position, 'TypeMismatch');
  return types.get(coinOf(coinType));
}

function isPublicObject(datatype: Datatype): boolean {
  return datatype.abilities.includes('key') && datatype.abilities.includes('store');
}

function moveCall(command: MoveCall, context: CommandContext): Slot[] {
  const { types } = context;
  const packageName = packageAt(command.package, types.addresses);
  const signature =
    packageName === undefined ? undefined : functionSignature(packageName, command.module, command.function);
  const run = context.natives.get(`${packageName}::${command.module}::${command.function}`);
  if (signature === undefined) fail({ kind: 'FunctionNotFound' });
  const reference = signature.returns.findIndex(({ ref }) => ref !== 'value');
  if (reference >= 0) fail({ kind: 'InvalidPublicFunctionReturnType', index: reference });
  // Declared for those who look it up, but not part of the contracts that this ledger runs.
  if (run === undefined) fail({ kind: 'FunctionNotFound' });
  const typeArguments = checkTypeArguments(command, signature, types);
  const parameters = callParameters(signature);
  if (parameters.length !== command.arguments.length) fail({ kind: 'ArityMismatch' });
  const returned = signature.returns.map(({ type }) => types.mentioned(type, typeArguments)?.type);
  // Of a type argument that is as deep as types can be.
  if (returned.includes(undefined))
    fail({ kind: 'TypeArgumentError', argumentIndex: 0, argumentError: 'TypeNotFound' });

  const values = command.arguments.map((argument, i) =>
    passArgument(argument, i, parameters[i] as Parameter, typeArguments, context),
  );
  const results = runNative(run, values, command, typeArguments, context);
  return returned.map((type, i) => resultSlot(type as TypeName, results[i]));
}

function checkTypeArguments(command: MoveCall, signature: FunctionSignature, types: Datatypes): readonly TypeName[] {
  if (command.typeArguments.length !== signature.typeParameters.length) fail({ kind: 'TypeArityMismatch' });
  for (const [argumentIndex, type] of command.typeArguments.entries()) {
    const datatype = types.find(type);
    if (datatype === undefined) fail({ kind: 'TypeArgumentError', argumentIndex, argumentError: 'TypeNotFound' });
    const needed: readonly Ability[] = signature.typeParameters[argumentIndex]?.abilities ?? [];
    if (!needed.every((ability) => datatype.abilities.includes(ability))) {
      fail({ kind: 'TypeArgumentError', argumentIndex, argumentError: 'ConstraintNotSatisfied' });
    }
  }
  return command.typeArguments;
}

function passArgument(
  argument: Argument,
  position: number,
  parameter: Parameter,
  typeArguments: readonly TypeName[],
  { arena, types }: CommandContext,
): unknown {
  const expected = types.mentioned(parameter.type, typeArguments);
  if (expected === undefined) failArgument(position, 'TypeMismatch');
  if (parameter.ref === 'mut') return arena.write(argument, position, expected);
  if (parameter.ref === 'imm') return arena.read(argument, position, expected);
  return arena.take(argument, position, expected);
}

function runNative(
  run: Native,
  values: readonly unknown[],
  command: MoveCall,
  typeArguments: readonly TypeName[],
  context: CommandContext,
): readonly unknown[] {
  const { state, sender, types } = context;
  const locate = (packageId: ObjectId, module: string): MoveLocation => ({
    package: packageId,
    module,
    functionIndex: 0,
    instruction: 0,
    functionName: command.function,
  });
  const call: Call = {
    sender,
    timestampMs: context.timestampMs,
    addresses: types.addresses,
    typeArguments,
    certificates: context.certificates,
    freshId: () => state.freshId(),
    isNew: (id) => state.freshIds.has(id),
    deleteId: (id) => state.deleteId(id),
    transfer: (type, value, owner) => state.give(value.id, { type, value, owner }),
    emit: (event) =>
      state.emit({ packageId: command.package, module: command.module, sender }, event, types.addresses.walrus),
    field: (place) => state.field(place),
    child: (place) => state.child(place),
    abort(module, constant, packageName = 'walrus') {
      const code = abortCode(module, constant, packageName === 'std' || packageName === 'sui');
      return fail({ kind: 'MoveAbort', location: locate(types.addresses[packageName], module), code });
    },
    work: (units) => context.meter.work(units),
    elements: (count) => context.meter.elements(count),
  };
  try {
    return run(call, values);
  } catch (error) {
    if (error instanceof ExecutionFailure && error.failure.kind === 'MovePrimitiveRuntimeError') {
      fail({ kind: 'MovePrimitiveRuntimeError', location: locate(command.package, command.module) });
    }
    throw error;
  }
}
