/**
 * What readers feel of a node that fails: one of a network's nodes is killed, cut off (its proxy accepts and never answers) or paused, under
 * reads that begin at fixed times whether or not those before have ended. Latency second by second, before and after.
 */
import { connectFloe } from '@floe/client/node';
import { systemRng, systemScheduler } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import {
  begin,
  type Fault,
  mend,
  type NetworkNode,
  percentile,
  startProcessNetwork,
  temporaryDirectory,
} from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { READ_BYTES, ReadLoad, READS } from './read-load.ts';
import { machine, median, table, writeReadme, writeResults } from './report.ts';

const FAULTS: readonly Fault[] = ['kill', 'black-hole', 'pause'];
const BLOBS = 50;
const SECOND_MS = 1_000;
/** Until connections are open and the client knows its nodes. */
const WARM_UP_S = 3;
const HEALTHY_S = 3;
const FAULTY_S = 7;
/** For the node to be back and known to be. */
const SETTLE_S = 1;

interface Run {
  readonly node: string;
  readonly healthyP99Ms: number;
  /** Of the reads that began in each second after the fault. */
  readonly p99Ms: readonly number[];
  /** From the fault until reads stay within twice the healthy p99; undefined when they never did. */
  readonly backAfterS: number | undefined;
  readonly failed: number;
}

export async function benchFaults({ write, quick }: { write: boolean; quick: boolean }): Promise<void> {
  const home = await temporaryDirectory('bench-faults');
  const shape = quick ? ['--nodes', '5', '--shards', '20'] : ['--nodes', '13', '--shards', '100'];
  const network = await startProcessNetwork(home.path, shape, { rng: systemRng });
  const connection = await connectFloe({ ledger: network.dev.ledger, nodeUrlScheme: 'http' });
  try {
    const { client } = connection;
    const signer = new Ed25519Keypair();
    await network.dev.fund(signer.toSuiAddress());
    const ids: BlobId[] = [];
    for (let stored = 0; stored < (quick ? 10 : BLOBS); stored += 1) {
      const { blobId } = await client.store(systemRng.bytes(READ_BYTES), { epochs: 1, signer, tail: 'wait' });
      ids.push(blobId);
    }
    await new ReadLoad(client, ids).runFor(WARM_UP_S * SECOND_MS);
    const results: { fault: Fault; runs: Run[] }[] = [];
    for (const [kind, fault] of FAULTS.entries()) {
      const runs: Run[] = [];
      for (let run = 0; run < (quick ? 1 : 5); run += 1) {
        const node = network.nodes[(kind + FAULTS.length * run) % network.nodes.length] as NetworkNode;
        runs.push(await measure(new ReadLoad(client, ids), node, fault));
      }
      results.push({ fault, runs });
    }
    const text = render(results);
    process.stdout.write(`${text}\n`);
    if (quick) return;
    await writeResults('faults', text, results);
    if (write) await writeReadme('faults', text);
  } finally {
    await connection.close();
    await network.stop();
    await home.remove();
  }
}

async function measure(load: ReadLoad, node: NetworkNode, fault: Fault): Promise<Run> {
  const over = load.runFor((HEALTHY_S + FAULTY_S) * SECOND_MS);
  await systemScheduler.sleep(HEALTHY_S * SECOND_MS);
  const faultMs = load.elapsedMs;
  await begin(node, fault);
  await over;
  await mend(node, fault);
  await systemScheduler.sleep(SETTLE_S * SECOND_MS);
  const between = (fromMs: number, toMs: number): number[] =>
    load.reads.filter(({ startMs }) => startMs >= fromMs && startMs < toMs).map(({ tookMs }) => tookMs);
  const healthyP99Ms = percentile(between(0, faultMs), 0.99);
  const p99Ms = Array.from({ length: FAULTY_S - 1 }, (_, second) =>
    percentile(between(faultMs + second * SECOND_MS, faultMs + (second + 1) * SECOND_MS), 0.99),
  );
  const lastSlow = load.reads.findLast(
    ({ startMs, tookMs }) => startMs + tookMs > faultMs && tookMs > 2 * healthyP99Ms,
  );
  const backMs = lastSlow === undefined ? 0 : lastSlow.startMs - faultMs;
  const backAfterS = backMs > (FAULTY_S - 1) * SECOND_MS ? undefined : Math.max(0, backMs) / SECOND_MS;
  return { node: node.name, healthyP99Ms, p99Ms, backAfterS, failed: load.failed };
}

function render(results: readonly { fault: Fault; runs: readonly Run[] }[]): string {
  const rows = results.map(({ fault, runs }) => {
    const returned = runs.map(({ backAfterS }) => backAfterS ?? Number.POSITIVE_INFINITY);
    const back = median(returned);
    const seconds = Array.from({ length: FAULTY_S - 1 }, (_, second) =>
      median(runs.map(({ p99Ms }) => p99Ms[second] as number)).toFixed(0),
    );
    return [
      `${fault} (${runs.length} runs)`,
      median(runs.map(({ healthyP99Ms }) => healthyP99Ms)).toFixed(0),
      ...seconds,
      Number.isFinite(back) ? back.toFixed(1) : `over ${FAULTY_S - 1}`,
      String(runs.reduce((sum, { failed }) => sum + failed, 0)),
    ];
  });
  const seconds = Array.from({ length: FAULTY_S - 1 }, (_, second) => `in second ${second + 1}`);
  const header = ['one node', 'read p99 ms, healthy', ...seconds, 'last read over twice that, s', 'failed reads'];
  return `${table(header, rows)}\n\nMedians on ${machine()}; ${READS}; a process for each node.`;
}
