import { connect } from 'node:http2';
import { once } from 'node:events';
import { GrpcTypes } from '@mysten/sui/grpc';
import { Transaction } from '@mysten/sui/transactions';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { fromBase64 } from '@mysten/bcs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveLedger } from '../../src/node/index.ts';
import { dataFrame } from '../../src/rpc/frames.ts';
import { rpcErrorOf } from '../rpc/support/client.ts';
import { startNetwork, type TestNetwork } from '../rpc/support/network.ts';

let network: TestNetwork;
let wallet: Ed25519Keypair;

beforeAll(async () => {
  network = await startNetwork({ ownThread: true });
  wallet = await network.wallet(7);
});
afterAll(() => network.close());

/** A transfer by the wallet, and what asks for its execution with a signature of `signer`. */
async function transfer(signer: Ed25519Keypair, amount: number) {
  const transaction = new Transaction();
  transaction.setSender(wallet.toSuiAddress());
  transaction.transferObjects([transaction.splitCoins(transaction.gas, [amount])], wallet.toSuiAddress());
  const bytes = await transaction.build({ client: network.client() });
  const { signature } = await signer.signTransaction(bytes);
  return { transaction: { bcs: { value: bytes } }, signatures: [{ bcs: { value: fromBase64(signature) } }] };
}

test('a transaction whose signature the thread of the sockets checked is executed and durable', async () => {
  const { response } = await network
    .client()
    .transactionExecutionService.executeTransaction(
      GrpcTypes.ExecuteTransactionRequest.create(await transfer(wallet, 1)),
    );
  expect(response.transaction?.effects?.status?.success).toBe(true);
  expect(network.ledger.getCheckpoint('latest')?.sequence).toBe(response.transaction?.checkpoint);
});

test.each([
  ['of another address', 'which is neither sender nor sponsor'],
  ['over other bytes', 'signature 0 does not verify'],
  ['too many', '3 came, at most 2 are allowed'],
  ['empty', 'it has 0 bytes'],
])('a signature that is %s is refused as without the thread', async (what, message) => {
  const signer = what === 'of another address' ? Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(8)) : wallet;
  const signed = await transfer(signer, 2);
  const [first = { bcs: { value: new Uint8Array(0) } }] = signed.signatures;
  if (what === 'over other bytes') signed.signatures = (await transfer(wallet, 3)).signatures;
  if (what === 'too many') signed.signatures = [first, first, first];
  if (what === 'empty') signed.signatures = [{ bcs: { value: new Uint8Array(0) } }];
  const call = network
    .client()
    .transactionExecutionService.executeTransaction(GrpcTypes.ExecuteTransactionRequest.create(signed));
  const error = await rpcErrorOf(call);
  expect(decodeURIComponent(error.message)).toContain(message);
});

test('subscribers of both protocols and readers are served, and are told of the end', async () => {
  const health = await fetch(`${network.url}/health`);
  expect(await health.json()).toMatchObject({ status: 'ok', service: 'floe-ledger/0.1.0' });
  expect((await fetch(`${network.url}/nothing`)).status).toBe(404);
  const { totalTransactions = 0n } = network.ledger.getCheckpoint('latest') ?? {};
  expect(totalTransactions).toBeGreaterThan(0n);

  const call = network.client().subscriptionService.subscribeCheckpoints({ readMask: { paths: ['sequence_number'] } });
  await call.headers;
  const session = connect(network.url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sui.rpc.v2.SubscriptionService/SubscribeCheckpoints',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(dataFrame(new Uint8Array(0)));
  await once(stream, 'response');
  const sent = await transfer(wallet, 4);
  const received = once(stream, 'data');
  await network
    .client()
    .transactionExecutionService.executeTransaction(GrpcTypes.ExecuteTransactionRequest.create(sent));
  const next = await call.responses[Symbol.asyncIterator]().next();
  expect(next.value?.cursor).toBe(network.ledger.getCheckpoint('latest')?.sequence);
  const [frame] = (await received) as [Buffer];
  expect(GrpcTypes.SubscribeCheckpointsResponse.fromBinary(frame.subarray(5)).cursor).toBe(next.value?.cursor);
  const closed = once(session, 'close');
  session.destroy();
  await closed;
});

test('a port that is taken is refused by name', async () => {
  const taken = { host: '127.0.0.1', port: Number(new URL(network.url).port), ownThread: true };
  await expect(serveLedger(network.ledger, taken)).rejects.toMatchObject({ name: 'FloeError', code: 'PORT_IN_USE' });
});
