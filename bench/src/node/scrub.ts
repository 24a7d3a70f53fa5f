/**
 * Section "scrub": how fast a node reads and checks all that it holds when nothing slows it down, what that costs, and what readers
 * feel of it, and of the most that a node does by default. One that holds less than 10 TB does less, to be through in a week.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectFloe } from '@floe/client/node';
import { NODE_LIMITS } from '@floe/node';
import { systemRng } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import { runFloe, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { percentile, runChild, succeeded } from '../child.ts';
import { idleReads, READ_BLOBS, READ_BYTES, ReadLoad, READS } from '../read-load.ts';
import { machine, median, table } from '../report.ts';
import type { Scrubbed } from './scrub-child.ts';

const CHILD = fileURLToPath(new URL('./scrub-child.js', import.meta.url));
const MIB = 2 ** 20;

/** More than any disk gives. */
const NO_LIMIT = 2 ** 40;
const DEFAULT_MOST = NODE_LIMITS.scrubMaxBytesPerSecond;

interface Kind {
  readonly label: string;
  readonly bytesPerSecond: number;
  readonly isRead: boolean;
}

const KINDS: readonly Kind[] = [
  { label: 'as fast as it can, alone', bytesPerSecond: NO_LIMIT, isRead: false },
  { label: 'as fast as it can, beside readers', bytesPerSecond: NO_LIMIT, isRead: true },
  { label: `at ${DEFAULT_MOST / MIB} MiB/s, beside readers`, bytesPerSecond: DEFAULT_MOST, isRead: true },
];

export interface ScrubRun extends Scrubbed {
  readonly idleReadMs: readonly number[];
  /** Empty when nobody read. */
  readonly readMs: readonly number[];
}

export interface Scrubs {
  readonly label: string;
  readonly runs: readonly ScrubRun[];
}

/** One pass each, over the same slivers: 5 nodes in processes of their own, 20 shards, random blobs. */
export async function measureScrubs({ quick }: { quick: boolean }): Promise<Scrubs[]> {
  const { blobs, sizeBytes, passes } = quick
    ? { blobs: 4, sizeBytes: MIB, passes: 1 }
    : { blobs: 64, sizeBytes: 6 * MIB, passes: 5 };
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
    for (let stored = 0; stored < READ_BLOBS; stored += 1) ids.push(await store(READ_BYTES));
    const idleReadMs = await idleReads(client, ids, quick);
    const name = network.network.nodes.at(-1)?.name as string;
    succeeded(await runFloe(['dev', 'kill', name, '--dir', home.path]));
    const file = join(home.path, 'nodes', name, 'node.json');
    const results = KINDS.map(({ label }) => ({ label, runs: [] as ScrubRun[] }));
    for (let pass = 0; pass < passes; pass += 1) {
      for (const [kind, { bytesPerSecond, isRead }] of KINDS.entries()) {
        const child = runChild<Scrubbed>(CHILD, file, `${bytesPerSecond}`);
        const load = new ReadLoad(client, ids);
        if (isRead) await load.runUntil(() => child.isOver);
        const readMs = load.reads.map(({ tookMs }) => tookMs);
        results[kind]?.runs.push({ ...(await child.result), idleReadMs, readMs });
      }
    }
    return results;
  } finally {
    await connection.close();
    await network.stop();
    await home.remove();
  }
}

export function describeScrubs(results: readonly Scrubs[]): string {
  const rows = results.map(({ label, runs }) => {
    const of = (measure: (run: ScrubRun) => number): number => median(runs.map(measure));
    const latency = (times: (run: ScrubRun) => readonly number[], share: number): string =>
      runs.some(({ readMs }) => readMs.length === 0) ? '' : of((run) => percentile(times(run), share)).toFixed(0);
    return [
      `${label} (${runs.length} passes)`,
      (of(({ bytes }) => bytes) / 1e6).toFixed(0),
      (of(({ elapsedMs }) => elapsedMs) / 1000).toPrecision(3),
      of(({ bytes, elapsedMs }) => bytes / 1000 / elapsedMs).toPrecision(3),
      of(({ bytes, cpuMs }) => (cpuMs * 1e6) / bytes).toFixed(1),
      (of(({ peakRssBytes }) => peakRssBytes) / MIB).toFixed(0),
      latency(({ idleReadMs }) => idleReadMs, 0.5),
      latency(({ readMs }) => readMs, 0.5),
      latency(({ idleReadMs }) => idleReadMs, 0.99),
      latency(({ readMs }) => readMs, 0.99),
    ];
  });
  const columns = 'a pass|MB held|s|MB/s|CPU ns per byte|peak MiB';
  const header = `${columns}|read p50 ms, idle|while it scrubs|read p99 ms, idle|while it scrubs`.split('|');
  return `${table(header, rows)}\n\nMedians on ${machine()}; readers: ${READS}; the first pass follows stores, so the page cache holds what is read.`;
}
