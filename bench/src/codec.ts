/**
 * The codec beside the official encoder: in every round each of our forms and the official encoder do the same work once,
 * in one process, so that what disturbs one disturbs the others; medians and their ratio. Results are kept row by row, and parts can be
 * measured apart.
 *
 * All slivers end in memory of the caller's, as the official encoder's do, but for 'lent', which hands out views. The pool
 * keeps its shared memory between encodes, as the official encoder keeps all memory it ever had. Each
 * result is compared once with the official one.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createInlineCodec } from '@floe/redstuff';
import { createWorkerCodec } from '@floe/redstuff/node';
import {
  type Case,
  caseText,
  codecCases,
  type Form,
  type Part,
  partOf,
  PARTS,
  type Rounds,
  roundsOf,
} from './codec-cases.ts';
import { measureKernels, renderKernels } from './codec-kernels.ts';
import {
  bars,
  type First,
  type FirstRow,
  lineOf,
  missed,
  renderAll,
  renderFirst,
  renderShort,
} from './codec-report.ts';
import { type CodecResults, earlierResults, type Result, saveResults, withRows } from './codec-results.ts';
import { type Codecs, prepareWork } from './codec-works.ts';
import { measurePairs } from './pair.ts';
import { barChart } from './plot.ts';
import { machine, writePlot, writeReadme } from './report.ts';
import { measureStreams } from './stream.ts';

/** An encode of 256 MiB at 1,000 shards takes 1.5 GB of shared memory. */
const KEPT_MEMORY_SIZE_BYTES = 2 * 1024 ** 3;

export interface CodecBenchOptions {
  /** Put the table into the project's README. */
  readonly write: boolean;
  /** A few short cases; nothing is kept. */
  readonly quick: boolean;
  /** Only these parts. */
  readonly parts?: readonly string[] | undefined;
  /** Only cases whose text has one of these in it. */
  readonly only?: readonly string[] | undefined;
}

export async function benchCodec({ write, quick, parts = PARTS, only }: CodecBenchOptions): Promise<void> {
  const wrong = parts.find((part) => !(PARTS as readonly string[]).includes(part));
  if (wrong !== undefined) throw new Error(`no part '${wrong}': there are ${PARTS.join(', ')}`);
  // Another release of Node.js than the one that the project is built for has results of its own.
  const major = process.versions.node.split('.')[0];
  const name = major === '20' ? 'codec' : `codec-node-${major}`;
  const run = new Run(name, quick, quick ? { rows: [] } : await earlierResults(name));
  const wants = (part: Part) => parts.includes(part) && (only === undefined || part === 'encode' || part === 'decode');
  if (wants('kernels')) await run.measureApart('kernels', async () => renderKernels(await measureKernels(quick)));
  const cases = codecCases(quick).filter(
    (example) => wants(partOf(example)) && (only?.some((text) => caseText(example).includes(text)) ?? true),
  );
  await run.measureCases(cases);
  if (wants('pair')) await run.measureApart('pairs', () => measurePairs(quick));
  if (wants('first')) await run.measureApart('first', () => measureFirst(quick));
  if (wants('stream')) await run.measureApart('streams', () => measureStreams(quick));
  process.stdout.write(`\n${renderAll(run.results)}\n`);
  if (quick || !write || name !== 'codec') return;
  const plot = `![Times as fast as the official encoder](bench/results/${name}.svg)`;
  await writeReadme(name, `${renderShort(run.results)}\n\n${plot}`);
}

/** One run: measures, shows and keeps. */
class Run {
  readonly #name: string;
  readonly #quick: boolean;
  results: CodecResults;

  constructor(name: string, quick: boolean, results: CodecResults) {
    this.#name = name;
    this.#quick = quick;
    this.results = results;
  }

  async measureCases(cases: readonly Case[]): Promise<void> {
    const codecs = {
      inline: createInlineCodec(),
      pooled: createWorkerCodec({ workers: 2, keptMemorySizeBytes: KEPT_MEMORY_SIZE_BYTES }),
    };
    const measured: Result[] = [];
    try {
      for (const example of cases) {
        const rows = await measure(codecs, example, roundsOf(example, this.#quick));
        for (const row of rows) process.stdout.write(`${lineOf(row)}\n`);
        measured.push(...rows);
        await this.#keep(withRows(this.results, rows));
      }
    } finally {
      await Promise.all([codecs.inline.close(), codecs.pooled.close()]);
    }
    if (measured.length > 0) process.stdout.write(`${missed(measured)}\n`);
  }

  /** What fails is reported; what was measured before it is kept. */
  async measureApart(
    key: 'kernels' | 'pairs' | 'first' | 'streams',
    measureText: () => Promise<string>,
  ): Promise<void> {
    try {
      const text = await measureText();
      process.stdout.write(`${text}\n\n`);
      await this.#keep({ ...this.results, [key]: { machine: machine(), text } });
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`${key}: ${String(error)}\n`);
    }
  }

  async #keep(results: CodecResults): Promise<void> {
    this.results = results;
    if (this.#quick) return;
    await saveResults(this.#name, results, renderAll(results));
    const chart = barChart(`Red Stuff on ${machine()}`, 'times as fast as the official encoder', bars(results.rows));
    await writePlot(this.#name, chart);
  }
}

async function measure(codecs: Codecs, example: Case, { least, budgetMs, most }: Rounds): Promise<Result[]> {
  const work = await prepareWork(codecs, example);
  const forms = Object.entries(work.forms) as [Form, () => Promise<unknown>][];
  const ours = forms.map((): number[] => []);
  const [official, copy]: [number[], number[]] = [[], []];
  for (const [, run] of forms) await warmUp(run);
  const startMs = performance.now();
  try {
    for (let round = 0; round < least || (round < most && performance.now() - startMs < budgetMs); round += 1) {
      for (const [i, [, run]] of forms.entries()) ours[i]?.push(await timed(run));
      if (work.official !== undefined) official.push(await timed(() => work.official?.()));
      if (work.copy !== undefined) copy.push(await timed(() => work.copy?.()));
    }
  } finally {
    work.close?.();
  }
  const on = machine();
  return forms.map(([form], i) => ({ case: example, form, machine: on, ours: ours[i] as number[], official, copy }));
}

/** Once, so that memory is touched; and for a while, so that what takes microseconds is compiled for speed. */
async function warmUp(run: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now();
  for (let turn = 0; turn === 0 || (turn < 2000 && performance.now() - startMs < 50); turn += 1) await run();
}

async function timed(action: () => unknown): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

/** What needs a process of its own: memory, and the time from loading the module to the first blob id. */
async function measureFirst(quick: boolean): Promise<string> {
  const rows: FirstRow[] = [];
  for (const sizeBytes of quick ? [1024] : [1024, 32 * 1024 ** 2, 256 * 1024 ** 2]) {
    for (const operation of ['blob id', 'encode'] as const) {
      const ours = await runApart('ours', operation, sizeBytes);
      rows.push({ operation, sizeBytes, ours, official: await runApart('official', operation, sizeBytes) });
    }
  }
  return renderFirst(rows);
}

async function runApart(
  side: 'ours' | 'official',
  operation: FirstRow['operation'],
  sizeBytes: number,
): Promise<First> {
  const script = fileURLToPath(new URL('codec-apart.js', import.meta.url));
  const child = spawn(process.execPath, [script, side, operation, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return JSON.parse(output) as First;
}
