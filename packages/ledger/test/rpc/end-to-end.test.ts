import { type Epoch, blobIdOf, encodeConfirmation, parseObjectId } from '@floe/protocol';
import { toBase64 } from '@floe/platform';
import { bcs } from '@mysten/sui/bcs';
import type { GrpcTypes, SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair, Ed25519PublicKey } from '@mysten/sui/keypairs/ed25519';
import { Secp256k1Keypair } from '@mysten/sui/keypairs/secp256k1';
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions';
import { fromBase64, toBase58 } from '@mysten/sui/utils';
import type { WalrusClient } from '@mysten/walrus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { typedDigest } from '../../src/hash.ts';
import { rpcErrorOf } from './support/client.ts';
import { startNetwork, type TestNetwork } from './support/network.ts';

let network: TestNetwork;
beforeAll(async () => {
  network = await startNetwork();
});
afterAll(() => network.close());

const SIZE = 1000;
const ROOT = new Uint8Array(32).fill(3);
const BLOB_ID = blobIdOf({ rootHash: ROOT, unencodedLength: SIZE });

const registration = (signer: Ed25519Keypair, changes: object = {}) => ({
  signer,
  blobId: BLOB_ID,
  rootHash: ROOT,
  size: SIZE,
  epochs: 3,
  deletable: true,
  owner: signer.toSuiAddress(),
  ...changes,
});

/** What the four nodes answer when they hold the blob, in the order of the committee. */
function confirmations(blobObjectId: string) {
  const message = encodeConfirmation({
    epoch: 1 as Epoch,
    blobId: BLOB_ID,
    persistence: { kind: 'deletable', objectId: parseObjectId(blobObjectId) },
  });
  const byNode = network.nodeIds.map((nodeId, i) => ({
    nodeId,
    signature: network.bls.sign(network.nodeKeys[i] as Uint8Array, message),
  }));
  return byNode
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map(({ signature }) => ({ serializedMessage: toBase64(message), signature: toBase64(signature) }));
}

const blobOf = async (walrus: WalrusClient, signer: Ed25519Keypair) =>
  (await walrus.executeRegisterBlobTransaction(registration(signer))).blob;

