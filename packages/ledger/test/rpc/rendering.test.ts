import { GrpcTypes, parseGrpcTransactionResponse } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import { describe, expect, it } from 'vitest';
import type { ExecutionError, ExecutionStatus, ObjectChange } from '../../src/api.ts';
import { fullMask } from '../../src/rpc/field-mask.ts';
import { renderStatus } from '../../src/rpc/rendering/execution-errors.ts';
import { renderExecuted, renderSignature } from '../../src/rpc/rendering/transactions.ts';
import { renderTimestamp } from '../../src/rpc/rendering/values.ts';
import { ADDRESSES, SUI_COIN, digestOf, idOf, simulationOf, transactionData } from './support/fake-ledger.ts';

const SENDER = idOf(0xabc);
const include = { effects: true, events: true, balanceChanges: true, objectTypes: true, transaction: true } as const;

/** Renders an execution, passes it over the wire, and reads it as the official client does. */
function readBySdk(status: ExecutionStatus, changedObjects: readonly ObjectChange[] = []) {
  const base = simulationOf(transactionData(SENDER));
  const result = {
    ...base,
    effects: { ...base.effects, status, changedObjects, gasObjectIndex: changedObjects.length > 0 ? 0 : undefined },
    objectTypes: changedObjects.map(() => SUI_COIN),
    events: [
      { packageId: ADDRESSES.walrus, module: 'system', sender: SENDER, type: '0x1::a::B', contents: Uint8Array.of(7) },
    ],
    balanceChanges: [{ address: SENDER, coinType: '0x2::sui::SUI', amount: -5n }],
  };
  const withEvents = { ...result, effects: { ...result.effects, eventsDigest: digestOf(8) } };
  const context = { transactionBytes: Uint8Array.of(1), signatures: [], timestampMs: 1_700_000_000_123 };
  const message = renderExecuted(withEvents, context, fullMask);
  const wire = GrpcTypes.ExecutedTransaction.toBinary(message);
  return parseGrpcTransactionResponse(GrpcTypes.ExecutedTransaction.fromBinary(wire), { include });
}

const failed = (error: ExecutionError): ExecutionStatus => ({ success: false, error, command: 1 });

