/**
 * How fast shards move from one node to another when the committee changes, what that costs both, and what readers feel of it. The network is
 * `floe dev` with a process for each node. An account's stake goes from node to node, one further in each epoch, and five shards with it.
 */
import { loadavg } from 'node:os';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { systemRng, systemScheduler } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import { startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { percentile } from '../child.ts';
import { READ_BLOBS, READ_BYTES, ReadLoad, READS } from '../read-load.ts';
import { machine, median, table, writeResults } from '../report.ts';
import { type MeasuredNode, progressOf, startNodes } from './node.ts';
import { StakeMover } from './stake-mover.ts';

const MIB = 2 ** 20;
const NODES = 5;
const SHARDS = 25;
/** A node starts with 5 shards and 1,000 WAL for each: with these one node has 9 shards, and the others 4. */
const MOVED_WAL = 6_250;
const UNMEASURED = 2;
/** Blobs outlive the benchmark. */
const LIFE_EPOCHS = 50;
const POLL_MS = 50;
const PHASE_POLL_MS = 250;
/** What readers feel before shards move is told without the change of the committee itself. */
const CHANGE_MS = 1_000;

interface Case {
  readonly blobs: number;
  readonly sizeBytes: number;
  readonly runs: number;
  readonly epochMs: number;
}

const WHOLE: Case = { blobs: 48, sizeBytes: 8 * MIB, runs: 5, epochMs: 40_000 };
const QUICK: Case = { blobs: 8, sizeBytes: MIB, runs: 1, epochMs: 12_000 };

/** One change of the committee. Times in ms; bytes are of slivers. */
interface Run {
  readonly from: string;
  readonly to: string;
  readonly shards: number;
  readonly elapsedMs: number;
  readonly copiedBytes: number;
  readonly otherBytes: number;
  /** Of all that the two nodes did meanwhile, serving reads included. */
  readonly giverCpuMs: number;
  readonly takerCpuMs: number;
  /** Of whole blobs by a client: before, and while shards moved. Empty when nobody read. */
  readonly idleReadMs: readonly number[];
  readonly readMs: readonly number[];
  readonly failedReads: number;
}

interface World {
  readonly connection: FloeConnection;
  readonly nodes: readonly MeasuredNode[];
  readonly mover: StakeMover;
  /** What readers read. */
  readonly ids: readonly BlobId[];
}

export async function benchTransfer({ quick }: { quick: boolean }): Promise<void> {
  const shape = quick ? QUICK : WHOLE;
  const [loadBefore = 0] = loadavg();
  const home = await temporaryDirectory('bench-transfer');
  const size = ['--nodes', `${NODES}`, '--shards', `${SHARDS}`, '--epoch-duration', `${shape.epochMs}ms`];
  const dev = await startDev(home.path, ['--without-nodes', ...size]);
  const nodes = await startNodes(dev);
  const connection = await connectFloe({ ledger: dev.ledger, nodeUrlScheme: 'http' });
  try {
    const mover = await StakeMover.open({ wal: MOVED_WAL }, dev, connection.ledgerClient);
    const signer = new Ed25519Keypair();
    for (let portion = 0; portion < 4; portion += 1) await dev.fund(signer.toSuiAddress());
    const store = async (count: number, sizeBytes: number): Promise<BlobId[]> => {
      const ids: BlobId[] = [];
      for (let stored = 0; stored < count; stored += 1) {
        const options = { epochs: LIFE_EPOCHS, signer, tail: 'wait' } as const;
        ids.push((await connection.client.store(systemRng.bytes(sizeBytes), options)).blobId);
      }
      return ids;
    };
    await store(shape.blobs, shape.sizeBytes);
    const world = { connection, nodes, mover, ids: await store(READ_BLOBS, READ_BYTES) };
    // Not measured: the first change takes a shard of each other node, and the second gives one back to a node that still has it.
    for (let turn = 0; turn < UNMEASURED; turn += 1) await measure(world, { turn, isRead: false });
    const [alone, beside]: [Run[], Run[]] = [[], []];
    for (let turn = UNMEASURED; turn < UNMEASURED + 2 * shape.runs; turn += 1) {
      const isRead = turn % 2 === 0;
      (isRead ? beside : alone).push(await measure(world, { turn, isRead }));
    }
    const text = `${render(alone, beside)} Load ${loadBefore.toFixed(1)} when it began.`;
    process.stdout.write(`${text}\n`);
    if (!quick) await writeResults('transfer', text, { alone, beside });
  } finally {
    await connection.close();
    await Promise.all(nodes.map((node) => node.process.stop()));
    await dev.stop();
    await home.remove();
  }
}

async function measure(
  { connection, nodes, mover, ids }: World,
  { turn, isRead }: { readonly turn: number; readonly isRead: boolean },
): Promise<Run> {
  const taker = nodes[turn % NODES] as MeasuredNode;
  const giver = nodes[(turn + NODES - 1) % NODES] as MeasuredNode;
  await untilPhase(connection, 'done');
  await mover.moveTo(taker.nodeId);
  await untilPhase(connection, 'selected');
  const load = new ReadLoad(connection.client, ids);
  let isOver = false;
  const reading = isRead ? load.runUntil(() => isOver) : Promise.resolve();
  const watching = watch(taker, giver, () => load.elapsedMs).finally(() => (isOver = true));
  const [{ beganMs, endedMs, ...moved }] = await Promise.all([watching, reading]);
  return {
    from: giver.name,
    to: taker.name,
    ...moved,
    idleReadMs: load.timesBetween(0, beganMs - CHANGE_MS),
    readMs: load.timesBetween(beganMs, endedMs),
    failedReads: load.failed,
  };
}

async function untilPhase({ ledgerClient }: FloeConnection, wanted: 'done' | 'selected'): Promise<void> {
  while ((await ledgerClient.epochSchedule({ fresh: true })).phase !== wanted)
    await systemScheduler.sleep(PHASE_POLL_MS);
}

/** From when the node knows that shards are to be copied until it knows them complete. */
async function watch(taker: MeasuredNode, giver: MeasuredNode, nowMs: () => number) {
  let before = await progressOf(taker);
  let now = before;
  for (; now.toCopy === 0; now = await progressOf(taker)) {
    before = now;
    await systemScheduler.sleep(POLL_MS);
  }
  const [beganMs, shards] = [nowMs(), now.toCopy];
  const giverBefore = await progressOf(giver);
  for (; now.incomplete > 0; now = await progressOf(taker)) await systemScheduler.sleep(POLL_MS);
  const endedMs = nowMs();
  const giverNow = await progressOf(giver);
  return {
    beganMs,
    endedMs,
    elapsedMs: endedMs - beganMs,
    shards,
    copiedBytes: now.copiedBytes - before.copiedBytes,
    otherBytes: now.otherBytes - before.otherBytes,
    giverCpuMs: giverNow.cpuMs - giverBefore.cpuMs,
    takerCpuMs: now.cpuMs - before.cpuMs,
  };
}

function render(alone: readonly Run[], beside: readonly Run[]): string {
  const row = (label: string, runs: readonly Run[]): string[] => {
    const of = (measureOf: (run: Run) => number): number => median(runs.map(measureOf));
    const latency = (times: (run: Run) => readonly number[], share: number): string => {
      const value = of((run) => percentile(times(run), share));
      return Number.isNaN(value) ? '' : value.toFixed(0);
    };
    return [
      `${label} (${runs.length} runs)`,
      of(({ shards }) => shards).toFixed(0),
      (of(({ copiedBytes }) => copiedBytes) / 1e6).toPrecision(3),
      (of(({ elapsedMs }) => elapsedMs) / 1000).toPrecision(3),
      of(({ copiedBytes, elapsedMs }) => copiedBytes / 1000 / elapsedMs).toPrecision(3),
      of(({ giverCpuMs, copiedBytes }) => (giverCpuMs * 1e6) / copiedBytes).toFixed(1),
      of(({ takerCpuMs, copiedBytes }) => (takerCpuMs * 1e6) / copiedBytes).toFixed(1),
      latency(({ idleReadMs }) => idleReadMs, 0.5),
      latency(({ readMs }) => readMs, 0.5),
      latency(({ idleReadMs }) => idleReadMs, 0.99),
      latency(({ readMs }) => readMs, 0.99),
      `${runs.reduce((sum, { failedReads }) => sum + failedReads, 0)}`,
    ];
  };
  const columns = 'shards move|shards|MB|s|MB/s|giver CPU ns per byte|taker CPU ns per byte';
  const header = `${columns}|read p50 ms, idle|meanwhile|read p99 ms, idle|meanwhile|failed reads`.split('|');
  const recovered = [...alone, ...beside].filter(({ otherBytes }) => otherBytes > 0).length;
  const recovery =
    recovered === 0 ? '' : ` In ${recovered} runs the old owner was too slow for some: those were recovered.`;
  const note = `a process for each node, all on the same disk and processors; readers: ${READS}, whose answers count in what the nodes' processors did.${recovery}`;
  return `${table(header, [row('alone', alone), row('beside readers', beside)])}\n\nMedians on ${machine()}; ${note}`;
}