describe.each(['text', 'binary'] as const)('the official Walrus client, %s', (format) => {
  const seed = format === 'text' ? 10 : 11;

  it('reads the system, the stake and the prices', async () => {
    const walrus = network.walrus(network.client(format));
    const { committee, total_capacity_size: capacity } = await walrus.systemState();
    expect(committee).toMatchObject({ epoch: 1, n_shards: 10 });
    expect(capacity).toBe((1000 * 1024 * 1024).toString());
    expect((await walrus.stakingState()).epoch).toBe(1);
    expect(await walrus.storageCost(SIZE, 3)).toEqual({
      storageCost: 300_000n,
      writeCost: 20_000n,
      totalCost: 320_000n,
    });
  });

  it('registers, certifies, extends and deletes a blob', async () => {
    const signer = await network.wallet(seed);
    const client = network.client(format);
    const walrus = network.walrus(client);
    const balance = async () =>
      BigInt((await client.getBalance({ owner: signer.toSuiAddress(), coinType: network.walType })).balance.balance);
    const before = await balance();
    const { blob, digest } = await walrus.executeRegisterBlobTransaction(registration(signer));
    expect(blob).toMatchObject({ blob_id: expect.anything(), deletable: true, certified_epoch: null });
    expect(before - (await balance())).toBe(320_000n);
    const events = await eventsOf(client, digest);
    expect(events.map((type) => type.split('::').at(-1))).toContain('BlobRegistered');

    const certified = await walrus.executeCertifyBlobTransaction({
      signer,
      blobId: BLOB_ID,
      blobObjectId: blob.id,
      deletable: true,
      confirmations: confirmations(blob.id),
    });
    expect((await eventsOf(client, certified.digest)).join()).toContain('BlobCertified');
    await walrus.executeExtendBlobTransaction({ signer, blobObjectId: blob.id, epochs: 2 });
    const { object } = await client.getObject({ objectId: blob.id, include: { content: true } });
    expect(object.type).toBe(`${network.ledger.chain.addresses.walrus}::blob::Blob`);
    expect(object.content.length).toBe(131);

    await walrus.executeDeleteBlobTransaction({ signer, blobObjectId: blob.id });
    const [gone] = (await client.getObjects({ objectIds: [blob.id] })).objects;
    expect(gone).toBeInstanceOf(Error);
  });

  it('writes and reads attributes', async () => {
    const signer = await network.wallet(seed);
    const walrus = network.walrus(network.client(format));
    const attributes = { type: 'text/plain', name: 'größe' };
    const { blob } = await walrus.executeRegisterBlobTransaction(registration(signer, { attributes }));
    expect(await walrus.readBlobAttributes({ blobObjectId: blob.id })).toEqual(attributes);
    const changed = { type: null, name: 'x' };
    await walrus.executeWriteBlobAttributesTransaction({ signer, blobObjectId: blob.id, attributes: changed });
    expect(await walrus.readBlobAttributes({ blobObjectId: blob.id })).toEqual({ name: 'x' });
  });

  it('shows why a contract refused', async () => {
    const signer = await network.wallet(seed);
    const walrus = network.walrus(network.client(format));
    const refused = walrus.executeRegisterBlobTransaction(registration(signer, { epochs: 54 }));
    await expect(refused).rejects.toThrow(
      /MoveAbort in .* command, 'EInvalidEpochsAhead', in '0x[0-9a-f]{64}::system_state_inner::/,
    );
    const blob = await blobOf(walrus, signer);
    const few = confirmations(blob.id).map((confirmation, i) => (i === 0 ? confirmation : null));
    const certificate = {
      signers: [0],
      serializedMessage: fromBase64(few[0]?.serializedMessage ?? ''),
      signature: fromBase64(few[0]?.signature ?? ''),
    };
    const uncertified = walrus.executeCertifyBlobTransaction({
      signer,
      blobId: BLOB_ID,
      blobObjectId: blob.id,
      deletable: true,
      certificate,
    });
    await expect(uncertified).rejects.toThrow('ENotEnoughStake');
  });
});

