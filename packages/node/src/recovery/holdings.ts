/** What this node holds of a blob, and what it lacks: the one place that answers it. Everything is looked up at the moment of the question. */
import { AXES, type BlobId, type ShardIndex } from '@floe/protocol';
import type { MetadataStore } from '../metadata-store.ts';
import type { SliverKey, SliverStore } from '../sliver-store.ts';

/** Look-ups of slivers between two turns of the event loop: some 3 µs each, 6 ms together. */
const LOOKUPS_PER_TURN = 2000;

/** Rows of the registry that a walk may look at in one turn when it looks for two slivers of each of these shards. */
export function rowsPerTurn(shardCount: number): number {
  return Math.max(1, Math.floor(LOOKUPS_PER_TURN / (2 * shardCount + 1)));
}

export interface MissingParts {
  readonly metadata: boolean;
  readonly slivers: readonly SliverKey[];
}

export class Holdings {
  readonly #metadata: MetadataStore;
  readonly #slivers: SliverStore;

  constructor(modules: { readonly metadata: MetadataStore; readonly slivers: SliverStore }) {
    this.#metadata = modules.metadata;
    this.#slivers = modules.slivers;
  }

  /** What of the blob is not durable here, of these shards; who has no shards owes nothing. */
  missing(blobId: BlobId, shards: readonly ShardIndex[]): MissingParts {
    const slivers: SliverKey[] = [];
    for (const shard of shards) {
      for (const axis of AXES) {
        const key = { blobId, shard, axis };
        if (!this.#slivers.has(key)) slivers.push(key);
      }
    }
    return { metadata: shards.length > 0 && !this.#metadata.has(blobId), slivers };
  }

  /** Whether nothing of the blob is missing, of these shards: its metadata, and both slivers of each. */
  isComplete(blobId: BlobId, shards: readonly ShardIndex[]): boolean {
    if (shards.length > 0 && !this.#metadata.has(blobId)) return false;
    return shards.every((shard) => AXES.every((axis) => this.#slivers.has({ blobId, shard, axis })));
  }
}
