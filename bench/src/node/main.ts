/** `npm run bench -- node`: what a storage node costs its operator. */
import { writeResults } from '../report.ts';
import { describeHold, measureHold } from './hold.ts';
import { describeScrubs, measureScrubs } from './scrub.ts';
import { describeStarts, measureStart } from './start.ts';

const BLOBS = [10_000, 1_000_000];
const STARTS = 5;
const GIGABYTES = 100;

interface NodeBenchmarkOptions {
  readonly quick: boolean;
  /** That the node of section "hold" has. */
  readonly gigabytes?: number | undefined;
  /** Sections; all when there are none. */
  readonly parts?: readonly string[] | undefined;
}

interface Measured {
  readonly text: string;
  readonly runs: unknown;
}

/**
 * Section "start": how a node comes up that knows many blobs. Section "scrub": how fast it checks all that it holds. Section "hold": a node with very
 * many bytes, from its first to its collection.
 */
const SECTIONS: Readonly<Record<string, (options: NodeBenchmarkOptions) => Promise<Measured>>> = {
  async start({ quick }) {
    const runs = [];
    for (const blobs of quick ? [10_000] : BLOBS) runs.push(await measureStart(blobs, quick ? 1 : STARTS));
    return { text: describeStarts(runs), runs };
  },
  async scrub({ quick }) {
    const runs = await measureScrubs({ quick });
    return { text: describeScrubs(runs), runs };
  },
  async hold({ quick, gigabytes = quick ? 1 : GIGABYTES }) {
    const run = await measureHold({ gigabytes, quick });
    return { text: describeHold(run), runs: run };
  },
};

/** Each section has results of its own. */
export async function benchNode(options: NodeBenchmarkOptions): Promise<void> {
  const { quick, parts = Object.keys(SECTIONS) } = options;
  const unknown = parts.find((part) => !Object.hasOwn(SECTIONS, part));
  if (unknown !== undefined) throw new Error(`no section ${unknown}: there are ${Object.keys(SECTIONS).join(', ')}`);
  for (const [name, measure] of Object.entries(SECTIONS)) {
    if (!parts.includes(name)) continue;
    const { text, runs } = await measure(options);
    process.stdout.write(`${name}\n\n${text}\n\n`);
    if (!quick) await writeResults(`node-${name}`, text, runs);
  }
}