describe('executing', () => {
  it('gives the same answer for the same transaction, and does it once', async () => {
    const { client, signer, address } = await wallet(20);
    const transaction = new Transaction();
    transaction.setSender(address);
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [1_000_000])], recipient(1));
    const { bytes, signature } = await transaction.sign({ client, signer });
    const execute = () =>
      client.executeTransaction({ transaction: fromBase64(bytes), signatures: [signature], include: everything });
    const [first, second] = await Promise.all([execute(), execute()]);
    const third = await execute();
    expect(first.Transaction).toEqual(third.Transaction);
    expect(second.Transaction).toEqual(third.Transaction);
    expect(await suiOf(client, recipient(1))).toBe(1_000_000n);
    expect(third.Transaction).toMatchObject({ digest: TransactionDataBuilder.getDigestFromBytes(fromBase64(bytes)) });
    expect(third.Transaction?.checkpoint).not.toBeNull();
    expect(
      (await client.waitForTransaction({ digest: third.Transaction?.digest ?? '' })).Transaction?.status.success,
    ).toBe(true);
    expect(third.Transaction?.transaction).toMatchObject({ sender: address });
  });

  it('accounts for every coin in effects and balance changes', async () => {
    const { client, signer, address } = await wallet(21);
    const before = await suiOf(client, address);
    const transaction = new Transaction();
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [5_000_000])], recipient(2));
    const { Transaction: done } = await client.signAndExecuteTransaction({ signer, transaction, include: everything });
    const after = await suiOf(client, address);
    expect(done?.balanceChanges).toHaveLength(2);
    const changeOf = (owner: string) =>
      BigInt(done?.balanceChanges?.find((change) => change.address === owner)?.amount ?? 0n);
    expect(changeOf(address)).toBe(after - before);
    expect(changeOf(recipient(2))).toBe(5_000_000n);
    const gas = done?.effects?.gasUsed;
    const net = BigInt(gas?.computationCost ?? 0) + BigInt(gas?.storageCost ?? 0) - BigInt(gas?.storageRebate ?? 0);
    expect(before - after).toBe(5_000_000n + net);
    const created = done?.effects?.changedObjects.find(({ idOperation }) => idOperation === 'Created');
    expect(done?.objectTypes?.[created?.objectId ?? '']).toContain('::coin::Coin<');
  });

  it('sends effects, transactions and objects whose BCS the official decoders read, with true digests', async () => {
    const { client, signer } = await wallet(22);
    const transaction = new Transaction();
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [7])], recipient(3));
    const { Transaction: done } = await client.signAndExecuteTransaction({ signer, transaction, include: everything });
    const { V2: effects } = bcs.TransactionEffects.parse(done?.effects?.bcs as Uint8Array);
    expect(effects).toMatchObject({
      status: { Success: true },
      transactionDigest: done?.digest,
      lamportVersion: done?.effects?.lamportVersion,
      gasUsed: done?.effects?.gasUsed,
    });
    expect(effects?.changedObjects.map(([id]) => id)).toEqual(
      done?.effects?.changedObjects.map(({ objectId }) => objectId),
    );
    expect(bcs.TransactionData.parse(done?.bcs as Uint8Array).V1.sender).toBe(signer.toSuiAddress());
    for (const change of done?.effects?.changedObjects ?? []) {
      const { object } = await client.getObject({ objectId: change.objectId, include: { objectBcs: true } });
      expect(bcs.Object.parse(object.objectBcs as Uint8Array).previousTransaction).toBe(done?.digest);
      expect(toBase58(typedDigest('Object', object.objectBcs as Uint8Array))).toBe(change.outputDigest);
      expect(object.digest).toBe(change.outputDigest);
    }
  });

  it('answers a failed execution with failed effects, and charges gas', async () => {
    const { client, signer, address } = await wallet(23);
    const before = await suiOf(client, address);
    const transaction = await resolvedByHand(client, address, (draft) => {
      draft.transferObjects([draft.splitCoins(draft.gas, [1n << 60n])], recipient(4));
    });
    const result = await client.signAndExecuteTransaction({ signer, transaction, include: everything });
    expect(result.FailedTransaction?.status.error).toMatchObject({
      command: 0,
      message: expect.stringContaining('coin balance'),
    });
    expect(result.FailedTransaction?.effects?.changedObjects).toHaveLength(1);
    expect(await suiOf(client, address)).toBeLessThan(before);
    expect(await suiOf(client, recipient(4))).toBe(0n);
  });

  it('names the object and both versions when one is stale; of parallel writers by one key one wins', async () => {
    const { client, signer } = await wallet(24);
    const signed = await Promise.all(
      [1, 2, 3].map((amount) => {
        const transaction = new Transaction();
        transaction.setSender(signer.toSuiAddress());
        transaction.transferObjects([transaction.splitCoins(transaction.gas, [amount])], recipient(5));
        return transaction.sign({ client, signer });
      }),
    );
    const results = await Promise.allSettled(
      signed.map(({ bytes, signature }) =>
        client.executeTransaction({ transaction: fromBase64(bytes), signatures: [signature] }),
      ),
    );
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as Error & { code: string }] : [],
    );
    expect(failures).toHaveLength(2);
    for (const failure of failures) {
      expect(failure.code).toBe('INVALID_ARGUMENT');
      expect(failure.message).toMatch(
        /object 0x[0-9a-f]{64} version \d+ is not available for consumption, current version: \d+/,
      );
    }
  });

  it('refuses forged, foreign, cut and missing signatures, and does nothing', async () => {
    const { client, signer } = await wallet(25);
    const transaction = new Transaction();
    transaction.setSender(signer.toSuiAddress());
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [9])], recipient(6));
    const { bytes, signature } = await transaction.sign({ client, signer });
    const forged = fromBase64(signature);
    forged[10] = (forged[10] as number) ^ 1;
    const foreign = await Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(250)).signTransaction(fromBase64(bytes));
    for (const value of [
      forged,
      fromBase64(foreign.signature),
      forged.slice(0, 20),
      new Uint8Array(0),
      Uint8Array.of(9),
    ]) {
      const call = client.transactionExecutionService.executeTransaction({
        transaction: { bcs: { value: fromBase64(bytes) } },
        signatures: [{ bcs: { value }, signature: { oneofKind: undefined } }],
      });
      expect(await rpcErrorOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await suiOf(client, recipient(6))).toBe(0n);
  });

  it('takes signatures of other schemes', async () => {
    const { client, signer: funder } = await wallet(26);
    const signer = Secp256k1Keypair.fromSecretKey(new Uint8Array(32).fill(8));
    const fund = new Transaction();
    fund.transferObjects([fund.splitCoins(fund.gas, [1_000_000_000])], signer.toSuiAddress());
    await client.signAndExecuteTransaction({ signer: funder, transaction: fund });
    const transaction = new Transaction();
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [11])], recipient(7));
    const result = await client.signAndExecuteTransaction({ signer, transaction });
    expect(result.Transaction?.status.success).toBe(true);
  });
});

