import { isFloeError } from '@floe/platform';
import { bcs } from '@mysten/sui/bcs';
import { GrpcTypes } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import { describe, expect, it } from 'vitest';
import { createLedgerDispatcher } from '../../src/rpc/handler.ts';
import { decodeTransactionData, encodeTransactionData } from '../../src/transaction-data.ts';
import {
  ADDRESSES,
  coinOf,
  createFakeLedger,
  digestOf,
  idOf,
  objectOf,
  transactionData,
} from './support/fake-ledger.ts';
import { mutate } from './support/mutation.ts';
import { seededRandom } from './support/random.ts';

const SENDER = idOf(0xabc);
const seed = Number(process.env['FLOE_SEED'] ?? 20241);
const rounds = Number(process.env['FLOE_FUZZ_ROUNDS'] ?? 400);

const ledger = createFakeLedger([
  coinOf(1, SENDER, 10n ** 12n),
  coinOf(5, SENDER, 10n ** 12n),
  objectOf(2, { kind: 'shared', initialVersion: 2n }, `${ADDRESSES.walrus}::system::System`),
]);
for (let i = 0; i < 3; i += 1) ledger.commit([{ sender: SENDER }]);
const dispatcher = createLedgerDispatcher(ledger);

const argument = (input: number): GrpcTypes.Argument => ({ kind: GrpcTypes.Argument_ArgumentKind.INPUT, input });
const draft: GrpcTypes.Transaction = {
  sender: SENDER,
  gasPayment: { objects: [], owner: SENDER, price: 1000n },
  kind: {
    data: {
      oneofKind: 'programmableTransaction',
      programmableTransaction: {
        inputs: [{ objectId: idOf(2) }, { kind: 1, pure: Uint8Array.of(1, 2) }, { objectId: idOf(1), version: 3n }],
        commands: [
          {
            command: {
              oneofKind: 'moveCall',
              moveCall: {
                package: ADDRESSES.walrus,
                module: 'system',
                function: 'reserve_space',
                typeArguments: ['0x2::coin::Coin<0x2::sui::SUI>'],
                arguments: [argument(0), argument(1), { kind: 3, result: 0, subresult: 1 }],
              },
            },
          },
          { command: { oneofKind: 'splitCoins', splitCoins: { coin: { kind: 1 }, amounts: [argument(1)] } } },
          { command: { oneofKind: 'makeMoveVector', makeMoveVector: { elementType: 'u8', elements: [argument(1)] } } },
        ],
      },
    },
  },
};
const term = {
  literals: [{ negated: true, predicate: { oneofKind: 'sender', sender: { address: SENDER } } as const }],
};
const readMask = { paths: ['digest', 'effects.status'] };

/** A valid request of each kind of method. */
const requests: readonly (readonly [method: string, message: Uint8Array])[] = [
  [
    'TransactionExecutionService/SimulateTransaction',
    GrpcTypes.SimulateTransactionRequest.toBinary({ transaction: draft, doGasSelection: true }),
  ],
  [
    'TransactionExecutionService/SimulateTransaction',
    GrpcTypes.SimulateTransactionRequest.toBinary({
      transaction: { bcs: { value: encodeTransactionData(transactionData(SENDER)) } },
    }),
  ],
  [
    'LedgerService/BatchGetObjects',
    GrpcTypes.BatchGetObjectsRequest.toBinary({
      requests: [{ objectId: idOf(1) }, { objectId: idOf(2), version: 3n }],
      readMask: { paths: ['owner', 'bcs'] },
    }),
  ],
  [
    'LedgerService/GetTransaction',
    GrpcTypes.GetTransactionRequest.toBinary({ digest: toBase58(digestOf(1001)), readMask }),
  ],
  [
    'LedgerService/ListCheckpoints',
    GrpcTypes.ListCheckpointsRequest.toBinary({
      filter: { terms: [term] },
      options: { limit: 2, after: new Uint8Array(17).fill(1) },
    }),
  ],
  [
    'StateService/ListOwnedObjects',
    GrpcTypes.ListOwnedObjectsRequest.toBinary({
      owner: SENDER,
      objectType: '0x2::coin::Coin<0x2::sui::SUI>',
      pageSize: 1,
    }),
  ],
  [
    'MovePackageService/GetFunction',
    GrpcTypes.GetFunctionRequest.toBinary({ packageId: '0x2', moduleName: 'coin', name: 'zero' }),
  ],
];

describe(`any bytes, seed ${seed}`, () => {
  it.each(requests)('%s answers or refuses with an error of the catalogue', async (method, message) => {
    const random = seededRandom(seed);
    const { signal } = new AbortController();
    for (let round = 0; round < rounds; round += 1) {
      const mutated = round === 0 ? message : mutate(message, random);
      try {
        const reply = await dispatcher.call(`sui.rpc.v2.${method}`, mutated, { signal });
        if (reply.kind === 'stream') for await (const _message of reply.messages);
      } catch (error) {
        expect(round, `the valid request failed: ${String(error)}`).not.toBe(0);
        const kind = isFloeError(error) ? error.kind : `${String(error)} of ${Buffer.from(mutated).toString('hex')}`;
        expect(['invalid', 'not-found', 'conflict'], `seed ${seed} round ${round}`).toContain(kind);
      }
    }
  });

  it('decodes a transaction as the official decoder does, or refuses it', () => {
    const random = seededRandom(seed);
    const valid = encodeTransactionData({
      ...transactionData(SENDER),
      inputs: [
        { kind: 'pure', bytes: Uint8Array.of(1) },
        { kind: 'shared', id: idOf(2), initialVersion: 2n, mutable: true },
        { kind: 'owned', ref: { id: idOf(1), version: 3n, digest: digestOf(1) } },
      ],
      commands: [
        { kind: 'make-move-vec', type: 'vector<u8>', elements: [{ kind: 'input', index: 0 }] },
        { kind: 'transfer-objects', objects: [{ kind: 'gas' }], address: { kind: 'nested', command: 0, index: 1 } },
      ],
    });
    let accepted = 0;
    for (let round = 0; round < rounds * 5; round += 1) {
      const mutated = round === 0 ? valid : mutate(valid, random);
      try {
        const decoded = decodeTransactionData(mutated);
        expect(encodeTransactionData(decoded)).toEqual(mutated);
        expect(bcs.TransactionData.parse(mutated).V1.sender).toBe(decoded.sender);
        accepted += 1;
      } catch (error) {
        expect(isFloeError(error), `seed ${seed} round ${round}: ${String(error)}`).toBe(true);
      }
    }
    expect(accepted).toBeGreaterThan(1);
  });
});
