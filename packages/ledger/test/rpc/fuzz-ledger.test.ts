import { isFloeError } from '@floe/platform';
import { blobIdOf } from '@floe/protocol';
import { GrpcTypes } from '@mysten/sui/grpc';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { Transaction } from '@mysten/sui/transactions';
import { fromBase64 } from '@mysten/sui/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerDispatcher } from '../../src/rpc/handler.ts';
import type { Dispatcher } from '../../src/rpc/service.ts';
import { mutate } from './support/mutation.ts';
import { startNetwork, type TestNetwork } from './support/network.ts';
import { seededRandom } from './support/random.ts';

const seed = Number(process.env['FLOE_SEED'] ?? 20242);
const rounds = Number(process.env['FLOE_FUZZ_ROUNDS'] ?? 300);
const { signal } = new AbortController();

let network: TestNetwork;
let dispatcher: Dispatcher;
let signer: Ed25519Keypair;
/** Transactions as the SDK makes them, resolved. */
let transactions: Uint8Array[];

beforeAll(async () => {
  network = await startNetwork();
  dispatcher = createLedgerDispatcher(network.ledger);
  signer = await network.wallet(5);
  const client = network.client();
  const walrus = network.walrus(client);
  const owner = signer.toSuiAddress();
  const rootHash = new Uint8Array(32).fill(3);
  const blobId = blobIdOf({ rootHash, unencodedLength: 1000 });
  const options = { blobId, rootHash, size: 1000, epochs: 3, deletable: true, owner };
  const { blob } = await walrus.executeRegisterBlobTransaction({ ...options, signer });
  const pay = new Transaction();
  pay.transferObjects([...pay.splitCoins(pay.gas, [5, 6])], owner);
  const composed = [
    walrus.registerBlobTransaction({ ...options, attributes: { a: 'b' } }),
    walrus.deleteBlobTransaction({ blobObjectId: blob.id, owner }),
    pay,
  ];
  transactions = [];
  for (const transaction of composed) {
    transaction.setSender(owner);
    transactions.push(await transaction.build({ client }));
  }
});
afterAll(() => network.close());

/** What a refusal may be. Anything else is a bug, or blames the ledger for what the caller sent. */
const REFUSALS = ['invalid', 'not-found', 'conflict', 'unauthorized'];

async function callWith(method: string, message: Uint8Array, label: string): Promise<'answered' | 'refused'> {
  try {
    await dispatcher.call(`sui.rpc.v2.TransactionExecutionService/${method}`, message, { signal });
    return 'answered';
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    expect(REFUSALS, label).toContain(isFloeError(error) ? error.kind : text);
    return 'refused';
  }
}

describe(`a real ledger under mutated transactions, seed ${seed}`, () => {
  it('simulates or refuses them, with and without checks, and changes nothing', async () => {
    const random = seededRandom(seed);
    const before = network.ledger.getCheckpoint('latest')?.sequence;
    const answers = { answered: 0, refused: 0 };
    for (let round = 0; round < rounds; round += 1) {
      const value = mutate(transactions[random(transactions.length)] as Uint8Array, random);
      const message = GrpcTypes.SimulateTransactionRequest.toBinary({
        transaction: { bcs: { value } },
        checks: random(2),
        doGasSelection: random(2) === 0,
      });
      const label = `seed ${seed} round ${round}: ${Buffer.from(message).toString('base64')}`;
      answers[await callWith('SimulateTransaction', message, label)] += 1;
    }
    expect(answers.answered).toBeGreaterThan(0);
    expect(answers.refused).toBeGreaterThan(0);
    expect(network.ledger.getCheckpoint('latest')?.sequence).toBe(before);
  });

  it('resolves mutated drafts or refuses them', async () => {
    const random = seededRandom(seed + 1);
    const drafts = await Promise.all(transactions.map(draftOf));
    for (let round = 0; round < rounds; round += 1) {
      const draft = drafts[random(drafts.length)] as Uint8Array;
      const message = round < drafts.length ? draft : mutate(draft, random);
      const label = `seed ${seed} round ${round}: ${Buffer.from(message).toString('base64')}`;
      await callWith('SimulateTransaction', message, label);
    }
  });

  it('executes them when they are signed, or refuses them, and never without a true signature', async () => {
    const random = seededRandom(seed + 2);
    for (let round = 0; round < rounds; round += 1) {
      const value = mutate(transactions[random(transactions.length)] as Uint8Array, random);
      const { signature } = await signer.signTransaction(value);
      const isForged = random(4) === 0;
      const bytes = isForged ? mutate(fromBase64(signature), random) : fromBase64(signature);
      const message = GrpcTypes.ExecuteTransactionRequest.toBinary({
        transaction: { bcs: { value } },
        signatures: [{ bcs: { value: bytes }, signature: { oneofKind: undefined } }],
      });
      const label = `seed ${seed} round ${round}: ${Buffer.from(message).toString('base64')}`;
      const answer = await callWith('ExecuteTransaction', message, label);
      if (isForged && Buffer.compare(bytes, fromBase64(signature)) !== 0) expect(answer, label).toBe('refused');
    }
    // It still works.
    const client = network.client();
    const transaction = new Transaction();
    transaction.transferObjects([transaction.splitCoins(transaction.gas, [1])], signer.toSuiAddress());
    const result = await client.signAndExecuteTransaction({ signer, transaction });
    expect(result.Transaction?.status.success).toBe(true);
  });
});

/** The request with which the SDK would have had this transaction resolved: versions and gas left out. */
async function draftOf(bytes: Uint8Array): Promise<Uint8Array> {
  const request = { transaction: { bcs: { value: bytes } }, readMask: { paths: ['transaction.transaction'] } };
  const service = network.client().transactionExecutionService;
  const { response } = await service.simulateTransaction(request);
  const transaction = response.transaction?.transaction as GrpcTypes.Transaction;
  const data = transaction.kind?.data;
  if (data?.oneofKind === 'programmableTransaction') {
    const { programmableTransaction: program } = data;
    program.inputs = program.inputs.map((input) => (input.pure === undefined ? { objectId: input.objectId } : input));
  }
  const { sender, kind } = transaction;
  return GrpcTypes.SimulateTransactionRequest.toBinary({ transaction: { sender, kind }, doGasSelection: true });
}
