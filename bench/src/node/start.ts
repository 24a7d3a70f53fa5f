/**
 * How long a node takes to come up that knows a million blobs, and the memory it then has. Its rows are made by the node
 * itself, which follows a ledger that registers and certifies them; then it is opened in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@floe/testkit';
import { machine, median, table } from '../report.ts';

const CHILD = fileURLToPath(new URL('./start-child.js', import.meta.url));
const MIB = 2 ** 20;

/** What the child prints. */
export interface Started {
  readonly blobs: number;
  /** From the beginning of the process's own work to the first answer. */
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
  readonly databaseBytes: number;
}

interface StartRun {
  readonly blobs: number;
  readonly madeMs: number;
  readonly starts: readonly Started[];
}

/** Fills a node with that many blobs, then starts it `starts` times. */
export async function measureStart(blobs: number, starts: number): Promise<StartRun> {
  const home = await temporaryDirectory('bench-node-start');
  try {
    const beganMs = performance.now();
    await child('fill', home.path, blobs);
    const madeMs = performance.now() - beganMs;
    const results: Started[] = [];
    for (let run = 0; run < starts; run += 1)
      results.push(JSON.parse(await child('start', home.path, blobs)) as Started);
    return { blobs, madeMs, starts: results };
  } finally {
    await home.remove();
  }
}

/** The table. */
export function describeStarts(runs: readonly StartRun[]): string {
  const rows = runs.map(({ blobs, madeMs, starts }) => {
    const of = (value: (started: Started) => number): number => median(starts.map(value));
    return [
      blobs.toLocaleString('en'),
      `${(of(({ elapsedMs }) => elapsedMs) / 1000).toFixed(2)} s`,
      `${(of(({ cpuMs }) => cpuMs) / 1000).toFixed(2)} s`,
      `${(of(({ residentBytes }) => residentBytes) / MIB).toFixed(0)} MiB`,
      `${(of(({ databaseBytes }) => databaseBytes) / MIB).toFixed(0)} MiB`,
      `${((blobs / madeMs) * 1000).toFixed(0)} /s`,
    ];
  });
  const header = ['blobs in the registry', 'start', 'processor', 'resident', 'database', 'events of blobs applied'];
  return `${table(header, rows)}\n\n${machine()}`;
}

/** Runs the child to its end; resolves to what it printed. */
async function child(...args: readonly (string | number)[]): Promise<string> {
  const started = spawn(process.execPath, [CHILD, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(started, 'close')) as [number];
  if (code !== 0) throw new Error(`the node ended with ${code}`);
  return output;
}