describe('an executed transaction', () => {
  it('is read by the official client with effects, events and balance changes', () => {
    const owner = { kind: 'address', address: SENDER } as const;
    const changes: ObjectChange[] = [
      {
        id: idOf(1),
        input: { version: 3n, digest: digestOf(1), owner },
        output: { digest: digestOf(2), owner: { kind: 'shared', initialVersion: 4n } },
        idOperation: 'none',
      },
      { id: idOf(2), input: undefined, output: { digest: digestOf(3), owner }, idOperation: 'created' },
      { id: idOf(3), input: { version: 1n, digest: digestOf(4), owner }, output: undefined, idOperation: 'deleted' },
    ];
    const { Transaction: transaction } = readBySdk({ success: true }, changes);
    expect(transaction).toMatchObject({
      status: { success: true },
      timestampMs: 1_700_000_000_123,
      balanceChanges: [{ address: SENDER, coinType: '0x2::sui::SUI', amount: '-5' }],
      events: [{ packageId: ADDRESSES.walrus, module: 'system', eventType: '0x1::a::B', bcs: Uint8Array.of(7) }],
      objectTypes: { [idOf(1)]: SUI_COIN, [idOf(2)]: SUI_COIN, [idOf(3)]: SUI_COIN },
      transaction: { sender: SENDER, gasData: { budget: '1000000', price: '1000' }, expiration: { None: true } },
    });
    expect(transaction?.effects).toMatchObject({
      lamportVersion: '4',
      gasObject: { objectId: idOf(1) },
      changedObjects: [
        {
          inputState: 'Exists',
          inputVersion: '3',
          inputOwner: { AddressOwner: SENDER },
          outputState: 'ObjectWrite',
          outputVersion: '4',
          outputDigest: toBase58(digestOf(2)),
          outputOwner: { Shared: { initialSharedVersion: '4' } },
          idOperation: 'None',
        },
        { inputState: 'DoesNotExist', inputVersion: null, outputState: 'ObjectWrite', idOperation: 'Created' },
        { inputState: 'Exists', outputState: 'DoesNotExist', outputVersion: null, idOperation: 'Deleted' },
      ],
    });
  });

  it('shows where a contract aborted, and the name of the code', () => {
    const location = {
      package: ADDRESSES.walrus,
      module: 'system_state_inner',
      functionIndex: 4,
      instruction: 17,
      functionName: 'reserve_space',
    };
    const { FailedTransaction } = readBySdk(failed({ kind: 'MoveAbort', location, code: 2n }));
    expect(FailedTransaction?.status.error).toMatchObject({
      $kind: 'MoveAbort',
      command: 1,
      message: `MoveAbort in 2nd command, 'EInvalidEpochsAhead', in '${ADDRESSES.walrus}::system_state_inner::reserve_space' (instruction 17)`,
      MoveAbort: {
        abortCode: '2',
        location: { package: ADDRESSES.walrus, module: 'system_state_inner', functionName: 'reserve_space' },
        cleverError: { constantName: 'EInvalidEpochsAhead' },
      },
    });
  });

  it('names framework codes by the framework, and leaves unknown codes as numbers', () => {
    const at = (address: typeof SENDER, module: string, code: bigint) => {
      const location = { package: address, module, functionIndex: 0, instruction: 0, functionName: undefined };
      return readBySdk(failed({ kind: 'MoveAbort', location, code })).FailedTransaction?.status.error?.message;
    };
    expect(at(ADDRESSES.sui, 'balance', 2n)).toContain("'ENotEnough'");
    expect(at(ADDRESSES.walrus, 'blob', 999n)).toContain('abort code: 999');
    expect(at(ADDRESSES.walrus, 'blob', 2n ** 64n - 1n)).toContain('abort code: 18446744073709551615');
  });

  it.each([
    [{ kind: 'InsufficientGas' }, 'Unknown', 'Insufficient gas'],
    [{ kind: 'FunctionNotFound' }, 'Unknown', 'Function not found'],
    [{ kind: 'MoveObjectTooBig', objectSize: 9n, maxObjectSize: 5n }, 'SizeError', '9 bytes exceeds the maximum of 5'],
    [{ kind: 'EffectsTooLarge', currentSize: 9n, maxSize: 5n }, 'SizeError', '9 bytes exceeds the maximum of 5'],
    [
      { kind: 'CommandArgumentError', argumentIndex: 2, argumentError: 'TypeMismatch' },
      'CommandArgumentError',
      'at 2: TypeMismatch',
    ],
    [
      { kind: 'TypeArgumentError', argumentIndex: 1, argumentError: 'ConstraintNotSatisfied' },
      'TypeArgumentError',
      'at 1: ConstraintNotSatisfied',
    ],
    [{ kind: 'UnusedValueWithoutDrop', resultIndex: 3, secondaryIndex: 1 }, 'IndexError', 'value 1 of result 3'],
    [{ kind: 'InvalidPublicFunctionReturnType', index: 1 }, 'IndexError', 'returns a reference'],
    [{ kind: 'MovePrimitiveRuntimeError', location: undefined }, 'Unknown', 'primitive error'],
  ] as const satisfies readonly (readonly [ExecutionError, string, string])[])(
    'gives the client a sentence for %o',
    (error, kind, sentence) => {
      const rendered = readBySdk(failed(error)).FailedTransaction?.status.error;
      expect(rendered).toMatchObject({ $kind: kind, command: 1 });
      expect(rendered?.message.toLowerCase()).toContain(sentence.toLowerCase());
      expect(rendered?.message).toContain('in command 1');
    },
  );

  it('has an error whenever it failed, also without a command', () => {
    const status = renderStatus({ success: false, error: { kind: 'InsufficientGas' }, command: undefined });
    expect(status).toMatchObject({ success: false, error: { kind: 1, description: 'Insufficient gas' } });
    expect(status.error?.command).toBeUndefined();
  });
});

describe('signatures and times', () => {
  it('takes simple signatures apart and leaves others whole', () => {
    const simple = Uint8Array.of(0, ...new Uint8Array(64).fill(1), ...new Uint8Array(32).fill(2));
    expect(renderSignature(simple)).toMatchObject({
      scheme: GrpcTypes.SignatureScheme.ED25519,
      signature: { oneofKind: 'simple', simple: { publicKey: new Uint8Array(32).fill(2) } },
    });
    const multisig = Uint8Array.of(3, 1, 2, 3);
    expect(renderSignature(multisig)).toEqual({
      bcs: { name: 'UserSignatureBytes', value: multisig },
      scheme: 3,
      signature: { oneofKind: undefined },
    });
  });

  it('splits milliseconds into seconds and nanoseconds', () => {
    expect(renderTimestamp(1_700_000_000_999)).toEqual({ seconds: 1_700_000_000n, nanos: 999_000_000 });
    expect(renderTimestamp(0)).toEqual({ seconds: 0n, nanos: 0 });
  });
});
