/**
 * Brings segments and index into agreement when the store opens.
 *
 * Invariants:
 * - Behind a segment's durable size stands at most one batch. If a crash interrupted it, its intact records are synced and
 *   indexed (they were complete, only not acknowledged) and the torn rest is cut off. If it failed, could not be cut
 *   off, and others came after it, only all segments together tell what holds: what it stored may have been removed since.
 * - When the index lacks something the segments have (such a batch; rows missing, unreadable, or older than the files), it is
 *   rebuilt from all segments. The rebuild writes the sequence numbers last, so an interrupted one starts over.
 * - A file of another store, node or format is refused before anything is changed.
 */
import {
  equalBytes,
  type FileHandle,
  type FileSystem,
  isFloeError,
  type KeyValueOperation,
  type Logger,
} from '@floe/platform';
import type { Epoch, ShardIndex } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { SliverKey } from '../sliver-store.ts';
import { applyRecords, type PlacedRecord } from './apply-records.ts';
import {
  decodeSegmentHeader,
  RECORD_HEADER_SIZE,
  SEGMENT_FORMAT_VERSION,
  SEGMENT_HEADER_SIZE,
  sliverKeyText,
} from './record.ts';
import { parseSegmentName } from './segment-files.ts';
import {
  newestOfBuckets,
  put,
  remove,
  type Segment,
  type SegmentIndex,
  type SegmentRow,
  type Sequences,
} from './segment-index.ts';
import { readExactly, type ScannedRecord, scanSegment } from './segment-scan.ts';

export interface RecoveredSegments {
  readonly segments: Map<number, Segment>;
  readonly nextSequence: number;
  /** When the index was rebuilt from the segments: the shards that they have records of. */
  readonly shardsFound?: ReadonlySet<ShardIndex>;
}

export interface RecoveryOptions {
  readonly directory: string;
  readonly nodeId: Uint8Array;
  readonly storeTag: Uint8Array;
}

interface RecoveryModules {
  readonly fileSystem: FileSystem;
  readonly index: SegmentIndex;
  readonly logger: Logger;
}

interface FoundFile {
  readonly id: number;
  readonly bucket: Epoch;
  readonly path: string;
  readonly size: number;
  readonly headerIntact: boolean;
}

/** Index operations of one write while walking or rebuilding; bounds the memory of both. */
const OPERATIONS_PER_WRITE = 4096;

export async function recoverSegments(options: RecoveryOptions, modules: RecoveryModules): Promise<RecoveredSegments> {
  const files = await findFiles(options, modules);
  const known = readIndex(modules.index);
  if (known === undefined) return rebuildIndex(options, modules, files, 'rows are missing or unreadable');
  const segments = new Map<number, Segment>();
  const tails: PlacedRecord[] = [];
  let nextSequence = known.sequences.next;
  for (const file of files) {
    const row = known.rows.get(file.id);
    const durableSize = Math.min(row?.durableSize ?? SEGMENT_HEADER_SIZE, file.size);
    const sealed = row?.sealed === true || !file.headerIntact;
    const counts = { slivers: row?.slivers ?? 0, liveBytes: row?.liveBytes ?? 0 };
    const segment: Segment = { id: file.id, bucket: file.bucket, path: file.path, durableSize, sealed, ...counts };
    const records = await recoverTail(segment, file, { ...options, ...modules });
    if (records.some(({ header }) => header.sequence < known.sequences.batch)) {
      return rebuildIndex(options, modules, files, `segment ${file.path} has older records than its row`);
    }
    segments.set(file.id, segment);
    for (const record of records) {
      tails.push({ ...record, segment });
      nextSequence = Math.max(nextSequence, record.header.sequence + 1);
    }
  }
  const newest = newestOfBuckets(segments);
  for (const segment of segments.values()) if (!newest.has(segment.id)) segment.sealed = true;
  const lost: [number, SegmentRow][] = [];
  for (const [id, row] of known.rows) {
    const segment = segments.get(id);
    // Emptied before its file was deleted: only the row is left to go.
    if (segment === undefined && row.slivers === 0) await modules.index.write([remove.segment(id)]);
    else if (segment === undefined || segment.durableSize < row.durableSize) lost.push([id, row]);
  }
  if (lost.length > 0) await dropLostEntries(modules, segments, new Map(lost));
  await indexTails(modules.index, segments, tails, nextSequence);
  return { segments, nextSequence };
}

