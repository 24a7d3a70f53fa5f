/** Quilts: files stored together, read alone. */
import { seededRng } from '@floe/platform/memory';
import { blobIdFromBytes, geometryOf, pairOfSliver, shardOfPair, type SliverIndex } from '@floe/protocol';
import { quiltPatchId, type QuiltPatchInput } from '@floe/redstuff';
import { describe, expect, test } from 'vitest';
import type { BlobReader } from '../src/blob-reader.ts';
import type { StoredPatch } from '../src/index.ts';
import { readPatchById } from '../src/quilts.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

const files: readonly QuiltPatchInput[] = [
  { identifier: 'b/readme.md', contents: new TextEncoder().encode('# hello'), tags: { kind: 'text' } },
  { identifier: 'a.bin', contents: seededRng(1).bytes(3_000) },
  { identifier: 'c.txt', contents: new TextEncoder().encode('sea'), tags: { kind: 'text', size: 'small' } },
  { identifier: 'empty', contents: new Uint8Array(0) },
];

async function storing(net: TestNetwork) {
  return await net.run(net.client.storeQuilt(files, { epochs: 2, signer: net.signer, tail: 'wait' }));
}

function contentsOf(identifier: string): Uint8Array {
  return files.find((file) => file.identifier === identifier)?.contents as Uint8Array;
}

/** The columns that come in from now on. */
function columnsAskedFor(net: TestNetwork): Set<number> {
  const indices = new Set<number>();
  const verify = net.codec.verifySlivers.bind(net.codec);
  net.codec.verifySlivers = (verified, slivers, ...rest) => {
    for (const { axis, index } of slivers) if (axis === 'secondary') indices.add(index);
    return verify(verified, slivers, ...rest);
  };
  return indices;
}

