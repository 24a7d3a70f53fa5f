/** One piece of work in a process of its own, for `codec.ts`: prints what it took as JSON. */
import { setTimeout as wait } from 'node:timers/promises';
import { peakMemoryMib } from './peak-memory.ts';

const [side = '', operation = '', size = ''] = process.argv.slice(2);
const blob = new Uint8Array(Number(size)).map((_, i) => Math.imul(i, 2_654_435_761) >>> 13);
await wait(0); // what the process itself still does first is not the module's

const startMs = performance.now();
if (side === 'ours') await ours();
else await official();
const firstMs = performance.now() - startMs;
const peakMib = peakMemoryMib();
process.stdout.write(JSON.stringify({ firstMs, peakMib }));

async function ours(): Promise<void> {
  const { geometryOf } = await import('@floe/protocol');
  const { createInlineCodec } = await import('@floe/redstuff');
  const codec = createInlineCodec();
  if (operation === 'encode') await codec.encode(geometryOf(1000), blob);
  else await codec.computeMetadata(geometryOf(1000), blob);
}

async function official(): Promise<void> {
  const { geometryOf } = await import('@floe/protocol');
  const { Official } = await import('./codec-official.ts');
  const encoder = new Official(geometryOf(1000), blob.length, operation === 'encode');
  if (operation === 'encode') encoder.encode(blob);
  else encoder.blobId(blob);
}
