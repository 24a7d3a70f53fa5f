/**
 * Why a transaction failed, as the SDK expects it: a kind, the command, a sentence, and details by kind. For a Move abort
 * the details carry code and location, and the constant's name where the contracts know it.
 */
import { abortName } from '@floe/contracts';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { ArgumentErrorKind, ExecutionError, ExecutionStatus, MoveLocation } from '../../api.ts';
import { digestText } from './values.ts';

const Kind = GrpcTypes.ExecutionError_ExecutionErrorKind;
const ArgumentKind = GrpcTypes.CommandArgumentError_CommandArgumentErrorKind;
const TypeKind = GrpcTypes.TypeArgumentError_TypeArgumentErrorKind;

type Details = GrpcTypes.ExecutionError['errorDetails'];
type Rendered = Pick<GrpcTypes.ExecutionError, 'kind' | 'description' | 'errorDetails'>;

const NO_DETAILS: Details = { oneofKind: undefined };

/** Kinds that say all there is to say. */
const PLAIN: Readonly<Record<Extract<ExecutionError, { kind: PlainKind }>['kind'], readonly [number, string]>> = {
  InsufficientGas: [Kind.INSUFFICIENT_GAS, 'Insufficient gas'],
  InvalidGasObject: [Kind.INVALID_GAS_OBJECT, 'Invalid gas object'],
  InvariantViolation: [Kind.INVARIANT_VIOLATION, 'The ledger could not run the command'],
  FeatureNotYetSupported: [Kind.FEATURE_NOT_YET_SUPPORTED, 'Feature is not supported by this ledger'],
  InsufficientCoinBalance: [Kind.INSUFFICIENT_COIN_BALANCE, 'Insufficient coin balance for operation'],
  CoinBalanceOverflow: [Kind.COIN_BALANCE_OVERFLOW, 'The coin balance overflows u64'],
  VMVerificationOrDeserializationError: [
    Kind.VM_VERIFICATION_OR_DESERIALIZATION_ERROR,
    'The modules are not those of rules that this ledger has',
  ],
  PublishUpgradeMissingDependency: [Kind.PUBLISH_UPGRADE_MISSING_DEPENDENCY, 'A dependency of the upgrade is missing'],
  FunctionNotFound: [Kind.FUNCTION_NOT_FOUND, 'Function not found'],
  ArityMismatch: [Kind.ARITY_MISMATCH, 'The number of arguments does not match the function'],
  TypeArityMismatch: [Kind.TYPE_ARITY_MISMATCH, 'The number of type arguments does not match the function'],
  InvalidTransferObject: [Kind.INVALID_TRANSFER_OBJECT, 'The object has no public transfer: its type lacks store'],
  SharedObjectOperationNotAllowed: [
    Kind.CONSENSUS_OBJECT_OPERATION_NOT_ALLOWED,
    'The operation is not allowed on a shared object',
  ],
};

type PlainKind =
  | 'InvariantViolation'
  | 'VMVerificationOrDeserializationError'
  | 'PublishUpgradeMissingDependency'
  | 'InsufficientGas'
  | 'InvalidGasObject'
  | 'FeatureNotYetSupported'
  | 'InsufficientCoinBalance'
  | 'CoinBalanceOverflow'
  | 'FunctionNotFound'
  | 'ArityMismatch'
  | 'TypeArityMismatch'
  | 'InvalidTransferObject'
  | 'SharedObjectOperationNotAllowed';

