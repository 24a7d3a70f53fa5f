/**
 * The codec beside the official encoder: both do the same work in turns in one process, so that what disturbs one
 * disturbs the other; medians and their ratio.
 *
 * Encoding copies all slivers into memory of the caller's, as the official encoder does, but for 'lent', which hands out
 * views. The pool keeps its shared memory between encodes, as the official encoder keeps all memory it ever had. Each
 * result is compared once with the official one.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { equalBytes } from '@floe/platform';
import { type Geometry, geometryOf, type Sliver, type SliverIndex } from '@floe/protocol';
import { type Codec, createInlineCodec, createSliverMemory, type EncodedBlob } from '@floe/redstuff';
import { createWorkerCodec } from '@floe/redstuff/node';
import { type Case, caseText, codecCases, runsOf, type Selection, sizeText } from './codec-cases.ts';
import { Official, officialSlivers } from './codec-official.ts';
import { machine, median, table, writeReadme, writeResults } from './report.ts';
import { measureStreams } from './stream.ts';

interface Result {
  readonly case: Case;
  readonly ours: readonly number[];
  /** Empty where the official encoder cannot do it. */
  readonly official: readonly number[];
  /** Copying the blob once, where that is the measure. */
  readonly copy: readonly number[];
}

/** One side's work of a case; each call is one run. */
interface Work {
  ours(): Promise<unknown>;
  official?(): unknown;
  copy?(): unknown;
  close?(): void;
}

/** An encode of 256 MiB at 1,000 shards takes 1.5 GB of shared memory. */
const KEPT_MEMORY_SIZE_BYTES = 2 * 1024 ** 3;

export async function benchCodec({ write, quick }: { write: boolean; quick: boolean }): Promise<void> {
  const codecs = {
    0: createInlineCodec(),
    2: createWorkerCodec({ workers: 2, keptMemorySizeBytes: KEPT_MEMORY_SIZE_BYTES }),
  } as const;
  const results: Result[] = [];
  try {
    for (const example of codecCases(quick)) {
      const result = await measure(codecs, example, runsOf(example, quick));
      results.push(result);
      process.stdout.write(`${caseText(example)}: ${summary(result)}\n`);
    }
  } finally {
    await Promise.all([codecs[0].close(), codecs[2].close()]);
  }
  const apart = await measureApart(quick);
  const text = `${render(results)}\n\n${apart}\n\n${await measureStreams(quick)}`;
  process.stdout.write(`\n${text}\n`);
  if (quick) return;
  await writeResults('codec', text, results);
  if (write) await writeReadme('codec', text);
}

async function measure(codecs: Readonly<Record<0 | 2, Codec>>, example: Case, runs: number): Promise<Result> {
  const geometry = geometryOf(example.nShards);
  const blob = contents(example.sizeBytes);
  const work = await prepare(codecs[example.workers], codecs[0], geometry, blob, example);
  const times: Record<'ours' | 'official' | 'copy', number[]> = { ours: [], official: [], copy: [] };
  await work.ours(); // compiled, and memory touched
  try {
    for (let run = 0; run < runs; run += 1) {
      times.ours.push(await timed(() => work.ours()));
      if (work.official !== undefined) times.official.push(await timed(() => work.official?.()));
      if (work.copy !== undefined) times.copy.push(await timed(() => work.copy?.()));
    }
  } finally {
    work.close?.();
  }
  return { case: example, ...times };
}

async function timed(action: () => unknown): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

async function prepare(
  codec: Codec,
  inline: Codec,
  geometry: Geometry,
  blob: Uint8Array,
  example: Case,
): Promise<Work> {
  switch (example.operation) {
    case 'encode':
    case 'encode, lent':
      return encodeWork(codec, geometry, blob, example);
    case 'blob id': {
      const official = new Official(geometry, blob.length, false);
      return {
        ours: () => codec.computeMetadata(geometry, blob),
        official: () => official.blobId(blob),
        close: () => official.close(),
      };
    }
    case 'decode':
      return await decodeWork(codec, geometry, blob, example.selection ?? 'systematic');
    case 'verify': {
      const { encoded, slivers } = await someSlivers(inline, geometry, blob);
      return { ours: () => codec.verifySlivers(encoded.verified, slivers) };
    }
    case 'recover': {
      const symbols = await repairSymbols(inline, geometry, blob);
      return { ours: () => codec.recoverSliver(symbols.verified, 'primary', 0 as SliverIndex, symbols.all) };
    }
  }
}

function encodeWork(codec: Codec, geometry: Geometry, blob: Uint8Array, { operation, workers }: Case): Work {
  const official = new Official(geometry, blob.length, true);
  const common = { official: () => official.encode(blob), close: () => official.close() };
  if (operation === 'encode, lent') {
    return {
      ...common,
      ours: async () => (await codec.encode(geometry, blob, { lend: true })).release(),
    };
  }
  const into = createSliverMemory(geometry, blob.length, { shared: workers > 0 });
  return { ...common, ours: () => codec.encode(geometry, blob, { into }) };
}

