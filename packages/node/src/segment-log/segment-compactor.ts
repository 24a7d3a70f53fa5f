/**
 * Empties segments and deletes their files: what is wanted is written once more to another segment, the rest is forgotten.
 *
 * Invariants:
 * - A sliver that moves is in the index at every instant, at its old place until the new one is durable.
 * - A file goes before its row does: a row without file and without slivers is dropped when the segment is emptied again or the
 *   store opens.
 * - A sliver that was said to be held is not forgotten: whether it is wanted is asked again when it is.
 * - The note of a removal is kept as long as an older segment of its end epoch may hold what was removed, so an index rebuilt
 *   from segments does not bring it back.
 */
import { type FileSystem, isFloeError, mapConcurrent } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import type { EmptiedSegment, EmptyOptions, SliverKey } from '../sliver-store.ts';
import { forgetRecords } from './apply-records.ts';
import type { CommitQueue } from './commit-queue.ts';
import { type RecordHeader, sliverKeyText } from './record.ts';
import type { OpenFiles } from './segment-files.ts';
import { type IndexEntry, remove, type Segment, type SegmentIndex } from './segment-index.ts';
import { segmentHeaders } from './segment-scan.ts';
import type { SegmentWriter } from './segment-writer.ts';

export interface CompactorOptions {
  readonly directory: string;
  readonly storeTag: Uint8Array;
}

interface CompactorModules {
  readonly fileSystem: FileSystem;
  readonly index: SegmentIndex;
  readonly segments: Map<number, Segment>;
  readonly files: OpenFiles;
  readonly writer: SegmentWriter;
  readonly queue: CommitQueue;
  readonly get: (key: SliverKey) => Promise<Uint8Array | undefined>;
  /** Keys that do not count as held any more, while that is being written down. */
  readonly leaving: Set<string>;
}

interface LiveRecord {
  readonly key: SliverKey;
  readonly entry: IndexEntry;
}

/** Records looked at together. */
const PAGE = 256;
/** Slivers that move together: they share a sync. */
const MOVED_AT_ONCE = 16;

export class SegmentCompactor {
  readonly #options: CompactorOptions;
  readonly #modules: CompactorModules;

  constructor(options: CompactorOptions, modules: CompactorModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** See {@link SliverStore.empty}. */
  async empty(id: number, options: EmptyOptions): Promise<EmptiedSegment> {
    const { segments } = this.#modules;
    const segment = segments.get(id);
    const emptied = { moved: 0, dropped: 0, freedBytes: 0 };
    if (segment === undefined) return emptied;
    const isOldest = [...segments.values()].every((other) => other.bucket !== segment.bucket || other.id >= id);
    const take = async (live: readonly LiveRecord[]): Promise<void> => {
      options.signal?.throwIfAborted();
      const { moved, dropped } = await this.#settle(segment, live, options.endEpochOf);
      emptied.moved += moved;
      emptied.dropped += dropped;
    };
    const size = segment.durableSize;
    await unlessGone(() =>
      this.#walkFile(segment, async (headers) => {
        await take(headers.flatMap((header) => this.#live(header)));
        if (!isOldest) await this.#carryRemovals(headers);
      }),
    );
    // Records that damage hid from the walk.
    if (segment.slivers > 0) await this.#walkIndex(segment, take);
    if (await this.#retire(segment)) emptied.freedBytes = size;
    return emptied;
  }

  async #walkFile(segment: Segment, visit: (headers: readonly RecordHeader[]) => Promise<void>): Promise<void> {
    const options = { size: segment.durableSize, storeTag: this.#options.storeTag };
    await this.#modules.files.use(segment.path, async (handle) => {
      let page: RecordHeader[] = [];
      for await (const header of segmentHeaders(handle, options)) {
        page.push(header);
        if (page.length < PAGE) continue;
        await visit(page);
        page = [];
      }
      await visit(page);
    });
  }