const ARGUMENT: Readonly<Record<ArgumentErrorKind, number>> = {
  TypeMismatch: ArgumentKind.TYPE_MISMATCH,
  InvalidBCSBytes: ArgumentKind.INVALID_BCS_BYTES,
  InvalidUsageOfPureArg: ArgumentKind.INVALID_USAGE_OF_PURE_ARGUMENT,
  InvalidArgumentToPrivateEntryFunction: ArgumentKind.INVALID_ARGUMENT_TO_PRIVATE_ENTRY_FUNCTION,
  IndexOutOfBounds: ArgumentKind.INDEX_OUT_OF_BOUNDS,
  SecondaryIndexOutOfBounds: ArgumentKind.SECONDARY_INDEX_OUT_OF_BOUNDS,
  InvalidResultArity: ArgumentKind.INVALID_RESULT_ARITY,
  InvalidGasCoinUsage: ArgumentKind.INVALID_GAS_COIN_USAGE,
  InvalidValueUsage: ArgumentKind.INVALID_VALUE_USAGE,
  InvalidObjectByValue: ArgumentKind.INVALID_OBJECT_BY_VALUE,
  InvalidObjectByMutRef: ArgumentKind.INVALID_OBJECT_BY_MUT_REF,
  SharedObjectOperationNotAllowed: ArgumentKind.CONSENSUS_OBJECT_OPERATION_NOT_ALLOWED,
  InvalidArgumentArity: ArgumentKind.INVALID_ARGUMENT_ARITY,
  InvalidTransferObject: ArgumentKind.INVALID_TRANSFER_OBJECT,
  InvalidMakeMoveVecNonObjectArgument: ArgumentKind.INVALID_MAKE_MOVE_VEC_NON_OBJECT_ARGUMENT,
  ArgumentWithoutValue: ArgumentKind.ARGUMENT_WITHOUT_VALUE,
  CannotMoveBorrowedValue: ArgumentKind.CANNOT_MOVE_BORROWED_VALUE,
  CannotWriteToExtendedReference: ArgumentKind.CANNOT_WRITE_TO_EXTENDED_REFERENCE,
  InvalidReferenceArgument: ArgumentKind.INVALID_REFERENCE_ARGUMENT,
  InvalidTxContext: ArgumentKind.INVALID_TX_CONTEXT,
};

/** A status: `success`, and on failure the error, which clients require to be there. */
export function renderStatus(status: ExecutionStatus): GrpcTypes.ExecutionStatus {
  if (status.success) return { success: true };
  const error = renderError(status.error);
  const where = status.command === undefined ? '' : ` in command ${status.command}`;
  return {
    success: false,
    error: {
      ...error,
      description: `${error.description}${where}`,
      command: status.command === undefined ? undefined : BigInt(status.command),
    },
  };
}

function renderError(error: ExecutionError): Rendered {
  switch (error.kind) {
    case 'MoveAbort':
      return moveAbort(error.location, error.code);
    case 'MovePrimitiveRuntimeError':
      return {
        kind: Kind.MOVE_PRIMITIVE_RUNTIME_ERROR,
        description: `Arithmetic or other primitive error${error.location === undefined ? '' : placeOf(error.location)}`,
        errorDetails:
          error.location === undefined
            ? NO_DETAILS
            : { oneofKind: 'abort', abort: { location: renderLocation(error.location) } },
      };
    case 'MoveObjectTooBig':
      return tooLarge(Kind.OBJECT_TOO_BIG, 'object', error.objectSize, error.maxObjectSize);
    case 'MoveVectorElemTooBig':
      return tooLarge(Kind.MOVE_VECTOR_ELEM_TOO_BIG, 'vectors made', error.valueSize, error.maxScaledSize);
    case 'EffectsTooLarge':
      return tooLarge(Kind.EFFECTS_TOO_LARGE, 'effects', error.currentSize, error.maxSize);
    case 'CommandArgumentError':
      return commandArgument(error);
    case 'TypeArgumentError':
      return typeArgument(error);
    case 'UnusedValueWithoutDrop':
      return unusedValue(error);
    case 'InvalidPublicFunctionReturnType':
      return {
        kind: Kind.INVALID_PUBLIC_FUNCTION_RETURN_TYPE,
        description: `The function returns a reference, at ${error.index}: no command can hold it`,
        errorDetails: { oneofKind: 'indexError', indexError: { index: error.index } },
      };
    case 'PackageUpgradeError':
      return packageUpgrade(error);
    default: {
      const [kind, description] = PLAIN[error.kind];
      return { kind, description, errorDetails: NO_DETAILS };
    }
  }
}