describe('simulating', () => {
  it('returns what commands return, and changes nothing', async () => {
    const { client, address } = await wallet(30);
    const { systemObjectId, addresses } = network.ledger.chain;
    const transaction = new Transaction();
    transaction.setSender(address);
    transaction.moveCall({
      target: `${addresses.walrus}::system::epoch`,
      arguments: [transaction.object(systemObjectId)],
    });
    const height = network.ledger.getCheckpoint('latest')?.sequence;
    const result = await client.simulateTransaction({ transaction, include: { commandResults: true, effects: true } });
    expect(result.commandResults?.[0]?.returnValues[0]?.bcs).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(network.ledger.getCheckpoint('latest')?.sequence).toBe(height);
  });

  it('refuses a gas price whose cost would not fit, also without checks', async () => {
    const client = network.client();
    const transaction = new Transaction();
    transaction.setSender(recipient(92));
    transaction.setGasPrice(1n << 63n);
    transaction.setGasBudget(1);
    transaction.setGasPayment([]);
    transaction.splitCoins(transaction.gas, [1]);
    const call = client.simulateTransaction({ transaction, checksEnabled: false });
    expect(await rpcErrorOf(call)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('price'),
    });
  });

  it('says that there is too little SUI', async () => {
    const client = network.client();
    const transaction = new Transaction();
    transaction.setSender(recipient(90));
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [1])], recipient(91));
    await expect(transaction.build({ client })).rejects.toThrow(
      /Unable to perform gas selection due to insufficient SUI balance.*required budget \d+: it has 0/,
    );
  });

  it('lets a wallet spend nearly all of its SUI from the gas coin', async () => {
    const { client, signer, address } = await wallet(31);
    const balance = await suiOf(client, address);
    const transaction = new Transaction();
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [balance - 20_000_000n])], recipient(8));
    await client.signAndExecuteTransaction({ signer, transaction });
    expect(await suiOf(client, recipient(8))).toBe(balance - 20_000_000n);
  });

  it('uses what it returns: the transaction it resolved executes', async () => {
    const { client, signer, address } = await wallet(32);
    const walrus = network.walrus(client);
    const blob = await blobOf(walrus, signer);
    const transaction = walrus.deleteBlobTransaction({ blobObjectId: blob.id, owner: address });
    transaction.setSender(address);
    const bytes = await transaction.build({ client });
    const simulated = await client.simulateTransaction({ transaction: bytes, include: { effects: true } });
    const { signature } = await signer.signTransaction(bytes);
    const executed = await client.executeTransaction({
      transaction: bytes,
      signatures: [signature],
      include: { effects: true },
    });
    expect(executed.Transaction?.effects).toEqual(simulated.Transaction?.effects);
  });
});

