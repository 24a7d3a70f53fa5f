import { toBase58 } from '@mysten/bcs';
import { bcs } from '@mysten/sui/bcs';
import { Transaction, TransactionDataBuilder } from '@mysten/sui/transactions';
import { blake2b256 } from '@floe/kernels';
import { concatBytes, utf8 } from '@floe/platform';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEffects, encodeEffects } from '../src/effects-codec.ts';
import { decodeStoredObject, encodeObject, encodeStoredObject, objectSize } from '../src/object-codec.ts';
import { decodeStoredTransaction, encodeStoredTransaction } from '../src/journal-codec.ts';
import { decodeTransactionData, encodeTransactionData, transactionDigest } from '../src/transaction-data.ts';
import { addressOf, genesisOf, keypair, openWorld, send, succeed, transactionOf, WAL } from './support/world.ts';

const digestOf = (name: string, bytes: Uint8Array) => blake2b256(concatBytes(utf8(`${name}::`), bytes));

describe('objects', () => {
  test('every object of a genesis is the BCS Object that the official schema reads, with that digest', () => {
    for (const object of genesisOf().objects) {
      const bytes = encodeObject(object);
      const parsed = bcs.Object.parse(bytes);
      expect(bcs.Object.serialize(parsed).toBytes()).toEqual(bytes);
      expect(object.digest).toEqual(digestOf('Object', bytes));
      expect(parsed.previousTransaction).toBe(toBase58(object.previousTransaction));
      if (object.type !== 'package') {
        expect(parsed.data.Move?.version).toBe('1');
        expect(objectSize(object)).toBe(bytes.length);
      }
      expect(decodeStoredObject(object.id, encodeStoredObject(object))).toEqual(object);
    }
  });

  test('coins have the type tags that Sui gives them', () => {
    const kinds = genesisOf().objects.flatMap((object) => {
      const type = bcs.Object.parse(encodeObject(object)).data.Move?.type;
      return object.type.includes('::coin::Coin<') ? [type?.$kind] : [];
    });
    expect(new Set(kinds)).toEqual(new Set(['GasCoin', 'Coin']));
  });
});

describe('transactions', () => {
  const base = (): Transaction => {
    const tx = new Transaction();
    tx.setSender(`0x${'a'.repeat(64)}`);
    tx.setGasPrice(1000);
    tx.setGasBudget(5_000_000);
    tx.setGasPayment([{ objectId: `0x${'b'.repeat(64)}`, version: '7', digest: toBase58(new Uint8Array(32).fill(3)) }]);
    return tx;
  };

  test('what the official builder makes is decoded and encoded again to the byte, with its digest', async () => {
    const tx = base();
    const [coin] = tx.splitCoins(tx.gas, [1, 2]);
    tx.mergeCoins(tx.gas, [coin!]);
    tx.moveCall({
      target: '0x2::coin::zero',
      typeArguments: ['vector<0x2::coin::Coin<0x5::a::B<u64, vector<u8>>>>'],
      arguments: [tx.pure.u64(1)],
    });
    tx.makeMoveVec({ type: 'u64', elements: [tx.pure.u64(1)] });
    tx.transferObjects(
      [
        tx.sharedObjectRef({ objectId: '0x6', initialSharedVersion: 1, mutable: false }),
        tx.objectRef({ objectId: '0x9', version: '4', digest: toBase58(new Uint8Array(32)) }),
      ],
      '0x5',
    );
    for (const expiration of [
      { None: true as const },
      { Epoch: 5 },
      {
        ValidDuring: {
          minEpoch: '0',
          maxEpoch: null,
          minTimestamp: null,
          maxTimestamp: '12',
          chain: toBase58(new Uint8Array(32).fill(1)),
          nonce: 9,
        },
      },
    ]) {
      tx.setExpiration(expiration as never);
      const bytes = await tx.build();
      expect(encodeTransactionData(decodeTransactionData(bytes))).toEqual(bytes);
      expect(toBase58(transactionDigest(bytes))).toBe(TransactionDataBuilder.getDigestFromBytes(bytes));
    }
  });

  test.each([
    ['publishing', (tx: Transaction) => tx.publish({ modules: [[1]], dependencies: [] }), 'UNSUPPORTED_TRANSACTION'],
  ])('%s is refused clearly', async (_name, build, code) => {
    const tx = base();
    build(tx);
    const bytes = await tx.build();
    expect(() => decodeTransactionData(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test('bytes that are not one canonical transaction are refused, whatever was changed in them', async () => {
    const world = await openWorld();
    const bytes = transactionOf(world, keypair(2), (program) => {
      const [coin] = program.split(program.gas, 5n);
      program.transfer(addressOf(keypair(3)), coin!);
    });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = bytes.slice();
        changed[at] = changed[at]! ^ flip;
        try {
          // Whatever is accepted has these very bytes: no transaction has two encodings.
          expect(encodeTransactionData(decodeTransactionData(changed))).toEqual(changed);
        } catch (error) {
          expect(['INVALID_TRANSACTION', 'UNSUPPORTED_TRANSACTION', 'INVALID_TYPE']).toContain(
            (error as { code: string }).code,
          );
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeTransactionData(bytes.subarray(0, length))).toThrow();
    }
    expect(() => decodeTransactionData(concatBytes(bytes, Uint8Array.of(0)))).toThrow();
    await world.ledger.close();
  });
});

describe('effects', () => {
  test('are what the official schema reads, with their digest, and survive the journal', async () => {
    const world = await openWorld();
    const done = await succeed(world, keypair(2), (program) => {
      const [coin] = program.split(program.gas, 5n);
      program.transfer(addressOf(keypair(3)), coin!);
    });
    const failed = await send(world, keypair(2), (program) => {
      program.split(program.gas, 10n ** 19n);
    });
    const aborted = await send(world, keypair(2), (program) => {
      const coin = program.split(program.gas, 5n)[0]!;
      program.call('0x2::coin::destroy_zero', [coin], ['0x2::sui::SUI'.replace('0x2', `0x${'2'.padStart(64, '0')}`)]);
    });
    for (const record of [done, failed, aborted]) {
      const parsed = bcs.TransactionEffects.parse(record.effectsBytes);
      expect(bcs.TransactionEffects.serialize(parsed).toBytes()).toEqual(record.effectsBytes);
      expect(record.effectsDigest).toEqual(digestOf('TransactionEffects', record.effectsBytes));
      expect(parsed.V2?.transactionDigest).toBe(toBase58(record.digest));
      expect(decodeEffects(encodeEffects(record.effects))).toEqual(record.effects);
      expect(decodeStoredTransaction(record.digest, encodeStoredTransaction(record))).toEqual(record);
    }
    const status = bcs.TransactionEffects.parse(aborted.effectsBytes).V2?.status.Failure?.error;
    expect(status?.MoveAbort?.[0]).toMatchObject({ module: { name: 'balance' }, functionName: 'destroy_zero' });
    expect(status?.MoveAbort?.[1]).toBe('0');
    expect(failed.balanceChanges).toEqual([
      expect.objectContaining({ address: addressOf(keypair(2)), amount: expect.any(BigInt) as bigint }),
    ]);
    expect(WAL).toBe(10n ** 9n);
    await world.ledger.close();
  });
});