async function decodeWork(codec: Codec, geometry: Geometry, blob: Uint8Array, selection: Selection): Promise<Work> {
  const encoded = await codec.encode(geometry, blob);
  const slivers = chosen(encoded, geometry, selection);
  const theirs = officialSlivers(slivers);
  const official = new Official(geometry, blob.length, false);
  const into = new Uint8Array(blob.length);
  const decoded = await codec.decode(geometry, blob.length, slivers, { into });
  if (!equalBytes(decoded, blob) || !equalBytes(official.decode(theirs), blob)) throw new Error('decoded differently');
  return {
    ours: () => codec.decode(geometry, blob.length, slivers, { into }),
    official: () => official.decode(theirs),
    ...(selection === 'systematic' ? { copy: () => into.set(blob) } : {}),
    close: () => official.close(),
  };
}

function chosen(encoded: EncodedBlob, { nShards, rows }: Geometry, selection: Selection): Sliver[] {
  const indexOf = {
    systematic: (i: number) => i,
    repair: (i: number) => nShards - rows + i,
    'every 2nd': (i: number) => 2 * i,
  }[selection];
  return Array.from({ length: rows }, (_, i) => encoded.sliver('primary', indexOf(i) as SliverIndex));
}

/** As many slivers as a node may hold, or as hold 64 MiB. */
async function someSlivers(
  codec: Codec,
  geometry: Geometry,
  blob: Uint8Array,
): Promise<{ encoded: EncodedBlob; slivers: Sliver[] }> {
  const encoded = await codec.encode(geometry, blob);
  const size = encoded.sliver('primary', 0 as SliverIndex).data.length;
  const count = Math.max(1, Math.min(geometry.nShards, 64, Math.floor((64 * 1024 * 1024) / size)));
  const slivers = Array.from({ length: count }, (_, i) => encoded.sliver('primary', i as SliverIndex));
  return { encoded, slivers };
}

/** Symbols of primary sliver 0 from secondary slivers, as few of them systematic as can be. */
async function repairSymbols(codec: Codec, geometry: Geometry, blob: Uint8Array) {
  const encoded = await codec.encode(geometry, blob);
  const { nShards, columns } = geometry;
  const { verified } = encoded;
  const all = Array.from({ length: columns }, (_, i) => {
    const index = (nShards - columns + i) as SliverIndex;
    const data = encoded.sliver('secondary', index).data.slice(0, verified.symbolSize);
    return { index, data };
  });
  return { verified, all };
}

/** Bytes without structure, the same in every run. */
function contents(sizeBytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = 1;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** What needs a process of its own: memory, and the time from loading the module to the first blob id. */
async function measureApart(quick: boolean): Promise<string> {
  const rows: string[][] = [];
  for (const sizeBytes of quick ? [1024] : [1024, 32 * 1024 ** 2, 256 * 1024 ** 2]) {
    for (const operation of ['blob id', 'encode'] as const) {
      const cells = [];
      for (const side of ['ours', 'official'] as const) {
        const { firstMs, peakMib } = await runApart(side, operation, sizeBytes);
        cells.push(firstMs.toFixed(0), peakMib.toFixed(0));
      }
      rows.push([`${operation}, n = 1000, ${sizeText(sizeBytes)}`, ...cells]);
    }
  }
  const header = ['first in a new process', 'ours ms', 'ours MiB', 'official ms', 'official MiB'];
  return `${table(header, rows)}\n\nFrom loading the module to the result, in the calling thread; peak memory of the process.`;
}

async function runApart(
  side: 'ours' | 'official',
  operation: 'blob id' | 'encode',
  sizeBytes: number,
): Promise<{ firstMs: number; peakMib: number }> {
  const script = fileURLToPath(new URL('codec-apart.js', import.meta.url));
  const child = spawn(process.execPath, [script, side, operation, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += String(chunk);
  return JSON.parse(output) as { firstMs: number; peakMib: number };
}

function summary({ ours, official, copy }: Result): string {
  const ms = median(ours);
  const parts = [`${ms.toPrecision(3)} ms`];
  if (official.length > 0) {
    const officialMs = median(official);
    parts.push(`official ${officialMs.toPrecision(3)} ms`, `${(officialMs / ms).toPrecision(3)} x`);
  }
  if (copy.length > 0) parts.push(`${(median(copy) / ms).toPrecision(2)} of the speed of copying`);
  return parts.join(', ');
}

function render(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const ms = median(result.ours);
    const officialMs = result.official.length === 0 ? undefined : median(result.official);
    return [
      caseText(result.case),
      ms.toPrecision(3),
      (result.case.sizeBytes / 1e3 / ms).toPrecision(3),
      officialMs === undefined ? '' : officialMs.toPrecision(3),
      officialMs === undefined ? '' : `**${(officialMs / ms).toPrecision(3)}**`,
      result.copy.length === 0 ? '' : (median(result.copy) / ms).toPrecision(2),
    ];
  });
  const header = ['work', 'ms', 'MB/s', 'official ms', 'ratio', 'of copying'];
  const note = `Medians on ${machine()}; both in turns in one process. MB/s counts bytes of the blob.`;
  return `${table(header, rows)}\n\n${note}`;
}
