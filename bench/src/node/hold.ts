/**
 * Section "hold": a node whose store holds very many bytes fills, starts, serves, scrubs, and gives back the space of what ended, each in a process of
 * its own. Everything is the node's own but what its ledger says; only the zeros of its slivers are not on the disk (`sparse-files.ts`).
 */
import { readdir, stat } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, type HttpTransport, mapConcurrent } from '@floe/platform';
import { createUndiciTransport } from '@floe/platform/node';
import { AXES, decodeBatch, decodeSliverData, encodeBlobMetadata } from '@floe/protocol';
import { type Codec, createInlineCodec } from '@floe/redstuff';
import { temporaryDirectory } from '@floe/testkit';
import { percentile, runChild } from '../child.ts';
import { machine, median, table } from '../report.ts';
import { HeldNode } from './held-node.ts';
import type { HoldReport } from './hold-child.ts';
import type { FillOptions, Filled } from './hold-fill-child.ts';
import { checkpointsOf } from './hold-ledger.ts';
import { blobsFor, outlivesFirstEpoch, ownPairs, ownSlivers, ZeroBlobs } from './zero-blobs.ts';

const FILL_CHILD = fileURLToPath(new URL('./hold-fill-child.js', import.meta.url));
/** What a node with a store of any size stays within while one client stores or reads; see the README of `packages/node`. */
const STATED_MIB = 512;
const STARTS = 5;
const READS = 5000;
const SCRUBBED_SHARE = 0.03;
const MOST_UPLOADED_BYTES = 2e9;
const UPLOADS_AT_ONCE = 4;

interface Phase {
  readonly elapsedMs: number;
  readonly cpuMs: number;
  readonly peakMib: number;
  /** That the phase is about. */
  readonly bytes?: number;
  /** One after another, each verified. */
  readonly readMs?: readonly number[];
}

/** Of the segments: as they are to whoever reads them, and on the disk, which has no zeros. */
interface Space {
  readonly bytes: number;
  readonly diskBytes: number;
}

export interface HoldRun {
  readonly machine: string;
  /** Processes that wanted to run just before it began. */
  readonly loadAverage: number;
  readonly blobs: number;
  readonly slivers: number;
  readonly heldBytes: number;
  readonly segments: number;
  readonly databaseBytes: number;
  /** Over sockets, with all checks: a part of the blobs. */
  readonly upload: Phase;
  /** Straight into the store: the others. */
  readonly fill: Phase;
  readonly starts: readonly Phase[];
  readonly startAfterKill: Phase;
  readonly serve: Phase;
  readonly scrub: Phase;
  readonly collect: Phase & { readonly before: Space; readonly after: Space; readonly movedBytes: number };
}

interface Bench {
  readonly directory: string;
  readonly blobs: number;
  readonly zeroBlobs: ZeroBlobs;
  readonly codec: Codec;
  readonly transport: HttpTransport;
}

export async function measureHold({ gigabytes, quick }: { gigabytes: number; quick: boolean }): Promise<HoldRun> {
  const [loadAverage = 0] = loadavg();
  const home = await temporaryDirectory('bench-node-hold');
  const codec = createInlineCodec();
  const transport = createUndiciTransport();
  const zeroBlobs = new ZeroBlobs({ codec });
  const bench = { directory: home.path, blobs: blobsFor(gigabytes * 1e9), zeroBlobs, codec, transport };
  try {
    const uploaded = Math.ceil(Math.min(bench.blobs / 4, blobsFor(MOST_UPLOADED_BYTES)));
    const upload = await measureUpload(bench, uploaded);
    const fill = await measureFill(bench, uploaded);
    const starts: Phase[] = [];
    for (let run = 0; run < (quick ? 1 : STARTS); run += 1) starts.push(await measureStart(bench));
    const startAfterKill = await measureStart(bench, { isKilledBefore: true });
    const { serve, report } = await measureServing(bench, quick ? READS / 10 : READS);
    const { store, blobs } = report;
    assert(blobs === bench.blobs, 'the node knows all blobs', { blobs });
    const { size: databaseBytes } = await stat(join(home.path, 'db', 'data.mdb'));
    const scrub = await measureScrub(bench, store.liveBytes * SCRUBBED_SHARE);
    const collect = await measureCollection(bench);
    const { slivers, liveBytes: heldBytes, segments } = store;
    const held = { machine: machine(), loadAverage, blobs, slivers, heldBytes, segments, databaseBytes };
    return { ...held, upload, fill, starts, startAfterKill, serve, scrub, collect };
  } finally {
    await transport.close();
    await codec.close();
    await home.remove();
  }
}