  async #walkIndex(segment: Segment, visit: (live: readonly LiveRecord[]) => Promise<void>): Promise<void> {
    for (let after: SliverKey | undefined; ;) {
      const { entries, next } = this.#modules.index.page({ ...(after && { after }), limit: PAGE });
      await visit(entries.filter(({ entry }) => entry.segment === segment.id));
      if (next === undefined) return;
      after = next;
    }
  }

  #live({ kind, key, sequence }: RecordHeader): LiveRecord[] {
    const entry = this.#modules.index.get(key);
    return kind === 'sliver' && entry?.sequence === sequence ? [{ key, entry }] : [];
  }

  async #settle(
    segment: Segment,
    live: readonly LiveRecord[],
    endEpochOf: (key: SliverKey) => Epoch | undefined,
  ): Promise<{ moved: number; dropped: number }> {
    const unwanted: LiveRecord[] = [];
    const wanted: { record: LiveRecord; endEpoch: Epoch }[] = [];
    for (const record of live) {
      const endEpoch = endEpochOf(record.key);
      if (endEpoch === undefined) unwanted.push(record);
      else wanted.push({ record, endEpoch });
    }
    const dropped = unwanted.length === 0 ? 0 : await this.#forget(segment, unwanted, endEpochOf);
    await mapConcurrent(wanted, MOVED_AT_ONCE, ({ record, endEpoch }) => this.#move(record, endEpoch));
    return { moved: wanted.length, dropped };
  }

  /** Writes the sliver once more; a damaged one is set aside. Nothing happens if it changes meanwhile. */
  async #move({ key, entry }: LiveRecord, endEpoch: Epoch): Promise<void> {
    const payload = await this.#modules.get(key).catch((error: unknown) => {
      if (isFloeError(error, 'SLIVER_DAMAGED')) return undefined;
      throw error;
    });
    if (payload === undefined) return;
    await this.#modules.queue.whenRoom({ kind: 'sliver', key, endEpoch, payload, expects: entry.sequence });
  }

  /** What is wanted again by then stays; what is put from then on is written anew. */
  #forget(
    segment: Segment,
    records: readonly LiveRecord[],
    endEpochOf: (key: SliverKey) => Epoch | undefined,
  ): Promise<number> {
    const { index, queue, leaving } = this.#modules;
    return queue.alone(async () => {
      const live = records.filter(
        ({ key, entry }) => index.get(key)?.sequence === entry.sequence && endEpochOf(key) === undefined,
      );
      const names = live.map(({ key }) => sliverKeyText(key));
      const applied = forgetRecords(segment, live);
      try {
        for (const name of names) leaving.add(name);
        await index.write(applied.operations);
        applied.confirm();
      } finally {
        for (const name of names) leaving.delete(name);
      }
      return live.length;
    });
  }

  async #carryRemovals(headers: readonly RecordHeader[]): Promise<void> {
    const { index, queue } = this.#modules;
    const removals = headers.filter(({ kind, key }) => kind === 'removal' && index.get(key) === undefined);
    await Promise.all(
      removals.map(({ key, endEpoch }) =>
        queue.enqueue({ kind: 'removal', key, endEpoch, payload: new Uint8Array(0), expects: 0 }),
      ),
    );
  }

  /** Deletes the file of a segment that holds nothing live; false when it does. */
  #retire(segment: Segment): Promise<boolean> {
    const { fileSystem, index, segments, writer, files, queue } = this.#modules;
    return queue.alone(async () => {
      if (segment.slivers > 0) return false;
      await writer.release(segment);
      files.forget(segment.path);
      await unlessGone(() => fileSystem.remove(segment.path));
      await fileSystem.syncDirectory(this.#options.directory);
      segments.delete(segment.id);
      await index.write([remove.segment(segment.id)]);
      return true;
    });
  }
}

/** An earlier attempt may have deleted the file and failed afterwards. */
async function unlessGone(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isFloeError(error, 'FILE_NOT_FOUND')) throw error;
  }
}
