/** What the official SDK writes our client reads, and the reverse: blobs, attributes, quilts, status, extension, deletion. */
import { parseBlobId, parseObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { WalrusFile } from '@mysten/walrus';
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

describe('quilts', () => {
  const patches: readonly { identifier: string; contents: Uint8Array; tags: Record<string, string> }[] = [
    { identifier: 'a.txt', contents: sampleBytes(12, 50), tags: { kind: 'small' } },
    { identifier: 'b/large.bin', contents: sampleBytes(70_001, 51), tags: {} },
    { identifier: 'ö', contents: sampleBytes(0, 52), tags: { x: '1', y: '' } },
  ];

  it('that the SDK writes our client reads, by id and by identifier', async () => {
    const files = patches.map((patch) => WalrusFile.from(patch));
    const written = await network.sdk().walrus.writeFiles({ files, signer, epochs: 1, deletable: true });
    const quiltId = parseBlobId(written[0]?.blobId ?? '');
    const { client } = network.floe;
    const listed = await client.quiltPatches(quiltId);
    expect(listed.map(({ patchId }) => patchId)).toEqual(written.map(({ id }) => id));
    for (const { identifier, contents, tags } of patches) {
      const byName = await client.readPatchByIdentifier(quiltId, identifier);
      expect(byName).toMatchObject({ identifier, tags });
      expect(same(byName.contents, contents)).toBe(true);
      expect(same((await client.readPatch(byName.patchId)).contents, contents)).toBe(true);
    }
  });

  it('that our client writes the SDK reads, with the same ids for the same files', async () => {
    const { store, patches: stored } = await network.floe.client.storeQuilt(patches, {
      epochs: 1,
      deletable: true,
      signer,
      force: true,
    });
    const files = await network.sdk().walrus.getFiles({ ids: stored.map(({ patchId }) => patchId) });
    for (const [i, { identifier, tags }] of stored.entries()) {
      const file = files[i] as WalrusFile;
      expect({ identifier: await file.getIdentifier(), tags: await file.getTags() }).toEqual({ identifier, tags });
      expect(same(await file.bytes(), patches.find((patch) => patch.identifier === identifier)?.contents)).toBe(true);
    }
    const encoded = await network.sdk().walrus.encodeQuilt({ blobs: [...patches] });
    expect((await network.sdk().walrus.encodeBlob(encoded.quilt)).blobId).toBe(store.blobId);
  });
});

describe('the gateway', () => {
  it('serves what the SDK wrote, and the SDK reads what the gateway stored', async () => {
    const { aggregatorUrl, publisherUrl } = network.dev.network.gateway;
    const blob = sampleBytes(30_000, 60);
    const { blobId } = await network.sdk().walrus.writeBlob({ blob, signer, epochs: 1, deletable: true });
    const served = await fetch(`${aggregatorUrl}/v1/blobs/${blobId}`);
    expect(served.status).toBe(200);
    expect(same(new Uint8Array(await served.arrayBuffer()), blob)).toBe(true);

    const other = sampleBytes(30_001, 61) as Uint8Array<ArrayBuffer>;
    const stored = await fetch(`${publisherUrl}/v1/blobs?epochs=1&deletable=true`, { method: 'PUT', body: other });
    const answer = (await stored.json()) as { newlyCreated: { blobObject: { blobId: string } } };
    const read = await network.sdk().walrus.readBlob({ blobId: answer.newlyCreated.blobObject.blobId });
    expect(same(read, other)).toBe(true);
  });
});
