/**
 * Flips bytes, cuts files and deletes them, anywhere in a node's directory, and demands that the node comes back: never serves another byte than
 * was stored, opens again at the latest the next time, has a sound database, and holds all that it owes.
 *
 * Each case has a copy of the directory, in one of three modes: the database is looked at before it is opened; it is opened unseen, as a large one is; the
 * file is changed while the node runs. The process may die of it (LMDB reads pages in native code); then the next one gets the directory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { appendFile, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRng } from '@floe/platform/memory';
import type { Rng } from '@floe/platform';
import { slowSuite, temporaryDirectory } from '@floe/testkit';
import { expect, it } from 'vitest';

const FLIPS = 1200;
const MIN_FLIPS = 8;
const MODES = ['checked', 'unchecked', 'running'] as const;
const PAGE_SIZE = 4096;
const LONGEST_CASE_MS = 240_000;
/** Processes that may die of one case. */
const MOST_DEATHS = 2;

interface Change {
  readonly path: string;
  readonly kind: 'flip' | 'truncate' | 'delete';
  readonly at?: number;
  readonly bits?: number;
  readonly size?: number;
}

interface Case {
  readonly mode: (typeof MODES)[number];
  readonly change: Change;
}

interface Answer {
  readonly openings?: readonly string[];
  readonly failure?: string;
}

/** A process with the network, made anew when the last one died. */
class Processes {
  #current: { readonly child: ChildProcess; readonly died: Promise<undefined> } | undefined;

  /** Undefined when the process died, or hung and was killed. */
  async ask(message: object): Promise<Answer | undefined> {
    const { child, died } = await this.#running();
    const answered = new Promise<Answer>((resolve) => child.once('message', (answer) => resolve(answer as Answer)));
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_CASE_MS);
    child.send(message);
    const answer = await Promise.race([answered, died]);
    clearTimeout(timer);
    if (answer === undefined) this.#current = undefined;
    return answer;
  }

  close(): void {
    this.#current?.child.kill('SIGKILL');
  }

  async #running(): Promise<{ readonly child: ChildProcess; readonly died: Promise<undefined> }> {
    if (this.#current !== undefined) return this.#current;
    const child = fork(fileURLToPath(new URL('./rot-network.mjs', import.meta.url)), { execArgv: [] });
    const died = new Promise<undefined>((resolve) => child.once('exit', () => resolve(undefined)));
    const isReady = await Promise.race([new Promise((resolve) => child.once('message', resolve)), died]);
    if (isReady === undefined) throw new Error('the network does not start');
    this.#current = { child, died };
    return this.#current;
  }
}

it('survives a flipped byte, a cut and a deleted file anywhere in its directory', { timeout: 5_400_000 }, async () => {
  const suite = slowSuite('rot');
  const home = await temporaryDirectory('rot');
  const processes = new Processes();
  const template = join(home.path, 'template');
  try {
    expect(await processes.ask({ command: 'prepare', directory: template })).toEqual({ openings: [] });
    const rng = seededRng(`rot ${suite.seed}`);
    const files = filesOf(template);
    const tally = new Map<string, number>();
    const failures: string[] = [];
    let done = 0;
    let flips = 0;
    const run = async (each: Case): Promise<void> => {
      done += 1;
      flips += each.change.kind === 'flip' ? 1 : 0;
      const outcome = await survive(processes, template, join(home.path, `case-${done}`), each);
      const key = `${each.change.kind} ${each.change.path.replace(/e\d+-\d+\./, '')}, ${each.mode}: ${outcome.summary}`;
      tally.set(key, (tally.get(key) ?? 0) + 1);
      if (outcome.failure !== undefined) {
        failures.push(`${JSON.stringify(each)}: ${outcome.failure}`);
        process.stdout.write(`${failures.at(-1)}\n`);
      }
      if (done % 50 === 0) process.stdout.write(`rot: ${done} cases, ${flips} flips\n`);
    };
    const cuts = shuffled(cutsOf(files), rng);
    while (flips < MIN_FLIPS || (!suite.spent() && (cuts.length > 0 || flips < FLIPS))) {
      const cut = cuts.pop();
      if (cut !== undefined) await run(cut);
      for (let count = 0; count < 4 && flips < FLIPS && (flips < MIN_FLIPS || !suite.spent()); count += 1) {
        await run(flipOf(files, rng));
      }
    }
    const lines = Array.from(tally, ([key, count]) => `${key}: ${count}`).toSorted((a, b) => (a < b ? -1 : 1));
    const report = [
      `seed ${suite.seed}: ${done} cases, ${flips} flips, ${failures.length} failures`,
      ...lines,
      ...failures,
    ];
    process.stdout.write(`${report.join('\n')}\n`);
    const { FLOE_ROT_REPORT: reportPath } = process.env;
    if (reportPath !== undefined) await appendFile(reportPath, `${report.join('\n')}\n`);
    expect(failures).toEqual([]);
  } finally {
    processes.close();
    await rm(home.path, { recursive: true, force: true });
  }
});

