/** Quilts: files stored together, read alone. */
import { seededRng } from '@floe/platform/memory';
import { pairOfSliver, shardOfPair, type SliverIndex } from '@floe/protocol';
import { quiltPatchId, type QuiltPatchInput } from '@floe/redstuff';
import { describe, expect, test } from 'vitest';
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

  test('is not found in a plain blob', async () => {
    const net = await createTestNetwork();
    const { blobId } = await net.run(net.client.store(new Uint8Array(100).fill(9), { epochs: 1, signer: net.signer }));
    await expect(net.run(net.client.quiltPatches(blobId))).rejects.toMatchObject({ code: 'INVALID_QUILT' });
  });
});
