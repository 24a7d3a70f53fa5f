/**
 * Puts the slivers of blobs straight into the store of a node that is closed: with the store's own code, but without the sockets and the checks of
 * an upload, which would take half an hour for 100 GB. Prints one line of JSON: what that took.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NODE_LIMITS, SALVAGED_TABLES, SegmentLog } from '@floe/node';
import { assert, fromHex, mapConcurrent, noMetrics, silentLogger } from '@floe/platform';
import { nodeFileSystem, openLmdbStore } from '@floe/platform/node';
import { AXES, objectIdBytes, pairOfShard } from '@floe/protocol';
import { createInlineCodec } from '@floe/redstuff';
import { peakMemoryMib } from '../peak-memory.ts';
import { NODE_ID } from './hold-ledger.ts';
import { sparseFileSystem } from './sparse-files.ts';
import { endEpochOf, GEOMETRY, OWN_SHARDS, SliverBuffers, ZeroBlobs } from './zero-blobs.ts';

export interface FillOptions {
  readonly directory: string;
  /** The first blob, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/** What the child prints. */
export interface Filled {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly peakMib: number;
  readonly bytes: number;
}

const BLOBS_AT_ONCE = 8;

const { directory, from, to } = JSON.parse(process.argv[2] as string) as FillOptions;
const codec = createInlineCodec();
const blobs = new ZeroBlobs({ codec });
const repair = { salvage: SALVAGED_TABLES, logger: silentLogger };
const store = await openLmdbStore({ directory: join(directory, 'db'), repair });
const identity = JSON.parse(await readFile(join(directory, 'node.json'), 'utf8')) as { readonly storeTag: string };
const storeTag = fromHex(identity.storeTag);
assert(storeTag !== undefined, 'the node has made its directory');
const slivers = await SegmentLog.open(
  { directory: join(directory, 'slivers'), nodeId: objectIdBytes(NODE_ID), storeTag, limits: NODE_LIMITS },
  { fileSystem: sparseFileSystem(nodeFileSystem), store, logger: silentLogger, metrics: noMetrics },
);
const before = slivers.status().liveBytes;
const startMs = performance.now();
const idle: SliverBuffers[] = [];
await mapConcurrent(numbers(from, to), BLOBS_AT_ONCE, async (blob) => {
  const buffers = idle.pop() ?? new SliverBuffers();
  await put(blob, buffers);
  idle.push(buffers);
});
const elapsedMs = performance.now() - startMs;
const { user, system } = process.cpuUsage();
const bytes = slivers.status().liveBytes - before;
const filled: Filled = { elapsedMs, cpuMs: (user + system) / 1000, peakMib: peakMemoryMib(), bytes };
process.stdout.write(`${JSON.stringify(filled)}\n`);
await slivers.close();
await store.close();
await codec.close();

async function put(blob: number, buffers: SliverBuffers): Promise<void> {
  const verified = await blobs.metadataOf(blob);
  const { blobId } = verified;
  const keys = OWN_SHARDS.flatMap((shard) => AXES.map((axis) => ({ blobId, shard, axis })));
  const outcomes = await Promise.all(
    keys.map((key, at) => {
      const payload = buffers.sliver(at, verified, key.axis, pairOfShard(GEOMETRY, blobId, key.shard));
      return slivers.put(key, payload, endEpochOf(blob));
    }),
  );
  assert(
    outcomes.every((outcome) => outcome === 'stored'),
    'nothing of the blob was there',
    { blob },
  );
}

function* numbers(first: number, end: number): Generator<number> {
  for (let number = first; number < end; number += 1) yield number;
}
