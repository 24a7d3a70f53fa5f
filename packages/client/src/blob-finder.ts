/**
 * Finds a blob: which committee to read it from, and its verified metadata; and reads again when the committee turns
 * out to have changed.
 *
 * While a new committee takes over its shards, blobs certified before this epoch are read from the previous one
 * (Walrus read rules: epoch and committee to read from).
 */
import { type Clock, isFloeError, withDeadline } from '@floe/platform';
import { type BlobId, type Committee, type Committees, isCertified, type VerifiedMetadata } from '@floe/protocol';
import { BlobReader, type BlobReaderModules, type BlobReadOptions } from './blob-reader.ts';
import { agreeOnStatus } from './blob-status.ts';
import { type BlobView, blobView, rankedNodes } from './blob-view.ts';
import { resolveRange } from './byte-range.ts';
import { clientErrors } from './errors.ts';
import type { LedgerPort } from './ledger-port.ts';
import { fetchMetadata } from './metadata-fetch.ts';
import type { NodePool } from './node-pool.ts';

export interface BlobFinderModules extends BlobReaderModules {
  readonly ledger: LedgerPort;
  readonly pool: NodePool;
  readonly clock: Clock;
}

interface CachedMetadata {
  readonly verified: VerifiedMetadata;
  readonly untilMs: number;
}

export class BlobFinder {
  readonly #modules: BlobFinderModules;
  #committees: { readonly committees: Committees; readonly untilMs: number } | undefined;
  /** In order of last use. Verified metadata never changes; the time limit is for blobs that end. */
  readonly #metadata = new Map<BlobId, CachedMetadata>();

  constructor(modules: BlobFinderModules) {
    this.#modules = modules;
  }

  /** The committees, from memory while they are young. */
  async committees(options: { fresh?: boolean; signal?: AbortSignal } = {}): Promise<Committees> {
    const { ledger, clock, limits } = this.#modules;
    const now = clock.monotonicMs();
    if (options.fresh !== true && this.#committees !== undefined && now < this.#committees.untilMs) {
      return this.#committees.committees;
    }
    const committees = await ledger.committees(options);
    // A change under way is looked at often, a settled committee seldom.
    const ttlMs = committees.phase === 'sync' ? limits.committeeTtlMs / 10 : limits.committeeTtlMs;
    this.#committees = { committees, untilMs: now + ttlMs };
    return committees;
  }

