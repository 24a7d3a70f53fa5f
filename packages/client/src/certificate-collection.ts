/**
 * Uploads a blob to all nodes at once and collects their confirmations until they make a certificate.
 *
 * Invariants: a confirmation counts by its node's shards and only for the very message that the ledger will check;
 * signatures are checked together (one pairing for all), one by one only when that fails; the certificate is there as
 * soon as n-f shards have confirmed, whatever the others do; what goes on after that is bounded in time. Nodes that fail
 * one after another, as long as each comes back, fail no store: who could not be reached is asked again when too few
 * are left without it.
 */
import {
  type AbortScope,
  abortScope,
  type Clock,
  equalBytes,
  isFloeError,
  NoLongerNeeded,
  onAbort,
  type Rng,
  type Scheduler,
  shuffled,
} from '@floe/platform';
import {
  type Bls,
  type Certificate,
  type Committee,
  type CommitteeMember,
  decodeSignedMessageHeader,
  encodeConfirmation,
  type Epoch,
  isMinCorrect,
  isValidity,
  type Persistence,
  type SignedMessage,
  sortSignatures,
  weightOf,
} from '@floe/protocol';
import { refusalReason } from './answers.ts';
import { clientErrors } from './errors.ts';
import type { ClientLimits } from './limits.ts';
import type { NodeClient } from './node-client.ts';
import { uploadToNode } from './node-upload.ts';
import { retry } from './retry.ts';
import { type SliverSource, sliversOrAbort } from './sliver-source.ts';

export interface UploadProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
  /** Shards whose slivers are stored, shards that confirmed, and how many of the latter are needed. */
  readonly uploadedWeight: number;
  readonly confirmedWeight: number;
  readonly neededWeight: number;
}

export interface CollectionOptions {
  readonly source: SliverSource;
  readonly committee: Committee;
  readonly persistence: Persistence;
  /** The blob is certified already; the nodes have it. */
  readonly confirmFirst: boolean;
  readonly clientOf: (member: CommitteeMember) => NodeClient;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: UploadProgress) => void;
}

export interface CollectionModules {
  readonly bls: Bls;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly limits: ClientLimits;
}

export interface Collected {
  readonly certificate: Certificate;
  /** The uploads that the certificate did not wait for. */
  readonly tail: UploadTail;
}

export interface UploadTail {
  /** Shards still being served. */
  readonly openWeight: number;
  /** Resolves when all have ended; never rejects. */
  readonly finished: Promise<void>;
  /** Ends them now. */
  cancel(): void;
}

/**
 * Thrown when nodes confirm for a later epoch than the committee's, more of them than may lie, or so many that the others are not
 * enough: the store goes on in that epoch.
 */
export class EpochMoved extends Error {
  readonly epoch: Epoch;
  constructor(epoch: Epoch) {
    super(`storage nodes are in epoch ${epoch}`);
    this.epoch = epoch;
  }
}

/** @throws NOT_ENOUGH_CONFIRMATIONS as soon as n-f shards cannot confirm any more, or do not come back in time; {@link EpochMoved} */
export async function collectCertificate(options: CollectionOptions, modules: CollectionModules): Promise<Collected> {
  options.signal.throwIfAborted();
  return new Collection(options, modules).run();
}

class Collection {
  readonly #options: CollectionOptions;
  readonly #modules: CollectionModules;
  readonly #scope: AbortScope;
  readonly #source: SliverSource;
  readonly #expected: Uint8Array;
  readonly #confirmed = new Map<CommitteeMember, SignedMessage>();
  readonly #failed = new Map<CommitteeMember, string>();
  /** Those of the failed that say they are in a later epoch, which one alone may lie about. */
  readonly #ahead = new Map<CommitteeMember, Epoch>();
  /** Those of the failed that may confirm yet. */
  readonly #unreached = new Set<CommitteeMember>();
  readonly #open = new Set<CommitteeMember>();
  /** Nodes that took slivers, and those that took all. */
  readonly #reached = new Set<CommitteeMember>();
  readonly #uploaded = new Set<CommitteeMember>();
  readonly #totalBytes: number;
  readonly #batchBytes: number;
  readonly #running: Promise<void>[] = [];
  /** Until when nodes that could not be reached are waited for; set when that begins. */
  #returnDeadlineMs: number | undefined;
  #sentBytes = 0;
  #settled = false;
  #finish!: (outcome: { certificate: Certificate } | { error: unknown }) => void;

