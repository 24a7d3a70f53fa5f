import { deferred } from '@floe/platform';
import { createVirtualTime } from '@floe/platform/memory';
import { type Epoch, parseObjectId } from '@floe/protocol';
import { GrpcTypes, RpcError } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeContractEvent, eventType } from '../../src/events.ts';
import { LedgerClient } from '../../src/ledger-client.ts';
import { sendCoin } from '../../src/transactions.ts';
import { createFakeGrpc, type FakeGrpc, type Handlers } from '../fake-grpc.ts';
import { networkObjects, objectHandlers, PACKAGE, STAKING, SYSTEM, WAL } from '../fake-network.ts';

const DIGEST = '4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi';
const config = { url: 'http://ledger.test', systemObjectId: SYSTEM, stakingObjectId: STAKING };
const signer = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(7));
const TO = parseObjectId('0xbeef');
const COIN = parseObjectId('0xc01');

let time: ReturnType<typeof createVirtualTime>;
let grpc: FakeGrpc;
/** Version of the sender's one WAL coin; every executed transaction moves it on. */
let coinVersion: bigint;
let executed: Map<string, unknown>;

/** A ledger that resolves transactions by echo, keeps one WAL coin, and refuses stale versions of it. */
function connect(overrides: Record<string, unknown> = {}): LedgerClient {
  const handlers = {
    ...objectHandlers(networkObjects({ nodes: 4, nShards: 10, epoch: 3 })),
    GetBalance: () => ({ balance: { balance: 1_000n, coinBalance: 1_000n, addressBalance: 0n } }),
    ListOwnedObjects: () => ({
      objects: [{ objectId: COIN, version: coinVersion, digest: DIGEST, objectType: WAL, balance: 1_000n }],
    }),
    SimulateTransaction: ({ transaction }: GrpcTypes.SimulateTransactionRequest) => ({
      transaction: { transaction: resolved(transaction), effects: { status: { success: true } } },
    }),
    ExecuteTransaction: ({ transaction }: GrpcTypes.ExecuteTransactionRequest) => executeBytes(transaction),
    ...overrides,
  };
  grpc = createFakeGrpc(handlers as Handlers);
  return new LedgerClient(config, { fetch: grpc.fetch, clock: time, scheduler: time });
}

function resolved(transaction: GrpcTypes.Transaction | undefined): unknown {
  const gas = { objects: [{ objectId: parseObjectId('0x9a5'), version: 1n, digest: DIGEST }], price: 1n, budget: 1n };
  return {
    ...transaction,
    gasPayment: { ...gas, owner: transaction?.sender },
    expiration: { kind: GrpcTypes.TransactionExpiration_TransactionExpirationKind.NONE },
  };
}

function executeBytes(transaction: GrpcTypes.Transaction | undefined): unknown {
  const bytes = transaction?.bcs?.value ?? new Uint8Array(0);
  const digest = TransactionDataBuilder.getDigestFromBytes(bytes);
  const known = executed.get(digest);
  if (known !== undefined) return known;
  for (const { Object: object } of TransactionDataBuilder.fromBytes(bytes).inputs) {
    const version = object?.ImmOrOwnedObject?.version;
    if (version !== undefined && BigInt(version) !== coinVersion) throw stale(String(version));
  }
  coinVersion += 1n;
  const answer = { transaction: success(digest) };
  executed.set(digest, answer);
  return answer;
}

function stale(version: string): RpcError {
  return new RpcError(
    `object ${COIN} version ${version} is not available for consumption, current version: ${coinVersion}`,
    'INVALID_ARGUMENT',
  );
}

function success(digest: string, change: object = {}): object {
  return { digest, checkpoint: 9n, effects: { status: { success: true } }, ...change };
}

const sendWal = (): Transaction => {
  const transaction = new Transaction();
  sendCoin(transaction, { coinType: WAL, amount: 10n, to: TO });
  return transaction;
};

const countOf = (method: string) => grpc.called.filter((name) => name === method).length;

beforeEach(() => {
  time = createVirtualTime({ startMs: 0 });
  coinVersion = 1n;
  executed = new Map();
});

