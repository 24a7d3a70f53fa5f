import { GrpcTypes } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import { describe, expect, it } from 'vitest';
import { clientOfLedger, rpcErrorOf } from './support/client.ts';
import { ADDRESSES, SUI_COIN, coinOf, createFakeLedger, digestOf, idOf, objectOf } from './support/fake-ledger.ts';

const OWNER = idOf(0xabc);

const ledger = createFakeLedger([
  coinOf(1, OWNER, 500n),
  objectOf(2, { kind: 'shared', initialVersion: 2n }, `${ADDRESSES.walrus}::system::System`),
  objectOf(3, { kind: 'immutable' }, `${ADDRESSES.walrus}::x::X`),
  objectOf(4, { kind: 'object', parent: idOf(2) }, `${ADDRESSES.walrus}::x::Y`),
]);
ledger.commit([{ sender: OWNER }]);
ledger.commit([{ sender: OWNER }, { sender: idOf(7) }]);
const client = clientOfLedger(ledger);

describe('objects', () => {
  it('keeps order and length of a batch, errors in their places', async () => {
    const { response } = await client.ledgerService.batchGetObjects({
      requests: [
        { objectId: '0x3' },
        { objectId: '0x99' },
        { objectId: 'zzz' },
        { objectId: '0x1', version: 2n },
        { objectId: '0x1' },
      ],
    });
    expect(response.objects.map(({ result }) => result)).toMatchObject([
      { oneofKind: 'object', object: { objectId: idOf(3) } },
      { oneofKind: 'error', error: { code: 5, message: `Object ${idOf(0x99)} not found` } },
      { oneofKind: 'error', error: { code: 3, message: expect.stringContaining('object_id') } },
      { oneofKind: 'error', error: { code: 5, message: expect.stringContaining('version 2') } },
      { oneofKind: 'object', object: { objectId: idOf(1) } },
    ]);
  });

  it('returns id, version and digest without a mask, and no more', async () => {
    const { response } = await client.ledgerService.getObject({ objectId: '0x1' });
    expect(response.object).toEqual({ objectId: idOf(1), version: 3n, digest: toBase58(digestOf(1)) });
  });

  it('renders every kind of owner with the fields that it has', async () => {
    const readMask = { paths: ['owner'] };
    const owners = await Promise.all(
      ['0x1', '0x2', '0x3', '0x4'].map(async (objectId) => {
        const { response } = await client.ledgerService.getObject({ objectId, readMask });
        return response.object?.owner;
      }),
    );
    const Kind = GrpcTypes.Owner_OwnerKind;
    expect(owners).toEqual([
      { kind: Kind.ADDRESS, address: OWNER },
      { kind: Kind.SHARED, version: 2n },
      { kind: Kind.IMMUTABLE },
      { kind: Kind.OBJECT, address: idOf(2) },
    ]);
  });

  it('gives the whole object with its BCS, and the balance of coins only', async () => {
    const readMask = { paths: ['*'] };
    const coin = (await client.ledgerService.getObject({ objectId: '0x1', readMask })).response.object;
    expect(coin).toMatchObject({ objectType: SUI_COIN, balance: 500n, hasPublicTransfer: true, storageRebate: 100n });
    expect(coin?.contents?.name).toBe(SUI_COIN);
    expect(coin?.bcs?.value?.length).toBeGreaterThan(40);
    const other = (await client.ledgerService.getObject({ objectId: '0x3', readMask })).response.object;
    expect(other?.balance).toBeUndefined();
  });

  it('is read by the high-level client', async () => {
    const { objects } = await client.getObjects({ objectIds: ['0x1', '0x99'], include: { content: true } });
    expect(objects[0]).toMatchObject({ objectId: idOf(1), type: SUI_COIN, owner: { AddressOwner: OWNER } });
    expect(objects[1]).toBeInstanceOf(Error);
  });

  it('refuses an unknown mask path, a bad id and too large a batch', async () => {
    const mask = client.ledgerService.getObject({ objectId: '0x1', readMask: { paths: ['nothing'] } });
    expect(await rpcErrorOf(mask)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('nothing'),
    });
    expect(await rpcErrorOf(client.ledgerService.getObject({}))).toMatchObject({ message: 'missing object_id' });
    const requests = Array.from({ length: 1001 }, () => ({ objectId: '0x1' }));
    expect(await rpcErrorOf(client.ledgerService.batchGetObjects({ requests }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('refuses a small request for a batch that would make a huge answer', async () => {
    const large = {
      ...objectOf(9, { kind: 'immutable' }, `${ADDRESSES.walrus}::x::X`),
      contents: new Uint8Array(250_000),
    };
    const { ledgerService } = clientOfLedger(createFakeLedger([large]));
    const batch = (count: number, paths: string[]) =>
      ledgerService.batchGetObjects({
        requests: Array.from({ length: count }, () => ({ objectId: '0x9' })),
        readMask: { paths },
      });
    expect((await batch(50, ['contents', 'bcs'])).response.objects).toHaveLength(50);
    expect((await batch(1000, ['object_id'])).response.objects).toHaveLength(1000);
    expect(await rpcErrorOf(batch(1000, ['contents']))).toEqual({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('33554432 bytes'),
    });
  });
});

describe('transactions and checkpoints', () => {
  it('finds a transaction with its place in the chain', async () => {
    const digest = toBase58(digestOf(1003));
    const readMask = { paths: ['digest', 'checkpoint', 'transaction_index', 'timestamp', 'effects.status'] };
    const { response } = await client.ledgerService.getTransaction({ digest, readMask });
    expect(response.transaction).toMatchObject({
      digest,
      checkpoint: 1n,
      transactionIndex: 1n,
      timestamp: { seconds: 1_700_000_000n, nanos: 123_000_000 },
      effects: { status: { success: true } },
    });
    expect(response.transaction?.effects?.bcs).toBeUndefined();
  });

  it('tells an unknown transaction from a malformed digest', async () => {
    const unknown = client.ledgerService.getTransaction({ digest: toBase58(digestOf(1)) });
    expect(await rpcErrorOf(unknown)).toMatchObject({ code: 'NOT_FOUND' });
    for (const digest of ['', 'O0', 'abc', '1'.repeat(5000)]) {
      expect(await rpcErrorOf(client.ledgerService.getTransaction({ digest }))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    const { response } = await client.ledgerService.batchGetTransactions({
      digests: [toBase58(digestOf(1)), toBase58(digestOf(1001))],
    });
    expect(response.transactions.map(({ result }) => result.oneofKind)).toEqual(['error', 'transaction']);
  });

  it('finds checkpoints by number, by digest, and the latest', async () => {
    const sequenceOf = async (checkpointId: GrpcTypes.GetCheckpointRequest['checkpointId']) =>
      (await client.ledgerService.getCheckpoint({ checkpointId })).response.checkpoint?.sequenceNumber;
    expect(await sequenceOf({ oneofKind: 'sequenceNumber', sequenceNumber: 0n })).toBe(0n);
    expect(await sequenceOf({ oneofKind: 'digest', digest: toBase58(digestOf(5001)) })).toBe(1n);
    expect(await sequenceOf({ oneofKind: undefined })).toBe(1n);
    expect(await rpcErrorOf(sequenceOf({ oneofKind: 'sequenceNumber', sequenceNumber: 2n }))).toEqual({
      code: 'NOT_FOUND',
      message: 'Checkpoint 2 not found',
    });
  });

  it('shows the parts of a checkpoint that are asked for', async () => {
    const readMask = { paths: ['summary', 'contents', 'transactions.digest', 'transactions.transaction.sender'] };
    const checkpointId = { oneofKind: 'sequenceNumber', sequenceNumber: 1n } as const;
    const { checkpoint } = (await client.ledgerService.getCheckpoint({ checkpointId, readMask })).response;
    expect(checkpoint?.sequenceNumber).toBeUndefined();
    expect(checkpoint?.summary).toMatchObject({ sequenceNumber: 1n, totalNetworkTransactions: 3n });
    expect(checkpoint?.contents?.transactions).toHaveLength(2);
    expect(checkpoint?.transactions.map(({ transaction }) => transaction?.sender)).toEqual([OWNER, idOf(7)]);
    expect(checkpoint?.transactions[0]?.effects).toBeUndefined();
  });
});

describe('a checkpoint of very large transactions', () => {
  const digest = digestOf(1);
  const latest = ledger.getCheckpoint('latest')!;
  const entry = latest.transactions[0]!;
  const large = {
    ...ledger.getTransaction(entry.digest)!,
    digest,
    transactionBytes: new Uint8Array(128 * 1024),
  };
  const crowded: typeof ledger = Object.create(ledger) as typeof ledger;
  crowded.getTransaction = () => large;
  crowded.getCheckpoint = () => ({
    ...latest,
    transactions: Array.from({ length: 300 }, () => ({ ...entry, digest })),
  });
  const { ledgerService } = clientOfLedger(crowded);

  it('is refused with all of them, and given with what is small of them', async () => {
    const ask = (path: string) =>
      ledgerService.getCheckpoint({ checkpointId: { oneofKind: undefined }, readMask: { paths: [path] } });
    expect(await rpcErrorOf(ask('transactions.transaction.bcs'))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('would be larger than'),
    });
    expect((await ask('transactions.digest')).response.checkpoint?.transactions).toHaveLength(300);
  });
});

describe('the service and its epoch', () => {
  it('names the chain and its height', async () => {
    const { response } = await client.ledgerService.getServiceInfo({});
    expect(response).toMatchObject({
      chainId: toBase58(digestOf(9)),
      checkpointHeight: 1n,
      lowestAvailableCheckpoint: 0n,
    });
    expect((await client.getChainIdentifier()).chainIdentifier).toBe(toBase58(digestOf(9)));
  });

  it('answers what the high-level client asks of an epoch', async () => {
    expect((await client.getReferenceGasPrice()).referenceGasPrice).toBe('1000');
    const { systemState } = await client.getCurrentSystemState();
    expect(systemState).toMatchObject({ epoch: '0', epochStartTimestampMs: '1700000000000', safeMode: false });
    const { protocolConfig } = await client.getProtocolConfig();
    expect(protocolConfig).toMatchObject({ protocolVersion: '1', attributes: { max_tx_size_bytes: '131072' } });
    expect(await rpcErrorOf(client.ledgerService.getEpoch({ epoch: 9n }))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('functions', () => {
  it('describes stake_with_pool, from which clients learn the WAL type', async () => {
    const description = await client.getMoveFunction({
      packageId: ADDRESSES.walrus,
      moduleName: 'staking',
      name: 'stake_with_pool',
    });
    expect(description.function).toMatchObject({ name: 'stake_with_pool', visibility: 'public' });
    expect(description.function.parameters[1]).toEqual({
      reference: null,
      body: {
        $kind: 'datatype',
        datatype: {
          typeName: `${ADDRESSES.sui}::coin::Coin`,
          typeParameters: [
            { $kind: 'datatype', datatype: { typeName: `${ADDRESSES.wal}::wal::WAL`, typeParameters: [] } },
          ],
        },
      },
    });
  });

  it('says which function does not exist, and which method is not offered', async () => {
    const unknown = client.movePackageService.getFunction({ packageId: '0x2', moduleName: 'coin', name: 'mint_money' });
    expect(await rpcErrorOf(unknown)).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('coin::mint_money'),
    });
    const offered = client.signatureVerificationService.verifySignature({ jwks: [] });
    expect(await rpcErrorOf(offered)).toMatchObject({
      code: 'UNIMPLEMENTED',
      message: expect.stringContaining('VerifySignature'),
    });
  });

  it('finds no names', async () => {
    const byName = client.nameService.lookupName({ name: 'somebody.sui' });
    expect(await rpcErrorOf(byName)).toMatchObject({ code: 'NOT_FOUND' });
    const byAddress = client.nameService.reverseLookupName({ address: '0x5' });
    expect(await rpcErrorOf(byAddress)).toMatchObject({ code: 'NOT_FOUND' });
  });
});