  constructor(options: CollectionOptions, modules: CollectionModules) {
    const { geometry, symbolSize, blobId } = options.source.verified;
    this.#options = options;
    this.#modules = modules;
    // Not a child of the caller's signal, which ends with the store: the tail outlives it.
    this.#scope = abortScope();
    // That slivers cannot be read here is no fault of the nodes they were for: it ends the whole collection.
    this.#source = sliversOrAbort(options.source, this.#scope);
    this.#expected = encodeConfirmation({ epoch: options.committee.epoch, blobId, persistence: options.persistence });
    this.#totalBytes = geometry.nShards * (geometry.rows + geometry.columns) * symbolSize;
    const { members } = options.committee;
    this.#batchBytes = Math.floor(modules.limits.uploadBytesInFlight / Math.max(1, members.length));
  }

  async run(): Promise<Collected> {
    const members = this.#options.committee.members.filter(({ shards }) => shards.length > 0);
    const { signal: caller } = this.#options;
    const release = onAbort(caller, (reason) => this.#scope.abort(reason));
    const outcome = await new Promise<{ certificate: Certificate } | { error: unknown }>((resolve) => {
      this.#finish = (result) => {
        if (this.#settled) return;
        this.#settled = true;
        resolve(result);
      };
      const { signal } = this.#scope;
      onAbort(signal, (error) => this.#finish({ error }));
      for (const member of members) this.#open.add(member);
      this.#running.push(...shuffled(members, this.#modules.rng).map((member) => this.#serve(member, false)));
    });
    release();
    if ('error' in outcome) {
      this.#scope.end();
      throw outcome.error;
    }
    return { certificate: outcome.certificate, tail: this.#tail() };
  }

  #tail(): UploadTail {
    const finished = Promise.all(this.#running).then(() => this.#scope.end());
    return { openWeight: weightOf(this.#open), finished, cancel: () => this.#scope.end() };
  }

  /** Uploads to one node until it has confirmed or failed, and sends nothing anew that it has; never rejects. */
  async #serve(member: CommitteeMember, isAgain: boolean): Promise<void> {
    const { persistence, confirmFirst, clientOf } = this.#options;
    const { limits, scheduler, clock } = this.#modules;
    const { signal } = this.#scope;
    const upload = () =>
      uploadToNode(
        {
          node: clientOf(member),
          source: this.#source,
          persistence,
          confirmFirst: confirmFirst || this.#reached.has(member),
          batchBytes: this.#batchBytes,
          signal,
          onSent: (sizeBytes) => {
            this.#reached.add(member);
            this.#sentBytes += sizeBytes;
            this.#report();
          },
          onUploaded: () => {
            this.#uploaded.add(member);
            this.#report();
          },
        },
        { scheduler, clock, limits },
      );
    try {
      if (isAgain) await scheduler.sleep(limits.maxBackoffMs, signal);
      // A node that lags behind the ledger confirms for the epoch that has ended; it will notice.
      const again = (error: unknown, failures: number) => error instanceof EpochBehind && failures < limits.maxAttempts;
      const confirmation = await retry({ scheduler, signal, ...limits, again }, async () => {
        const signed = await upload();
        this.#checkMessage(member, signed);
        return signed;
      });
      this.#confirmed.set(member, confirmation);
    } catch (error) {
      if (error instanceof EpochAhead) this.#ahead.set(member, error.epoch);
      this.#failed.set(member, refusalOf(error));
      if (isFloeError(error) && error.kind === 'unavailable') this.#unreached.add(member);
    }
    this.#open.delete(member);
    if (this.#settled) return;
    try {
      this.#report();
      this.#judge();
    } catch (error) {
      // A throwing `onProgress`, for one, ends the store; it is no fault of a node.
      this.#finish({ error });
    }
  }

  #checkMessage(member: CommitteeMember, signed: SignedMessage): void {
    if (equalBytes(signed.serializedMessage, this.#expected)) return;
    const { epoch } = decodeSignedMessageHeader(signed.serializedMessage);
    const expected = this.#options.committee.epoch;
    if (epoch > expected && this.#sameButEpoch(signed.serializedMessage)) throw new EpochAhead(epoch);
    if (epoch < expected && this.#sameButEpoch(signed.serializedMessage)) throw new EpochBehind();
    this.#options.clientOf(member).reportMisbehaviour('it signed another message than the confirmation');
    throw clientErrors.NODE_MISBEHAVED({ node: member.name, reason: 'it signed another message' });
  }

  /** Whether the message is ours but for the epoch, which stands in bytes 3 to 6. */
  #sameButEpoch(message: Uint8Array): boolean {
    const [ours, theirs] = [this.#expected, message];
    return equalBytes(ours.subarray(0, 3), theirs.subarray(0, 3)) && equalBytes(ours.subarray(7), theirs.subarray(7));
  }

  /** Enough confirmed: certify. Too many failed: give up. Else wait. */
  #judge(): void {
    const { committee } = this.#options;
    if (isMinCorrect(committee.geometry, weightOf(this.#confirmed.keys()))) {
      const certificate = this.#assemble();
      if (certificate !== undefined) return this.#finish({ certificate });
    }
    if (isValidity(committee.geometry, weightOf(this.#ahead.keys()))) return this.#finish({ error: this.#moved() });
    const possible = weightOf(this.#confirmed.keys()) + weightOf(this.#open);
    if (isMinCorrect(committee.geometry, possible)) return;
    if (this.#ahead.size > 0) return this.#finish({ error: this.#moved() });
    if (this.#mayReturn(possible)) this.#askUnreached();
    else this.#finish({ error: this.#notEnough() });
  }

  /** Whether nodes that could not be reached would make up for what is missing, and there is time left for them. */
  #mayReturn(possible: number): boolean {
    const { clock, limits } = this.#modules;
    this.#returnDeadlineMs ??= clock.monotonicMs() + limits.returnTimeoutMs;
    const { geometry } = this.#options.committee;
    return isMinCorrect(geometry, possible + weightOf(this.#unreached)) && clock.monotonicMs() < this.#returnDeadlineMs;
  }

  #askUnreached(): void {
    for (const member of this.#unreached) {
      this.#failed.delete(member);
      this.#open.add(member);
      this.#running.push(this.#serve(member, true));
    }
    this.#unreached.clear();
  }

  /** Undefined when signatures turned out wrong and the rest is not enough; their nodes are then among the failed. */
  #assemble(): Certificate | undefined {
    const { committee, clientOf } = this.#options;
    const signatures = [...this.#confirmed].map(([{ index }, { signature }]) => ({ member: index, signature }));
    const message = this.#expected;
    const { good, rejected, aggregate, weight } = sortSignatures(committee, { message, signatures }, this.#modules.bls);
    for (const index of rejected) {
      const member = committee.members[index] as CommitteeMember;
      clientOf(member).reportMisbehaviour('the signature of its confirmation is wrong');
      this.#confirmed.delete(member);
      this.#failed.set(member, 'INVALID_SIGNATURE');
    }
    if (aggregate === undefined || !isMinCorrect(committee.geometry, weight)) return undefined;
    return { signers: good.map(({ member }) => member), message, signature: aggregate };
  }

  #moved(): EpochMoved {
    return new EpochMoved(Math.max(...this.#ahead.values()) as Epoch);
  }

  #notEnough(): Error {
    const { committee, source } = this.#options;
    const { geometry } = committee;
    return clientErrors.NOT_ENOUGH_CONFIRMATIONS({
      blobId: source.verified.blobId,
      got: weightOf(this.#confirmed.keys()),
      need: geometry.nShards - geometry.maxFaulty,
      reasons: [...this.#failed].map(([member, reason]) => `${member.name}: ${reason}`),
    });
  }

  #report(): void {
    if (this.#settled) return;
    const { geometry } = this.#options.committee;
    this.#options.onProgress({
      sentBytes: this.#sentBytes,
      totalBytes: this.#totalBytes,
      uploadedWeight: weightOf(this.#uploaded),
      confirmedWeight: weightOf(this.#confirmed.keys()),
      neededWeight: geometry.nShards - geometry.maxFaulty,
    });
  }
}

class EpochBehind extends Error {}

class EpochAhead extends Error {
  readonly epoch: Epoch;
  constructor(epoch: Epoch) {
    super(`a storage node is in epoch ${epoch}`);
    this.epoch = epoch;
  }
}

function refusalOf(error: unknown): string {
  if (error instanceof EpochBehind) return 'it is in an earlier epoch';
  if (error instanceof EpochAhead) return 'it says it is in a later epoch';
  if (error instanceof NoLongerNeeded) return 'cancelled';
  return isFloeError(error) ? refusalReason(error) : String(error);
}
