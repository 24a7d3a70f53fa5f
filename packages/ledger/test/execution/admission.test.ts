import { expect, test } from 'vitest';
import type { ObjectId } from '@floe/protocol';
import { encodeTransactionData, decodeTransactionData, type TransactionData } from '../../src/transaction-data.ts';
import {
  addressOf,
  coinIdOf,
  failureText,
  keypair,
  openWorld,
  type Program,
  send,
  sign,
  SUI_COIN_TYPE,
  succeed,
  toHex,
  transactionOf,
  type World,
} from '../support/world.ts';

const alice = keypair(2);
const bob = keypair(3);
const pay = (p: Program) => p.transfer(addressOf(bob), p.split(p.gas, 5n)[0]!);

/** Sends a changed transaction, signed anew, and tells why it was refused. */
async function refusal(
  world: World,
  change: (transaction: TransactionData) => TransactionData,
  build: (program: Program) => void = pay,
): Promise<string> {
  const bytes = encodeTransactionData(change(decodeTransactionData(transactionOf(world, alice, build))));
  const latest = world.ledger.getCheckpoint('latest')!.sequence;
  const error: unknown = await world.ledger.execute(bytes, await sign(bytes, alice)).then(
    (record) => failureText(record),
    (reason: unknown) => reason,
  );
  // A refused transaction leaves no trace.
  if (typeof error !== 'string') expect(world.ledger.getCheckpoint('latest')!.sequence).toBe(latest);
  return typeof error === 'string' ? error : (error as { code: string }).code;
}

test('transactions that cannot be executed are refused before, each for its reason', async () => {
  const world = await openWorld();
  const walId = coinIdOf(world, addressOf(alice), world.walType);
  const bobCoin = coinIdOf(world, addressOf(bob), world.walType);
  const withGas = (gas: Partial<TransactionData['gas']>) => (t: TransactionData) => ({
    ...t,
    gas: { ...t.gas, ...gas },
  });
  const useOwned = (id: ObjectId) => (p: Program) => p.transfer(addressOf(bob), p.owned(id));
  const same = (t: TransactionData) => t;

  expect(await refusal(world, withGas({ price: 999n }))).toBe('INVALID_GAS');
  expect(await refusal(world, withGas({ price: 100_001n }))).toBe('INVALID_GAS');
  expect(await refusal(world, withGas({ budget: 999_999n }))).toBe('INVALID_GAS');
  expect(await refusal(world, withGas({ budget: 50_000_000_001n }))).toBe('INVALID_GAS');
  expect(await refusal(world, withGas({ payment: [] }))).toBe('INVALID_GAS');
  expect(
    await refusal(world, (t) => ({ ...t, gas: { ...t.gas, payment: [...t.gas.payment, ...t.gas.payment] } })),
  ).toBe('DUPLICATE_OBJECT');
  const walRef = world.ledger.getObject(walId)!;
  expect(await refusal(world, withGas({ payment: [walRef] }))).toBe('INVALID_GAS');
  expect(await refusal(world, same, useOwned(bobCoin))).toBe('OBJECT_NOT_OWNED');
  expect(await refusal(world, same, useOwned(world.genesis.walrusPackageId))).toBe('INVALID_OBJECT_INPUT');
  expect(await refusal(world, same, useOwned(world.genesis.systemObjectId))).toBe('INVALID_OBJECT_INPUT');
  const inner = world.ledger.listDynamicFields({ parent: world.genesis.systemObjectId, limit: 1 }).items[0]!.fieldId;
  expect(await refusal(world, same, useOwned(inner))).toBe('INVALID_OBJECT_INPUT');
  expect(
    await refusal(world, (t) => ({ ...t, inputs: [...t.inputs, { kind: 'owned', ref: t.gas.payment[0]! }] })),
  ).toBe('DUPLICATE_OBJECT');
  expect(
    await refusal(world, (t) => ({
      ...t,
      inputs: [...t.inputs, { kind: 'shared', id: walId, initialVersion: 1n, mutable: true }],
    })),
  ).toBe('INVALID_OBJECT_INPUT');
  expect(
    await refusal(world, (t) => ({
      ...t,
      inputs: [...t.inputs, { kind: 'shared', id: world.genesis.systemObjectId, initialVersion: 2n, mutable: true }],
    })),
  ).toBe('INVALID_OBJECT_INPUT');
  expect(
    await refusal(world, (t) => ({
      ...t,
      inputs: [
        ...t.inputs,
        { kind: 'shared', id: `0x${'6'.padStart(64, '0')}` as ObjectId, initialVersion: 1n, mutable: true },
      ],
    })),
  ).toBe('INVALID_OBJECT_INPUT');
  expect(
    await refusal(world, (t) => ({
      ...t,
      inputs: [...t.inputs, { kind: 'owned', ref: { ...walRef, id: `0x${'7'.repeat(64)}` as ObjectId } }],
    })),
  ).toBe('OBJECT_NOT_FOUND');
  expect(await refusal(world, (t) => ({ ...t, inputs: [...t.inputs, { kind: 'receiving', ref: walRef }] }))).toBe(
    'UNSUPPORTED_TRANSACTION',
  );
  expect(
    await refusal(world, (t) => ({
      ...t,
      inputs: [...t.inputs, { kind: 'owned', ref: { ...walRef, digest: new Uint8Array(32) } }],
    })),
  ).toBe('OBJECT_DIGEST_MISMATCH');
  expect(
    await refusal(world, (t) => ({ ...t, inputs: [{ kind: 'pure', bytes: new Uint8Array(20_000) }, ...t.inputs] })),
  ).toBe('LIMIT_EXCEEDED');
  expect(
    await refusal(world, (t) => ({
      ...t,
      commands: [{ kind: 'merge-coins', destination: { kind: 'gas' }, sources: [] }],
    })),
  ).toBe('INVALID_TRANSACTION');
  expect(await refusal(world, same, (p) => void p.call(`0x${'8'.repeat(64)}::a::b`))).toBe('OBJECT_NOT_FOUND');
  await world.ledger.close();
});

