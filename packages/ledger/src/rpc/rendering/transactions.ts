/** Transactions as protobuf messages: the whole programmable transaction, and the record of its execution. */
import { GrpcTypes } from '@mysten/sui/grpc';
import type { ExecutionResult, LedgerObject } from '../../api.ts';
import type { Argument, CallArg, Command, Expiration, TransactionData } from '../../transaction-data.ts';
import { type FieldMask, maskOf, selects } from '../field-mask.ts';
import { type EventPosition, renderBalanceChanges, renderEffects, renderEvents } from './effects.ts';
import { renderObject } from './objects.ts';
import { digestText, renderReference, renderTimestamp } from './values.ts';

/** Version of the protobuf form of programmable transactions. */
const TRANSACTION_VERSION = 1;

/** What is known of an executed or simulated transaction beside its result. */
export interface ExecutionContext {
  readonly transactionBytes: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** Undefined for a simulation. */
  readonly position?: EventPosition;
  readonly timestampMs?: number;
  /** Objects to show in `objects`. */
  readonly objects?: readonly LedgerObject[];
}

/** The message of an execution; parts that cost something only when selected. The caller applies the mask. */
export function renderExecuted(
  result: ExecutionResult,
  context: ExecutionContext,
  mask: FieldMask,
): GrpcTypes.ExecutedTransaction {
  const { position, timestampMs } = context;
  return {
    digest: selects(mask, 'digest') ? digestText(result.digest) : undefined,
    transaction: selects(mask, 'transaction')
      ? renderTransaction(result.transaction, context.transactionBytes, digestText(result.digest))
      : undefined,
    signatures: selects(mask, 'signatures') ? context.signatures.map(renderSignature) : [],
    effects: selects(mask, 'effects') ? renderEffects(result, maskOf(mask, 'effects')) : undefined,
    events: selects(mask, 'events') ? renderEvents(result, position) : undefined,
    checkpoint: position?.checkpoint,
    timestamp: timestampMs === undefined ? undefined : renderTimestamp(timestampMs),
    balanceChanges: selects(mask, 'balance_changes') ? renderBalanceChanges(result) : [],
    objects: context.objects === undefined ? undefined : renderObjectSet(context.objects, mask),
    transactionIndex: position?.transactionIndex,
  };
}

/** A transaction with its BCS and every input and command. */
function renderTransaction(data: TransactionData, bytes: Uint8Array, digest: string): GrpcTypes.Transaction {
  return {
    bcs: { name: 'TransactionData', value: bytes },
    digest,
    version: TRANSACTION_VERSION,
    kind: {
      kind: GrpcTypes.TransactionKind_Kind.PROGRAMMABLE_TRANSACTION,
      data: {
        oneofKind: 'programmableTransaction',
        programmableTransaction: {
          inputs: data.inputs.map(renderInput),
          commands: data.commands.map(renderCommand),
        },
      },
    },
    sender: data.sender,
    gasPayment: {
      objects: data.gas.payment.map(renderReference),
      owner: data.gas.owner,
      price: data.gas.price,
      budget: data.gas.budget,
    },
    expiration: renderExpiration(data.expiration),
  };
}

/** A signature, taken apart when its scheme is a simple one (flag ‖ signature ‖ public key). */
export function renderSignature(signature: Uint8Array): GrpcTypes.UserSignature {
  const scheme = signature[0];
  const simple = scheme !== undefined && scheme <= GrpcTypes.SignatureScheme.SECP256R1 && signature.length > 65;
  return {
    bcs: { name: 'UserSignatureBytes', value: signature },
    scheme,
    signature: simple
      ? {
          oneofKind: 'simple',
          simple: { scheme, signature: signature.slice(1, 65), publicKey: signature.slice(65) },
        }
      : { oneofKind: undefined },
  };
}

function renderObjectSet(objects: readonly LedgerObject[], mask: FieldMask): GrpcTypes.ObjectSet | undefined {
  if (!selects(mask, 'objects')) return undefined;
  const objectMask = maskOf(maskOf(mask, 'objects'), 'objects');
  return { objects: objects.map((object) => renderObject(object, objectMask)) };
}

