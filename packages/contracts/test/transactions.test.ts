import { isFloeError } from '@floe/platform';
import { type BlobId, type Frost, parseObjectId, type SuiAddress } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { describe, expect, it } from 'vitest';
import {
  type BlobRegistration,
  burnBlobs,
  certifyBlobs,
  changeAttributes,
  deleteBlobs,
  extendBlobs,
  extensionCost,
  extendSharedBlob,
  fundSharedBlob,
  invalidateBlobId,
  mergeCoins,
  registerBlobs,
  registrationCost,
  sendCoin,
  shareBlob,
  transferObjects,
} from '../src/transactions.ts';
import { SUI_TYPE, walTypeOf } from '../src/type-names.ts';
import { checkSignatures, type Command, commandsOf, outline, paid } from './outline.ts';

const system = {
  packageId: parseObjectId('0xa1'),
  systemObjectId: parseObjectId('0x5'),
  walType: walTypeOf(parseObjectId('0xa2')),
  storagePrice: 100_000n,
  writePrice: 20_000n,
};
const owner = parseObjectId('0xcafe') as SuiAddress;
const blobIds = [parseObjectId('0xb1'), parseObjectId('0xb2')] as const;
const BLOB_ID = '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo' as BlobId;

function registration(encodedSizeBytes: number, attributes?: Record<string, string>): BlobRegistration {
  const rootHash = Uint8Array.from({ length: 32 }, (_, i) => i);
  return { blobId: BLOB_ID, rootHash, sizeBytes: 1_048_576, encodedSizeBytes, deletable: true, attributes };
}

describe('costs', () => {
  it('buys space once for all blobs and a write fee for each', () => {
    const mebibyte = 1_048_576;
    // Two blobs of 1.5 MiB: 3 units of space for 2 epochs, but 2 units of writing each.
    expect(registrationCost(system, 2, [1.5 * mebibyte, 1.5 * mebibyte])).toBe(3n * 100_000n * 2n + 4n * 20_000n);
  });

  it('matches the worked example of 1 GiB for 53 epochs on 1,000 shards', () => {
    expect(registrationCost(system, 53, [4_888_852_000])).toBe(24_807_160_000n);
  });

  it('extends without a write fee', () => {
    expect(extensionCost(system, 3, 1_048_577)).toBe(2n * 100_000n * 3n);
  });
});

