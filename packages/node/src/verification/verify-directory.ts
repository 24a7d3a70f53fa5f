/**
 * Checks every byte that a stopped node has stored, and changes nothing: both copies of its identity, every row of its
 * database, every record of every segment against its checksum, every sliver against the Merkle root that its blob's
 * metadata names, the metadata against the blob id, and the index against the records.
 *
 * Each segment is read once, from its beginning to its end. Memory: one record, and the metadata of the blobs seen last.
 */
import { type FileHandle, type FileSystem, fromHex, isFloeError, type KeyValueStore } from '@floe/platform';
import {
  type BlobId,
  blobIdBytes,
  blobIdFromBytes,
  decodeBlobMetadata,
  geometryOf,
  type VerifiedMetadata,
  verifyMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { readNodeDirectory } from '../node-directory.ts';
import { parseStored } from '../scrubber.ts';
import { decodeSegmentHeader, RECORD_HEADER_SIZE, SEGMENT_HEADER_SIZE, sliverKeyText } from '../segment-log/record.ts';
import { parseSegmentName } from '../segment-log/segment-files.ts';
import { type IndexEntry, SegmentIndex, type SegmentRow } from '../segment-log/segment-index.ts';
import { intactRecords, readExactly, type ScannedRecord } from '../segment-log/segment-scan.ts';
import type { SliverKey } from '../sliver-store.ts';
import { tables } from '../tables.ts';

export interface VerificationReport {
  readonly nodeId: string;
  /** Whether nothing is damaged. */
  readonly intact: boolean;
  readonly rows: number;
  readonly segments: number;
  /** Bytes of segment files. */
  readonly bytes: number;
  /** Bytes of segments that belong to no intact record and are not what a crash leaves at the end. */
  readonly damagedBytes: number;
  /** Slivers in use, each compared with its Merkle root. */
  readonly slivers: number;
  /** Slivers in use that only their checksum speaks for, as the metadata of their blob are not here. */
  readonly withoutMetadata: number;
  readonly metadata: number;
  /** What is damaged, in words; the first of it. */
  readonly findings: readonly string[];
  /** How much is damaged. */
  readonly findingCount: number;
}

export interface VerificationProgress {
  readonly doneBytes: number;
  readonly ofBytes: number;
}

interface VerificationModules {
  readonly store: KeyValueStore;
  readonly fileSystem: FileSystem;
  readonly codec: Codec;
  readonly onProgress?: (progress: VerificationProgress) => void;
  readonly signal?: AbortSignal;
}

/** Findings that are told one by one. */
const MAX_FINDINGS = 1000;
/** Metadata kept: 64 bytes per shard each. */
const METADATA_KEPT = 256;
const ROWS_PER_TURN = 1000;
/** Two hashes. */
const PAIR_HASHES_BYTES = 64;

/** @throws DIRECTORY_DAMAGED, DIRECTORY_MISMATCH; file-system errors; the signal's reason */
export async function verifyDirectory(
  { directory }: { readonly directory: string },
  modules: VerificationModules,
): Promise<VerificationReport> {
  return new Verification(directory, modules).run();
}

interface Sums {
  rows: number;
  segments: number;
  bytes: number;
  damagedBytes: number;
  slivers: number;
  withoutMetadata: number;
  metadata: number;
}

class Verification {
  readonly #directory: string;
  readonly #modules: VerificationModules;
  readonly #index: SegmentIndex;
  readonly #sums: Sums = {
    rows: 0,
    segments: 0,
    bytes: 0,
    damagedBytes: 0,
    slivers: 0,
    withoutMetadata: 0,
    metadata: 0,
  };
  readonly #findings: string[] = [];
  /** Least recently used first. */
  readonly #metadata = new Map<BlobId, VerifiedMetadata | undefined>();
  /** Segment id -> its file. */
  readonly #paths = new Map<number, string>();
  #findingCount = 0;
  /** Sliver rows whose record was met in a segment. */
  #placed = 0;

  constructor(directory: string, modules: VerificationModules) {
    this.#directory = directory;
    this.#modules = modules;
    this.#index = new SegmentIndex(modules.store);
  }

  async run(): Promise<VerificationReport> {
    const { store, fileSystem } = this.#modules;
    const identity = await readNodeDirectory(this.#directory, fileSystem);
    for (const name of identity.damaged) this.#found(`${name}: missing or damaged; the other copy is intact`);
    for (const table of Object.values(tables)) await this.#verifyTable(table);
    await this.#verifySegments(identity.storeTag);
    // Every row was met at its record, or some row leads nowhere.
    if (this.#placed !== store.count(tables.slivers)) await this.#verifyPlaces(identity.storeTag);
    const { nodeId } = identity;
    const [findings, findingCount] = [this.#findings, this.#findingCount];
    return { nodeId, intact: findingCount === 0, ...this.#sums, findings, findingCount };
  }

  /** Reads every row, which the store compares with its checksum. */
  async #verifyTable(table: string): Promise<void> {
    const { store, signal } = this.#modules;
    for (let from: Uint8Array | undefined = Uint8Array.of(0); from !== undefined;) {
      signal?.throwIfAborted();
      let last: Uint8Array | undefined;
      let seen = 0;
      try {
        for (const [key, value] of store.entries(table, { from, limit: ROWS_PER_TURN })) {
          [last, seen] = [key, seen + 1];
          if (table === tables.metadata) this.#verifyMetadata(key, value);
        }
      } catch (error) {
        const corrupt = isFloeError(error, 'STORE_CORRUPT') ? fromHex(String(error.data['key'])) : undefined;
        if (corrupt === undefined) throw error;
        this.#found(`table ${table}: the row of key ${String(isFloeError(error) && error.data['key'])} is damaged`);
        [last, seen] = [corrupt, ROWS_PER_TURN];
      }
      this.#sums.rows += seen;
      from = last === undefined || seen < ROWS_PER_TURN ? undefined : new Uint8Array([...last, 0]);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #verifyMetadata(key: Uint8Array, value: Uint8Array): void {
    this.#sums.metadata += 1;
    try {
      parseMetadata(blobIdFromBytes(key.slice()), value);
    } catch (error) {
      if (!isFloeError(error)) throw error;
      this.#found(`metadata of blob ${blobIdFromBytes(key.slice())}: ${error.message}`);
    }
  }

  async #verifySegments(storeTag: Uint8Array): Promise<void> {
    const { fileSystem } = this.#modules;
    const slivers = `${this.#directory}/slivers`;
    const names = await fileSystem.list(slivers).catch((error: unknown) => {
      if (isFloeError(error, 'FILE_NOT_FOUND')) return [];
      throw error;
    });
    const rows = this.#segmentRows();
    const files: { name: string; id: number; size: number }[] = [];
    for (const name of names) {
      const parsed = parseSegmentName(name);
      if (parsed === undefined) this.#found(`${name}: is no segment`);
      else {
        const size = await this.#withFile(`${slivers}/${name}`, (handle) => handle.size());
        files.push({ name, id: parsed.id, size });
        this.#paths.set(parsed.id, `${slivers}/${name}`);
      }
    }
    const ofBytes = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, id, size } of files) {
      await this.#withFile(`${slivers}/${name}`, (handle) =>
        this.#verifySegment(handle, { name, id, size, storeTag, row: rows.get(id) }),
      );
      rows.delete(id);
      this.#sums.bytes += size;
      this.#modules.onProgress?.({ doneBytes: this.#sums.bytes, ofBytes });
    }
    for (const [id, row] of rows) if (row.slivers > 0) this.#found(`segment ${id}: its file is missing`);
  }

  #segmentRows(): Map<number, SegmentRow> {
    try {
      return this.#index.segments();
    } catch (error) {
      // Noted already, when the table was read.
      if (isFloeError(error, 'STORE_CORRUPT') || isFloeError(error, 'ROW_DAMAGED')) return new Map();
      throw error;
    }
  }

  async #verifySegment(
    handle: FileHandle,
    segment: { name: string; id: number; size: number; storeTag: Uint8Array; row: SegmentRow | undefined },
  ): Promise<void> {
    const { name, id, size, storeTag, row } = segment;
    this.#sums.segments += 1;
    const headerBytes = await readExactly(handle, 0, SEGMENT_HEADER_SIZE);
    const header = headerBytes === undefined ? undefined : decodeSegmentHeader(headerBytes);
    if (header === undefined) this.#found(`${name}: its header is damaged`);
    else if (header.id !== id) this.#found(`${name}: its header names segment ${header.id}`);
    // What a crash left behind the durable size is no damage.
    const durableSize = row?.durableSize ?? SEGMENT_HEADER_SIZE;
    if (size < durableSize) this.#found(`${name}: has ${size} bytes where ${durableSize} were durable`);
    let end = SEGMENT_HEADER_SIZE;
    for await (const record of intactRecords(handle, { from: SEGMENT_HEADER_SIZE, size, storeTag })) {
      this.#modules.signal?.throwIfAborted();
      this.#noteGap(name, end, Math.min(record.offset, durableSize));
      end = record.offset + RECORD_HEADER_SIZE + record.header.payloadSize;
      await this.#verifyRecord(name, id, record);
    }
    this.#noteGap(name, end, Math.min(size, durableSize));
  }

  #noteGap(name: string, from: number, to: number): void {
    if (to <= from) return;
    this.#sums.damagedBytes += to - from;
    this.#found(`${name}: bytes ${from} to ${to - 1} are no intact record`);
  }

  async #verifyRecord(name: string, id: number, record: ScannedRecord & { payload: Uint8Array }): Promise<void> {
    const { header, offset, payload } = record;
    const { key } = header;
    const entry = header.kind === 'sliver' ? this.#index.get(key) : undefined;
    if (entry?.segment !== id || entry.offset !== offset) return;
    this.#placed += 1;
    this.#sums.slivers += 1;
    if (entry.sequence !== header.sequence || entry.payloadSize !== header.payloadSize) {
      this.#found(`${name}: the index has another sequence or size for the record at ${offset}`);
    }
    const metadata = this.#metadataOf(key.blobId);
    if (metadata === undefined) {
      this.#sums.withoutMetadata += 1;
      return;
    }
    const why = await this.#verdict(metadata, key, payload);
    if (why !== undefined) this.#found(`${name}: ${sliverKeyText(key)} at ${offset}: ${why}`);
  }

  async #verdict(metadata: VerifiedMetadata, key: SliverKey, payload: Uint8Array): Promise<string | undefined> {
    const sliver = parseStored(key, payload, metadata.geometry);
    if (typeof sliver === 'string') return sliver;
    const [verdict] = await this.#modules.codec.verifySlivers(metadata, [sliver], { signal: this.#modules.signal });
    return verdict === undefined || verdict === 'ok' ? undefined : verdict.message;
  }

  #metadataOf(blobId: BlobId): VerifiedMetadata | undefined {
    if (this.#metadata.has(blobId)) {
      const kept = this.#metadata.get(blobId);
      this.#metadata.delete(blobId);
      this.#metadata.set(blobId, kept);
      return kept;
    }
    let found: VerifiedMetadata | undefined;
    try {
      const row = this.#modules.store.get(tables.metadata, blobIdBytes(blobId));
      found = row === undefined ? undefined : parseMetadata(blobId, row);
    } catch (error) {
      // Noted already, when the table was read.
      if (!isFloeError(error)) throw error;
    }
    this.#metadata.set(blobId, found);
    const [oldest] = this.#metadata.keys();
    if (oldest !== undefined && this.#metadata.size > METADATA_KEPT) this.#metadata.delete(oldest);
    return found;
  }

  /** Looks for the rows of the index that lead to no intact record. */
  async #verifyPlaces(storeTag: Uint8Array): Promise<void> {
    for (let after: SliverKey | undefined; ;) {
      this.#modules.signal?.throwIfAborted();
      const { entries, next } = this.#index.page({ ...(after && { after }), limit: ROWS_PER_TURN });
      for (const { key, entry } of entries) {
        if (!(await this.#isThere(key, entry, storeTag))) {
          this.#found(`index: ${sliverKeyText(key)} is not at ${entry.offset} of segment ${entry.segment}`);
        }
      }
      if (next === undefined) return;
      after = next;
    }
  }

  async #isThere(key: SliverKey, entry: IndexEntry, storeTag: Uint8Array): Promise<boolean> {
    const path = this.#paths.get(entry.segment);
    if (path === undefined) return false;
    const { offset, payloadSize } = entry;
    return this.#withFile(path, async (handle) => {
      const range = { from: offset, size: offset + RECORD_HEADER_SIZE + payloadSize, storeTag };
      for await (const { header, offset: found } of intactRecords(handle, range)) {
        return found === offset && header.kind === 'sliver' && sliverKeyText(header.key) === sliverKeyText(key);
      }
      return false;
    });
  }

  async #withFile<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const handle = await this.#modules.fileSystem.open(path, 'read');
    try {
      return await work(handle);
    } finally {
      await handle.close();
    }
  }

  #found(what: string): void {
    this.#findingCount += 1;
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push(what);
  }
}

/** Their number of hashes says for how many shards they are. @throws what is wrong with them */
function parseMetadata(blobId: BlobId, bytes: Uint8Array): VerifiedMetadata {
  const metadata = decodeBlobMetadata(bytes);
  return verifyMetadata(geometryOf(metadata.pairHashes.length / PAIR_HASHES_BYTES), blobId, metadata);
}
