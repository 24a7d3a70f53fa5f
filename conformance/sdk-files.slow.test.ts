/** The official SDK's files on a Floe network: many small files in one blob (a quilt), and files as blobs. */
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { WalrusFile } from '@mysten/walrus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, same, sampleBytes, startNetwork } from './network.ts';

let network: ConformanceNetwork;
let signer: Ed25519Keypair;

beforeAll(async () => {
  network = await startNetwork();
  signer = await network.fundedKey();
});

afterAll(() => network.close());

const contents = [sampleBytes(10, 1), sampleBytes(40_000, 2), new TextEncoder().encode('hello')];

function files(): WalrusFile[] {
  return [
    WalrusFile.from({ contents: contents[0] as Uint8Array, identifier: 'first.bin' }),
    WalrusFile.from({ contents: contents[1] as Uint8Array, identifier: 'second.bin', tags: { kind: 'large' } }),
    WalrusFile.from({ contents: contents[2] as Uint8Array, identifier: 'notes/hello.txt', tags: { a: '1', b: '2' } }),
  ];
}

/** Writes the files; what the SDK says of the first. */
async function writeFirst() {
  const [first] = await network.sdk().walrus.writeFiles({ files: files(), signer, epochs: 1, deletable: true });
  if (first === undefined) throw new Error('writeFiles listed no file');
  return first;
}

describe('files', () => {
  it('are written and read with their identifiers and tags', async () => {
    const written = await network.sdk().walrus.writeFiles({ files: files(), signer, epochs: 2, deletable: true });
    expect(new Set(written.map(({ blobId }) => blobId)).size).toBe(1);

    const read = await network.sdk().walrus.getFiles({ ids: written.map(({ id }) => id) });
    const found = await Promise.all(
      read.map(async (file) => ({
        identifier: await file.getIdentifier(),
        tags: await file.getTags(),
        bytes: await file.bytes(),
      })),
    );
    // A quilt keeps its patches in the order of their identifiers.
    expect(found).toEqual([
      { identifier: 'first.bin', tags: {}, bytes: contents[0] },
      { identifier: 'notes/hello.txt', tags: { a: '1', b: '2' }, bytes: contents[2] },
      { identifier: 'second.bin', tags: { kind: 'large' }, bytes: contents[1] },
    ]);
  });

  it('are found in the quilt by identifier and by tag', async () => {
    const { blobId } = await writeFirst();
    const blob = await network.sdk().walrus.getBlob({ blobId });
    const identifiers = async (filter?: Parameters<typeof blob.files>[0]) =>
      Promise.all((await blob.files(filter)).map((file) => file.getIdentifier()));
    expect(await identifiers()).toEqual(['first.bin', 'notes/hello.txt', 'second.bin']);
    expect(await identifiers({ identifiers: ['second.bin'] })).toEqual(['second.bin']);
    expect(await identifiers({ tags: [{ kind: 'large' }] })).toEqual(['second.bin']);
  });

  it('mark the blob object as a quilt', async () => {
    const { blobObject } = await writeFirst();
    expect(await network.sdk().walrus.readBlobAttributes({ blobObjectId: blobObject.id })).toEqual({
      _walrusBlobType: 'quilt',
    });
  });

  it('are read as whole blobs too', async () => {
    const blob = sampleBytes(9_000, 3);
    const { blobId } = await network.sdk().walrus.writeBlob({ blob, signer, epochs: 1, deletable: true });
    const [file] = await network.sdk().walrus.getFiles({ ids: [blobId] });
    expect(same(await file?.bytes(), blob)).toBe(true);
  });
});
