/** `npm run bench -- node`: what a storage node costs its operator. */
import { writeResults } from '../report.ts';
import { describeStarts, measureStart } from './start.ts';

const BLOBS = [10_000, 1_000_000];
const STARTS = 5;

/** Section "start": how a node comes up that knows many blobs. */
export async function benchNode({ quick }: { quick: boolean }): Promise<void> {
  const runs = [];
  for (const blobs of quick ? [10_000] : BLOBS) runs.push(await measureStart(blobs, quick ? 1 : STARTS));
  const text = describeStarts(runs);
  process.stdout.write(`start\n\n${text}\n`);
  if (!quick) await writeResults('node', text, runs);
}