/** The index's rows, when they are readable and agree with each other. */
function readIndex(
  index: SegmentIndex,
): { rows: ReturnType<SegmentIndex['segments']>; sequences: Sequences } | undefined {
  try {
    const rows = index.segments();
    const sequences = index.sequences();
    let slivers = 0;
    for (const row of rows.values()) slivers += row.slivers;
    if (sequences === undefined || slivers !== index.sliverCount()) return undefined;
    return { rows, sequences };
  } catch (error) {
    if (isFloeError(error, 'STORE_CORRUPT') || isFloeError(error, 'ROW_DAMAGED')) return undefined;
    throw error;
  }
}

async function findFiles(options: RecoveryOptions, modules: RecoveryModules): Promise<FoundFile[]> {
  const { directory, nodeId, storeTag } = options;
  const files: FoundFile[] = [];
  for (const name of await modules.fileSystem.list(directory)) {
    const path = `${directory}/${name}`;
    const parsed = parseSegmentName(name);
    if (parsed === undefined) throw errors.FOREIGN_FILE({ path, why: 'its name is not that of a segment' });
    const { size, headerBytes } = await withFile(modules.fileSystem, path, 'read', async (handle) => ({
      size: await handle.size(),
      headerBytes: await readExactly(handle, 0, SEGMENT_HEADER_SIZE),
    }));
    const header = headerBytes === undefined ? undefined : decodeSegmentHeader(headerBytes);
    files.push({ ...parsed, path, size, headerIntact: header !== undefined });
    if (header === undefined) {
      // Torn when it was made, or rotten: its records are checked one by one, but nothing is appended to it.
      modules.logger.warn('segment header is damaged', { path, size });
      continue;
    }
    if (header.version !== SEGMENT_FORMAT_VERSION) {
      const [expected, came] = [`${SEGMENT_FORMAT_VERSION}`, `${header.version}`];
      throw errors.DIRECTORY_MISMATCH({ directory, what: 'segment format', expected, came });
    }
    if (!equalBytes(header.nodeId, nodeId) || !equalBytes(header.storeTag, storeTag)) {
      throw errors.FOREIGN_FILE({ path, why: 'its header names another store' });
    }
    if (header.id !== parsed.id || header.bucket !== parsed.bucket) {
      throw errors.FOREIGN_FILE({ path, why: `its header names segment ${header.id} of epoch ${header.bucket}` });
    }
  }
  return files.toSorted((a, b) => a.id - b.id);
}

/** Intact records behind the durable size, made durable; a torn rest is cut off. */
async function recoverTail(
  segment: Segment,
  file: FoundFile,
  context: RecoveryOptions & RecoveryModules,
): Promise<readonly ScannedRecord[]> {
  if (file.size <= segment.durableSize) return [];
  return withFile(context.fileSystem, file.path, 'write', async (handle) => {
    const from = segment.durableSize;
    const scan = await scanSegment(handle, { from, size: file.size, storeTag: context.storeTag });
    if (scan.damagedBytes > 0) {
      context.logger.warn('segment has damage behind its durable size', { path: file.path, bytes: scan.damagedBytes });
      segment.sealed = true;
    } else if (scan.endOffset < file.size) {
      context.logger.info('torn tail cut off', { path: file.path, bytes: file.size - scan.endOffset });
      await handle.truncate(scan.endOffset);
    }
    await handle.sync();
    segment.durableSize = scan.damagedBytes > 0 ? file.size : scan.endOffset;
    return scan.records;
  });
}

/** One write: what a crash left behind is at most the records of one batch. */
async function indexTails(
  index: SegmentIndex,
  segments: ReadonlyMap<number, Segment>,
  records: readonly PlacedRecord[],
  nextSequence: number,
): Promise<void> {
  const applied = applyRecords(index, segments, records);
  applied.confirm();
  const rows = [...segments.values()].map((segment) => put.segment(segment.id, segment));
  await index.write([...applied.operations, ...rows, put.sequences({ next: nextSequence, batch: nextSequence })]);
}

