/**
 * `floe blob-id` and `floe encode` against the official encoder (`@mysten/walrus-wasm`): its vectors through the program
 * itself (the small ones are encoded by a fast test), and random blobs through the commands; every file must have the same bytes. Above the maximum both refuse.
 *
 * FLOE_TEST_SEED chooses the random cases; FLOE_TEST_BUDGET_S stops after so many seconds instead of after all of them.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobEncoder } from '@mysten/walrus-wasm';
import { equalBytes, type Rng } from '@floe/platform';
import {
  blobIdFromBytes,
  geometryOf,
  maxBlobSize,
  sliverDataSize,
  sliverOfPair,
  sliverSize,
  symbolSizeOf,
  type Axis,
  type Geometry,
  type SliverPairIndex,
} from '@floe/protocol';
import { slowSuite, temporaryDirectory } from '@floe/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runBlobId, runEncode } from '../src/commands/offline.ts';
import { createOutput } from '../src/output.ts';
import { createCli } from './support/cli.ts';
import { checkEncoded, contentOf, isSmall, vectors } from './support/encoded.ts';

const CASES = 500;
const MAX_SIZE = 8 * 1024 * 1024;
const { signal } = new AbortController();

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeAll(async () => {
  home = await temporaryDirectory('cli-oracle');
});
afterAll(async () => {
  await home.remove();
});

it('the program agrees with the official encoder on every vector', { timeout: 600_000 }, async () => {
  const floe = createCli({ cwd: home.path });
  const shardCounts = [...new Set(vectors.map(({ n_shards: n }) => n))];
  for (const nShards of shardCounts) {
    const group = vectors.filter(({ n_shards: n }) => n === nShards);
    const paths = group.map((_, number) => `blob-${nShards}-${number}`);
    for (const [number, path] of paths.entries()) {
      await writeFile(join(home.path, path), contentOf(group[number] as (typeof group)[number]));
    }
    const ids = await floe.json<unknown[]>(['blob-id', ...paths, '--shards', String(nShards)]);
    expect(ids).toEqual(
      group.map((vector, number) =>
        expect.objectContaining({ path: paths[number], blobId: vector.blob_id_base64url, nShards }),
      ),
    );
    for (const [number, vector] of group.entries()) {
      if (isSmall(vector)) continue;
      const out = join(home.path, 'slivers');
      await floe.ok(['encode', paths[number] as string, '--shards', String(nShards), '-o', out]);
      await checkEncoded(out, vector);
      await rm(out, { recursive: true });
    }
  }
});

it('blob-id and encode agree with the official encoder on random blobs', { timeout: 3_600_000 }, async () => {
  const suite = slowSuite('floe blob-id and encode', 1 / 2);
  let [done, refused] = [0, 0];
  while (done < CASES && !suite.spent()) {
    const { geometry, size } = randomCase(suite.rng);
    const blob = suite.rng.bytes(size);
    const name = `seed ${suite.seed}, case ${done}: ${size} bytes over ${geometry.nShards} shards`;
    try {
      if (size > maxBlobSize(geometry)) {
        await compareRefusals(geometry, blob);
        refused += 1;
      } else {
        await compare(geometry, blob);
      }
    } catch (cause) {
      throw new Error(name, { cause });
    }
    done += 1;
  }
  process.stdout.write(`floe blob-id and encode: ${done} cases the same, ${refused} of them refused by both\n`);
  expect(done).toBeGreaterThan(0);
});

/** Few shards more often than many, all orders of magnitude of size alike, and some sizes above the maximum. */
function randomCase(rng: Rng): { geometry: Geometry; size: number } {
  const [low, high] = (
    [
      [4, 40],
      [4, 40],
      [41, 150],
      [151, 1000],
    ] as const
  )[rng.below(4)] as readonly [number, number];
  const geometry = geometryOf(low + rng.below(high - low + 1));
  const max = maxBlobSize(geometry);
  if (max < MAX_SIZE && rng.below(8) === 0) return { geometry, size: max + 1 + rng.below(1000) };
  const limit = Math.min(MAX_SIZE, max);
  return { geometry, size: Math.min(limit, rng.below(2 ** (1 + rng.below(Math.ceil(Math.log2(limit)))) + 1)) };
}

