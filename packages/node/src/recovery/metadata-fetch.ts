/** Metadata of certified blobs from peers: whoever gives it, it must hash to the blob id. */
import type { Scheduler } from '@floe/platform';
import { type BlobId, type CommitteeMember, type Epoch, type VerifiedMetadata, verifyMetadata } from '@floe/protocol';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { NodeLimits } from '../limits.ts';
import type { MetadataStore } from '../metadata-store.ts';
import { gather } from '../peers/gather.ts';
import type { Peers } from '../peers/peers.ts';
import type { Uploads } from '../uploads.ts';
import { metadataSources } from './sources.ts';

export interface MetadataFetchModules {
  readonly peers: Peers;
  readonly committees: CommitteeTracker;
  readonly metadata: MetadataStore;
  readonly uploads: Uploads;
  readonly scheduler: Scheduler;
}

export class MetadataFetch {
  readonly #limits: Pick<NodeLimits, 'peerHedgeMs'>;
  readonly #modules: MetadataFetchModules;
  readonly #underWay = new Map<BlobId, Promise<VerifiedMetadata>>();

  constructor(limits: Pick<NodeLimits, 'peerHedgeMs'>, modules: MetadataFetchModules) {
    this.#limits = limits;
    this.#modules = modules;
  }

  /**
   * What is stored, or else what peers give, stored then. Those who ask for the same blob together share one fetch, and its fate.
   * @throws NOT_ENOUGH_PEERS, INVALID_BLOB, NOT_REGISTERED, INSUFFICIENT_STORAGE
   */
  async ensure(blobId: BlobId, since: Epoch, signal: AbortSignal): Promise<VerifiedMetadata> {
    const { metadata, committees } = this.#modules;
    const stored = metadata.get(blobId, committees.geometry);
    if (stored !== undefined) return stored;
    const running = this.#underWay.get(blobId);
    if (running !== undefined) return await running;
    const fetching = this.#fetch(blobId, since, signal).finally(() => this.#underWay.delete(blobId));
    this.#underWay.set(blobId, fetching);
    return await fetching;
  }

  async #fetch(blobId: BlobId, since: Epoch, signal: AbortSignal): Promise<VerifiedMetadata> {
    const { peers, committees, uploads, scheduler } = this.#modules;
    const { geometry } = committees;
    const candidates = metadataSources(committees.committees, since, peers).map((member) => ({ member, items: [0] }));
    let found: VerifiedMetadata | undefined;
    const fetch = async (member: CommitteeMember, items: readonly number[], until: AbortSignal) => {
      const came = await peers.metadata(member, blobId, until);
      try {
        found ??= verifyMetadata(geometry, blobId, came);
      } catch (error) {
        peers.lied(member, `metadata that does not hash to ${blobId}`);
        throw error;
      }
      return items;
    };
    const what = `metadata of blob ${blobId}`;
    await gather({ what, needed: 1, candidates, hedgeMs: this.#limits.peerHedgeMs, signal }, fetch, { scheduler });
    const verified = found as VerifiedMetadata;
    await uploads.putMetadata(blobId, verified.metadata, false);
    return verified;
  }
}
