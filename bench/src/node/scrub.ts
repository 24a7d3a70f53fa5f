/**
 * Section "scrub": how fast a node reads and checks all that it holds when nothing slows it down, what that costs, and what readers
 * feel of it. By default a node takes a week for that, and far less of the machine.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectFloe } from '@floe/client/node';
import { systemRng } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import { runFloe, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { percentile, readFor, rounds, runChild, succeeded } from '../beside-reads.ts';
import { machine, median, table } from '../report.ts';
import type { Scrubbed } from './scrub-child.ts';

const CHILD = fileURLToPath(new URL('./scrub-child.js', import.meta.url));
const MIB = 2 ** 20;

export interface ScrubRun extends Scrubbed {
  readonly idleReadMs: readonly number[];
  readonly readMs: readonly number[];
}

/** One pass each, over the same slivers: 5 nodes in processes of their own, 20 shards, random blobs. */
export async function measureScrubs({ quick }: { quick: boolean }): Promise<ScrubRun[]> {
  const { blobs, sizeBytes, passes } = quick
    ? { blobs: 4, sizeBytes: MIB, passes: 1 }
    : { blobs: 24, sizeBytes: 16 * MIB, passes: 5 };
  const home = await temporaryDirectory('bench-scrub');
  const network = await startDev(home.path, ['--isolate', '--nodes', '5', '--shards', '20']);
  const connection = await connectFloe({ ledger: network.ledger, nodeUrlScheme: 'http' });
  try {
    const { client } = connection;
    const signer = new Ed25519Keypair();
    await network.fund(signer.toSuiAddress());
    const store = async (size: number): Promise<BlobId> =>
      (await client.store(systemRng.bytes(size), { epochs: 1, signer, tail: 'wait' })).blobId;
    for (let stored = 0; stored < blobs; stored += 1) await store(sizeBytes);
    // Small ones for readers: what they feel is then the node's, not their own decoding.
    const ids: BlobId[] = [];
    for (let stored = 0; stored < 16; stored += 1) ids.push(await store(MIB / 16));
    const idleReadMs = await readFor(client, ids, rounds(quick ? 20 : 300));
    const name = network.network.nodes.at(-1)?.name as string;
    succeeded(await runFloe(['dev', 'kill', name, '--dir', home.path]));
    const runs: ScrubRun[] = [];
    for (let pass = 0; pass < passes; pass += 1) {
      const child = runChild<Scrubbed>(CHILD, join(home.path, 'nodes', name, 'node.json'));
      const readMs = await readFor(client, ids, () => child.isOver);
      runs.push({ ...(await child.result), idleReadMs, readMs });
    }
    return runs;
  } finally {
    await connection.close();
    await network.stop();
    await home.remove();
  }
}

export function describeScrubs(runs: readonly ScrubRun[]): string {
  const of = (measure: (run: ScrubRun) => number): number => median(runs.map(measure));
  const row = [
    `${runs.length}`,
    (of(({ bytes }) => bytes) / 1e6).toFixed(0),
    (of(({ elapsedMs }) => elapsedMs) / 1000).toPrecision(3),
    of(({ bytes, elapsedMs }) => bytes / 1000 / elapsedMs).toPrecision(3),
    of(({ bytes, cpuMs }) => (cpuMs * 1e6) / bytes).toFixed(1),
    (of(({ peakRssBytes }) => peakRssBytes) / MIB).toFixed(0),
    of(({ idleReadMs }) => percentile(idleReadMs, 0.99)).toFixed(0),
    of(({ readMs }) => percentile(readMs, 0.99)).toFixed(0),
  ];
  const header = 'passes|MB held|s|MB/s|CPU ns per byte|peak MiB|read p99 ms, idle|while it scrubs'.split('|');
  return `${table(header, [row])}\n\nMedians on ${machine()}; the first pass follows stores, so the page cache holds what is read.`;
}
