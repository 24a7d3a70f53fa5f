import { GrpcTypes } from '@mysten/sui/grpc';
import { Transaction } from '@mysten/sui/transactions';
import { toBase58 } from '@mysten/sui/utils';
import { describe, expect, it } from 'vitest';
import type { LedgerObject } from '../../src/api.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';
import { decodeTransactionData } from '../../src/transaction-data.ts';
import { clientOfLedger, rpcErrorOf } from './support/client.ts';
import { ADDRESSES, WAL_COIN, coinOf, createFakeLedger, idOf, objectOf, simulationOf } from './support/fake-ledger.ts';

const SENDER = idOf(0xabc);
const SYSTEM = objectOf(0x51, { kind: 'shared', initialVersion: 2n }, `${ADDRESSES.walrus}::system::System`);
const BLOB = objectOf(0x60, { kind: 'address', address: SENDER }, `${ADDRESSES.walrus}::blob::Blob`);
const WAL = coinOf(0x70, SENDER, 1000n, WAL_COIN);
const GAS = 10_000_000_000n;

const computed = {
  computationCost: 1_000_000n,
  storageCost: 2_000_000n,
  storageRebate: 900_000n,
  nonRefundableStorageFee: 0n,
};

function ledgerWith(...objects: LedgerObject[]) {
  const ledger = createFakeLedger([SYSTEM, BLOB, WAL, ...objects]);
  ledger.answerSimulation((transaction) => {
    const result = simulationOf(transaction);
    return { ...result, effects: { ...result.effects, gasUsed: computed } };
  });
  return ledger;
}

const funded = () => ledgerWith(coinOf(1, SENDER, GAS), coinOf(2, SENDER, GAS));

/** Builds a transaction with the official client and gives back what it signed. */
async function build(ledger: ReturnType<typeof createFakeLedger>, compose: (transaction: Transaction) => void) {
  const transaction = new Transaction();
  transaction.setSender(SENDER);
  compose(transaction);
  return decodeTransactionData(await transaction.build({ client: clientOfLedger(ledger) }));
}

describe('resolution of inputs', () => {
  it('gives shared objects their initial version, mutable by how the functions take them', async () => {
    const call = (name: string, rest: (transaction: Transaction) => unknown[]) => (transaction: Transaction) => {
      const target = `${ADDRESSES.walrus}::system::${name}`;
      const args = [transaction.object(SYSTEM.id), ...rest(transaction)] as ReturnType<Transaction['object']>[];
      transaction.moveCall({ target, arguments: args });
    };
    const deleted = await build(
      funded(),
      call('delete_blob', (transaction) => [transaction.object(BLOB.id)]),
    );
    expect(deleted.inputs).toEqual([
      { kind: 'shared', id: SYSTEM.id, initialVersion: 2n, mutable: false },
      { kind: 'owned', ref: { id: BLOB.id, version: 3n, digest: BLOB.digest } },
    ]);
    const extended = await build(
      funded(),
      call('extend_blob', (tx) => [tx.object(BLOB.id), tx.pure.u32(3), tx.object(WAL.id)]),
    );
    expect(extended.inputs[0]).toMatchObject({ kind: 'shared', mutable: true });
    expect(extended.inputs[2]).toEqual({ kind: 'pure', bytes: Uint8Array.of(3, 0, 0, 0) });
  });

  it('takes a shared object mutably when any of several calls does', async () => {
    const built = await build(funded(), (transaction) => {
      const [system, blob] = [transaction.object(SYSTEM.id), transaction.object(BLOB.id)];
      transaction.moveCall({ target: `${ADDRESSES.walrus}::system::epoch`, arguments: [system] });
      const rest = [transaction.pure.u32(1), transaction.object(WAL.id)];
      transaction.moveCall({ target: `${ADDRESSES.walrus}::system::extend_blob`, arguments: [system, blob, ...rest] });
    });
    expect(built.inputs[0]).toMatchObject({ mutable: true });
  });

  it('echoes every input in order, those that no command uses included', async () => {
    const built = await build(funded(), (transaction) => {
      transaction.pure(Uint8Array.of(1, 2, 3));
      transaction.transferObjects([transaction.object(BLOB.id)], SENDER);
      transaction.pure(Uint8Array.of(9));
    });
    expect(built.inputs.map(({ kind }) => kind)).toEqual(['pure', 'owned', 'pure', 'pure']);
    expect(built.inputs[0]).toEqual({ kind: 'pure', bytes: Uint8Array.of(1, 2, 3) });
  });

  it('keeps every kind of command', async () => {
    const built = await build(funded(), (transaction) => {
      const halves = transaction.splitCoins(transaction.gas, [5]);
      transaction.mergeCoins(transaction.gas, [...halves]);
      const list = transaction.makeMoveVec({ type: WAL_COIN, elements: [transaction.object(WAL.id)] });
      transaction.moveCall({ target: '0x2::x::y', typeArguments: ['0x2::sui::SUI', 'vector<u8>'], arguments: [list] });
    });
    expect(built.commands).toMatchObject([
      { kind: 'split-coins', coin: { kind: 'gas' } },
      { kind: 'merge-coins', destination: { kind: 'gas' }, sources: [{ kind: 'nested', command: 0, index: 0 }] },
      { kind: 'make-move-vec', type: WAL_COIN },
      {
        kind: 'move-call',
        package: idOf(2),
        typeArguments: [`${idOf(2)}::sui::SUI`, 'vector<u8>'],
        arguments: [{ kind: 'result', command: 2 }],
      },
    ]);
  });

  it('refuses an object that is not there, a child, and a version that is no longer current', async () => {
    const ledger = ledgerWith(coinOf(1, SENDER, GAS), objectOf(0x61, { kind: 'object', parent: SYSTEM.id }, 'x'));
    const { transactionExecutionService: service } = clientOfLedger(ledger);
    const simulate = (input: GrpcTypes.Input) =>
      rpcErrorOf(service.simulateTransaction({ transaction: draftOf([input]), doGasSelection: true }));
    expect(await simulate({ objectId: '0x999' })).toEqual({
      code: 'NOT_FOUND',
      message: `Object ${idOf(0x999)} not found`,
    });
    expect(await simulate({ objectId: '0x61' })).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('belongs to the object'),
    });
    const stale = await simulate({ objectId: BLOB.id, version: 2n });
    expect(stale.code).toBe('INVALID_ARGUMENT');
    expect(stale.message).toContain(`object ${BLOB.id} version 2 is not available for consumption, current version: 3`);
    expect(await simulate({ objectId: SYSTEM.id, kind: GrpcTypes.Input_InputKind.IMMUTABLE_OR_OWNED })).toMatchObject({
      message: expect.stringContaining('is shared'),
    });
    expect(await simulate({ objectId: SYSTEM.id, version: 1n })).toMatchObject({
      message: expect.stringContaining('initial shared version 2'),
    });
  });
});