/** All blobs are registered and have metadata; the first ones get slivers as from clients, and are confirmed. */
async function measureUpload(bench: Bench, count: number): Promise<Phase> {
  const node = await startNode(bench, 0);
  await node.ask({ kind: 'follow', checkpoints: checkpointsOf(bench.blobs).registered });
  await mapConcurrent(numbers(0, bench.blobs), UPLOADS_AT_ONCE, (blob) => uploadMetadata(bench, node, blob));
  const { cpuMs } = await node.ask({ kind: 'report' });
  const startMs = performance.now();
  await mapConcurrent(numbers(0, count), UPLOADS_AT_ONCE, (blob) => uploadSlivers(bench, node, blob));
  const elapsedMs = performance.now() - startMs;
  const report = await node.close();
  return { elapsedMs, cpuMs: report.cpuMs - cpuMs, peakMib: report.peakMib, bytes: report.store.liveBytes };
}

/** The others; then all are certified. */
async function measureFill(bench: Bench, from: number): Promise<Phase> {
  const { directory, blobs: to } = bench;
  const options: FillOptions = { directory, from, to };
  const filled = await runChild<Filled>(FILL_CHILD, JSON.stringify(options)).result;
  const { registered, certified } = checkpointsOf(to);
  const node = await startNode(bench, registered);
  const { healing } = await node.ask({ kind: 'follow', checkpoints: certified });
  assert(healing === 0, 'nothing is missing', { blobs: healing });
  await node.close();
  return filled;
}

async function uploadMetadata({ zeroBlobs }: Bench, node: HeldNode, blob: number): Promise<void> {
  const { blobId, metadata } = await zeroBlobs.metadataOf(blob);
  await node.request({ name: 'putMetadata', blobId, pending: false }, [201], encodeBlobMetadata(metadata));
}

async function uploadSlivers({ zeroBlobs }: Bench, node: HeldNode, blob: number): Promise<void> {
  const verified = await zeroBlobs.metadataOf(blob);
  const { blobId } = verified;
  const slivers = ownSlivers(verified);
  const answer = await node.request({ name: 'putSliverBatch', blobId, pending: false }, [200], slivers.body());
  let stored = 0;
  for await (const frame of decodeBatch(piecesOf(answer), { maxSliverBytes: 0, maxFrames: slivers.count })) {
    if (frame.kind === 'outcome' && frame.httpStatus === 201) stored += 1;
  }
  assert(stored === slivers.count, 'every sliver is stored', { blob, stored, sent: slivers.count });
  const persistence = { kind: 'permanent' } as const;
  await node.request({ name: 'getConfirmation', blobId, persistence, waitForRegistration: false }, [200]);
}

/** From the beginning of the process to the first sliver that a client has. */
async function measureStart(bench: Bench, { isKilledBefore = false } = {}): Promise<Phase> {
  if (isKilledBefore) await (await startNode(bench)).kill();
  const startMs = performance.now();
  const node = await startNode(bench);
  await readSliver(bench, node);
  const elapsedMs = performance.now() - startMs;
  const { cpuMs, peakMib } = await node.ask({ kind: 'report' });
  await node.close();
  return { elapsedMs, cpuMs, peakMib };
}

