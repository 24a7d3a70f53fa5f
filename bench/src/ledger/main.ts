/** Throughput, latency, start-up and memory of the ledger, and what a transaction costs as the state grows. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger } from '@floe/ledger';
import { temporaryDirectory } from '@floe/testkit';
import { machine, median, table, writeReadme, writeResults } from '../report.ts';
import { benchGenesis, CLIENT_COUNT, clients, NODE_COUNT, openBenchLedger, SHARD_COUNT } from './chain.ts';
import { type LoadResult, runLoad } from './load.ts';
import { type Caller, createCaller, executionRequest, startRemoteLedger } from './remote.ts';
import { BLOBS_AT_ONCE, execute, fund, registration, type SignedBytes } from './transactions.ts';

const IS_QUICK = process.argv.includes('--quick');
/** Blob objects in the state; `FLOE_BENCH_BLOBS`. */
const BLOBS = Number(process.env.FLOE_BENCH_BLOBS ?? (IS_QUICK ? '5000' : '100000'));
/** Transactions of each client in a run; `FLOE_BENCH_TRANSACTIONS`. */
const TRANSACTIONS = Number(process.env.FLOE_BENCH_TRANSACTIONS ?? (IS_QUICK ? '50' : '300'));
const RUNS = 3;
/** Where the ledger's process leaves processor profiles; `FLOE_BENCH_PROFILES`. */
const PROFILES = process.env.FLOE_BENCH_PROFILES;

interface Measured {
  readonly label: string;
  readonly blobs: number;
  readonly load: LoadResult;
  /** Of the ledger's process, when it is another. */
  readonly ledgerCpuSeconds: number;
  readonly startSeconds?: number;
  readonly openSeconds?: number;
  readonly rssBytes?: number;
  readonly anonymousBytes?: number;
}

export async function benchLedger({ write }: { write: boolean }): Promise<void> {
  const home = await temporaryDirectory('bench-ledger');
  const directory = join(home.path, 'ledger');
  await mkdir(directory);
  const seeds = counter();
  const results: Measured[] = [];
  try {
    const ledger = await openBenchLedger(directory, benchGenesis());
    await fillState(ledger, 0, seeds);
    await ledger.close();
    for (let run = 0; run < RUNS; run += 1) results.push(await measureInProcess(directory, 0, seeds));
    for (let run = 0; run < RUNS; run += 1) results.push(await measureSockets(directory, 0, seeds));
    const grown = await openBenchLedger(directory);
    await fillState(grown, BLOBS, seeds);
    await grown.close();
    for (let run = 0; run < RUNS; run += 1) results.push(await measureInProcess(directory, BLOBS, seeds));
    for (let run = 0; run < RUNS; run += 1) results.push(await measureSockets(directory, BLOBS, seeds));
    const text = render(results);
    process.stdout.write(`${text}\n`);
    await writeResults('ledger', text, results);
    if (write) await writeReadme('ledger', text);
  } finally {
    await home.remove();
  }
}

/** Numbers that no blob had before. */
function counter(): () => number {
  let next = 0;
  return () => (next += 1);
}

/** Registers `count` blobs through ordinary, large transactions. */
async function fillState(ledger: Ledger, count: number, seed: () => number): Promise<void> {
  const total = Math.ceil(count / BLOBS_AT_ONCE);
  for (let done = 0; done < total;) {
    const client = clients[done % CLIENT_COUNT] as (typeof clients)[number];
    const few = Math.min(40, total - done);
    for (const funds of await fund(ledger, client, few, BLOBS_AT_ONCE)) {
      await execute(ledger, registration(ledger, client, funds, Array.from({ length: BLOBS_AT_ONCE }, seed)));
      done += 1;
    }
    process.stderr.write(`\r${done * BLOBS_AT_ONCE} of ${count} blobs`);
  }
  if (count > 0) process.stderr.write('\n');
}

/** Signed long before they are sent, so that signing costs the measurement nothing. */
async function presigned(ledger: Ledger, seed: () => number): Promise<SignedBytes[][]> {
  const queues: SignedBytes[][] = [];
  for (const client of clients) {
    const funds = await fund(ledger, client, TRANSACTIONS);
    queues.push(funds.map((each) => registration(ledger, client, each, [seed()])));
  }
  return queues;
}

