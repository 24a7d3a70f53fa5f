/** One encode in a process of its own, for `stream.ts`: prints what it took as JSON. */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { geometryOf } from '@floe/protocol';
import { createInlineCodec, createSliverMemory } from '@floe/redstuff';
import { createWorkerCodec, openFileSource, openScratchSpace, yieldToEventLoop } from '@floe/redstuff/node';
import { peakMemoryMib } from './peak-memory.ts';

const [form = '', workersText = '', sizeText = '', directory = ''] = process.argv.slice(2);
const [workers, sizeBytes] = [Number(workersText), Number(sizeText)];
const geometry = geometryOf(1000);
const codec =
  workers === 0
    ? createInlineCodec({ pause: yieldToEventLoop })
    : createWorkerCodec({ workers, keptMemorySizeBytes: 2 * 1024 ** 3 });

const measured = form === 'stream' ? await stream() : await inMemory();
await codec.close();
process.stdout.write(JSON.stringify({ ...measured, peakMib: peakMemoryMib() }));

async function timed(action: () => Promise<unknown>): Promise<{ ms: number; cpuMs: number }> {
  const [startMs, startCpu] = [performance.now(), process.cpuUsage()];
  await action();
  const { user, system } = process.cpuUsage(startCpu);
  return { ms: performance.now() - startMs, cpuMs: (user + system) / 1e3 };
}

async function stream(): Promise<{ ms: number; cpuMs: number }> {
  const path = join(directory, `blob-${sizeBytes}`);
  await makeFile(path);
  const [source, scratch] = [await openFileSource(path), await openScratchSpace({ directory })];
  let checksum = 0;
  const sink = {
    async write({ data }: { readonly data: Uint8Array }) {
      checksum ^= crc32(data);
    },
  };
  try {
    return await timed(() => codec.encodeStream(geometry, source, sink, { scratch }));
  } finally {
    await Promise.all([source.close(), scratch.close()]);
  }
}

/** The second of two encodes into the same memory: in the first, memory is touched. */
async function inMemory(): Promise<{ ms: number; cpuMs: number }> {
  const blob = contents(sizeBytes, 0);
  const into = createSliverMemory(geometry, sizeBytes, { shared: workers > 0 });
  await codec.encode(geometry, blob, { into });
  return await timed(() => codec.encode(geometry, blob, { into }));
}

async function makeFile(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.size === sizeBytes) return;
  const file = await open(path, 'w');
  const pieceSize = 16 * 1024 ** 2;
  for (let at = 0; at < sizeBytes; at += pieceSize) {
    await file.write(contents(Math.min(pieceSize, sizeBytes - at), at));
  }
  await file.close();
}

/** Bytes without structure, the same in every run. */
function contents(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed + 1;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, size);
}
