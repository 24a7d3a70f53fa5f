/** Throughput, latency, start-up and memory of the ledger, and what a transaction costs as the state grows. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger } from '@floe/ledger';
import { assert } from '@floe/platform';
import { temporaryDirectory } from '@floe/testkit';
import { machine, median, table, writeReadme, writeResults } from '../report.ts';
import { benchGenesis, CLIENT_COUNT, clients, NODE_COUNT, openBenchLedger, SHARD_COUNT } from './chain.ts';
import { type LoadResult, runLoad } from './load.ts';
import type { Usage } from './server.ts';
import { grpcCalls, grpcWebCalls, LEDGER_FLAGS, type Protocol, startRemoteLedger } from './remote.ts';
import { BLOBS_AT_ONCE, execute, fund, registration, type SignedBytes } from './transactions.ts';

/** Blob objects in the state before the runs of a step; `--objects`. */
const OBJECTS = [0, 100_000, 1_000_000];
const OBJECTS_QUICK = [0, 5000];
const RUNS = 2;
/**
 * Transactions of each client before a run is measured: what a process sustains is not what it does in its first seconds,
 * in which half of its processor time goes into compiling itself.
 */
const WARM_UP = 100;
const WARM_UP_QUICK = 20;
/** Large transactions under way at once while the state is filled. */
const FILLS_AT_ONCE = 4;
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

interface Settings {
  readonly directory: string;
  /** Transactions of each client in a run, and before it. */
  readonly transactions: number;
  readonly warmUp: number;
  readonly seed: () => number;
}

/** Takes less than twenty minutes with the standard sizes on two quiet processors. */
export async function benchLedger(options: {
  write: boolean;
  quick: boolean;
  objects?: readonly number[];
}): Promise<void> {
  const home = await temporaryDirectory('bench-ledger');
  const directory = join(home.path, 'ledger');
  await mkdir(directory);
  const transactions = Number(process.env.FLOE_BENCH_TRANSACTIONS ?? (options.quick ? '30' : '200'));
  const warmUp = options.quick ? WARM_UP_QUICK : WARM_UP;
  const settings = { directory, transactions, warmUp, seed: counter() };
  const results: Measured[] = [];
  try {
    await (await openBenchLedger(directory, benchGenesis())).close();
    let filled = 0;
    for (const blobs of options.objects ?? (options.quick ? OBJECTS_QUICK : OBJECTS)) {
      await fillState(settings, blobs - filled);
      filled = Math.max(filled, blobs);
      for (let run = 0; run < RUNS; run += 1) {
        results.push(await measureInProcess(settings, blobs));
        results.push(await measureSockets(settings, blobs, grpcWebCalls));
        results.push(await measureSockets(settings, blobs, grpcCalls));
      }
    }
    const text = render(results, settings);
    process.stdout.write(`${text}\n`);
    await writeResults('ledger', text, results);
    if (options.write) await writeReadme('ledger', text);
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
async function fillState({ directory, seed }: Settings, count: number): Promise<void> {
  if (count <= 0) return;
  const ledger = await openBenchLedger(directory);
  const total = Math.ceil(count / BLOBS_AT_ONCE);
  for (let done = 0; done < total;) {
    const client = clients[done % CLIENT_COUNT] as (typeof clients)[number];
    const funds = await fund(ledger, client, Math.min(40, total - done), BLOBS_AT_ONCE);
    for (let at = 0; at < funds.length; at += FILLS_AT_ONCE) {
      const some = funds.slice(at, at + FILLS_AT_ONCE);
      const seeds = () => Array.from({ length: BLOBS_AT_ONCE }, seed);
      await Promise.all(some.map((each) => execute(ledger, registration(ledger, client, each, seeds()))));
      done += some.length;
    }
    process.stderr.write(`\r${done * BLOBS_AT_ONCE} of ${count} more blobs`);
  }
  process.stderr.write('\n');
  await ledger.close();
}

/** Signed long before they are sent, so that signing costs the measurement nothing. */
async function presigned(ledger: Ledger, { transactions, warmUp, seed }: Settings): Promise<SignedBytes[][]> {
  const queues: SignedBytes[][] = [];
  for (const client of clients) {
    const funds = await fund(ledger, client, warmUp + transactions);
    queues.push(funds.map((each) => registration(ledger, client, each, [seed()])));
  }
  return queues;
}

/** Sends some of each queue to warm up, and measures with the rest. */
async function measureLoad<T>(
  queues: readonly (readonly T[])[],
  warmUp: number,
  send: (item: T, client: number) => Promise<void>,
  usage: () => Promise<Usage | undefined> = () => Promise.resolve(undefined),
) {
  await runLoad(
    queues.map((queue) => queue.slice(0, warmUp)),
    send,
  );
  const before = await usage();
  const load = await runLoad(
    queues.map((queue) => queue.slice(warmUp)),
    send,
  );
  return { load, before, after: await usage() };
}

async function measureInProcess(settings: Settings, blobs: number): Promise<Measured> {
  const ledger = await openBenchLedger(settings.directory);
  try {
    const queues = await presigned(ledger, settings);
    const send = async (signed: SignedBytes) => {
      await execute(ledger, signed);
    };
    const { load } = await measureLoad(queues, settings.warmUp, send);
    return report({ label: 'in process', blobs, load, ledgerCpuSeconds: load.ownCpuSeconds });
  } finally {
    await ledger.close();
  }
}

async function measureSockets(settings: Settings, blobs: number, protocol: Protocol): Promise<Measured> {
  const ledger = await openBenchLedger(settings.directory);
  const signed = await presigned(ledger, settings);
  await ledger.close();
  const remote = await startRemoteLedger(settings.directory, PROFILES);
  const { url } = remote.started;
  const queues = signed.map((queue) => queue.map((each) => protocol.request(each, url)));
  const callers = await Promise.all(clients.map(() => protocol.connect(url)));
  try {
    const send = async (request: Uint8Array, client: number) => callers[client]?.execute(request);
    const { load, before, after } = await measureLoad(queues, settings.warmUp, send, () => remote.usage());
    assert(before !== undefined && after !== undefined, 'the ledger tells what it uses');
    return report({
      label: protocol.name,
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

function render(results: readonly Measured[], { transactions, warmUp }: Settings): string {
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
  return `${table(header, rows)}\n\nMedians of ${RUNS} runs on ${machine()}; ${CLIENT_COUNT} clients send ${transactions} signed register transactions each after ${warmUp} to warm up, every one durable when answered; committee of ${NODE_COUNT} nodes and ${SHARD_COUNT} shards; LMDB on this disk. The load's processor time is on the same cores; the ledger's process has a thread for its sockets and runs with \`${LEDGER_FLAGS.join(' ')}\`.`;
}

function groupRuns(results: readonly Measured[]): Measured[][] {
  const groups = new Map<string, Measured[]>();
  for (const result of results) {
    const key = `${result.label} ${result.blobs}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}
