/**
 * The codec beside the official encoder: in every round each of our forms and the official encoder do the same work once,
 * in one process, so that what disturbs one disturbs the others; medians and their ratio.
 *
 * Encoding copies all slivers into memory of the caller's, as the official encoder does, but for 'lent', which hands out
 * views. The pool keeps its shared memory between encodes, as the official encoder keeps all memory it ever had. Each
 * result is compared once with the official one.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createInlineCodec } from '@floe/redstuff';
import { createWorkerCodec } from '@floe/redstuff/node';
import {
  BATCH_BLOBS,
  type Case,
  caseText,
  codecCases,
  COPY_TARGET,
  type Form,
  roundsOf,
  sizeText,
  targetOf,
} from './codec-cases.ts';
import { type KernelResult, measureKernels, renderKernels } from './codec-kernels.ts';
import { type Codecs, prepareWork } from './codec-works.ts';
import { type Bar, barChart } from './plot.ts';
import { machine, median, table, writePlot, writeReadme, writeResults } from './report.ts';
import { measureStreams } from './stream.ts';

interface Result {
  readonly case: Case;
  readonly form: Form;
  readonly ours: readonly number[];
  /** Empty where the official encoder cannot do it. */
  readonly official: readonly number[];
  /** Copying the blob once, where that is the measure. */
  readonly copy: readonly number[];
}

/** An encode of 256 MiB at 1,000 shards takes 1.5 GB of shared memory. */
const KEPT_MEMORY_SIZE_BYTES = 2 * 1024 ** 3;

export async function benchCodec({ write, quick }: { write: boolean; quick: boolean }): Promise<void> {
  const kernels = await measureKernels(quick);
  process.stdout.write(`${renderKernels(kernels)}\n\n`);
  const codecs = {
    inline: createInlineCodec(),
    pooled: createWorkerCodec({ workers: 2, keptMemorySizeBytes: KEPT_MEMORY_SIZE_BYTES }),
  };
  const results: Result[] = [];
  try {
    for (const example of codecCases(quick)) {
      const measured = await measure(codecs, example, roundsOf(example, quick));
      results.push(...measured);
      for (const result of measured) process.stdout.write(`${nameOf(result)}: ${summary(result)}\n`);
    }
  } finally {
    await Promise.all([codecs.inline.close(), codecs.pooled.close()]);
  }
  const apart = `${await orProblem(measureApart(quick))}\n\n${await orProblem(measureStreams(quick))}`;
  await report({ results, kernels, apart }, { write, quick });
}

/** What came of a run goes to the terminal and, if it was a whole one, to the results and the project's README. */
async function report(
  { results, kernels, apart }: { results: readonly Result[]; kernels: readonly KernelResult[]; apart: string },
  { write, quick }: { write: boolean; quick: boolean },
): Promise<void> {
  // Another release of Node.js than the one that the project is built for has results of its own.
  const major = process.versions.node.split('.')[0];
  const name = major === '20' ? 'codec' : `codec-node-${major}`;
  const plot = `![Times as fast as the official encoder](bench/results/${name}.svg)`;
  const text = [render(results), apart, renderKernels(kernels)].join('\n\n');
  process.stdout.write(`\n${text}\n\n${missed(results)}\n`);
  if (quick) return;
  await writePlot(name, barChart(`Red Stuff on ${machine()}`, 'times as fast as the official encoder', bars(results)));
  await writeResults(name, text, { results, kernels });
  if (write && name === 'codec') await writeReadme(name, `${renderShort(results)}\n\n${plot}\n\n${apart}`);
}

async function measure(codecs: Codecs, example: Case, rounds: number): Promise<Result[]> {
  const work = await prepareWork(codecs, example);
  const forms = Object.entries(work.forms) as [Form, () => Promise<unknown>][];
  const ours = forms.map((): number[] => []);
  const [official, copy]: [number[], number[]] = [[], []];
  for (const [, run] of forms) await run(); // compiled, and memory touched
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, [, run]] of forms.entries()) ours[i]?.push(await timed(run));
      if (work.official !== undefined) official.push(await timed(() => work.official?.()));
      if (work.copy !== undefined) copy.push(await timed(() => work.copy?.()));
    }
  } finally {
    work.close?.();
  }
  return forms.map(([form], i) => ({ case: example, form, ours: ours[i] as number[], official, copy }));
}

async function timed(action: () => unknown): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

/** A table or, because what was measured before it is worth half an hour, why there is none. */
async function orProblem(measured: Promise<string>): Promise<string> {
  try {
    return await measured;
  } catch (error) {
    process.exitCode = 1;
    return `Not measured: ${String(error)}`;
  }
}

