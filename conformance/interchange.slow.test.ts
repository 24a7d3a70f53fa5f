/** What the official SDK writes our client reads, and the reverse: blobs, attributes, quilts, status, extension, deletion. */
import { parseBlobId, parseObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ConformanceNetwork, same, sampleBytes, startNetwork } from './network.ts';

let network: ConformanceNetwork;
let signer: Ed25519Keypair;

beforeAll(async () => {
  network = await startNetwork();
  signer = await network.fundedKey();
});

afterAll(() => network.close());

const SIZES = [1, 999, 65_537, 2_000_003];

describe('what the SDK writes', () => {
  it.each(SIZES)('our client reads: %i bytes', async (size) => {
    const blob = sampleBytes(size, size);
    const { blobId } = await network.sdk().walrus.writeBlob({ blob, signer, epochs: 2, deletable: size % 2 === 0 });
    expect(same(await network.floe.client.read(parseBlobId(blobId), { consistency: 'strict' }), blob)).toBe(true);
  });

  it('our client lists, extends and deletes', async () => {
    const { client } = network.floe;
    const attributes = { a: '1' };
    const { blobObject } = await network
      .sdk()
      .walrus.writeBlob({ blob: sampleBytes(77, 1), signer, epochs: 2, deletable: true, attributes });
    const objectId = parseObjectId(blobObject.id);
    expect(await client.blobObject(objectId)).toMatchObject({
      sizeBytes: 77,
      owner: parseObjectId(signer.toSuiAddress()),
      certifiedEpoch: blobObject.certified_epoch,
      endEpoch: blobObject.storage.end_epoch,
    });
    expect(Object.fromEntries(await client.attributes(objectId))).toEqual(attributes);
    const owned: string[] = [];
    for await (const blob of client.listBlobs(parseObjectId(signer.toSuiAddress()))) owned.push(blob.objectId);
    expect(owned).toContain(objectId);

    await client.extend(objectId, { signer, epochs: 1 });
    expect((await network.sdk().walrus.getBlobObject(objectId)).storage.end_epoch).toBe(
      blobObject.storage.end_epoch + 1,
    );
    await client.deleteBlob(objectId, { signer });
    expect(await client.blobObject(objectId)).toBeUndefined();
  });
});

describe('what our client writes', () => {
  it.each([0, ...SIZES])('the SDK reads: %i bytes', async (size) => {
    const blob = sampleBytes(size, size + 1);
    const { blobId } = await network.floe.client.store(blob, { epochs: 2, deletable: true, signer, tail: 'wait' });
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
  });

  it('the SDK finds, with attributes and status', async () => {
    const attributes = { 'content-type': 'image/png' };
    const result = await network.floe.client.store(sampleBytes(4_321, 2), {
      epochs: 3,
      deletable: false,
      signer,
      attributes,
    });
    if (result.kind !== 'newlyCreated') throw new Error('these bytes were never stored before');
    const { walrus } = network.sdk();
    expect(await walrus.getBlobObject(result.objectId)).toMatchObject({
      id: result.objectId,
      size: '4321',
      deletable: false,
      storage: { end_epoch: result.endEpoch },
    });
    expect(await walrus.readBlobAttributes({ blobObjectId: result.objectId })).toEqual(attributes);
    await vi.waitFor(
      async () => {
        const status = await network.sdk().walrus.getVerifiedBlobStatus({ blobId: result.blobId });
        expect(status).toMatchObject({ type: 'permanent', isCertified: true, endEpoch: result.endEpoch });
      },
      { timeout: 30_000, interval: 200 },
    );
  });

  it('the SDK extends and deletes', async () => {
    const result = await network.floe.client.store(sampleBytes(222, 3), { epochs: 1, deletable: true, signer });
    if (result.kind !== 'newlyCreated') throw new Error('these bytes were never stored before');
    const blobObjectId = result.objectId;
    await network.sdk().walrus.executeExtendBlobTransaction({ signer, blobObjectId, epochs: 2 });
    expect(await network.floe.client.blobObject(blobObjectId)).toMatchObject({ endEpoch: result.endEpoch + 2 });
    await network.sdk().walrus.executeDeleteBlobTransaction({ signer, blobObjectId });
    expect(await network.floe.client.blobObject(blobObjectId)).toBeUndefined();
  });

  it('has the blob id that the SDK computes for the same bytes', async () => {
    const blob = sampleBytes(12_345, 4);
    const { blobId } = await network.floe.client.store(blob, { epochs: 1, deletable: true, signer });
    expect((await network.sdk().walrus.encodeBlob(blob)).blobId).toBe(blobId);
  });
});