test('expiration names the chain and the time in which a transaction counts', async () => {
  const world = await openWorld();
  const during = {
    kind: 'valid-during' as const,
    minEpoch: 0n,
    maxEpoch: 0n,
    minTimestamp: undefined,
    maxTimestamp: undefined,
    chain: world.ledger.chain.chainIdentifier,
    nonce: 1,
  };
  const now = BigInt(world.time.nowMs());
  expect(await refusal(world, (t) => ({ ...t, expiration: { ...during, chain: new Uint8Array(32) } }))).toBe(
    'WRONG_CHAIN',
  );
  expect(await refusal(world, (t) => ({ ...t, expiration: { ...during, minEpoch: 1n } }))).toBe('TRANSACTION_EXPIRED');
  expect(await refusal(world, (t) => ({ ...t, expiration: { ...during, maxTimestamp: now - 1n } }))).toBe(
    'TRANSACTION_EXPIRED',
  );
  expect(await refusal(world, (t) => ({ ...t, expiration: { ...during, minTimestamp: now + 1n } }))).toBe(
    'TRANSACTION_EXPIRED',
  );
  expect(await refusal(world, (t) => ({ ...t, expiration: during }))).toBe('success');
  expect(await refusal(world, (t) => ({ ...t, expiration: { kind: 'epoch', epoch: 0n } }))).toBe('success');
  await world.ledger.close();
});

test('a transaction made for an older version of an object says so', async () => {
  const world = await openWorld();
  const first = transactionOf(world, alice, pay);
  await succeed(world, alice, (p) => p.transfer(addressOf(bob), p.split(p.gas, 6n)[0]!));
  await expect(world.ledger.execute(first, await sign(first, alice))).rejects.toMatchObject({
    code: 'STALE_OBJECT',
    kind: 'conflict',
    data: { version: '1', currentVersion: expect.stringMatching(/^\d+$/) as string },
  });
  await world.ledger.close();
});

test('signatures that are forged, missing, foreign or too many are refused', async () => {
  const world = await openWorld();
  const bytes = transactionOf(world, alice, pay);
  const [good] = await sign(bytes, alice);
  const forged = good!.slice();
  forged[10] = forged[10]! ^ 1;
  const other = transactionOf(world, alice, (p) => p.transfer(addressOf(bob), p.split(p.gas, 9n)[0]!));
  const attempts: [string, Uint8Array[]][] = [
    ['forged', [forged]],
    ['missing', []],
    ['foreign', await sign(bytes, bob)],
    ['of another transaction', await sign(other, alice)],
    ['twice', [good!, good!]],
    ['one too many', [good!, ...(await sign(bytes, bob))]],
    ['cut', [good!.subarray(0, 96)]],
    ['empty', [new Uint8Array(0)]],
    ['of an unknown scheme', [Uint8Array.of(77, ...good!.subarray(1))]],
    ['of zkLogin', [Uint8Array.of(5, ...good!.subarray(1))]],
    ['huge', [new Uint8Array(5000)]],
  ];
  for (const [name, signatures] of attempts) {
    await expect(world.ledger.execute(bytes, signatures), name).rejects.toMatchObject({
      code: 'INVALID_SIGNATURE',
      kind: 'unauthorized',
    });
  }
  expect(world.ledger.getCheckpoint('latest')?.sequence).toBe(0n);
  expect(failureText(await world.ledger.execute(bytes, [good!]))).toBe('success');
  await world.ledger.close();
});

test('a sponsor pays with its own coin and signs too', async () => {
  const world = await openWorld();
  const had = world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance;
  const wal = coinIdOf(world, addressOf(alice), world.walType);
  const record = await succeed(world, alice, (p) => p.transfer(addressOf(bob), p.owned(wal)), { sponsor: bob });
  expect(record.signatures).toHaveLength(2);
  expect(world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance).toBe(had);
  expect(record.balanceChanges).toContainEqual(
    expect.objectContaining({ address: addressOf(bob), coinType: SUI_COIN_TYPE }),
  );
  const bytes = transactionOf(world, alice, pay, { sponsor: bob });
  await expect(world.ledger.execute(bytes, await sign(bytes, alice))).rejects.toMatchObject({
    code: 'INVALID_SIGNATURE',
  });
  // The sponsor's coins pay; they do not become the sender's to use as inputs.
  const bobWal = coinIdOf(world, addressOf(bob), world.walType);
  await expect(
    send(world, alice, (p) => p.transfer(addressOf(alice), p.owned(bobWal)), { sponsor: bob }),
  ).rejects.toMatchObject({ code: 'OBJECT_NOT_OWNED' });
  await world.ledger.close();
});

test('what is more than a transaction may be is refused at once', async () => {
  const world = await openWorld();
  await expect(world.ledger.execute(new Uint8Array(200_000), [])).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await expect(world.ledger.execute(new Uint8Array(10), [])).rejects.toMatchObject({ code: 'INVALID_TRANSACTION' });
  expect(toHex(world.ledger.chain.publicKey)).toHaveLength(64);
  await world.ledger.close();
});
