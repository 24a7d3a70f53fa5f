/**
 * The results of the codec benchmark, which may come of several runs: each row has the machine it was measured on, and
 * replaces what was measured of it before. They are written after every row, so that a run that is cut off is not lost.
 */
import { type Case, caseText, codecCases, type Form, FORMS } from './codec-cases.ts';
import { readResults, writeResults } from './report.ts';

export interface Result {
  readonly case: Case;
  readonly form: Form;
  readonly machine: string;
  readonly ours: readonly number[];
  /** Empty where the official encoder cannot do it. */
  readonly official: readonly number[];
  /** Copying the blob once, where that is the measure. */
  readonly copy: readonly number[];
}

/** A table that is measured as a whole. */
export interface Apart {
  readonly machine: string;
  readonly text: string;
}

export interface CodecResults {
  readonly rows: readonly Result[];
  readonly kernels?: Apart;
  readonly pairs?: Apart;
  readonly first?: Apart;
  readonly streams?: Apart;
}

/** What is there of earlier runs. */
export async function earlierResults(name: string): Promise<CodecResults> {
  const found = (await readResults(name)) as Partial<CodecResults> | undefined;
  return Array.isArray(found?.rows) ? (found as CodecResults) : { rows: [] };
}

/** Rows in the order of the cases; a new one takes the place of the one before. */
export function withRows(results: CodecResults, rows: readonly Result[]): CodecResults {
  const byKey = new Map([...results.rows, ...rows].map((row) => [keyOf(row.case, row.form), row]));
  const ordered = codecCases(false).flatMap((example) =>
    FORMS.flatMap((form) => byKey.get(keyOf(example, form)) ?? []),
  );
  return { ...results, rows: ordered };
}

export async function saveResults(name: string, results: CodecResults, text: string): Promise<void> {
  await writeResults(name, text, results);
}

function keyOf(example: Case, form: Form): string {
  return `${caseText(example)}, ${form}`;
}
