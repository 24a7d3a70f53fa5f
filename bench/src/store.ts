/** Throughput of stores and reads on a development network, and where a store's time goes. */
import { connectFloe } from '@floe/client/node';
import type { FloeClient, StageTimings, StoreStage } from '@floe/client';
import { equalBytes } from '@floe/platform';
import { systemRng } from '@floe/platform/node';
import { startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { machine, median, table, writeReadme, writeResults } from './report.ts';

const CASES = [
  { label: '1 KiB', sizeBytes: 1024, runs: 15 },
  { label: '1 MiB', sizeBytes: 1024 ** 2, runs: 11 },
  { label: '100 MiB', sizeBytes: 100 * 1024 ** 2, runs: 5 },
] as const;

const STAGES: readonly StoreStage[] = ['encoding', 'checking', 'registering', 'uploading', 'certifying'];

interface Run {
  readonly storeMs: number;
  readonly readMs: number;
  readonly stages: StageTimings;
}

export async function benchStore({ write }: { write: boolean }): Promise<void> {
  const home = await temporaryDirectory('bench');
  const network = await startDev(home.path);
  const connection = await connectFloe({ ledger: network.ledger, nodeUrlScheme: 'http' });
  try {
    const signer = new Ed25519Keypair();
    await network.fund(signer.toSuiAddress());
    const results: { label: string; sizeBytes: number; runs: Run[] }[] = [];
    for (const { label, sizeBytes, runs } of CASES) {
      await measure(connection.client, signer, sizeBytes);
      const measured: Run[] = [];
      for (let i = 0; i < runs; i += 1) measured.push(await measure(connection.client, signer, sizeBytes));
      results.push({ label, sizeBytes, runs: measured });
    }
    const text = render(results);
    process.stdout.write(`${text}\n`);
    await writeResults('store', text, results);
    if (write) await writeReadme('store', text);
  } finally {
    await connection.close();
    await network.stop();
    await home.remove();
  }
}

async function measure(client: FloeClient, signer: Ed25519Keypair, sizeBytes: number): Promise<Run> {
  const blob = randomBytes(sizeBytes);
  const startMs = performance.now();
  const stored = await client.store(blob, { epochs: 1, signer, tail: 'wait' });
  const storedMs = performance.now();
  const copy = await client.read(stored.blobId);
  const readMs = performance.now();
  if (!equalBytes(blob, copy)) throw new Error(`blob ${stored.blobId} read back different`);
  return { storeMs: storedMs - startMs, readMs: readMs - storedMs, stages: stored.timings };
}

/** The system's source gives at most 64 KiB at once in a browser; here a repeated block is as good as fresh bytes. */
function randomBytes(sizeBytes: number): Uint8Array {
  const block = systemRng.bytes(Math.min(sizeBytes, 65_536));
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += block.length) bytes.set(block.subarray(0, sizeBytes - at), at);
  return bytes;
}

function render(results: readonly { label: string; sizeBytes: number; runs: readonly Run[] }[]): string {
  const throughput = (sizeBytes: number, ms: number): string => (sizeBytes / 1e6 / (ms / 1000)).toPrecision(3);
  const rows = results.map(({ label, sizeBytes, runs }) => {
    const storeMs = median(runs.map((run) => run.storeMs));
    const readMs = median(runs.map((run) => run.readMs));
    const stages = STAGES.map((stage) => median(runs.map((run) => run.stages[stage] ?? 0)).toFixed(0));
    return [
      `${label} (${runs.length} runs)`,
      storeMs.toFixed(0),
      throughput(sizeBytes, storeMs),
      ...stages,
      readMs.toFixed(0),
      throughput(sizeBytes, readMs),
    ];
  });
  const header = ['blob', 'store ms', 'MB/s', ...STAGES.map((stage) => `${stage} ms`), 'read ms', 'MB/s'];
  return `${table(header, rows)}\n\nMedians on ${machine()}; 13 nodes and 100 shards in one process, the client in another, on the same disk.`;
}