/** A case in a copy of the directory; the copy is kept when it failed. */
async function survive(
  processes: Processes,
  template: string,
  directory: string,
  each: Case,
): Promise<{ readonly summary: string; readonly failure?: string }> {
  await cp(template, directory, { recursive: true });
  let answer = await processes.ask({ command: 'case', directory, ...each });
  let deaths = 0;
  while (answer === undefined && deaths < MOST_DEATHS) {
    deaths += 1;
    // What was changed is changed.
    answer = await processes.ask({
      command: 'case',
      directory,
      mode: each.mode === 'running' ? 'unchecked' : each.mode,
    });
  }
  const failure = answer === undefined ? `died ${deaths + 1} times` : answer.failure;
  if (failure === undefined) await rm(directory, { recursive: true });
  const how = [...(answer?.openings ?? []), ...Array.from({ length: deaths }, () => 'died')];
  const summary = failure !== undefined ? 'FAILED' : how.length === 0 ? 'went on' : `opened again (${how.join(', ')})`;
  return { summary, ...(failure !== undefined && { failure }) };
}

interface File {
  readonly path: string;
  readonly size: number;
}

function filesOf(directory: string): File[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => ({ path, stat: statSync(join(directory, path)) }))
    .filter(({ stat }) => stat.isFile())
    .map(({ path, stat }) => ({ path, size: stat.size }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Every file deleted, emptied, halved and a byte shorter. */
function cutsOf(files: readonly File[]): Case[] {
  return files.flatMap(({ path, size }) =>
    MODES.flatMap((mode): Case[] => [
      { mode, change: { path, kind: 'delete' } },
      ...[0, size >>> 1, size - 1].map((cut) => ({
        mode,
        change: { path, kind: 'truncate' as const, size: Math.max(0, cut) },
      })),
    ]),
  );
}

/** Half of them anywhere, the others first in any file, and where the database's pages begin. */
function flipOf(files: readonly File[], rng: Rng): Case {
  const mode = MODES[rng.below(MODES.length)] as Case['mode'];
  const bits = rng.below(2) === 0 ? 1 << rng.below(8) : 1 + rng.below(255);
  const choice = rng.below(4);
  const full = files.filter(({ size }) => size > 0);
  const total = full.reduce((sum, { size }) => sum + size, 0);
  let at = rng.below(total);
  let file = full[rng.below(full.length)] as File;
  if (choice < 2) {
    for (const each of full) {
      file = each;
      if (at < each.size) break;
      at -= each.size;
    }
  } else at = rng.below(file.size);
  if (choice === 3) {
    file = full.find(({ path }) => path.endsWith('data.mdb')) ?? file;
    at = Math.min(file.size - 1, rng.below(Math.ceil(file.size / PAGE_SIZE)) * PAGE_SIZE + rng.below(200));
  }
  return { mode, change: { path: file.path, kind: 'flip', at, bits } };
}

function shuffled<T>(values: readonly T[], rng: Rng): T[] {
  return values
    .map((value) => ({ value, order: rng.below(2 ** 30) }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ value }) => value);
}