describe('builders', () => {
  it('reserves, registers, pays exactly and gives the blob to its owner', () => {
    const build = (transaction: Transaction) =>
      registerBlobs(transaction, system, { blobs: [registration(1_048_576)], epochs: 2, owner });
    expect(outline(build)).toEqual([
      'CoinWithBalance',
      'system::reserve_space',
      'system::register_blob',
      'coin::destroy_zero',
      'TransferObjects',
    ]);
    expect(paid(build)).toBe(220_000n);
  });

  it('registers several blobs in one reservation that it splits by size', () => {
    const calls = commandsOf((transaction) =>
      registerBlobs(transaction, system, {
        blobs: [registration(100), registration(200), registration(300)],
        epochs: 1,
        owner,
      }),
    );
    const names = calls.map((command) => command.MoveCall?.function);
    expect(names.filter((name) => name === 'reserve_space')).toHaveLength(1);
    expect(names.filter((name) => name === 'split_by_size')).toHaveLength(2);
    expect(names.filter((name) => name === 'register_blob')).toHaveLength(3);
    // The first takes what was reserved; each other what splitting the one before it left over.
    const storages = calls.filter((command) => command.MoveCall?.function === 'register_blob').map(storageArgument);
    const sources = storages.map((result) => calls[result]?.MoveCall?.function);
    expect(sources).toEqual(['reserve_space', 'split_by_size', 'split_by_size']);
    expect(new Set(storages).size).toBe(3);
  });

  it('puts attributes on while registering', () => {
    const names = outline((transaction) =>
      registerBlobs(transaction, system, { blobs: [registration(100, { a: '1', b: '2' })], epochs: 1, owner }),
    );
    expect(names.slice(3, 7)).toEqual([
      'metadata::new',
      'blob::add_metadata',
      'blob::insert_or_update_metadata_pair',
      'blob::insert_or_update_metadata_pair',
    ]);
  });

  it('writes the blob id and root as their 32 bytes', () => {
    const transaction = new Transaction();
    registerBlobs(transaction, system, { blobs: [registration(100)], epochs: 1, owner });
    const pure = transaction.getData().inputs.flatMap((input) => (input.Pure ? [input.Pure.bytes] : []));
    expect(pure).toContain('0feD2hCliaAiHCTbLHHthOwFznSjX+pPm0GvUTq+3qo=');
    expect(pure).toContain('AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=');
  });

  it('certifies with the signature, a bitmap of the committee’s length, and the message', () => {
    const transaction = new Transaction();
    const certificate = { signers: [0, 9], signature: new Uint8Array(96), message: Uint8Array.of(1, 0, 3) };
    certifyBlobs(transaction, system, [{ blobObjectId: blobIds[0], certificate, memberCount: 13 }]);
    const pure = transaction.getData().inputs.flatMap((input) => (input.Pure ? [atob(input.Pure.bytes)] : []));
    expect(pure).toEqual([`\x60${'\0'.repeat(96)}`, '\x02\x01\x02', '\x03\x01\x00\x03']);
  });

  it('passes arguments in number and order of the contracts’ signatures', () => {
    const certificate = { signers: [0], signature: new Uint8Array(96), message: new Uint8Array(40) };
    const calls = checkSignatures(
      (transaction) => {
        registerBlobs(transaction, system, {
          blobs: [registration(100, { a: '1' }), registration(1)],
          epochs: 1,
          owner,
        });
        certifyBlobs(transaction, system, [{ blobObjectId: blobIds[0], certificate, memberCount: 4 }]);
        invalidateBlobId(transaction, system, { certificate, memberCount: 4 });
        extendBlobs(transaction, system, [{ blobObjectId: blobIds[0], storageSizeBytes: 1, epochs: 1 }]);
        changeAttributes(transaction, system, { blobObjectId: blobIds[0], set: { a: '1' }, remove: ['b'] });
        deleteBlobs(transaction, system, { blobObjectIds: blobIds, owner });
        burnBlobs(transaction, system, blobIds);
        shareBlob(transaction, system, { blobObjectId: blobIds[0] });
        shareBlob(transaction, system, { blobObjectId: blobIds[1], funds: 5n as Frost });
        fundSharedBlob(transaction, system, { sharedBlobObjectId: blobIds[0], funds: 5n as Frost });
        extendSharedBlob(transaction, system, { sharedBlobObjectId: blobIds[0], epochs: 2 });
      },
      { [system.packageId]: 'walrus' },
    );
    expect(calls).toBeGreaterThan(18);
  });

  it('removes and sets attributes without asking whether the blob has any', () => {
    expect(
      outline((transaction) =>
        changeAttributes(transaction, system, { blobObjectId: blobIds[0], set: { a: '1' }, remove: ['b'] }),
      ),
    ).toEqual(['blob::remove_metadata_pair_if_exists', 'blob::insert_or_update_metadata_pair']);
  });

  it('sends SUI from the gas coin and any other coin from the sender’s coins', () => {
    const send = (coinType: string) =>
      outline((transaction) => sendCoin(transaction, { coinType, amount: 7n, to: owner }));
    expect(send(SUI_TYPE)).toEqual(['SplitCoins', 'TransferObjects']);
    expect(send(system.walType)).toEqual(['CoinWithBalance', 'TransferObjects']);
  });

  it('transfers and merges objects', () => {
    expect(outline((transaction) => transferObjects(transaction, blobIds, owner))).toEqual(['TransferObjects']);
    expect(outline((transaction) => mergeCoins(transaction, blobIds[0], [blobIds[1]]))).toEqual(['MergeCoins']);
    expect(outline((transaction) => mergeCoins(transaction, blobIds[0], []))).toEqual([]);
  });

  it('refuses no blobs, too many blobs and too many attributes', () => {
    const attributes = Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`key${i}`, '']));
    const attempt = (blobs: BlobRegistration[]) => () =>
      registerBlobs(new Transaction(), system, { blobs, epochs: 1, owner });
    expect(attempt([])).toThrow(expect.objectContaining({ code: 'TOO_MANY_BLOBS' }));
    expect(attempt(Array.from({ length: 101 }, () => registration(1)))).toThrow(/at most 100/);
    try {
      attempt([registration(1, attributes), registration(1, attributes)])();
      expect.unreachable();
    } catch (error) {
      expect(isFloeError(error, 'TOO_MANY_ATTRIBUTES')).toBe(true);
    }
  });
});

function storageArgument(command: Command): number {
  const argument = command.MoveCall?.arguments[1];
  if (argument?.$kind === 'Result') return argument.Result;
  if (argument?.$kind === 'NestedResult') return argument.NestedResult[0];
  throw new Error('storage is no result');
}