describe('gas selection', () => {
  it('pays with all coins that are not inputs, the budget with margin over the cost', async () => {
    const ledger = funded();
    const built = await build(ledger, (transaction) =>
      transaction.transferObjects([transaction.object('0x2')], SENDER),
    );
    expect(built.gas.payment.map(({ id }) => id)).toEqual([idOf(1)]);
    expect(built.gas).toMatchObject({ owner: SENDER, price: 1000n, budget: 3_300_000n + 1_000_000n });
    // First without checks for the cost, then what is returned, with the payment that is returned.
    expect(ledger.simulated.map(({ checks }) => checks)).toEqual(['disabled', 'enabled']);
    expect(ledger.simulated[1]?.transaction.gas).toEqual(built.gas);
  });

  it('keeps a budget, a price and a payment that the client fixed', async () => {
    const budgeted = await build(funded(), (transaction) => {
      transaction.setGasBudget(5_000_000);
      transaction.setGasPrice(2000);
      transaction.transferObjects([transaction.object(BLOB.id)], SENDER);
    });
    expect(budgeted.gas).toMatchObject({ budget: 5_000_000n, price: 2000n });
    expect(budgeted.gas.payment).toHaveLength(2);
    const coin = coinOf(1, SENDER, GAS);
    const paid = await build(funded(), (transaction) => {
      transaction.setGasPayment([{ objectId: coin.id, version: '3', digest: toBase58(coin.digest) }]);
      transaction.transferObjects([transaction.object(BLOB.id)], SENDER);
    });
    expect(paid.gas.payment.map(({ id }) => id)).toEqual([coin.id]);
    expect(paid.gas.budget).toBe(4_300_000n);
  });

  it('uses at most the coins that a transaction may pay with', async () => {
    const ledger = ledgerWith(...Array.from({ length: 300 }, (_, i) => coinOf(i + 1000, SENDER, GAS)));
    const built = await build(ledger, (transaction) =>
      transaction.transferObjects([transaction.object(BLOB.id)], SENDER),
    );
    expect(built.gas.payment).toHaveLength(rpcLimits.gasCoins);
  });

  it('says so when there is too little SUI', async () => {
    for (const ledger of [ledgerWith(), ledgerWith(coinOf(1, SENDER, 100n))]) {
      const { transactionExecutionService: service } = clientOfLedger(ledger);
      const call = service.simulateTransaction({ transaction: draftOf([{ objectId: BLOB.id }]), doGasSelection: true });
      const error = await rpcErrorOf(call);
      expect(error.code).toBe('INVALID_ARGUMENT');
      expect(error.message).toContain('Unable to perform gas selection due to insufficient SUI balance');
      expect(error.message).toContain(SENDER);
    }
  });

  it('leaves the payment alone when not asked to choose', async () => {
    const ledger = funded();
    const { transactionExecutionService: service } = clientOfLedger(ledger);
    const { response } = await service.simulateTransaction({ transaction: draftOf([{ objectId: BLOB.id }]) });
    expect(response.transaction?.transaction?.gasPayment?.objects).toEqual([]);
    expect(ledger.simulated).toHaveLength(1);
  });
});