describe('a quilt', () => {
  test('is marked on its blob object and lists its patches by identifier', async () => {
    const net = await createTestNetwork();
    const { store, patches } = await storing(net);
    expect(patches.map(({ identifier }) => identifier)).toEqual(['a.bin', 'b/readme.md', 'c.txt', 'empty']);
    expect(await net.run(net.client.quiltPatches(store.blobId))).toEqual(patches);
    if (store.kind !== 'newlyCreated') throw new Error('a new quilt is newly created');
    expect(await net.client.attributes(store.objectId)).toEqual(new Map([['_walrusBlobType', 'quilt']]));
  });

  test('gives each patch by identifier, by id and by tag', async () => {
    const net = await createTestNetwork();
    const { store, patches } = await storing(net);
    for (const { identifier, patchId, tags } of patches) {
      const expected = { identifier, patchId, tags, contents: contentsOf(identifier) };
      expect(await net.run(net.client.readPatch(patchId))).toMatchObject(expected);
      expect(await net.run(net.client.readPatchByIdentifier(store.blobId, identifier))).toMatchObject(expected);
    }
    const texts = await net.run(net.client.readPatchesByTag(store.blobId, 'kind', 'text'));
    expect(texts.map(({ identifier }) => identifier)).toEqual(['b/readme.md', 'c.txt']);
  });

  test('gives a patch whose columns are lost at their nodes, from recovery symbols', async () => {
    const net = await createTestNetwork({ nShards: 13, nodes: 13 });
    const { store, patches } = await storing(net);
    const { geometry } = net.committee;
    const column = patches[0]?.startIndex as SliverIndex;
    const shard = shardOfPair(geometry, store.blobId, pairOfSliver(geometry, 'secondary', column));
    net.kill(net.nodes.filter((node) => node.member.shards.includes(shard)));
    const patch = await net.run(net.client.readPatch(patches[0]?.patchId as string));
    expect(patch.contents).toEqual(contentsOf('a.bin'));
  });

  test('gives patches through the whole blob when columns and symbols cannot be had', async () => {
    const net = await createTestNetwork({ nShards: 13, nodes: 13 });
    const { store } = await storing(net);
    for (const node of net.nodes) node.faults.loses = 'secondary';
    net.codec.recoverSliver = () => Promise.reject(new Error('no rebuilding here'));
    const patch = await net.run(net.client.readPatchByIdentifier(store.blobId, 'c.txt'));
    expect(new TextDecoder().decode(patch.contents)).toBe('sea');
  });

  test('says that a patch is not there, by identifier and by an id of no patch', async () => {
    const net = await createTestNetwork();
    const { store, patches } = await storing(net);
    const { blobId } = store;
    const notFound = { code: 'QUILT_PATCH_NOT_FOUND', kind: 'not-found' };
    await expect(net.run(net.client.readPatchByIdentifier(blobId, 'nope'))).rejects.toMatchObject(notFound);
    const within = (patches[0]?.startIndex as number) + 1;
    for (const [startIndex, endIndex] of [
      [within, within + 1],
      [0, 1],
      [5, 900],
    ] as const) {
      const id = quiltPatchId({ blobId, startIndex, endIndex });
      await expect(net.run(net.client.readPatch(id))).rejects.toMatchObject(notFound);
    }
    await expect(net.run(net.client.readPatch('nonsense'))).rejects.toMatchObject({ code: 'INVALID_QUILT_PATCH_ID' });
  });

  test('gives a patch of many columns, a few of which are fetched at a time', async () => {
    const net = await createTestNetwork({ limits: { readBatchBytes: 2_000 } });
    const { patches } = await storing(net);
    const [{ startIndex, endIndex, patchId }] = patches as [StoredPatch];
    expect(endIndex - startIndex).toBeGreaterThan(2);
    const asked = columnsAskedFor(net);
    expect((await net.run(net.client.readPatch(patchId))).contents).toEqual(contentsOf('a.bin'));
    expect(asked.size).toBe(endIndex - startIndex);
  });

  test.each([
    ['no patch begins', 0, 28_000],
    ['a patch would begin that is longer than the range', 1, 28_000],
    ['the blob is of another size than any quilt', 1, 27_999],
  ])('is asked for one column, and no other, where %s', async (_where, version, sizeBytes) => {
    const net = await createTestNetwork();
    const blob = new Uint8Array(sizeBytes).fill(0xff);
    blob[0] = version;
    const { blobId } = await net.run(net.client.store(blob, { epochs: 1, signer: net.signer, tail: 'wait' }));
    const asked = columnsAskedFor(net);
    const read = net.client.readPatch(quiltPatchId({ blobId, startIndex: 0, endIndex: 7 }));
    await expect(net.run(read)).rejects.toMatchObject({ code: 'QUILT_PATCH_NOT_FOUND' });
    expect([...asked]).toEqual(sizeBytes === 28_000 ? [0] : []);
  });

  test('that is too large to be held gives patches that are not, and says so of others', async () => {
    const geometry = geometryOf(1000);
    const symbolSize = 65_534;
    const blobId = blobIdFromBytes(new Uint8Array(32));
    const sizeBytes = geometry.rows * geometry.columns * symbolSize;
    const patch = Uint8Array.of(1, 7, 0, 0, 0, 0, 2, 0, 1, 0x61, 9, 9, 9);
    const patchOfGibibytes = Uint8Array.of(1, 0, 0, 0, 0x50);
    const reader = {
      verified: { blobId, geometry, symbolSize, metadata: { unencodedLength: sizeBytes } },
      sizeBytes,
      columnsInto: async (target: Uint8Array, first: number) => {
        expect(target.length).toBe(geometry.rows * symbolSize);
        target.set(first === 5 ? patch : patchOfGibibytes);
        return first !== 7;
      },
    } as unknown as BlobReader;
    const read = (startIndex: number) => {
      const id = quiltPatchId({ blobId, startIndex, endIndex: startIndex + 100 });
      return readPatchById(reader, id, new AbortController().signal);
    };
    expect(await read(5)).toMatchObject({ identifier: 'a', contents: Uint8Array.of(9, 9, 9) });
    const tooLarge = { code: 'BLOB_TOO_LARGE_TO_BUFFER' };
    await expect(read(6)).rejects.toMatchObject(tooLarge);
    await expect(read(7)).rejects.toMatchObject(tooLarge);
  });

  test('is not found in a plain blob', async () => {
    const net = await createTestNetwork();
    const { blobId } = await net.run(net.client.store(new Uint8Array(100).fill(9), { epochs: 1, signer: net.signer }));
    await expect(net.run(net.client.quiltPatches(blobId))).rejects.toMatchObject({ code: 'INVALID_QUILT' });
  });
});
