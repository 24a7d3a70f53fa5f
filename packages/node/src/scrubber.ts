/**
 * Reads everything the node holds, again and again, and checks it: checksums find rot, the Merkle roots of the metadata find
 * everything else. What is bad is set aside, so that it is neither served nor counted, and with that asked to be healed.
 *
 * How data passes through: a page of the sliver index in key order → the slivers of one blob at a time, read, checked against their
 * checksums, then against the metadata → the position is remembered, so a restart goes on where it was.
 *
 * Invariants:
 * - A pass looks at every sliver that was there when it began and still is when its turn comes.
 * - At most {@link GROUP_BYTES} and one sliver more are in memory.
 * - Reading takes no more than the configured rate.
 */
import { type Clock, isFloeError, type KeyValueStore, type Logger, type Metrics, type Scheduler } from '@floe/platform';
import {
  type BlobId,
  decodeSliverData,
  type Geometry,
  pairOfShard,
  type Sliver,
  sliverOfPair,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { errors } from './errors.ts';
import type { NodeLimits } from './limits.ts';
import type { MetadataStore } from './metadata-store.ts';
import type { Healing } from './recovery/healing.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import { decodeSliverKey, encodeSliverKey } from './segment-log/record.ts';
import type { SliverKey, SliverPage, SliverStore } from './sliver-store.ts';
import { RowReader, RowWriter, tables } from './tables.ts';

interface ScrubberModules {
  readonly registry: BlobRegistry;
  readonly committees: { readonly geometry: Geometry };
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly codec: Codec;
  readonly healing: Pick<Healing, 'request'>;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Times in milliseconds since the Unix epoch. */
export interface ScrubStatus {
  /** Whole passes so far. */
  readonly passes: number;
  /** When the pass under way began. */
  readonly startedMs: number;
  /** When the last whole pass began and ended. */
  readonly lastPass?: { readonly startedMs: number; readonly endedMs: number };
  /** Of the pass under way. */
  readonly slivers: number;
  readonly bytes: number;
  readonly bad: number;
}

interface Position extends ScrubStatus {
  readonly after?: SliverKey;
}

/** Slivers of one blob read and verified together. */
const GROUP_BYTES = 8 * 1024 * 1024;
const PAGE = 256;
/** How long to leave the codec alone when it has too much to do. */
const BUSY_MS = 1000;
/** Pause before the next pass of an empty or tiny store. */
const IDLE_MS = 60_000;
const ROW_VERSION = 1;
const POSITION_KEY = new TextEncoder().encode('scrub/position');

type SizedKey = SliverPage['entries'][number];

export class Scrubber {
  readonly #limits: Pick<NodeLimits, 'scrubPeriodMs' | 'scrubMinBytesPerSecond' | 'scrubMaxBytesPerSecond'>;
  readonly #modules: ScrubberModules;
  readonly #counts: ReturnType<typeof createCounters>;
  #position: Position;

  constructor(
    options: {
      readonly limits: Pick<NodeLimits, 'scrubPeriodMs' | 'scrubMinBytesPerSecond' | 'scrubMaxBytesPerSecond'>;
    },
    modules: ScrubberModules,
  ) {
    this.#limits = options.limits;
    this.#modules = modules;
    this.#counts = createCounters(modules.metrics);
    this.#position = readPosition(modules.store) ?? this.#beginning(0);
  }

  status(): ScrubStatus {
    const { after: _after, ...status } = this.#position;
    return status;
  }

  /** Scrubs until `signal` aborts, then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { scheduler, logger } = this.#modules;
    while (!signal.aborted) {
      try {
        await this.pass(signal);
        await scheduler.sleep(IDLE_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.error('scrubbing failed; it is tried again', { error });
        await scheduler.sleep(IDLE_MS, signal).catch(() => undefined);
      }
    }
  }

  /** The rest of the pass under way, at the configured rate. */
  async pass(signal: AbortSignal): Promise<void> {
    const { slivers, healing } = this.#modules;
    for (;;) {
      const { after } = this.#position;
      const page = slivers.page({ limit: PAGE, ...(after && { after }) });
      for (const { blobId } of page.unreadable) {
        this.#countBad();
        healing.request(blobId, 'damaged');
      }
      for (const group of groupsOf(page.entries)) await this.#scrubGroup(group, signal);
      if (page.next === undefined) break;
      this.#position = { ...this.#position, after: page.next };
      await this.#remember();
    }
    const { passes, startedMs, slivers: seen, bytes, bad } = this.#position;
    const lastPass = { startedMs, endedMs: this.#modules.clock.nowMs() };
    this.#position = { ...this.#beginning(passes + 1), lastPass };
    await this.#remember();
    this.#counts.passes.add();
    this.#modules.logger.info('scrubbed the whole store', { slivers: seen, bytes, bad, ...lastPass });
  }

  async #scrubGroup(group: readonly SizedKey[], signal: AbortSignal): Promise<void> {
    const { slivers, registry, scheduler } = this.#modules;
    const [first] = group;
    if (first === undefined) return;
    signal.throwIfAborted();
    const { blobId } = first.key;
    let bytes = 0;
    const read: { key: SliverKey; payload: Uint8Array }[] = [];
    for (const { key, entry } of group) {
      bytes += entry.payloadSize;
      const payload = await slivers.get(key).catch((error: unknown) => {
        if (!isFloeError(error, 'SLIVER_DAMAGED')) throw error;
        this.#countBad();
      });
      if (payload !== undefined) read.push({ key, payload });
    }
    const metadata = await this.#metadataOf(blobId);
    if (metadata !== undefined) await this.#verify(metadata, read, signal);
    else if (registry.isRegistered(blobId, registry.epoch)) this.#modules.healing.request(blobId, 'missing');
    const { slivers: seen, bytes: before, ...position } = this.#position;
    this.#position = { ...position, slivers: seen + group.length, bytes: before + bytes };
    this.#counts.bytes.add(bytes);
    await scheduler.sleep((bytes / this.#bytesPerSecond()) * 1000, signal);
  }

  async #verify(
    metadata: VerifiedMetadata,
    read: readonly { key: SliverKey; payload: Uint8Array }[],
    signal: AbortSignal,
  ): Promise<void> {
    const slivers: Sliver[] = [];
    const keys: SliverKey[] = [];
    for (const { key, payload } of read) {
      const sliver = parseStored(key, payload, metadata.geometry);
      if (typeof sliver === 'string') {
        await this.#setAside(key, sliver);
      } else {
        slivers.push(sliver);
        keys.push(key);
      }
    }
    const verdicts = await this.#verdicts(metadata, slivers, signal);
    for (const [at, verdict] of verdicts.entries()) {
      if (verdict !== 'ok') await this.#setAside(keys[at] as SliverKey, verdict.message);
    }
  }

  async #verdicts(metadata: VerifiedMetadata, slivers: readonly Sliver[], signal: AbortSignal) {
    for (;;) {
      try {
        return await this.#modules.codec.verifySlivers(metadata, slivers, { signal });
      } catch (error) {
        if (!isFloeError(error, 'QUEUE_FULL')) throw error;
        await this.#modules.scheduler.sleep(BUSY_MS, signal);
      }
    }
  }

  async #metadataOf(blobId: BlobId): Promise<VerifiedMetadata | undefined> {
    const { metadata, committees, logger } = this.#modules;
    try {
      return metadata.get(blobId, committees.geometry);
    } catch (error) {
      if (!isFloeError(error, 'ROW_DAMAGED')) throw error;
      logger.error('stored metadata are damaged', { blobId, error });
      await metadata.remove([blobId]);
      return undefined;
    }
  }

  async #setAside(key: SliverKey, why: string): Promise<void> {
    await this.#modules.slivers.setAside(key, why);
    this.#countBad();
  }

  #countBad(): void {
    this.#counts.bad.add();
    this.#position = { ...this.#position, bad: this.#position.bad + 1 };
  }

  /** What it takes to see everything once a period, within the bounds. */
  #bytesPerSecond(): number {
    const { scrubPeriodMs, scrubMinBytesPerSecond, scrubMaxBytesPerSecond } = this.#limits;
    const needed = (this.#modules.slivers.status().liveBytes / scrubPeriodMs) * 1000;
    return Math.min(scrubMaxBytesPerSecond, Math.max(scrubMinBytesPerSecond, needed));
  }

  #beginning(passes: number): Position {
    return { passes, startedMs: this.#modules.clock.nowMs(), slivers: 0, bytes: 0, bad: 0 };
  }

  async #remember(): Promise<void> {
    const value = encodePosition(this.#position);
    await this.#modules.store.write([{ kind: 'put', table: tables.state, key: POSITION_KEY, value }]);
  }
}