async function measureInProcess(directory: string, blobs: number, seed: () => number): Promise<Measured> {
  const ledger = await openBenchLedger(directory);
  try {
    const queues = await presigned(ledger, seed);
    const load = await runLoad(queues, async (signed) => {
      await execute(ledger, signed);
    });
    return report({ label: 'in process', blobs, load, ledgerCpuSeconds: load.ownCpuSeconds });
  } finally {
    await ledger.close();
  }
}

async function measureSockets(directory: string, blobs: number, seed: () => number): Promise<Measured> {
  const ledger = await openBenchLedger(directory);
  const signed = await presigned(ledger, seed);
  await ledger.close();
  const remote = await startRemoteLedger(directory, PROFILES);
  const { url } = remote.started;
  const queues = signed.map((queue) => queue.map((each) => executionRequest(each, url)));
  const callers = await Promise.all(clients.map(() => createCaller(url)));
  try {
    const before = await remote.usage();
    const load = await runLoad(queues, (request, client) => (callers[client] as Caller).execute(request));
    const after = await remote.usage();
    return report({
      label: 'gRPC-Web',
      blobs,
      load,
      ledgerCpuSeconds: after.cpuSeconds - before.cpuSeconds,
      startSeconds: remote.started.startSeconds,
      openSeconds: remote.started.openSeconds,
      rssBytes: after.rssBytes,
      anonymousBytes: after.anonymousBytes,
    });
  } finally {
    for (const caller of callers) caller.close();
    await remote.close();
  }
}

function report(measured: Measured): Measured {
  const { label, blobs, load } = measured;
  const rate = (load.transactions / load.seconds).toFixed(0);
  const cpuMs = ((measured.ledgerCpuSeconds / load.transactions) * 1000).toFixed(3);
  process.stderr.write(
    `${label}, ${blobs} blobs before: ${rate} tx/s, p50 ${load.p50Ms.toFixed(1)} ms, p99 ${load.p99Ms.toFixed(1)} ms, ${cpuMs} ms of processor each\n`,
  );
  return measured;
}

function render(results: readonly Measured[]): string {
  const groups = groupRuns(results);
  const rows = groups.map((runs) => {
    const of = (value: (run: Measured) => number | undefined, digits: number, unit = 1): string => {
      const values = runs.map(value).filter((each) => each !== undefined);
      return values.length === 0 ? '' : (median(values) / unit).toFixed(digits);
    };
    const [first] = runs as [Measured];
    return [
      `${first.label}, ${first.blobs === 0 ? 'empty state' : `${first.blobs} blobs`}`,
      of(({ load }) => load.transactions / load.seconds, 0),
      of(({ load }) => load.p50Ms, 1),
      of(({ load }) => load.p99Ms, 1),
      of(({ ledgerCpuSeconds, load }) => (ledgerCpuSeconds / load.transactions) * 1000, 2),
      of(
        ({ label, load }) => (label === 'in process' ? undefined : (load.ownCpuSeconds / load.transactions) * 1000),
        2,
      ),
      of(({ startSeconds }) => startSeconds, 2),
      of(({ rssBytes }) => rssBytes, 0, 2 ** 20),
      of(({ anonymousBytes }) => anonymousBytes, 0, 2 ** 20),
    ];
  });
  const header = [
    '',
    'tx/s',
    'p50 ms',
    'p99 ms',
    'ledger CPU ms/tx',
    'load CPU ms/tx',
    'start s',
    'RSS MiB',
    'own MiB',
  ];
  return `${table(header, rows)}\n\nMedians of ${RUNS} runs on ${machine()}; ${CLIENT_COUNT} clients send ${TRANSACTIONS} signed register transactions each, every one durable when answered; committee of ${NODE_COUNT} nodes and ${SHARD_COUNT} shards; LMDB on this disk. The load's processor time is on the same cores.`;
}

function groupRuns(results: readonly Measured[]): Measured[][] {
  const groups = new Map<string, Measured[]>();
  for (const result of results) {
    const key = `${result.label} ${result.blobs}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}
