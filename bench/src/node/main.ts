/** `npm run bench -- node`: what a storage node costs its operator. */
import { writeResults } from '../report.ts';
import { describeScrubs, measureScrubs } from './scrub.ts';
import { describeStarts, measureStart } from './start.ts';

const BLOBS = [10_000, 1_000_000];
const STARTS = 5;

/** Section "start": how a node comes up that knows many blobs. Section "scrub": how fast it checks all that it holds. */
export async function benchNode({ quick }: { quick: boolean }): Promise<void> {
  const starts = [];
  for (const blobs of quick ? [10_000] : BLOBS) starts.push(await measureStart(blobs, quick ? 1 : STARTS));
  const scrubs = await measureScrubs({ quick });
  const text = `start\n\n${describeStarts(starts)}\n\nscrub\n\n${describeScrubs(scrubs)}`;
  process.stdout.write(`${text}\n`);
  if (!quick) await writeResults('node', text, { starts, scrubs });
}