/** What needs a process of its own: memory, and the time from loading the module to the first blob id. */
async function measureApart(quick: boolean): Promise<string> {
  const rows: string[][] = [];
  for (const sizeBytes of quick ? [1024] : [1024, 32 * 1024 ** 2, 256 * 1024 ** 2]) {
    for (const operation of ['blob id', 'encode'] as const) {
      const cells = [];
      for (const side of ['ours', 'official'] as const) {
        const { firstMs, peakMib } = await runApart(side, operation, sizeBytes);
        cells.push(firstMs.toFixed(0), peakMib.toFixed(0));
      }
      rows.push([`${operation}, n = 1000, ${sizeText(sizeBytes)}`, ...cells]);
    }
  }
  const header = ['first in a new process', 'ours ms', 'ours MiB', 'official ms', 'official MiB'];
  return `${table(header, rows)}\n\nFrom loading the module to the result, in the calling thread; peak memory of the process.`;
}

async function runApart(
  side: 'ours' | 'official',
  operation: 'blob id' | 'encode',
  sizeBytes: number,
): Promise<{ firstMs: number; peakMib: number }> {
  const script = fileURLToPath(new URL('codec-apart.js', import.meta.url));
  const child = spawn(process.execPath, [script, side, operation, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return JSON.parse(output) as { firstMs: number; peakMib: number };
}

/** How many times as fast as the official encoder; undefined where there is none. */
function ratioOf({ ours, official }: Result): number | undefined {
  return official.length === 0 ? undefined : median(official) / median(ours);
}

function copyRatioOf({ ours, copy }: Result): number | undefined {
  return copy.length === 0 ? undefined : median(copy) / median(ours);
}

function nameOf({ case: example, form }: Result): string {
  return form === '1 thread' ? caseText(example) : `${caseText(example)}, ${form}`;
}

function summary(result: Result): string {
  const [ratio, copyRatio] = [ratioOf(result), copyRatioOf(result)];
  const target = targetOf(result.case, result.form);
  const parts = [`${median(result.ours).toPrecision(3)} ms`];
  if (ratio !== undefined) {
    const wanted = target === undefined ? '' : ` (target ${target})`;
    parts.push(`official ${median(result.official).toPrecision(3)} ms`, `${ratio.toPrecision(3)} x${wanted}`);
  }
  if (copyRatio !== undefined) parts.push(`${copyRatio.toPrecision(2)} of the speed of copying`);
  return parts.join(', ');
}

function render(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const { case: example, ours, official } = result;
    const [ratio, copyRatio] = [ratioOf(result), copyRatioOf(result)];
    const sizeBytes = example.sizeBytes * (example.operation === 'batch' ? BATCH_BLOBS : 1);
    return [
      nameOf(result),
      median(ours).toPrecision(3),
      (sizeBytes / 1e3 / median(ours)).toPrecision(3),
      official.length === 0 ? '' : median(official).toPrecision(3),
      ratio === undefined ? '' : `**${ratio.toPrecision(3)}**`,
      String(targetOf(example, result.form) ?? ''),
      copyRatio === undefined ? '' : copyRatio.toPrecision(2),
    ];
  });
  const header = ['work', 'ms', 'MB/s', 'official ms', 'ratio', 'target', 'of copying'];
  return `${table(header, rows)}\n\n${note()}`;
}

/** For the README: one row for each case, its forms side by side. */
function renderShort(results: readonly Result[]): string {
  const compared = results.filter(({ official }) => official.length > 0);
  const rows = [...new Set(compared.map(({ case: example }) => example))].map((example) => {
    const of = (form: Form) => compared.find((result) => result.case === example && result.form === form);
    const ratio = (form: Form) => {
      const result = of(form);
      return result === undefined ? '' : (ratioOf(result) as number).toPrecision(3);
    };
    const single = of('1 thread') as Result;
    const cells = [median(single.official).toPrecision(3), median(single.ours).toPrecision(3)];
    return [caseText(example), ...cells, ratio('1 thread'), ratio('2 workers'), ratio('2 workers, lent')];
  });
  const header = ['work', 'official ms', 'ours ms', 'ratio', '2 workers', '2 workers, lent'];
  return `${table(header, rows)}\n\n${note()}`;
}

function note(): string {
  return `Medians on ${machine()}; all in turns in one process, ratios to the official encoder, which has one thread. MB/s counts bytes of the blob.`;
}

function bars(results: readonly Result[]): Bar[] {
  return results.flatMap((result) => {
    const value = ratioOf(result);
    return value === undefined ? [] : [{ name: nameOf(result), value, target: targetOf(result.case, result.form) }];
  });
}

/** The cases that did not come to their targets. */
function missed(results: readonly Result[]): string {
  const lines = results.flatMap((result) => {
    const [ratio, target, copyRatio] = [ratioOf(result), targetOf(result.case, result.form), copyRatioOf(result)];
    const found: string[] = [];
    if (ratio !== undefined && target !== undefined && ratio < target) {
      found.push(`${nameOf(result)}: ${ratio.toPrecision(3)} x, not ${target} x`);
    }
    if (copyRatio !== undefined && copyRatio < COPY_TARGET) {
      found.push(`${nameOf(result)}: ${copyRatio.toPrecision(2)} of the speed of copying, not ${COPY_TARGET}`);
    }
    return found;
  });
  return lines.length === 0 ? 'All targets reached.' : `Below target:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