describe('malformed drafts', () => {
  const { transactionExecutionService: service } = clientOfLedger(funded());
  const Kind = GrpcTypes.Input_InputKind;
  const commandOf = (command: GrpcTypes.Command['command']) => draftOf([{ objectId: BLOB.id }], [{ command }]);
  const gasArgument: GrpcTypes.Argument = { kind: GrpcTypes.Argument_ArgumentKind.GAS };

  it.each([
    ['no transaction', undefined, 'missing transaction'],
    ['no kind', { sender: SENDER }, 'missing transaction.kind'],
    ['an input without an id', draftOf([{}]), 'missing inputs[0].object_id'],
    ['a pure input without bytes', draftOf([{ kind: Kind.PURE }]), 'missing inputs[0].pure'],
    ['a digest that is none', draftOf([{ objectId: '0x1', digest: 'x' }]), 'invalid inputs[0].digest'],
    ['an empty command', commandOf({ oneofKind: undefined }), 'missing commands[0]'],
    [
      'an argument without a kind',
      commandOf({ oneofKind: 'splitCoins', splitCoins: { coin: {}, amounts: [] } }),
      'invalid commands[0].coin',
    ],
    [
      'an index that does not fit',
      commandOf({
        oneofKind: 'splitCoins',
        splitCoins: { coin: { kind: GrpcTypes.Argument_ArgumentKind.INPUT, input: 70_000 }, amounts: [] },
      }),
      'does not fit in u16',
    ],
    [
      'a type that is none',
      commandOf({ oneofKind: 'makeMoveVector', makeMoveVector: { elementType: 'u7', elements: [] } }),
      'invalid commands[0].element_type',
    ],
    [
      'too many arguments',
      commandOf({
        oneofKind: 'mergeCoins',
        mergeCoins: { coin: gasArgument, coinsToMerge: Array(600).fill(gasArgument) },
      }),
      'at most 512',
    ],
  ])('names %s', async (_name, transaction, message) => {
    const error = await rpcErrorOf(service.simulateTransaction({ transaction, doGasSelection: false }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain(message);
  });

  it('refuses what the ledger does not have', async () => {
    for (const transaction of [
      draftOf([{ kind: Kind.FUNDS_WITHDRAWAL }]),
      commandOf({ oneofKind: 'publish', publish: { modules: [], dependencies: [] } }),
      { kind: { data: { oneofKind: 'genesis', genesis: { objects: [] } } } } as GrpcTypes.Transaction,
    ]) {
      expect(await rpcErrorOf(service.simulateTransaction({ transaction }))).toMatchObject({ code: 'UNIMPLEMENTED' });
    }
  });

  it('refuses bytes that are no transaction', async () => {
    for (const value of [new Uint8Array(0), new Uint8Array(100).fill(0xff), Uint8Array.of(0, 0, 1)]) {
      const call = service.simulateTransaction({ transaction: { bcs: { value } } });
      expect(await rpcErrorOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('needs signatures to execute, and no more than two', async () => {
    const transaction = { bcs: { value: Uint8Array.of(1) } };
    const signature = { bcs: { value: new Uint8Array(97) }, signature: { oneofKind: undefined } } as const;
    for (const [signatures, message] of [
      [[], 'missing signatures'],
      [[signature, signature, signature], 'at most 2'],
      [[{ signature: { oneofKind: undefined } }], 'signatures[0]'],
    ] as const) {
      const call = service.executeTransaction({ transaction, signatures: [...signatures] });
      expect(await rpcErrorOf(call)).toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      });
    }
  });
});

function draftOf(inputs: GrpcTypes.Input[], commands: GrpcTypes.Command[] = []): GrpcTypes.Transaction {
  const programmableTransaction = { inputs, commands };
  return { sender: SENDER, kind: { data: { oneofKind: 'programmableTransaction', programmableTransaction } } };
}
