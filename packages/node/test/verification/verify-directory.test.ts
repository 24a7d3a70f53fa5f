/** A stopped node's directory is checked byte by byte: what is intact is said to be, and every flipped bit is found. */
import { createMemoryFileSystem, createMemoryStore, seededRng } from '@floe/platform/memory';
import { blobIdBytes } from '@floe/protocol';
import { beforeAll, describe, expect, it } from 'vitest';
import { tables } from '../../src/tables.ts';
import { type VerificationReport, verifyDirectory } from '../../src/verification/verify-directory.ts';
import { type Blob, codec, makeBlob, NODE_ID, OWN_SHARDS, registered, startNode } from '../node-harness.ts';

const DIRECTORY = '/node';
let blobs: Blob[];

beforeAll(async () => {
  blobs = await Promise.all([makeBlob(700, 1), makeBlob(10, 2)]);
});

/** The disk of a node that held the blobs and was stopped. */
async function stoppedNode() {
  const fileSystem = createMemoryFileSystem();
  const store = createMemoryStore();
  const { node, ledger, upload } = await startNode({ fileSystem, store });
  await ledger.emit(...blobs.map((blob) => registered(blob)));
  for (const blob of blobs) await upload(blob);
  await node.close();
  const verify = (): Promise<VerificationReport> =>
    verifyDirectory({ directory: DIRECTORY }, { store, fileSystem, codec });
  const [segment] = await fileSystem.list(`${DIRECTORY}/slivers`);
  const path = `${DIRECTORY}/slivers/${segment}`;
  const handle = await fileSystem.open(path, 'read');
  const size = await handle.size();
  await handle.close();
  return { fileSystem, store, verify, path, size };
}

describe('the verification of a directory', () => {
  it('says what it read when all of it is intact, and changes nothing', async () => {
    const { fileSystem, verify, size } = await stoppedNode();
    const before = await fileSystem.list(DIRECTORY);
    const report = await verify();
    expect(report).toMatchObject({
      nodeId: NODE_ID,
      intact: true,
      segments: 1,
      bytes: size,
      damagedBytes: 0,
      slivers: blobs.length * OWN_SHARDS.length * 2,
      withoutMetadata: 0,
      metadata: blobs.length,
      findings: [],
    });
    expect(await verify()).toEqual(report);
    expect(await fileSystem.list(DIRECTORY)).toEqual(before);
  });

  it('finds a flipped bit wherever in a segment it is', async () => {
    const { fileSystem, verify, path, size } = await stoppedNode();
    const rng = seededRng('flips');
    const places = [0, 63, 64, 64 + 40, size - 1, ...Array.from({ length: 10 }, () => rng.below(size))];
    for (const offset of places) {
      fileSystem.flipBit(path, offset);
      const report = await verify();
      expect(report.intact, `at ${offset}`).toBe(false);
      expect(report.findings.join('\n'), `at ${offset}`).toContain('.slivers: ');
      fileSystem.flipBit(path, offset);
    }
    expect((await verify()).intact).toBe(true);
  });

  it('finds damaged rows, and slivers that nothing but their checksum speaks for', async () => {
    const { store, verify } = await stoppedNode();
    const [blob] = blobs as [Blob];
    store.corrupt(tables.metadata, blobIdBytes(blob.id));
    const report = await verify();
    expect(report).toMatchObject({ intact: false, findingCount: 1, withoutMetadata: OWN_SHARDS.length * 2 });
    expect(report.findings[0]).toMatch(/^table metadata: the row of key [0-9a-f]{64} is damaged$/);
  });

  it('finds slivers whose checksum is right and whose Merkle root is not', async () => {
    const { store, verify } = await stoppedNode();
    const [one, other] = blobs as [Blob, Blob];
    // The metadata of one blob under the id of the other: the row is intact, what it says is not.
    const row = store.get(tables.metadata, blobIdBytes(one.id)) as Uint8Array;
    await store.write([{ kind: 'put', table: tables.metadata, key: blobIdBytes(other.id), value: row }]);
    const { findings } = await verify();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain(`metadata of blob ${other.id}: `);
  });

  it('finds files that are missing, cut short or foreign, and rows that lead nowhere', async () => {
    const { fileSystem, verify, path, size } = await stoppedNode();
    const stray = await fileSystem.open(`${DIRECTORY}/slivers/notes.txt`, 'create');
    await stray.close();
    const handle = await fileSystem.open(path, 'write');
    await handle.truncate(size - 1);
    await handle.close();
    const cut = (await verify()).findings.join('\n');
    expect(cut).toContain('notes.txt: is no segment');
    expect(cut).toContain(`has ${size - 1} bytes where ${size} were durable`);
    expect(cut).toMatch(/index: \S+ is not at \d+ of segment \d+/);
    await fileSystem.remove(path);
    const gone = await verify();
    expect(gone.findings.join('\n')).toMatch(/segment \d+: its file is missing/);
    expect(gone.findingCount).toBeGreaterThan(blobs.length * OWN_SHARDS.length * 2);
  });

  it('makes do with one copy of the identity, and refuses a directory without any', async () => {
    const { fileSystem, verify } = await stoppedNode();
    fileSystem.flipBit(`${DIRECTORY}/node.json`, 5);
    expect((await verify()).findings).toEqual(['node.json: missing or damaged; the other copy is intact']);
    fileSystem.flipBit(`${DIRECTORY}/node.copy.json`, 5);
    await expect(verify()).rejects.toMatchObject({ code: 'DIRECTORY_DAMAGED' });
  });
});
