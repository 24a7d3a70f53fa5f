/**
 * Uploads of blobs that are not registered yet: verified, in memory only, bounded in number, bytes and time (Walrus node rules:
 * pending upload caches). Both caches of a blob live and expire together.
 */
import type { Clock } from '@floe/platform';
import type { BlobId, VerifiedMetadata } from '@floe/protocol';
import type { NodeLimits } from './limits.ts';
import { sliverKeyText } from './segment-log/record.ts';
import type { SliverKey } from './sliver-store.ts';

export interface PendingSliver {
  readonly key: SliverKey;
  /** BCS `SliverData`, verified. */
  readonly payload: Uint8Array;
}

interface PendingBlob {
  readonly metadata: VerifiedMetadata;
  readonly slivers: Map<string, PendingSliver>;
  expiresAtMs: number;
}

type Limits = Pick<
  NodeLimits,
  'pendingSlivers' | 'pendingSliverBytes' | 'pendingSliverItemBytes' | 'pendingMetadata' | 'pendingTtlMs'
>;

export class PendingUploads {
  readonly #limits: Limits;
  readonly #clock: Clock;
  /** In order of expiry: an insert moves its blob to the end. */
  readonly #blobs = new Map<BlobId, PendingBlob>();
  #slivers = 0;
  #bytes = 0;

  constructor(options: { limits: Limits }, modules: { clock: Clock }) {
    this.#limits = options.limits;
    this.#clock = modules.clock;
  }

  get counts(): { blobs: number; slivers: number; bytes: number } {
    return { blobs: this.#blobs.size, slivers: this.#slivers, bytes: this.#bytes };
  }

  metadata(blobId: BlobId): VerifiedMetadata | undefined {
    this.#expire();
    return this.#blobs.get(blobId)?.metadata;
  }

  has(blobId: BlobId): boolean {
    return this.metadata(blobId) !== undefined;
  }

  hasSliver(key: SliverKey): boolean {
    this.#expire();
    return this.#blobs.get(key.blobId)?.slivers.has(sliverKeyText(key)) ?? false;
  }

  /** Whether there was room. */
  addMetadata(metadata: VerifiedMetadata): boolean {
    this.#expire();
    if (this.#limits.pendingTtlMs === 0 || this.#blobs.size >= this.#limits.pendingMetadata) return false;
    this.#touch(metadata.blobId, { metadata, slivers: new Map(), expiresAtMs: 0 });
    return true;
  }

  addSliver(sliver: PendingSliver): 'added' | 'existing' | 'saturated' {
    this.#expire();
    const { blobId } = sliver.key;
    const blob = this.#blobs.get(blobId);
    if (blob === undefined) return 'saturated';
    const text = sliverKeyText(sliver.key);
    if (blob.slivers.has(text)) return 'existing';
    const size = sliver.payload.length;
    const { pendingSlivers, pendingSliverBytes, pendingSliverItemBytes } = this.#limits;
    if (size > pendingSliverItemBytes || this.#slivers >= pendingSlivers || this.#bytes + size > pendingSliverBytes) {
      return 'saturated';
    }
    blob.slivers.set(text, sliver);
    this.#slivers += 1;
    this.#bytes += size;
    this.#touch(blobId, blob);
    return 'added';
  }

  /** What waits for this blob; it stays until it is taken with {@link settle} or {@link drop}. */
  peek(blobId: BlobId): { metadata: VerifiedMetadata; slivers: PendingSliver[] } | undefined {
    this.#expire();
    const blob = this.#blobs.get(blobId);
    return blob === undefined ? undefined : { metadata: blob.metadata, slivers: [...blob.slivers.values()] };
  }

  /** A sliver is stored now. */
  settle(key: SliverKey): void {
    const sliver = this.#blobs.get(key.blobId)?.slivers.get(sliverKeyText(key));
    if (sliver === undefined) return;
    this.#blobs.get(key.blobId)?.slivers.delete(sliverKeyText(key));
    this.#slivers -= 1;
    this.#bytes -= sliver.payload.length;
  }

  drop(blobId: BlobId): void {
    const blob = this.#blobs.get(blobId);
    if (blob === undefined) return;
    for (const { payload } of blob.slivers.values()) this.#bytes -= payload.length;
    this.#slivers -= blob.slivers.size;
    this.#blobs.delete(blobId);
  }

  #touch(blobId: BlobId, blob: PendingBlob): void {
    blob.expiresAtMs = this.#clock.monotonicMs() + this.#limits.pendingTtlMs;
    this.#blobs.delete(blobId);
    this.#blobs.set(blobId, blob);
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [blobId, blob] of this.#blobs) {
      if (blob.expiresAtMs > nowMs) return;
      this.drop(blobId);
    }
  }
}