function renderInput(input: CallArg): GrpcTypes.Input {
  switch (input.kind) {
    case 'pure':
      return { kind: GrpcTypes.Input_InputKind.PURE, pure: input.bytes };
    case 'owned':
      return { kind: GrpcTypes.Input_InputKind.IMMUTABLE_OR_OWNED, ...renderReference(input.ref) };
    case 'receiving':
      return { kind: GrpcTypes.Input_InputKind.RECEIVING, ...renderReference(input.ref) };
    case 'shared':
      return {
        kind: GrpcTypes.Input_InputKind.SHARED,
        objectId: input.id,
        version: input.initialVersion,
        mutable: input.mutable,
        mutability: input.mutable ? GrpcTypes.Input_Mutability.MUTABLE : GrpcTypes.Input_Mutability.IMMUTABLE,
      };
  }
}

function renderArgument(argument: Argument): GrpcTypes.Argument {
  switch (argument.kind) {
    case 'gas':
      return { kind: GrpcTypes.Argument_ArgumentKind.GAS };
    case 'input':
      return { kind: GrpcTypes.Argument_ArgumentKind.INPUT, input: argument.index };
    case 'result':
      return { kind: GrpcTypes.Argument_ArgumentKind.RESULT, result: argument.command };
    case 'nested':
      return {
        kind: GrpcTypes.Argument_ArgumentKind.RESULT,
        result: argument.command,
        subresult: argument.index,
      };
  }
}

function renderCommand(command: Command): GrpcTypes.Command {
  switch (command.kind) {
    case 'move-call': {
      const moveCall = {
        package: command.package,
        module: command.module,
        function: command.function,
        typeArguments: [...command.typeArguments],
        arguments: command.arguments.map(renderArgument),
      };
      return { command: { oneofKind: 'moveCall', moveCall } };
    }
    case 'transfer-objects': {
      const objects = command.objects.map(renderArgument);
      const transferObjects = { objects, address: renderArgument(command.address) };
      return { command: { oneofKind: 'transferObjects', transferObjects } };
    }
    case 'split-coins': {
      const splitCoins = { coin: renderArgument(command.coin), amounts: command.amounts.map(renderArgument) };
      return { command: { oneofKind: 'splitCoins', splitCoins } };
    }
    case 'merge-coins': {
      const coinsToMerge = command.sources.map(renderArgument);
      const mergeCoins = { coin: renderArgument(command.destination), coinsToMerge };
      return { command: { oneofKind: 'mergeCoins', mergeCoins } };
    }
    case 'make-move-vec': {
      const makeMoveVector = { elementType: command.type, elements: command.elements.map(renderArgument) };
      return { command: { oneofKind: 'makeMoveVector', makeMoveVector } };
    }
    case 'upgrade': {
      const { modules, dependencies, package: packageId } = command;
      const ticket = renderArgument(command.ticket);
      const upgrade = { modules: [...modules], dependencies: [...dependencies], package: packageId, ticket };
      return { command: { oneofKind: 'upgrade', upgrade } };
    }
  }
}

function renderExpiration(expiration: Expiration): GrpcTypes.TransactionExpiration {
  const Kind = GrpcTypes.TransactionExpiration_TransactionExpirationKind;
  switch (expiration.kind) {
    case 'none':
      return { kind: Kind.NONE };
    case 'epoch':
      return { kind: Kind.EPOCH, epoch: expiration.epoch };
    case 'valid-during':
      return {
        kind: Kind.VALID_DURING,
        minEpoch: expiration.minEpoch,
        epoch: expiration.maxEpoch,
        minTimestamp: renderTime(expiration.minTimestamp),
        maxTimestamp: renderTime(expiration.maxTimestamp),
        chain: digestText(expiration.chain),
        nonce: expiration.nonce,
      };
  }
}

function renderTime(timeMs: bigint | undefined): { seconds: bigint; nanos: number } | undefined {
  return timeMs === undefined ? undefined : { seconds: timeMs / 1000n, nanos: Number(timeMs % 1000n) * 1_000_000 };
}
