/**
 * A transaction as a client sends it in protobuf form: some inputs only named by their object id, gas not chosen. The
 * ledger resolves it (see `resolve-transaction.ts`). Parsing checks the form and the limits, not the meaning.
 */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import type { Digest, ObjectRef } from '../api.ts';
import { MAX_ARGUMENTS, MAX_COMMANDS, MAX_DEPENDENCIES, MAX_GAS_PAYMENTS, MAX_INPUTS, MAX_MODULES } from '../limits.ts';
import type { Argument, CallArg, Command, Expiration } from '../transaction-data.ts';
import { required, requiredDigest, requiredId, requiredType } from './arguments.ts';
import { rpcErrors } from './errors.ts';

/** An object input as far as the client fixed it. */
export interface UnresolvedInput {
  readonly kind: 'unresolved';
  readonly id: ObjectId;
  /** What the client says it is; undefined when it leaves that to the ledger. */
  readonly as?: 'owned' | 'shared' | 'receiving';
  /** Version of an owned object, initial version of a shared one. */
  readonly version?: bigint;
  readonly digest?: Digest;
  readonly mutable?: boolean;
}

export type DraftInput = Extract<CallArg, { kind: 'pure' }> | UnresolvedInput;

export interface TransactionDraft {
  readonly sender: SuiAddress | undefined;
  readonly inputs: readonly DraftInput[];
  readonly commands: readonly Command[];
  readonly gas: {
    readonly payment: readonly ObjectRef[];
    readonly owner: SuiAddress | undefined;
    readonly price: bigint | undefined;
    readonly budget: bigint | undefined;
  };
  readonly expiration: Expiration;
}

/** @throws RPC_MISSING_FIELD, RPC_INVALID_FIELD, RPC_UNSUPPORTED */
export function parseTransactionDraft(transaction: GrpcTypes.Transaction): TransactionDraft {
  const data = required('transaction.kind', transaction.kind).data;
  if (data.oneofKind !== 'programmableTransaction') {
    throw rpcErrors.RPC_UNSUPPORTED({ what: `a transaction of kind ${data.oneofKind ?? 'unknown'}` });
  }
  const { inputs, commands } = data.programmableTransaction;
  checkCount('inputs', inputs.length, MAX_INPUTS);
  checkCount('commands', commands.length, MAX_COMMANDS);
  return {
    sender: optional(transaction.sender, (text) => requiredId('transaction.sender', text)),
    inputs: inputs.map(parseInput),
    commands: commands.map(parseCommand),
    gas: parseGas(transaction.gasPayment),
    expiration: parseExpiration(transaction.expiration),
  };
}

function parseGas(gas: GrpcTypes.GasPayment | undefined): TransactionDraft['gas'] {
  checkCount('gas_payment.objects', gas?.objects.length ?? 0, MAX_GAS_PAYMENTS);
  return {
    payment: (gas?.objects ?? []).map((reference) => parseReference('gas_payment.objects', reference)),
    owner: optional(gas?.owner, (text) => requiredId('gas_payment.owner', text)),
    price: gas?.price,
    budget: gas?.budget,
  };
}

function parseReference(field: string, reference: GrpcTypes.ObjectReference): ObjectRef {
  return {
    id: requiredId(`${field}.object_id`, reference.objectId),
    version: required(`${field}.version`, reference.version),
    digest: requiredDigest(`${field}.digest`, reference.digest),
  };
}

function parseInput(input: GrpcTypes.Input, index: number): DraftInput {
  const Kind = GrpcTypes.Input_InputKind;
  const field = `inputs[${index}]`;
  switch (input.kind ?? Kind.INPUT_KIND_UNKNOWN) {
    case Kind.PURE:
      return { kind: 'pure', bytes: required(`${field}.pure`, input.pure) };
    case Kind.IMMUTABLE_OR_OWNED:
      return parseObject(field, input, 'owned');
    case Kind.SHARED:
      return parseObject(field, input, 'shared');
    case Kind.RECEIVING:
      return parseObject(field, input, 'receiving');
    case Kind.FUNDS_WITHDRAWAL:
      throw rpcErrors.RPC_UNSUPPORTED({ what: 'a withdrawal from an address balance as input' });
    case Kind.INPUT_KIND_UNKNOWN:
      if (input.pure !== undefined) return { kind: 'pure', bytes: input.pure };
      if (input.literal !== undefined) throw rpcErrors.RPC_UNSUPPORTED({ what: 'a literal as input' });
      return parseObject(field, input, undefined);
    default:
      throw rpcErrors.RPC_INVALID_FIELD({ field: `${field}.kind`, reason: `unknown kind ${input.kind}` });
  }
}

function parseObject(field: string, input: GrpcTypes.Input, as: UnresolvedInput['as']): UnresolvedInput {
  return {
    kind: 'unresolved',
    id: requiredId(`${field}.object_id`, input.objectId),
    as,
    version: input.version,
    digest: optional(input.digest, (text) => requiredDigest(`${field}.digest`, text)),
    mutable: input.mutable ?? mutabilityOf(input.mutability),
  };
}

function mutabilityOf(mutability: number | undefined): boolean | undefined {
  if (mutability === undefined || mutability === GrpcTypes.Input_Mutability.MUTABILITY_UNKNOWN) return undefined;
  return mutability !== GrpcTypes.Input_Mutability.IMMUTABLE;
}