function createCounters(metrics: Metrics) {
  return {
    passes: metrics.counter({ name: 'floe_node_scrub_passes_total', help: 'Passes over the whole store.' }),
    bytes: metrics.counter({ name: 'floe_node_scrubbed_bytes_total', help: 'Bytes of slivers read and checked.' }),
    bad: metrics.counter({ name: 'floe_node_scrub_bad_total', help: 'Slivers that scrubbing found bad.' }),
  };
}

/** Entries of one blob that fit a group. */
function* groupsOf(entries: readonly SizedKey[]): Generator<readonly SizedKey[]> {
  let group: SizedKey[] = [];
  let bytes = 0;
  for (const item of entries) {
    if (
      group.length > 0 &&
      (group[0]?.key.blobId !== item.key.blobId || bytes + item.entry.payloadSize > GROUP_BYTES)
    ) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(item);
    bytes += item.entry.payloadSize;
  }
  yield group;
}

/** The sliver, or what is wrong with its bytes. */
export function parseStored(
  { blobId, shard, axis }: SliverKey,
  payload: Uint8Array,
  geometry: Geometry,
): Sliver | string {
  try {
    const sliver = decodeSliverData(payload, axis);
    const expected = sliverOfPair(geometry, axis, pairOfShard(geometry, blobId, shard));
    return sliver.index === expected ? sliver : `it is ${axis} sliver ${sliver.index} instead of ${expected}`;
  } catch (error) {
    if (!isFloeError(error)) throw error;
    return error.message;
  }
}