/** Removes the entries of files that are gone or shorter than they were, and counts the rest anew. */
async function dropLostEntries(
  modules: RecoveryModules,
  segments: Map<number, Segment>,
  lost: ReadonlyMap<number, unknown>,
): Promise<void> {
  for (const segment of segments.values()) Object.assign(segment, { slivers: 0, liveBytes: 0 });
  let dropped = 0;
  for (let after: SliverKey | undefined; ;) {
    const { entries, unreadable, next } = modules.index.page({ ...(after && { after }), limit: OPERATIONS_PER_WRITE });
    const operations: KeyValueOperation[] = unreadable.map((key) => remove.entry(key));
    for (const { key, entry } of entries) {
      const segment = segments.get(entry.segment);
      const endOffset = entry.offset + RECORD_HEADER_SIZE + entry.payloadSize;
      if (segment === undefined || endOffset > segment.durableSize) {
        operations.push(remove.entry(key));
      } else {
        segment.slivers += 1;
        segment.liveBytes += entry.payloadSize;
      }
    }
    dropped += operations.length;
    if (operations.length > 0) await modules.index.write(operations);
    if (next === undefined) break;
    after = next;
  }
  const operations: KeyValueOperation[] = [];
  for (const id of lost.keys()) {
    const segment = segments.get(id);
    if (segment === undefined) operations.push(remove.segment(id));
    else segment.sealed = true;
  }
  await modules.index.write(operations);
  modules.logger.error('segment files are missing or cut short; their slivers are lost', {
    segments: [...lost.keys()],
    slivers: dropped,
  });
}

async function rebuildIndex(
  options: RecoveryOptions,
  modules: RecoveryModules,
  files: readonly FoundFile[],
  why: string,
): Promise<RecoveredSegments> {
  const { index, logger } = modules;
  if (files.length > 0) logger.warn('rebuilding the sliver index from the segments', { why, segments: files.length });
  await index.clear();
  const segments = new Map<number, Segment>();
  const removals = new Map<string, number>();
  const shardsFound = new Set<ShardIndex>();
  let nextSequence = 1;
  for (const file of files) {
    const base = { id: file.id, bucket: file.bucket, path: file.path };
    // Nothing tells a torn tail from damage here, so the file is left as it is and never appended to.
    const segment: Segment = { ...base, durableSize: file.size, slivers: 0, liveBytes: 0, sealed: true };
    segments.set(file.id, segment);
    const from = Math.min(SEGMENT_HEADER_SIZE, file.size);
    const scan = await withFile(modules.fileSystem, file.path, 'write', async (handle) => {
      await handle.sync();
      return scanSegment(handle, { from, size: file.size, storeTag: options.storeTag });
    });
    const placed = scan.records.map((record) => ({ ...record, segment }));
    await indexAll(index, segments, placed, removals);
    for (const { header } of scan.records) {
      nextSequence = Math.max(nextSequence, header.sequence + 1);
      shardsFound.add(header.key.shard);
    }
    if (scan.damagedBytes > 0) logger.error('segment is damaged', { path: file.path, bytes: scan.damagedBytes });
  }
  const rows = [...segments.values()].map((segment) => put.segment(segment.id, segment));
  await index.write([...rows, put.sequences({ next: nextSequence, batch: nextSequence })]);
  return { segments, nextSequence, ...(files.length > 0 && { shardsFound }) };
}

/** `removals` remembers those of all segments: a removal may be scanned before the sliver that it removed. */
async function indexAll(
  index: SegmentIndex,
  segments: ReadonlyMap<number, Segment>,
  records: readonly PlacedRecord[],
  removals: Map<string, number>,
): Promise<void> {
  for (let start = 0; start < records.length; start += OPERATIONS_PER_WRITE) {
    const page = records.slice(start, start + OPERATIONS_PER_WRITE);
    for (const { header } of page) {
      if (header.kind === 'removal') raise(removals, sliverKeyText(header.key), header.sequence);
    }
    const live = page.filter(({ header }) => header.sequence >= (removals.get(sliverKeyText(header.key)) ?? 0));
    const applied = applyRecords(index, segments, live);
    await index.write(applied.operations);
    applied.confirm();
  }
}

function raise(values: Map<string, number>, key: string, value: number): void {
  if ((values.get(key) ?? 0) < value) values.set(key, value);
}

async function withFile<T>(
  fileSystem: FileSystem,
  path: string,
  mode: 'read' | 'write',
  work: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await fileSystem.open(path, mode);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}