describe('execute', () => {
  it('runs the transactions of one sender one after another, so that each finds the coin as the last one left it', async () => {
    const client = connect();
    const results = await time.run(Promise.all(Array.from({ length: 8 }, () => client.execute(sendWal(), signer))));
    expect(new Set(results.map(({ digest }) => digest)).size).toBe(8);
    expect(coinVersion).toBe(9n);
    // None was refused and built again.
    expect(countOf('ExecuteTransaction')).toBe(8);
  });

  it('does not let one sender wait for another', async () => {
    const held = deferred<unknown>();
    const client = connect({
      ExecuteTransaction: ({ transaction }: GrpcTypes.ExecuteTransactionRequest) => {
        const { sender } = TransactionDataBuilder.fromBytes(transaction?.bcs?.value ?? new Uint8Array(0));
        return sender === signer.toSuiAddress() ? held.promise : executeBytes(transaction);
      },
    });
    const other = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(8));
    const slow = client.execute(sendWal(), signer);
    await client.execute(() => {
      const transaction = new Transaction();
      transaction.setSender(other.toSuiAddress());
      return transaction;
    }, other);
    held.resolve({ transaction: success('held') });
    expect((await slow).digest).toBe('held');
  });

  it('builds again when another holder of the key used the coin meanwhile', async () => {
    let raced = false;
    const client = connect({
      ExecuteTransaction: ({ transaction }: GrpcTypes.ExecuteTransactionRequest) => {
        if (!raced) coinVersion += 1n;
        raced = true;
        return executeBytes(transaction);
      },
    });
    await time.run(client.execute(sendWal(), signer));
    expect(countOf('SimulateTransaction')).toBe(2);
    expect(coinVersion).toBe(3n);
  });

  it('gives up on an object that is stale every time', async () => {
    const client = connect({
      ExecuteTransaction: () => {
        throw stale('1');
      },
    });
    await expect(time.run(client.execute(sendWal(), signer))).rejects.toMatchObject({
      code: 'STALE_OBJECT',
      data: { rebuilds: 5 },
    });
    expect(countOf('ExecuteTransaction')).toBe(6);
  });

  it('sends the same bytes again when the answer is lost, and gets the outcome of the first time', async () => {
    let lost = true;
    const client = connect({
      ExecuteTransaction: ({ transaction }: GrpcTypes.ExecuteTransactionRequest) => {
        const answer = executeBytes(transaction);
        if (!lost) return answer;
        lost = false;
        throw new Error('socket hang up');
      },
    });
    await time.run(client.execute(sendWal(), signer));
    expect(executed.size).toBe(1);
    expect(coinVersion).toBe(2n);
  });

  it('says that the outcome is unknown, with the digest, when no answer ever comes', async () => {
    const client = connect({
      ExecuteTransaction: ({ transaction }: GrpcTypes.ExecuteTransactionRequest) => {
        executeBytes(transaction);
        throw new Error('socket hang up');
      },
    });
    const failed = time.run(client.execute(sendWal(), signer));
    await expect(failed).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN', kind: 'unavailable' });
    await expect(failed).rejects.toMatchObject({ data: { digest: [...executed.keys()][0] } });
  });

  it('waits until a transaction that is in no checkpoint yet can be read', async () => {
    let polls = 0;
    const client = connect({
      ExecuteTransaction: () => ({ transaction: success('fresh', { checkpoint: undefined }) }),
      GetTransaction: () => {
        polls += 1;
        if (polls < 3) throw new RpcError('not found', 'NOT_FOUND');
        return { transaction: success('fresh', { checkpoint: 12n }) };
      },
    });
    expect(await time.run(client.execute(sendWal(), signer))).toMatchObject({ checkpoint: 12n });
    expect(polls).toBe(3);
  });

  it('tells what it created, changed, deleted, emitted and cost', async () => {
    const [created, mutated, deleted] = ['0x1', '0x2', '0x3'].map(parseObjectId);
    const event = {
      eventType: eventType(PACKAGE, 'EpochChangeDone'),
      contents: { value: encodeContractEvent({ kind: 'EpochChangeDone', epoch: 4 as Epoch }) },
    };
    const client = connect({
      ExecuteTransaction: () => ({
        transaction: success('D', {
          timestamp: { seconds: 2n, nanos: 3_000_000 },
          effects: {
            status: { success: true },
            gasUsed: { computationCost: 10n, storageCost: 5n, storageRebate: 20n },
            changedObjects: [
              { objectId: created, objectType: '0xa1::blob::Blob', idOperation: 2, outputState: 2 },
              { objectId: mutated, objectType: '0xa1::blob::Blob', idOperation: 1, outputState: 2 },
              { objectId: deleted, objectType: '0xa1::blob::Blob', idOperation: 3, outputState: 1 },
            ],
          },
          events: { events: [event] },
          balanceChanges: [{ address: '0xcafe', coinType: WAL, amount: '-7' }],
        }),
      }),
    });
    expect(await client.execute(sendWal(), signer)).toEqual({
      digest: 'D',
      checkpoint: 9n,
      timestampMs: 2_003,
      created: [{ objectId: created, type: `${PACKAGE}::blob::Blob` }],
      mutated: [{ objectId: mutated, type: `${PACKAGE}::blob::Blob` }],
      deleted: [deleted],
      events: [{ txDigest: 'D', eventSeq: 0, event: { kind: 'EpochChangeDone', epoch: 4 } }],
      balanceChanges: [{ owner: '0xcafe', coinType: WAL, amount: -7n }],
      gas: -5n,
    });
  });

  it('stops waiting for its turn when the signal aborts, and lets the others go on', async () => {
    const held = deferred<unknown>();
    const client = connect({ ExecuteTransaction: () => held.promise });
    const stop = new AbortController();
    const first = client.execute(sendWal(), signer);
    const second = client.execute(sendWal(), signer, { signal: stop.signal });
    stop.abort(new Error('user left'));
    await expect(second).rejects.toThrow('user left');
    held.resolve({ transaction: success('first') });
    expect((await first).digest).toBe('first');
  });
});