function parseArgument(field: string, argument: GrpcTypes.Argument | undefined): Argument {
  const Kind = GrpcTypes.Argument_ArgumentKind;
  switch (argument?.kind) {
    case Kind.GAS:
      return { kind: 'gas' };
    case Kind.INPUT:
      return { kind: 'input', index: u16(`${field}.input`, argument.input) };
    case Kind.RESULT: {
      const command = u16(`${field}.result`, argument.result);
      if (argument.subresult === undefined) return { kind: 'result', command };
      return { kind: 'nested', command, index: u16(`${field}.subresult`, argument.subresult) };
    }
    default:
      throw rpcErrors.RPC_INVALID_FIELD({ field, reason: 'an argument is GAS, INPUT or RESULT' });
  }
}

function parseCommand({ command }: GrpcTypes.Command, index: number): Command {
  const field = `commands[${index}]`;
  const all = (name: string, items: readonly GrpcTypes.Argument[]): Argument[] => {
    checkCount(`${field}.${name}`, items.length, MAX_ARGUMENTS);
    return items.map((item) => parseArgument(`${field}.${name}`, item));
  };
  switch (command.oneofKind) {
    case 'moveCall': {
      const call = command.moveCall;
      return {
        kind: 'move-call',
        package: requiredId(`${field}.package`, call.package),
        module: required(`${field}.module`, call.module),
        function: required(`${field}.function`, call.function),
        typeArguments: call.typeArguments.map((text) => requiredType(`${field}.type_arguments`, text)),
        arguments: all('arguments', call.arguments),
      };
    }
    case 'transferObjects': {
      const { objects, address } = command.transferObjects;
      const recipient = parseArgument(`${field}.address`, address);
      return { kind: 'transfer-objects', objects: all('objects', objects), address: recipient };
    }
    case 'splitCoins': {
      const { coin, amounts } = command.splitCoins;
      return { kind: 'split-coins', coin: parseArgument(`${field}.coin`, coin), amounts: all('amounts', amounts) };
    }
    case 'mergeCoins': {
      const { coin, coinsToMerge } = command.mergeCoins;
      const destination = parseArgument(`${field}.coin`, coin);
      return { kind: 'merge-coins', destination, sources: all('coins_to_merge', coinsToMerge) };
    }
    case 'makeMoveVector': {
      const { elementType, elements } = command.makeMoveVector;
      const type = optional(elementType, (text) => requiredType(`${field}.element_type`, text));
      return { kind: 'make-move-vec', type, elements: all('elements', elements) };
    }
    case 'upgrade': {
      const { modules, dependencies, package: packageId, ticket } = command.upgrade;
      checkCount(`${field}.modules`, modules.length, MAX_MODULES);
      checkCount(`${field}.dependencies`, dependencies.length, MAX_DEPENDENCIES);
      return {
        kind: 'upgrade',
        modules,
        dependencies: dependencies.map((id) => requiredId(`${field}.dependencies`, id)),
        package: requiredId(`${field}.package`, packageId),
        ticket: parseArgument(`${field}.ticket`, ticket),
      };
    }
    case 'publish':
      throw rpcErrors.RPC_UNSUPPORTED({
        what: `${command.oneofKind}: this ledger runs built-in contracts only, which`,
      });
    case undefined:
      throw rpcErrors.RPC_MISSING_FIELD({ field });
  }
}

function parseExpiration(expiration: GrpcTypes.TransactionExpiration | undefined): Expiration {
  const Kind = GrpcTypes.TransactionExpiration_TransactionExpirationKind;
  switch (expiration?.kind) {
    case undefined:
    case Kind.TRANSACTION_EXPIRATION_KIND_UNKNOWN:
    case Kind.NONE:
      return { kind: 'none' };
    case Kind.EPOCH:
      return { kind: 'epoch', epoch: required('expiration.epoch', expiration.epoch) };
    case Kind.VALID_DURING:
      return {
        kind: 'valid-during',
        minEpoch: expiration.minEpoch,
        maxEpoch: expiration.epoch,
        minTimestamp: milliseconds('expiration.min_timestamp', expiration.minTimestamp),
        maxTimestamp: milliseconds('expiration.max_timestamp', expiration.maxTimestamp),
        chain: requiredDigest('expiration.chain', expiration.chain),
        nonce: expiration.nonce ?? 0,
      };
    default:
      throw rpcErrors.RPC_UNSUPPORTED({ what: 'this kind of expiration' });
  }
}

/** A time as a transaction holds it: milliseconds since 1970 in a u64. */
function milliseconds(
  field: string,
  time: { readonly seconds: bigint; readonly nanos: number } | undefined,
): bigint | undefined {
  if (time === undefined) return undefined;
  const ms = time.seconds * 1000n + BigInt(Math.floor(time.nanos / 1_000_000));
  if (ms < 0n || ms >= 1n << 64n) throw rpcErrors.RPC_INVALID_FIELD({ field, reason: `${ms} ms does not fit in u64` });
  return ms;
}

function u16(field: string, value: number | undefined): number {
  if (required(field, value) > 0xffff) throw rpcErrors.RPC_INVALID_FIELD({ field, reason: 'it does not fit in u16' });
  return value as number;
}

function optional<Value>(text: string | undefined, parse: (text: string) => Value): Value | undefined {
  return text === undefined || text === '' ? undefined : parse(text);
}

function checkCount(field: string, count: number, limit: number): void {
  if (count > limit) throw rpcErrors.RPC_INVALID_FIELD({ field, reason: `${count}, at most ${limit} are allowed` });
}