function encodePosition({ passes, startedMs, lastPass, slivers, bytes, bad, after }: Position): Uint8Array {
  return new RowWriter()
    .u8(ROW_VERSION)
    .u32(passes)
    .u64(Math.floor(startedMs))
    .optional(lastPass, (out, pass) => out.u64(Math.floor(pass.startedMs)).u64(Math.floor(pass.endedMs)))
    .u64(slivers)
    .u64(bytes)
    .u64(bad)
    .optional(after, (out, key) => out.raw(encodeSliverKey(key)))
    .done();
}

/** Undefined when there is none, or none that can be read: then a pass begins anew. */
function readPosition(store: KeyValueStore): Position | undefined {
  try {
    const row = store.get(tables.state, POSITION_KEY);
    if (row === undefined) return undefined;
    const reader = new RowReader(row, (why) => errors.ROW_DAMAGED({ table: tables.state, why }));
    if (reader.u8() !== ROW_VERSION) return undefined;
    const [passes, startedMs] = [reader.u32(), reader.size()];
    const lastPass = reader.optional((input) => ({ startedMs: input.size(), endedMs: input.size() }));
    const [slivers, bytes, bad] = [reader.size(), reader.size(), reader.size()];
    const after = reader.optional((input) => decodeSliverKey(input.raw(35)));
    reader.end();
    return { passes, startedMs, slivers, bytes, bad, ...(lastPass && { lastPass }), ...(after && { after }) };
  } catch (error) {
    if (isFloeError(error, 'STORE_CORRUPT') || isFloeError(error, 'ROW_DAMAGED')) return undefined;
    throw error;
  }
}
