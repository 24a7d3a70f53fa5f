import { GrpcTypes } from '@mysten/sui/grpc';
import { expect, test } from 'vitest';
import { parseTransactionDraft } from '../../src/rpc/transaction-draft.ts';

function draftUntil(seconds: bigint, nanos = 0): GrpcTypes.Transaction {
  const data = { oneofKind: 'programmableTransaction' as const, programmableTransaction: { inputs: [], commands: [] } };
  return GrpcTypes.Transaction.create({
    sender: `0x${'1'.repeat(64)}`,
    kind: { data },
    expiration: {
      kind: GrpcTypes.TransactionExpiration_TransactionExpirationKind.VALID_DURING,
      chain: '1'.repeat(32),
      maxTimestamp: { seconds, nanos },
    },
  });
}

test('an expiration time before 1970 or beyond a u64 of milliseconds is refused by the name of its field', () => {
  for (const [seconds, nanos] of [
    [-1n, 0],
    [0n, -1],
    [2n ** 63n - 1n, 0],
  ] as const) {
    expect(() => parseTransactionDraft(draftUntil(seconds, nanos))).toThrow(
      expect.objectContaining({
        code: 'RPC_INVALID_FIELD',
        message: expect.stringContaining('expiration.max_timestamp'),
      }),
    );
  }
  const { expiration } = parseTransactionDraft(draftUntil(5n, 7_900_000));
  expect(expiration).toMatchObject({ kind: 'valid-during', maxTimestamp: 5007n });
});
