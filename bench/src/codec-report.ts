/** What the codec benchmark shows of its results: lines while it runs, tables, a chart, and what missed its target. */
import {
  BATCH_BLOBS,
  type Case,
  caseText,
  codecCases,
  COPY_TARGET,
  type Form,
  FORMS,
  sizeText,
  targetOf,
} from './codec-cases.ts';
import type { CodecResults, Result } from './codec-results.ts';
import { type Bar } from './plot.ts';
import { median, table } from './report.ts';

/** How many times as fast as the official encoder; undefined where there is none. */
function ratioOf({ ours, official }: Result): number | undefined {
  return official.length === 0 ? undefined : median(official) / median(ours);
}

function copyRatioOf({ ours, copy }: Result): number | undefined {
  return copy.length === 0 ? undefined : median(copy) / median(ours);
}

function nameOf({ case: example, form }: Pick<Result, 'case' | 'form'>): string {
  return form === '1 thread' ? caseText(example) : `${caseText(example)}, ${form}`;
}

/** What did not come to its target, if anything. */
function shortfall(result: Result): string | undefined {
  const [ratio, target, copyRatio] = [ratioOf(result), targetOf(result.case, result.form), copyRatioOf(result)];
  if (ratio !== undefined && target !== undefined && ratio < target)
    return `${ratio.toPrecision(3)} x, not ${target} x`;
  if (copyRatio !== undefined && copyRatio < COPY_TARGET) {
    return `${copyRatio.toPrecision(2)} of the speed of copying, not ${COPY_TARGET}`;
  }
  return undefined;
}

/** One line for the terminal. */
export function lineOf(result: Result): string {
  const [ratio, copyRatio] = [ratioOf(result), copyRatioOf(result)];
  const target = targetOf(result.case, result.form);
  const parts = [`${median(result.ours).toPrecision(3)} ms`];
  if (ratio !== undefined) {
    const wanted = target === undefined ? '' : ` (target ${target})`;
    parts.push(`official ${median(result.official).toPrecision(3)} ms`, `${ratio.toPrecision(3)} x${wanted}`);
  }
  if (copyRatio !== undefined)
    parts.push(`${copyRatio.toPrecision(2)} of the speed of copying (target ${COPY_TARGET})`);
  const missed = shortfall(result) === undefined ? '' : ', below target';
  return `${nameOf(result)}: ${parts.join(', ')}; ${result.ours.length} rounds${missed}`;
}

/** Everything, for the file of results. */
export function renderAll(results: CodecResults): string {
  const texts = [results.pairs, results.first, results.streams, results.kernels].flatMap((apart) =>
    apart === undefined ? [] : [`${apart.text}\n\nMeasured on ${apart.machine}.`],
  );
  return [renderRows(results.rows), ...texts, missed(results.rows)].join('\n\n');
}

function renderRows(results: readonly Result[]): string {
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
      String(ours.length),
    ];
  });
  const header = ['work', 'ms', 'MB/s', 'official ms', 'ratio', 'target', 'of copying', 'rounds'];
  return `${table(header, rows)}\n\n${note(results)}`;
}

/** For the README: the cases with a target, the forms of each side by side. */
export function renderShort({ rows: results, first, streams }: CodecResults): string {
  const cell = (example: Case, form: Form) => {
    const result = results.find((each) => caseText(each.case) === caseText(example) && each.form === form);
    const ratio = result === undefined ? undefined : ratioOf(result);
    return ratio === undefined ? '' : ratio.toPrecision(3);
  };
  const rows = codecCases(false)
    .filter((example) => FORMS.some((form) => targetOf(example, form) !== undefined && cell(example, form) !== ''))
    .map((example) => [caseText(example), ...FORMS.map((form) => cell(example, form))]);
  const aparts = [first, streams].flatMap((apart) => (apart === undefined ? [] : [apart.text]));
  return [table(['times as fast as the official encoder', ...FORMS], rows), note(results), ...aparts].join('\n\n');
}

function note(results: readonly Result[]): string {
  const machines = [...new Set(results.map(({ machine }) => machine))].join('; ');
  return (
    `Medians on ${machines}; in turns in one process, ratios to the official encoder, which has one thread. ` +
    'MB/s counts bytes of the blob.'
  );
}

export function bars(results: readonly Result[]): Bar[] {
  return results.flatMap((result) => {
    const value = ratioOf(result);
    return value === undefined ? [] : [{ name: nameOf(result), value, target: targetOf(result.case, result.form) }];
  });
}

/** The cases that did not come to their targets. */
export function missed(results: readonly Result[]): string {
  const lines = results.flatMap((result) => {
    const text = shortfall(result);
    return text === undefined ? [] : [`  ${nameOf(result)}: ${text}`];
  });
  return lines.length === 0 ? 'All targets reached.' : `Below target:\n${lines.join('\n')}`;
}

/** What processes of their own measured. */
export function renderFirst(rows: readonly FirstRow[]): string {
  const header = ['first in a new process', 'ours ms', 'ours MiB', 'official ms', 'official MiB'];
  const cells = rows.map(({ operation, sizeBytes, ours, official }) => [
    `${operation}, n = 1000, ${sizeText(sizeBytes)}`,
    ...[ours, official].flatMap(({ firstMs, peakMib }) => [firstMs.toFixed(0), peakMib.toFixed(0)]),
  ]);
  const text = 'From loading the module to the result, in the calling thread; peak memory of the process.';
  return `${table(header, cells)}\n\n${text}`;
}

export interface First {
  readonly firstMs: number;
  readonly peakMib: number;
}

export interface FirstRow {
  readonly operation: 'blob id' | 'encode';
  readonly sizeBytes: number;
  readonly ours: First;
  readonly official: First;
}
