/** Encodes in a process of its own, each when asked to, for `pair.ts`: answers with the milliseconds it took. */
import { geometryOf } from '@floe/protocol';
import { createInlineCodec, createSliverMemory } from '@floe/redstuff';
import { contents } from './codec-works.ts';

const [nShards = 0, sizeBytes = 0] = process.argv.slice(2).map(Number);
const geometry = geometryOf(nShards);
const codec = createInlineCodec();
const into = createSliverMemory(geometry, sizeBytes);
const blob = contents(sizeBytes);

const encode = async () => {
  const startMs = performance.now();
  await codec.encode(geometry, blob, { into });
  return performance.now() - startMs;
};
await encode(); // touches the memory
process.on('message', () => void encode().then((ms) => process.send?.(ms)));
process.send?.('ready');
