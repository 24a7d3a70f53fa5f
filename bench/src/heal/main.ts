/**
 * How fast a node that lost its disk comes back, what that moves and costs, and what readers feel of it. The network is `floe dev` with a
 * process for each node; the one that heals is a child of this one, so that its processor time is its own.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectFloe } from '@floe/client/node';
import { systemRng } from '@floe/platform/node';
import { type BlobId, geometryOf, symbolSizeOf } from '@floe/protocol';
import { runFloe, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { percentile, runChild, succeeded } from '../child.ts';
import { idleReads, READ_BLOBS, READ_BYTES, ReadLoad, READS } from '../read-load.ts';
import { machine, median, table, writeReadme, writeResults } from '../report.ts';
import type { Healed } from './node.ts';

const CHILD = fileURLToPath(new URL('./node.js', import.meta.url));
const KIB = 1024;

interface Case {
  readonly label: string;
  readonly sizeBytes: number;
  readonly blobs: number;
}

const CASES: readonly Case[] = [
  { label: '200 × 10 KiB', sizeBytes: 10 * KIB, blobs: 200 },
  { label: '64 × 1 MiB', sizeBytes: 1024 * KIB, blobs: 64 },
  { label: '8 × 32 MiB', sizeBytes: 32 * 1024 * KIB, blobs: 8 },
];
const QUICK: readonly Case[] = [{ label: '20 × 100 KiB', sizeBytes: 100 * KIB, blobs: 20 }];

interface Run extends Healed {
  /** Fewest bytes that rebuilding by symbols without proofs could have moved. */
  readonly leastBytes: number;
  /** Of whole blobs by a client: before the node was lost, and while it healed. Empty when nobody read. */
  readonly idleReadMs: readonly number[];
  readonly readMs: readonly number[];
  readonly failedReads: number;
}

/** The same node loses its disk in every run, in turns with nobody there and while clients read. */
interface Result {
  readonly label: string;
  readonly alone: readonly Run[];
  readonly beside: readonly Run[];
}

export async function benchHeal({ write, quick }: { write: boolean; quick: boolean }): Promise<void> {
  const results: Result[] = [];
  for (const each of quick ? QUICK : CASES) results.push(await measure(each, quick));
  const text = render(results);
  process.stdout.write(`${text}\n`);
  if (quick) return;
  await writeResults('heal', text, results);
  if (write) await writeReadme('heal', text);
}

async function measure({ label, sizeBytes, blobs: count }: Case, quick: boolean): Promise<Result> {
  const home = await temporaryDirectory('bench-heal');
  const size = quick ? ['--nodes', '5', '--shards', '20'] : ['--nodes', '13', '--shards', '100'];
  const network = await startDev(home.path, ['--isolate', ...size]);
  const connection = await connectFloe({ ledger: network.ledger, nodeUrlScheme: 'http' });
  try {
    const { client } = connection;
    const signer = new Ed25519Keypair();
    await network.fund(signer.toSuiAddress());
    const store = async (blobs: number, bytes: number): Promise<BlobId[]> => {
      const ids: BlobId[] = [];
      for (let stored = 0; stored < blobs; stored += 1) {
        ids.push((await client.store(systemRng.bytes(bytes), { epochs: 1, signer, tail: 'wait' })).blobId);
      }
      return ids;
    };
    await store(count, sizeBytes);
    const ids = await store(READ_BLOBS, READ_BYTES);
    const lost = network.network.nodes.at(-1)?.name as string;
    const { current } = await client.committees();
    const shards = current.members.find(({ name }) => name === lost)?.shards.length as number;
    const { nShards } = current.geometry;
    const leastOf = (bytes: number): number => leastSymbols(nShards, shards) * symbolSizeOf(current.geometry, bytes);
    const leastBytes = count * leastOf(sizeBytes) + READ_BLOBS * leastOf(READ_BYTES);
    const act = async (action: 'wipe' | 'restore'): Promise<void> =>
      succeeded(await runFloe(['dev', action, lost, '--dir', home.path]));
    const [alone, beside]: [Run[], Run[]] = [[], []];
    for (let run = 0; run < (quick ? 2 : 10); run += 1) {
      const isRead = run % 2 === 1;
      if (run > 0) await act('restore');
      const idleReadMs = isRead ? await idleReads(client, ids, quick) : [];
      await act('wipe');
      const healing = runChild<Healed>(CHILD, join(home.path, 'nodes', lost, 'node.json'));
      const load = new ReadLoad(client, ids);
      if (isRead) await load.runUntil(() => healing.isOver);
      const reads = { idleReadMs, readMs: load.reads.map(({ tookMs }) => tookMs), failedReads: load.failed };
      (isRead ? beside : alone).push({ ...(await healing.result), leastBytes, ...reads });
    }
    return { label, alone, beside };
  } finally {
    await connection.close();
    await network.stop();
    await home.remove();
  }
}

/** k pairs from symbols: the first axis takes from the others alone, the second also from what was just rebuilt. */
function leastSymbols(nShards: number, lost: number): number {
  const { rows, columns } = geometryOf(nShards);
  return lost >= rows ? rows * columns : lost * (rows + columns - lost);
}

function render(results: readonly Result[]): string {
  const total = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((sum, count) => sum + count, 0);
  const row = (label: string, runs: readonly Run[]): string[] => {
    const of = (measureOf: (run: Run) => number): number => median(runs.map(measureOf));
    const moved = ({ received }: Run): number => total(received) - (received['metadata'] ?? 0);
    const latency = (times: (run: Run) => readonly number[], share: number): string => {
      const value = of((run) => percentile(times(run), share));
      return Number.isNaN(value) ? '' : value.toFixed(0);
    };
    return [
      `${label} (${runs.length} runs)`,
      (of(({ restored }) => total(restored)) / 1e6).toPrecision(3),
      (of(({ elapsedMs }) => elapsedMs) / 1000).toPrecision(3),
      of(({ restored, elapsedMs }) => total(restored) / 1000 / elapsedMs).toPrecision(3),
      of((run) => moved(run) / total(run.restored)).toFixed(2),
      of((run) => moved(run) / run.leastBytes).toFixed(2),
      of(({ cpuMs, restored }) => (cpuMs * 1e6) / total(restored)).toFixed(1),
      (of(({ peakRssBytes }) => peakRssBytes) / 2 ** 20).toFixed(0),
      latency(({ idleReadMs }) => idleReadMs, 0.5),
      latency(({ readMs }) => readMs, 0.5),
      latency(({ idleReadMs }) => idleReadMs, 0.99),
      latency(({ readMs }) => readMs, 0.99),
      `${runs.reduce((sum, { failedReads }) => sum + failedReads, 0)}`,
    ];
  };
  const rows = results.flatMap(({ label, alone, beside }) => [
    row(`${label}, alone`, alone),
    row(`${label}, beside readers`, beside),
  ]);
  const columns =
    'lost with the disk|MB restored|s|MB/s|bytes moved per byte lost|per byte of the least|CPU ns per byte|peak MiB';
  const header = `${columns}|read p50 ms, idle|while it heals|read p99 ms, idle|while it heals|failed reads`.split('|');
  const note =
    'a network of a process for each node, all on the same disk and processors; metadata are not counted as moved.';
  return `${table(header, rows)}\n\nMedians on ${machine()}; readers: ${READS}; ${note}`;
}