describe('reading', () => {
  it('pages through coins with a cursor on every page but the last', async () => {
    const { client, signer, address } = await wallet(40);
    const split = new Transaction();
    split.transferObjects([...split.splitCoins(split.gas, [1, 2, 3, 4])], address);
    await client.signAndExecuteTransaction({ signer, transaction: split });
    const balances: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof client.listCoins>> = await client.listCoins({
        owner: address,
        limit: 2,
        cursor,
      });
      balances.push(...page.objects.map(({ balance }) => balance));
      expect(page.hasNextPage).toBe(page.cursor !== null);
      ({ cursor } = page);
      pages += 1;
    } while (cursor !== null);
    expect(pages).toBe(3);
    expect(balances.filter((balance) => BigInt(balance) < 5n).sort()).toEqual(['1', '2', '3', '4']);
    const { balances: all } = await client.listBalances({ owner: address });
    expect(all).toHaveLength(2);
  });

  it('lists the dynamic fields of the System object and finds them by name', async () => {
    const client = network.client();
    const { dynamicFields } = await client.listDynamicFields({ parentId: network.ledger.chain.systemObjectId });
    expect(dynamicFields).toHaveLength(1);
    expect(dynamicFields[0]).toMatchObject({ $kind: 'DynamicField', name: { type: 'u64' } });
    const found = await client.getDynamicField({
      parentId: network.ledger.chain.systemObjectId,
      name: dynamicFields[0]?.name as { type: string; bcs: Uint8Array },
    });
    expect(found.dynamicField.fieldId).toBe(dynamicFields[0]?.fieldId);
  });

  it('knows its coins', async () => {
    const client = network.client();
    expect((await client.getCoinMetadata({ coinType: network.walType })).coinMetadata).toMatchObject({
      decimals: 9,
      symbol: 'WAL',
    });
    expect((await client.getCoinMetadata({ coinType: '0x2::sui::SUI' })).coinMetadata).toMatchObject({ symbol: 'SUI' });
    expect((await client.getCoinMetadata({ coinType: '0x2::no::NO' })).coinMetadata).toBeNull();
  });

  it('lists from genesis: every transaction of every checkpoint, with its events', async () => {
    const client = network.client();
    const readMask = { paths: ['sequence_number', 'digest', 'summary', 'transactions.digest', 'transactions.events'] };
    const frames: GrpcTypes.ListCheckpointsResponse[] = [];
    const options = { limit: 1000 };
    for await (const frame of client.ledgerService.listCheckpoints({ readMask, options }).responses) frames.push(frame);
    const checkpoints = frames.flatMap(({ checkpoint }) => checkpoint ?? []);
    expect(checkpoints.map(({ sequenceNumber }) => sequenceNumber)).toEqual(checkpoints.map((_, i) => BigInt(i)));
    for (const [i, checkpoint] of checkpoints.entries()) {
      expect(checkpoint.summary?.previousDigest).toBe(checkpoints[i - 1]?.digest);
      expect(checkpoint.transactions.length).toBeGreaterThan(0);
    }
    const total = checkpoints.reduce((sum, { transactions }) => sum + BigInt(transactions.length), 0n);
    expect(checkpoints.at(-1)?.summary?.totalNetworkTransactions).toBe(total);
    const names = checkpoints.flatMap(({ transactions }) =>
      transactions.flatMap(({ events }) => events?.events.map(({ eventType }) => eventType?.split('::').at(-1)) ?? []),
    );
    expect(names).toContain('BlobRegistered');
  });

  it('gives what it takes to check a checkpoint: true digests of summary and contents, and the signature', async () => {
    const { checkpoint } = (
      await network.client().ledgerService.getCheckpoint({
        checkpointId: { oneofKind: 'sequenceNumber', sequenceNumber: 1n },
        readMask: { paths: ['digest', 'summary', 'contents', 'signature'] },
      })
    ).response;
    const summary = checkpoint?.summary?.bcs?.value as Uint8Array;
    expect(toBase58(typedDigest('CheckpointSummary', summary))).toBe(checkpoint?.digest);
    const contents = checkpoint?.contents?.bcs?.value as Uint8Array;
    expect(toBase58(typedDigest('CheckpointContents', contents))).toBe(checkpoint?.summary?.contentDigest);
    const record = network.ledger.getCheckpoint(1n);
    expect(checkpoint?.summary?.commitments[0]?.digest).toBe(toBase58(record?.stateRoot as Uint8Array));
    const key = new Ed25519PublicKey(network.ledger.chain.publicKey);
    const signature = checkpoint?.signature?.signature as Uint8Array;
    expect(await key.verify(Uint8Array.of(2, 0, 0, ...summary), signature)).toBe(true);
  });

  it('delivers a checkpoint with its events to a subscriber', async () => {
    const { client, signer } = await wallet(41);
    const gone = new AbortController();
    const readMask = { paths: ['sequence_number', 'transactions.events'] };
    const call = client.subscriptionService.subscribeCheckpoints({ readMask }, { abort: gone.signal });
    await call.headers;
    await blobOf(network.walrus(client), signer);
    for await (const { checkpoint } of call.responses) {
      const types = checkpoint?.transactions.flatMap(
        ({ events }) => events?.events.map(({ eventType }) => eventType) ?? [],
      );
      if (types?.some((type) => type?.endsWith('::BlobRegistered') === true) === true) break;
    }
    gone.abort();
  });
});