/** Also what the node does unasked after its start goes on meanwhile: a first collection, a look at the database, scrubbing. */
async function measureServing(bench: Bench, reads: number): Promise<{ serve: Phase; report: HoldReport }> {
  const node = await startNode(bench);
  const before = await node.ask({ kind: 'report' });
  const startMs = performance.now();
  const readMs: number[] = [];
  let bytes = 0;
  while (readMs.length < reads) {
    const read = await readSliver(bench, node);
    readMs.push(read.elapsedMs);
    bytes += read.bytes;
  }
  const elapsedMs = performance.now() - startMs;
  const report = await node.close();
  return { serve: { elapsedMs, cpuMs: report.cpuMs - before.cpuMs, peakMib: report.peakMib, bytes, readMs }, report };
}

async function measureScrub(bench: Bench, bytes: number): Promise<Phase> {
  const node = await startNode(bench, undefined, { scrubs: true });
  const scrubbed = node.ask({ kind: 'scrubbed', bytes });
  const readMs = await readsUntil(bench, node, scrubbed);
  const { openMs: elapsedMs, cpuMs, scrubbedBytes } = await scrubbed;
  const { peakMib } = await node.close();
  return { elapsedMs, cpuMs, peakMib, bytes: scrubbedBytes, readMs };
}

/** From the event that begins the second epoch until the space of what ended is given back. */
async function measureCollection(bench: Bench): Promise<HoldRun['collect']> {
  const { extended, secondEpoch } = checkpointsOf(bench.blobs);
  const node = await startNode(bench);
  await node.ask({ kind: 'collections', count: 1 });
  const report = await node.ask({ kind: 'follow', checkpoints: extended });
  const before = await spaceOf(bench);
  const startMs = performance.now();
  await node.ask({ kind: 'follow', checkpoints: secondEpoch });
  const collected = node.ask({ kind: 'collections', count: report.collections + 1 });
  const readMs = await readsUntil(bench, node, collected);
  const { cpuMs, store } = await collected;
  const elapsedMs = performance.now() - startMs;
  const after = await spaceOf(bench);
  await checkCollected(bench, node);
  const { peakMib, collectedBytes } = await node.close();
  // What was moved was written once more and is in files that stay.
  const movedBytes = collectedBytes - (before.bytes - after.bytes);
  assert(store.fileBytes === after.bytes, 'the files are as large as the node says', { says: store.fileBytes });
  const bytes = before.bytes - after.bytes;
  return { elapsedMs, cpuMs: cpuMs - report.cpuMs, peakMib, bytes, readMs, before, after, movedBytes };
}

/** What ended is not served any more, and what was extended is. */
async function checkCollected(bench: Bench, node: HeldNode): Promise<void> {
  for (let blob = 0; blob < bench.blobs; blob += 64) {
    await readSliver(bench, node, blob);
    if (blob + 2 >= bench.blobs) return;
    const ended = await bench.zeroBlobs.metadataOf(blob + 2);
    const [pair] = ownPairs(ended);
    assert(pair !== undefined, 'the node has shards');
    await node.request({ name: 'getSliver', blobId: ended.blobId, pair, axis: 'primary' }, [404]);
  }
}

async function readsUntil(bench: Bench, node: HeldNode, end: Promise<unknown>): Promise<number[]> {
  const readMs: number[] = [];
  let isOver = false;
  const over = end.finally(() => (isOver = true));
  while (!isOver) readMs.push((await readSliver(bench, node)).elapsedMs);
  await over;
  return readMs;
}

/** A sliver by chance, of a blob that is there in both epochs unless said; verified, not in the time. */
async function readSliver(
  { zeroBlobs, blobs, codec }: Bench,
  node: HeldNode,
  which?: number,
): Promise<{ readonly elapsedMs: number; readonly bytes: number }> {
  let blob = which ?? below(blobs);
  while (!outlivesFirstEpoch(blob)) blob = below(blobs);
  const verified = await zeroBlobs.metadataOf(blob);
  const pairs = ownPairs(verified);
  const [pair, axis] = [pairs[below(pairs.length)], AXES[below(AXES.length)]];
  assert(pair !== undefined && axis !== undefined, 'one of several');
  const startMs = performance.now();
  const bytes = await node.request({ name: 'getSliver', blobId: verified.blobId, pair, axis }, [200]);
  const elapsedMs = performance.now() - startMs;
  await codec.verifySliver(verified, decodeSliverData(bytes, axis));
  return { elapsedMs, bytes: bytes.length };
}

