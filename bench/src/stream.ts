/**
 * Encoding as a stream beside encoding in memory: each in a process of its own, for its peak memory, in turns, so that
 * what disturbs one disturbs the other. The stream reads a file, puts half of it aside in another and gives all slivers to
 * a sink that checksums them; in memory, slivers are copied into memory of the caller's.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine, median, table } from './report.ts';

const MIB = 1024 ** 2;

interface Measured {
  readonly ms: number;
  /** Of processor time, all threads together. */
  readonly cpuMs: number;
  readonly peakMib: number;
}

/** A table of encodes as a stream, in one thread and on two; everything is at 1,000 shards. */
export async function measureStreams(quick: boolean): Promise<string> {
  const [streamSize, memorySize] = quick ? [256 * MIB, 64 * MIB] : [4096 * MIB, 256 * MIB];
  const runs = quick ? 1 : 3;
  const directory = await mkdtemp(join(tmpdir(), 'floe-bench-'));
  try {
    const rows: string[][] = [];
    for (const workers of [0, 2]) {
      const [stream, memory]: [Measured[], Measured[]] = [[], []];
      for (let run = 0; run < runs; run += 1) {
        memory.push(await measureApart('memory', workers, memorySize, directory));
        stream.push(await measureApart('stream', workers, streamSize, directory));
      }
      rows.push(rowOf(workers, streamSize, stream, memorySize, memory));
      process.stdout.write(`${rows.at(-1)?.join(', ')}\n`);
    }
    const header = ['stream', 's', 'MB/s', 'in memory MB/s', 'ratio', 'of processor time', 'peak MiB'];
    const note =
      `Encode + metadata, n = 1000, of ${streamSize / MIB} MiB from a file to a sink that checksums; in memory, of ` +
      `${memorySize / MIB} MiB. Medians of ${runs}, in turns, on ${machine()}; peak memory of the streaming process.`;
    return `${table(header, rows)}\n\n${note}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function rowOf(
  workers: number,
  streamSize: number,
  stream: readonly Measured[],
  memorySize: number,
  memory: readonly Measured[],
): string[] {
  const [ms, memoryMs] = [stream, memory].map((runs) => median(runs.map((run) => run.ms))) as [number, number];
  const [cpu, memoryCpu] = [stream, memory].map((runs) => median(runs.map((run) => run.cpuMs))) as [number, number];
  const perByte = memorySize / streamSize;
  return [
    workers === 0 ? 'in the calling thread' : `${workers} workers`,
    (ms / 1e3).toPrecision(3),
    (streamSize / 1e3 / ms).toPrecision(3),
    (memorySize / 1e3 / memoryMs).toPrecision(3),
    `**${(memoryMs / perByte / ms).toPrecision(3)}**`,
    (memoryCpu / perByte / cpu).toPrecision(3),
    Math.max(...stream.map(({ peakMib }) => peakMib)).toFixed(0),
  ];
}

async function measureApart(
  form: 'stream' | 'memory',
  workers: number,
  sizeBytes: number,
  directory: string,
): Promise<Measured> {
  const script = fileURLToPath(new URL('stream-apart.js', import.meta.url));
  const child = spawn(process.execPath, [script, form, String(workers), String(sizeBytes), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return JSON.parse(output) as Measured;
}
