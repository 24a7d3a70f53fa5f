/**
 * What the node signs: storage confirmations and attestations that a blob id is invalid.
 *
 * Invariants:
 * - A confirmation is signed only while the blob is registered, and its metadata and both slivers of every pair that the
 *   current committee assigns to this node are durable here. Checking and signing happen without a pause between them.
 * - What is signed has the key that the current committee has of this node.
 * - Nothing is signed for another epoch than the current one, nor before this node has seen what the ledger knew when it was opened: until then a
 *   deleted or invalid blob may look as it did before.
 */
import { isFloeError } from '@floe/platform';
import {
  type BlobId,
  type ConfirmationRoute,
  encodeConfirmation,
  encodeInvalidBlobId,
  type InconsistencyProof,
  nodeErrors,
  type SignedMessage,
} from '@floe/protocol';
import { checkInconsistencyProof, type Codec } from '@floe/redstuff';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { NodeLimits } from './limits.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { PendingUploads } from './pending-uploads.ts';
import type { ProtocolKeys } from './protocol-keys.ts';
import type { Reads } from './reads.ts';
import type { Holdings } from './recovery/holdings.ts';
import type { Registrations } from './registrations.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { Uploads } from './uploads.ts';

export interface ConfirmationModules {
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly holdings: Holdings;
  readonly pending: PendingUploads;
  readonly uploads: Uploads;
  readonly reads: Reads;
  readonly registrations: Registrations;
  readonly codec: Codec;
  readonly keys: ProtocolKeys;
  readonly metrics: NodeMetrics;
}

export class Confirmations {
  readonly #limits: Pick<NodeLimits, 'longPollMs'>;
  readonly #latestCheckpoint: bigint;
  readonly #modules: ConfirmationModules;

  constructor(
    options: {
      readonly limits: Pick<NodeLimits, 'longPollMs'>;
      /** Where the ledger ended when the node was opened. */
      readonly latestCheckpoint: bigint;
    },
    modules: ConfirmationModules,
  ) {
    this.#limits = options.limits;
    this.#latestCheckpoint = options.latestCheckpoint;
    this.#modules = modules;
  }

  /**
   * Signs that this node holds the blob; waits for its registration when the request asks for it and an upload is buffered.
   * @throws NOT_REGISTERED, MISSING_SLIVERS
   */
  async confirm(route: ConfirmationRoute, signal: AbortSignal): Promise<SignedMessage> {
    try {
      return await this.#confirm(route);
    } catch (error) {
      const { pending, registrations } = this.#modules;
      const waitMs = Math.min(route.waitMs ?? this.#limits.longPollMs, this.#limits.longPollMs);
      const waits = isFloeError(error, 'NOT_REGISTERED') && route.waitForRegistration && pending.has(route.blobId);
      if (!waits || !(await registrations.wait(route.blobId, waitMs, signal))) throw error;
    }
    return this.#confirm(route);
  }

  /**
   * Signs that the blob id is invalid, after checking the proof.
   * @throws METADATA_REQUIRED, INVALID_PROOF
   */
  async attestInvalid(blobId: BlobId, proof: InconsistencyProof, signal: AbortSignal): Promise<SignedMessage> {
    const { codec, committees } = this.#modules;
    await checkInconsistencyProof(codec, this.metadataForProof(blobId), proof, { signal });
    return this.#sign(encodeInvalidBlobId({ epoch: committees.epoch, blobId }));
  }

  /** @throws METADATA_REQUIRED when it may not be served or is not here. */
  metadataForProof(blobId: BlobId) {
    try {
      return this.#modules.reads.verifiedMetadata(blobId);
    } catch (error) {
      if (!isFloeError(error, 'METADATA_NOT_FOUND') && !isFloeError(error, 'FORBIDDEN_BLOB')) throw error;
      throw nodeErrors.METADATA_REQUIRED({ blobId });
    }
  }

  async #confirm({ blobId, persistence }: ConfirmationRoute): Promise<SignedMessage> {
    const { registry, committees, uploads, metrics } = this.#modules;
    const notRegistered = (): Error => nodeErrors.NOT_REGISTERED({ blobId, epoch: committees.epoch });
    const isBehind = registry.handled.nextCheckpoint <= this.#latestCheckpoint;
    if (isBehind || !registry.isRegistered(blobId, committees.epoch)) throw notRegistered();
    await uploads.flush(blobId);
    // From here to the signature nothing is awaited: epoch, registration and slivers are of one instant.
    const { epoch } = committees;
    if (!registry.isRegistered(blobId, epoch)) throw notRegistered();
    const missing = this.#missingSlivers(blobId);
    if (missing > 0) throw nodeErrors.MISSING_SLIVERS({ blobId, missing });
    if (persistence.kind === 'deletable' && !registry.isObjectRegistered(persistence.objectId, blobId, epoch)) {
      throw notRegistered();
    }
    const signed = this.#sign(encodeConfirmation({ epoch, blobId, persistence }));
    metrics.confirmations.add();
    return signed;
  }

  /** Without metadata all are missing: nobody could check them. A node whose database was lost still has its segments. */
  #missingSlivers(blobId: BlobId): number {
    const { committees, holdings } = this.#modules;
    const { ownShards } = committees;
    const { metadata, slivers } = holdings.missing(blobId, ownShards);
    return metadata ? 2 * ownShards.length : slivers.length;
  }

  #sign(serializedMessage: Uint8Array): SignedMessage {
    const { keys, committees } = this.#modules;
    return { serializedMessage, signature: keys.in(committees.committees.current).sign(serializedMessage) };
  }
}