interface OfficialMetadata {
  readonly blob_id: number[];
  readonly metadata: {
    readonly V1: {
      readonly unencoded_length: number | bigint;
      readonly hashes: readonly { primary_hash: { Digest: number[] }; secondary_hash: { Digest: number[] } }[];
    };
  };
}

async function compare(geometry: Geometry, blob: Uint8Array): Promise<void> {
  const path = join(home.path, 'blob');
  const out = join(home.path, 'slivers');
  await writeFile(path, blob);
  await mkdir(out);
  const { nShards } = geometry;
  const encoder = new BlobEncoder(nShards);
  const symbolSize = symbolSizeOf(geometry, blob.length);
  const buffers = (axis: Axis) => {
    const size = sliverDataSize(sliverSize(geometry, axis, symbolSize));
    return Array.from({ length: nShards }, () => new Uint8Array(size));
  };
  const slivers = { primary: buffers('primary'), secondary: buffers('secondary') };
  const [metadata] = encoder.encode(blob, slivers.primary, slivers.secondary) as [OfficialMetadata, unknown];
  encoder.free();
  const blobId = blobIdFromBytes(Uint8Array.from(metadata.blob_id));
  expect(await blobIdOfFile(path, nShards)).toBe(blobId);
  await runEncode(path, { shards: nShards, out }, silent(), signal);
  await expectFile(join(out, 'metadata.bcs'), metadataBcs(metadata, blob.length));
  for (let pair = 0; pair < nShards; pair += 1) {
    for (const axis of ['primary', 'secondary'] as const) {
      const index = sliverOfPair(geometry, axis, pair as SliverPairIndex);
      await expectFile(join(out, `${axis}-${index}`), slivers[axis][pair] as Uint8Array);
    }
  }
  await rm(out, { recursive: true });
}

/** The metadata with their blob id as BCS, written out by hand. */
function metadataBcs({ blob_id: id, metadata: { V1 } }: OfficialMetadata, unencodedLength: number): Uint8Array {
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(unencodedLength), true);
  const count = V1.hashes.length;
  const uleb128 = count < 128 ? [count] : [(count & 0x7f) | 0x80, count >> 7];
  const digests = V1.hashes.flatMap(({ primary_hash, secondary_hash }) => [
    1,
    ...primary_hash.Digest,
    1,
    ...secondary_hash.Digest,
  ]);
  // Variant V1, encoding type RS2 = 1.
  return Uint8Array.from([...id, 0, 1, ...new Uint8Array(length.buffer), ...uleb128, ...digests]);
}

async function compareRefusals(geometry: Geometry, blob: Uint8Array): Promise<void> {
  const path = join(home.path, 'blob');
  await writeFile(path, blob);
  const encoder = new BlobEncoder(geometry.nShards);
  expect(() => encoder.compute_metadata(blob)).toThrow();
  encoder.free();
  const out = join(home.path, 'slivers');
  await expect(blobIdOfFile(path, geometry.nShards)).rejects.toMatchObject({ code: 'BLOB_TOO_LARGE' });
  await expect(runEncode(path, { shards: geometry.nShards, out }, silent(), signal)).rejects.toMatchObject({
    code: 'BLOB_TOO_LARGE',
  });
}

async function blobIdOfFile(path: string, shards: number): Promise<string | undefined> {
  const results: unknown[] = [];
  await runBlobId([path], { shards }, { ...silent(), result: (value) => results.push(value) }, signal);
  return (results[0] as { blobId: string }[])[0]?.blobId;
}

function silent(): ReturnType<typeof createOutput> {
  const nowhere = { write: () => true, isTTY: false, columns: 80 };
  return createOutput(true, { stdout: nowhere, stderr: nowhere });
}

async function expectFile(path: string, expected: Uint8Array): Promise<void> {
  if (!equalBytes(await readFile(path), expected)) throw new Error(`${path} differs from the official encoder's`);
}