function startNode(bench: Bench, checkpoints?: number, { scrubs = false } = {}): Promise<HeldNode> {
  const { directory, blobs } = bench;
  const { certified } = checkpointsOf(blobs);
  return HeldNode.start({ directory, blobs, checkpoints: checkpoints ?? certified, scrubs }, bench);
}

async function spaceOf({ directory }: Bench): Promise<Space> {
  const segments = join(directory, 'slivers');
  let [bytes, diskBytes] = [0, 0];
  for (const name of await readdir(segments)) {
    const { size, blocks } = await stat(join(segments, name));
    bytes += size;
    diskBytes += blocks * 512;
  }
  return { bytes, diskBytes };
}

function* numbers(first: number, end: number): Generator<number> {
  for (let number = first; number < end; number += 1) yield number;
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function below(bound: number): number {
  return Math.floor(Math.random() * bound);
}

export function describeHold(run: HoldRun): string {
  const { upload, fill, starts, startAfterKill, serve, scrub, collect } = run;
  const of = (measure: (start: Phase) => number): number => median(starts.map(measure));
  const start = {
    elapsedMs: of(({ elapsedMs }) => elapsedMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
    peakMib: of(({ peakMib }) => peakMib),
  };
  const rows = [
    describePhase('upload', upload),
    describePhase('fill the store directly', fill),
    describePhase(`start (median of ${starts.length})`, start),
    describePhase('start after `kill -9`', startAfterKill),
    describePhase('serve', serve),
    describePhase('scrub', scrub),
    describePhase('collect', collect),
  ];
  const header = '|GB|s|MB/s|processor s|peak MiB|reads|p50 ms|p99 ms|longest ms'.split('|');
  const peak = Math.max(...[upload, ...starts, startAfterKill, serve, scrub, collect].map(({ peakMib }) => peakMib));
  const { before, after, movedBytes } = collect;
  const notes = [
    `${count(run.blobs)} blobs, ${count(run.slivers)} slivers, ${gigabytes(run.heldBytes)} GB of them, in ${count(run.segments)} segments; the database has ${gigabytes(run.databaseBytes)} GB.`,
    `Segments before the collection: ${gigabytes(before.bytes)} GB, of which ${gigabytes(before.diskBytes)} GB are not zeros and on the disk; after it ${gigabytes(after.bytes)} and ${gigabytes(after.diskBytes)} GB. ${gigabytes(movedBytes)} GB were moved, as they had been extended.`,
    `Most memory of all phases: ${peak.toFixed(0)} MiB, ${peak <= STATED_MIB ? 'within' : 'NOT WITHIN'} the stated ${STATED_MIB} MiB.`,
    `On ${run.machine}, whose load average was ${run.loadAverage.toFixed(1)} before; nothing waits for a disk to give or take the zeros.`,
  ];
  return `${table(header, rows)}\n\n${notes.join('\n')}`;
}

function describePhase(name: string, { elapsedMs, cpuMs, peakMib, bytes, readMs }: Phase): string[] {
  return [
    name,
    bytes === undefined ? '' : gigabytes(bytes),
    (elapsedMs / 1000).toPrecision(3),
    bytes === undefined ? '' : (bytes / 1000 / elapsedMs).toPrecision(3),
    (cpuMs / 1000).toPrecision(3),
    peakMib.toFixed(0),
    ...(readMs === undefined ? ['', '', '', ''] : describeReads(readMs)),
  ];
}

function describeReads(readMs: readonly number[]): string[] {
  const times = [percentile(readMs, 0.5), percentile(readMs, 0.99), percentile(readMs, 1)];
  return [count(readMs.length), ...times.map((ms) => ms.toPrecision(3))];
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toPrecision(3);
}

function count(value: number): string {
  return value.toLocaleString('en');
}