  /**
   * Runs `read` on the blob; once more with fresh committees when too little was found and they have changed.
   * @throws BLOB_NOT_FOUND, BLOB_FORBIDDEN, BLOB_MARKED_INVALID, METADATA_UNAVAILABLE, and what `read` throws
   */
  async withReader<T>(blobId: BlobId, signal: AbortSignal, read: (reader: BlobReader) => Promise<T>): Promise<T> {
    const before = await this.committees({ signal });
    try {
      return await read(await this.#reader(blobId, before, signal));
    } catch (error) {
      if (!isWorthAnother(error)) throw error;
      signal.throwIfAborted();
      const after = await this.committees({ fresh: true, signal });
      if (after.current.epoch === before.current.epoch && after.phase === before.phase) throw error;
      this.#metadata.delete(blobId);
      return await read(await this.#reader(blobId, after, signal));
    }
  }

  /**
   * The reader's stream. When too little is found and another committee has the blob by now, it goes on there from the
   * byte that it had come to.
   */
  async *stream(
    blobId: BlobId,
    reader: BlobReader,
    options: BlobReadOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let { range } = options;
    for (let from = reader, moves = 0; ; moves += 1) {
      let givenBytes = 0;
      try {
        for await (const part of from.stream({ ...options, range })) {
          givenBytes += part.length;
          yield part;
        }
        return;
      } catch (error) {
        if (!isWorthAnother(error) || moves >= this.#modules.limits.maxEpochRetries) throw error;
        const moved = await this.#moved(blobId, from, options.signal).catch(() => undefined);
        if (moved === undefined) throw error;
        from = moved;
        const { start, end } = resolveRange(range, reader.sizeBytes);
        range = { start: start + givenBytes, end };
      }
    }
  }

  /** A reader in the committee that has the blob now, if that is another than the reader's. */
  async #moved(blobId: BlobId, reader: BlobReader, parent: AbortSignal | undefined): Promise<BlobReader | undefined> {
    const { scheduler, limits } = this.#modules;
    const timeoutMs = limits.readTimeoutMs;
    const onTimeout = () => clientErrors.READ_TIMEOUT({ blobId, timeoutMs, found: 0, needed: 0 });
    return await withDeadline({ scheduler, timeoutMs, parent, onTimeout }, async (signal) => {
      const moved = await this.#reader(blobId, await this.committees({ fresh: true, signal }), signal);
      return moved.epoch === reader.epoch ? undefined : moved;
    });
  }

  async #reader(blobId: BlobId, committees: Committees, signal: AbortSignal): Promise<BlobReader> {
    return new BlobReader(await this.#view(blobId, committees, signal), this.#modules);
  }

  async #view(blobId: BlobId, committees: Committees, signal: AbortSignal): Promise<BlobView> {
    const { pool } = this.#modules;
    const committee = await this.#readCommittee(blobId, committees, signal);
    return blobView(await this.#verifiedMetadata(blobId, committee, signal), committee, pool.clientOf);
  }

  async #readCommittee(blobId: BlobId, committees: Committees, signal: AbortSignal): Promise<Committee> {
    const { current, previous, phase } = committees;
    if (phase !== 'sync' || previous === undefined || previous.members.length === 0) return current;
    const { pool, scheduler, limits } = this.#modules;
    try {
      const nodes = rankedNodes(current, pool.clientOf);
      const status = await agreeOnStatus(blobId, current, nodes, { scheduler, limits, signal });
      if (!isCertified(status) || !('initialCertifiedEpoch' in status)) return current;
      return (status.initialCertifiedEpoch ?? current.epoch) < current.epoch ? previous : current;
    } catch (error) {
      if (isFloeError(error, 'NO_STATUS_AGREEMENT')) return current;
      throw error;
    }
  }

  async #verifiedMetadata(blobId: BlobId, committee: Committee, signal: AbortSignal): Promise<VerifiedMetadata> {
    const { clock, limits, pool, scheduler } = this.#modules;
    const cached = this.#metadata.get(blobId);
    this.#metadata.delete(blobId);
    if (cached !== undefined && clock.monotonicMs() < cached.untilMs) {
      this.#metadata.set(blobId, cached);
      return cached.verified;
    }
    const nodes = rankedNodes(committee, pool.clientOf);
    let verified: VerifiedMetadata;
    try {
      verified = await fetchMetadata(blobId, committee, nodes, { scheduler, signal });
    } catch (error) {
      if (!isFloeError(error, 'BLOB_NOT_FOUND')) throw error;
      throw await this.#whyNotFound(blobId, committee, error, signal);
    }
    this.#metadata.set(blobId, { verified, untilMs: clock.monotonicMs() + limits.metadataTtlMs });
    for (const oldest of this.#metadata.keys()) {
      if (this.#metadata.size <= limits.maxCachedMetadata) break;
      this.#metadata.delete(oldest);
    }
    return verified;
  }

  /** Nodes forget the metadata of a blob that was marked invalid, but they remember the mark. */
  async #whyNotFound(blobId: BlobId, committee: Committee, notFound: Error, signal: AbortSignal): Promise<Error> {
    const { pool, scheduler, limits } = this.#modules;
    try {
      const nodes = rankedNodes(committee, pool.clientOf);
      const status = await agreeOnStatus(blobId, committee, nodes, { scheduler, limits, signal });
      return status.kind === 'invalid' ? clientErrors.BLOB_MARKED_INVALID({ blobId, ...status.event }) : notFound;
    } catch {
      return notFound;
    }
  }
}

function isWorthAnother(error: unknown): boolean {
  const codes = ['SLIVERS_UNAVAILABLE', 'METADATA_UNAVAILABLE', 'BLOB_NOT_FOUND'];
  return codes.some((code) => isFloeError(error, code));
}