describe('the faucet', () => {
  it('gives each of many at once exactly its coins', async () => {
    const client = network.client();
    const ask = (i: number) =>
      fetch(network.faucetUrl, { method: 'POST', body: JSON.stringify({ address: recipient(1000 + i) }) });
    const responses = await Promise.all(Array.from({ length: 80 }, (_, i) => ask(i)));
    expect(responses.map(({ status }) => status)).toEqual(Array(80).fill(200));
    for (const i of [0, 1, 40, 79]) {
      expect(await suiOf(client, recipient(1000 + i))).toBe(10_000_000_000n);
      const { balance } = await client.getBalance({ owner: recipient(1000 + i), coinType: network.walType });
      expect(balance.balance).toBe('1000000000000');
    }
  });

  it('gives up to its last coin, then says that it is empty', async () => {
    const small = await startNetwork({ faucetSui: 1n, faucetWal: 2_000_000_000n * 1_000_000_000n });
    try {
      const ask = (i: number) =>
        fetch(small.faucetUrl, { method: 'POST', body: JSON.stringify({ address: recipient(i) }) });
      const answers = [await ask(1), await ask(2), await ask(3)];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 503]);
      expect(await answers[2]?.json()).toMatchObject({ error: { code: 'FAUCET_EMPTY' } });
    } finally {
      await small.close();
    }
  });
});

const everything = {
  effects: true,
  events: true,
  balanceChanges: true,
  objectTypes: true,
  transaction: true,
  bcs: true,
} as const;

async function wallet(seed: number) {
  const signer = await network.wallet(seed);
  return { client: network.client(), signer, address: signer.toSuiAddress() };
}

function recipient(number: number): string {
  return `0x${number.toString(16).padStart(64, 'e')}`;
}

async function suiOf(client: SuiGrpcClient, owner: string): Promise<bigint> {
  return BigInt((await client.getBalance({ owner })).balance.balance);
}

async function eventsOf(client: SuiGrpcClient, digest: string): Promise<string[]> {
  const { Transaction: found } = await client.getTransaction({ digest, include: { events: true } });
  return found?.events?.map(({ eventType }) => eventType) ?? [];
}

/** A transaction with everything set, so that the client does not have it simulated. */
async function resolvedByHand(client: SuiGrpcClient, sender: string, compose: (transaction: Transaction) => void) {
  const transaction = new Transaction();
  compose(transaction);
  transaction.setSender(sender);
  transaction.setGasBudget(100_000_000);
  transaction.setGasPrice(1000);
  const { objects } = await client.listCoins({ owner: sender });
  transaction.setGasPayment(objects);
  return transaction;
}