function packageUpgrade(error: Extract<ExecutionError, { kind: 'PackageUpgradeError' }>): Rendered {
  const UpgradeKind = GrpcTypes.PackageUpgradeError_PackageUpgradeErrorKind;
  const { packageUpgradeError, why } = (() => {
    switch (error.reason) {
      case 'UnableToFetchPackage': {
        const { packageId } = error;
        const packageUpgradeError = { kind: UpgradeKind.UNABLE_TO_FETCH_PACKAGE, packageId };
        return { packageUpgradeError, why: `there is no package ${packageId}` };
      }
      case 'DigestDoesNotMatch': {
        const packageUpgradeError = { kind: UpgradeKind.DIGEST_DOES_NOT_MATCH, digest: digestText(error.digest) };
        return { packageUpgradeError, why: 'the modules are not those that were voted for' };
      }
      case 'UnknownUpgradePolicy': {
        const packageUpgradeError = { kind: UpgradeKind.UNKNOWN_UPGRADE_POLICY, policy: error.policy };
        return { packageUpgradeError, why: `there is no policy ${error.policy}` };
      }
      case 'PackageIDDoesNotMatch': {
        const { packageId, ticketId } = error;
        const packageUpgradeError = { kind: UpgradeKind.PACKAGE_ID_DOES_NOT_MATCH, packageId, ticketId };
        return { packageUpgradeError, why: `the ticket is of ${ticketId}, not of ${packageId}` };
      }
    }
  })();
  return {
    kind: Kind.PACKAGE_UPGRADE_ERROR,
    description: `Package upgrade failed: ${why}`,
    errorDetails: { oneofKind: 'packageUpgradeError', packageUpgradeError },
  };
}

function moveAbort(location: MoveLocation, code: bigint): Rendered {
  const constantName = abortName(location.module, code, isFramework(location.package));
  const named = constantName === undefined ? '' : ` (${constantName})`;
  return {
    kind: Kind.MOVE_ABORT,
    description: `Move abort with code ${code}${named}${placeOf(location)}`,
    errorDetails: {
      oneofKind: 'abort',
      abort: {
        abortCode: code,
        location: renderLocation(location),
        cleverError: constantName === undefined ? undefined : { constantName, value: { oneofKind: undefined } },
      },
    },
  };
}

/** Whether an address is the Move standard library's (0x1) or the Sui framework's (0x2). */
function isFramework(address: string): boolean {
  return BigInt(address) === 1n || BigInt(address) === 2n;
}

function renderLocation(location: MoveLocation): GrpcTypes.MoveLocation {
  return {
    package: location.package,
    module: location.module,
    function: location.functionIndex,
    instruction: location.instruction,
    functionName: location.functionName,
  };
}

function placeOf(location: MoveLocation): string {
  const name = location.functionName === undefined ? '' : `::${location.functionName}`;
  return ` in ${location.package}::${location.module}${name}`;
}

function tooLarge(kind: number, what: string, size: bigint, maxSize: bigint): Rendered {
  return {
    kind,
    description: `The ${what} of ${size} bytes exceeds the maximum of ${maxSize}`,
    errorDetails: { oneofKind: 'sizeError', sizeError: { size, maxSize } },
  };
}

function commandArgument(error: Extract<ExecutionError, { kind: 'CommandArgumentError' }>): Rendered {
  const indexError = error.index === undefined ? undefined : { index: error.index, subresult: error.secondaryIndex };
  return {
    kind: Kind.COMMAND_ARGUMENT_ERROR,
    description: `Invalid command argument at ${error.argumentIndex}: ${error.argumentError}`,
    errorDetails: {
      oneofKind: 'commandArgumentError',
      commandArgumentError: { argument: error.argumentIndex, kind: ARGUMENT[error.argumentError], indexError },
    },
  };
}

function typeArgument(error: Extract<ExecutionError, { kind: 'TypeArgumentError' }>): Rendered {
  const kind = error.argumentError === 'TypeNotFound' ? TypeKind.TYPE_NOT_FOUND : TypeKind.CONSTRAINT_NOT_SATISFIED;
  return {
    kind: Kind.TYPE_ARGUMENT_ERROR,
    description: `Invalid type argument at ${error.argumentIndex}: ${error.argumentError}`,
    errorDetails: {
      oneofKind: 'typeArgumentError',
      typeArgumentError: { typeArgument: error.argumentIndex, kind },
    },
  };
}

function unusedValue(error: Extract<ExecutionError, { kind: 'UnusedValueWithoutDrop' }>): Rendered {
  const { resultIndex, secondaryIndex } = error;
  return {
    kind: Kind.UNUSED_VALUE_WITHOUT_DROP,
    description: `Value ${secondaryIndex} of result ${resultIndex} is left over and its type has no drop`,
    errorDetails: { oneofKind: 'indexError', indexError: { index: resultIndex, subresult: secondaryIndex } },
  };
}