describe('failed transactions', () => {
  const abort = {
    success: false,
    error: {
      kind: 13,
      command: 1n,
      description: 'abort',
      errorDetails: {
        oneofKind: 'abort',
        abort: {
          abortCode: 5n,
          location: { package: PACKAGE, module: 'blob', functionName: 'certify_with_certified_msg' },
        },
      },
    },
  };

  it('names module, function, code and constant of an abort found while building', async () => {
    const client = connect({ SimulateTransaction: () => ({ transaction: { effects: { status: abort } } }) });
    await expect(client.execute(sendWal(), signer)).rejects.toMatchObject({
      code: 'MOVE_ABORT',
      data: {
        module: 'blob',
        function: 'certify_with_certified_msg',
        abortCode: '5',
        name: 'EAlreadyCertified',
        command: 1,
      },
    });
    expect(countOf('ExecuteTransaction')).toBe(0);
  });

  it('does the same for an abort that only executing found', async () => {
    const client = connect({
      ExecuteTransaction: () => ({ transaction: { digest: 'F', effects: { status: abort } } }),
    });
    await expect(client.execute(sendWal(), signer)).rejects.toMatchObject({ code: 'MOVE_ABORT' });
  });

  it('says how much WAL is missing', async () => {
    const client = connect({ GetBalance: () => ({ balance: { balance: 3n, coinBalance: 3n, addressBalance: 0n } }) });
    await expect(client.execute(sendWal(), signer)).rejects.toMatchObject({
      code: 'INSUFFICIENT_WAL',
      kind: 'exhausted',
      data: { owner: signer.toSuiAddress(), needed: 10n },
    });
  });

  it('says that gas cannot be paid', async () => {
    const client = connect({
      SimulateTransaction: () => {
        throw new RpcError('Unable to perform gas selection due to insufficient SUI balance', 'INVALID_ARGUMENT');
      },
    });
    await expect(client.execute(sendWal(), signer)).rejects.toMatchObject({ code: 'INSUFFICIENT_SUI' });
  });

  it('passes on why the ledger refuses', async () => {
    const client = connect({
      ExecuteTransaction: () => {
        throw new RpcError('the signature is not the sender’s', 'INVALID_ARGUMENT');
      },
    });
    await expect(client.execute(sendWal(), signer)).rejects.toMatchObject({
      code: 'LEDGER_REJECTED',
      message: expect.stringContaining('the signature is not the sender’s') as string,
    });
  });
});
