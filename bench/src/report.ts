/** How results are summed up and where they go. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** A GitHub table, first column left, others right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

export function machine(): string {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpu?.model.trim()}, ${gibibytes} GiB, Node.js ${process.versions.node}`;
}

/** Writes every run and the table to `bench/results/NAME.{json,md}`. */
export async function writeResults(name: string, text: string, runs: unknown): Promise<void> {
  const directory = new URL('bench/results/', ROOT);
  await mkdir(directory, { recursive: true });
  await writeFile(new URL(`${name}.json`, directory), `${JSON.stringify({ machine: machine(), runs }, null, 1)}\n`);
  await writeFile(new URL(`${name}.md`, directory), `${text}\n`);
}

/** The runs that `bench/results/NAME.json` has; undefined when there is none. */
export async function readResults(name: string): Promise<unknown> {
  const text = await readFile(new URL(`bench/results/${name}.json`, ROOT), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as { readonly runs: unknown }).runs;
}

/** Writes a chart to `bench/results/NAME.svg`. */
export async function writePlot(name: string, svg: string): Promise<void> {
  const directory = new URL('bench/results/', ROOT);
  await mkdir(directory, { recursive: true });
  await writeFile(new URL(`${name}.svg`, directory), svg);
}

/** Replaces what stands between the markers of `name` in the project's README. */
export async function writeReadme(name: string, text: string): Promise<void> {
  const path = fileURLToPath(new URL('README.md', ROOT));
  const readme = await readFile(path, 'utf8');
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no ${begin} … ${end}`);
  await writeFile(path, `${readme.slice(0, from + begin.length)}\n\n${text}\n\n${readme.slice(to)}`);
}
