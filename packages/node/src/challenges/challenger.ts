/**
 * Asks the other nodes, all through an epoch and in random order, to prove that they hold what they signed for.
 *
 * How data passes through: the epoch's public randomness → the plan says which symbol of which sliver of which blob → the peer answers
 * the same request that recovery makes of it → the Merkle proof is checked against the blob's metadata → the outcome goes into the
 * book → peers read each other's books.
 *
 * Invariants:
 * - At most one challenge is under way. One that cannot be judged here (no metadata, no certified blob) counts for nothing.
 * - Nobody is challenged for shards gained in this epoch: a quorum attests before all have copied theirs.
 * - Nobody is blamed for lacking what is not owed any more: nothing is asked before this node knows what the ledger knew when it was opened, and
 *   a sliver that is missing counts only if the blob is still certified when all is known that the ledger knew after the answer.
 * - Who has no room now is asked again later; that counts as silence only when it was so for several tries in a row, spread over time.
 */
import { type Clock, isFloeError, type Logger, type Metrics, type Rng, type Scheduler, shuffled } from '@floe/platform';
import {
  type BlobId,
  blobIdBytes,
  type Committee,
  type CommitteeMember,
  type Committees,
  type Epoch,
  type NodeId,
  orthogonal,
  type SymbolId,
  type VerifiedMetadata,
} from '@floe/protocol';
import { verifyRecoverySymbol } from '@floe/redstuff';
import type { CommitteeTracker } from '../committee-tracker.ts';
import type { FollowerPosition } from '../follower-position.ts';
import type { NodeLedger } from '../ledger-port.ts';
import type { NodeLimits } from '../limits.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { Peers } from '../peers/peers.ts';
import type { BlobRegistry } from '../registry/blob-registry.ts';
import type { ChallengeBook, ChallengeOutcome } from './challenge-book.ts';
import { type Challenge, challengedSliver, challengeTargets, planChallenge } from './challenge-plan.ts';

export interface ChallengerOptions {
  readonly nodeId: NodeId;
  readonly limits: Pick<
    NodeLimits,
    'challengesPerPeer' | 'challengeIntervalMs' | 'challengeGossipMs' | 'challengeBusyTries' | 'challengeBusyPauseMs'
  >;
  /** The ledger's last checkpoint when the node opened. */
  readonly caughtUpAt: bigint;
}

interface ChallengerModules {
  readonly ledger: NodeLedger;
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly metadata: MetadataStore;
  readonly peers: Peers;
  readonly position: FollowerPosition;
  readonly book: ChallengeBook;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What a peer answered: an outcome, or that it has no such sliver, or that it has no room now. */
type ChallengeAnswer = ChallengeOutcome | 'missing' | 'busy';

/** A peer that had no room. */
interface BusyPeer {
  readonly epoch: Epoch;
  /** In a row. */
  readonly tries: number;
  /** It is not asked before; on the monotonic clock. */
  readonly restsUntilMs: number;
}

/** Rows of the registry looked at together in the search for a certified blob. */
const PAGE = 64;
/** Pages searched before it is taken that nothing is certified. */
const MAX_PAGES = 32;
/** With these a node says that it has no room now. */
const BUSY_STATUSES: readonly unknown[] = [429, 503];

export class Challenger {
  readonly #options: ChallengerOptions;
  readonly #modules: ChallengerModules;
  readonly #outcomes;
  readonly #failing;
  /** When the peers' books were last read. */
  #listened = { epoch: 0 as Epoch, atMs: 0 };
  readonly #busy = new Map<NodeId, BusyPeer>();

  constructor(options: ChallengerOptions, modules: ChallengerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#outcomes = modules.metrics.counter({
      name: 'floe_node_challenges_total',
      help: 'Challenges that this node put to others, by outcome.',
      labels: ['outcome'],
    });
    this.#failing = modules.metrics.gauge({
      name: 'floe_node_failing_peers',
      help: 'Nodes that more than f shards say fail their challenges in this epoch.',
    });
  }

  /** Challenges until `signal` aborts, then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { scheduler, logger } = this.#modules;
    while (!signal.aborted) {
      try {
        await scheduler.sleep(this.#pauseMs(), signal);
        await this.round(signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn('challenging others failed; it is tried again', { error });
      }
    }
  }

  /** One challenge to each peer that has not had its share in this epoch; then, when it is time, a look into each peer's book. */
  async round(signal: AbortSignal): Promise<void> {
    const { committees, book, registry } = this.#modules;
    const known = committees.committees;
    const { current, phase } = known;
    // While shards are on their way nobody can be blamed for one that has not arrived.
    if (phase === 'sync' || !committees.isMember) return;
    if (registry.handled.nextCheckpoint > this.#options.caughtUpAt) await this.#ask(known, signal);
    if (committees.epoch === current.epoch && this.#isTimeToListen(current.epoch)) {
      await book.forgetBefore(current.epoch);
      await this.#listen(current, this.#others(current.members), signal);
    }
  }

  async #ask(known: Committees, signal: AbortSignal): Promise<void> {
    const { committees, ledger, book, scheduler, rng } = this.#modules;
    const { epoch, geometry } = known.current;
    const share = this.#options.limits.challengesPerPeer;
    const waiting = this.#others(challengeTargets(known)).filter(
      ({ nodeId }) => book.asked(epoch, nodeId) < share && !this.#isResting(nodeId, epoch),
    );
    if (waiting.length === 0) return;
    const randomness = await ledger.epochRandomness(epoch, { signal });
    if (randomness === undefined) return;
    for (const target of shuffled(waiting, rng)) {
      const number = book.asked(epoch, target.nodeId);
      const seed = { randomness, epoch, challenger: this.#options.nodeId, target, number };
      await this.#challenge(known.current, target, planChallenge(geometry, seed), signal);
      await scheduler.sleep(this.#pauseMs(), signal);
      if (committees.epoch !== epoch) return;
    }
  }

  #others(members: readonly CommitteeMember[]): CommitteeMember[] {
    return members.filter(({ nodeId, shards }) => nodeId !== this.#options.nodeId && shards.length > 0);
  }

  #isResting(nodeId: NodeId, epoch: Epoch): boolean {
    const busy = this.#busy.get(nodeId);
    return busy?.epoch === epoch && this.#modules.clock.monotonicMs() < busy.restsUntilMs;
  }

  #isTimeToListen(epoch: Epoch): boolean {
    const { clock } = this.#modules;
    const { epoch: last, atMs } = this.#listened;
    return epoch !== last || clock.monotonicMs() - atMs >= this.#options.limits.challengeGossipMs;
  }

  async #listen(committee: Committee, members: readonly CommitteeMember[], signal: AbortSignal): Promise<void> {
    const { book, peers, clock } = this.#modules;
    const { epoch } = committee;
    this.#listened = { epoch, atMs: clock.monotonicMs() };
    book.keep(new Set(committee.members.map(({ nodeId }) => nodeId)));
    for (const [nodeId, busy] of this.#busy) if (busy.epoch !== epoch) this.#busy.delete(nodeId);
    for (const peer of members) {
      // One that does not answer, or does not offer it, is heard the next time.
      const results = await peers.challengeResults(peer, epoch, signal).catch(() => undefined);
      signal.throwIfAborted();
      if (results !== undefined) book.hear(peer.nodeId, epoch, results);
    }
    this.#failing.set(book.failing(committee).length);
  }

  async #challenge(
    committee: Committee,
    target: CommitteeMember,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<void> {
    const { book, metadata, logger } = this.#modules;
    const blobId = this.#blobFrom(challenge.from, committee.epoch);
    if (blobId === undefined || !metadata.has(blobId)) return;
    const verified = metadata.get(blobId, committee.geometry);
    if (verified === undefined) return;
    const answer = await this.#answer(target, verified, challenge, signal);
    const outcome = await this.#judge(committee.epoch, target.nodeId, { blobId, answer }, signal);
    if (outcome === undefined) return;
    this.#outcomes.add(1, { outcome });
    await book.record(committee.epoch, target.nodeId, outcome);
    if (outcome === 'passed') return;
    const { shard, axis } = challenge;
    logger.warn('a peer did not prove a sliver', { peer: target.name, outcome, blobId, shard, axis });
  }

  /** What the answer counts as; undefined: nothing. */
  async #judge(
    epoch: Epoch,
    nodeId: NodeId,
    { blobId, answer }: { readonly blobId: BlobId; readonly answer: ChallengeAnswer },
    signal: AbortSignal,
  ): Promise<ChallengeOutcome | undefined> {
    if (answer === 'busy') {
      const { challengeBusyTries, challengeBusyPauseMs } = this.#options.limits;
      const before = this.#busy.get(nodeId);
      const tries = before?.epoch === epoch ? before.tries + 1 : 1;
      const restsUntilMs = this.#modules.clock.monotonicMs() + challengeBusyPauseMs;
      this.#busy.set(nodeId, { epoch, tries, restsUntilMs });
      return tries < challengeBusyTries ? undefined : 'silent';
    }
    this.#busy.delete(nodeId);
    if (answer !== 'missing') return answer;
    const { ledger, position, registry } = this.#modules;
    const { latestCheckpoint } = await ledger.chain({ signal });
    await position.reached(latestCheckpoint, signal);
    const since = registry.certifiedSince(blobId, epoch);
    return since !== undefined && since < epoch ? 'failed' : undefined;
  }

  async #answer(
    target: CommitteeMember,
    verified: VerifiedMetadata,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<ChallengeAnswer> {
    const { peers } = this.#modules;
    const { axis, place } = challenge;
    const sliver = challengedSliver(verified.geometry, verified.blobId, challenge);
    const id: SymbolId =
      axis === 'primary' ? { primary: sliver, secondary: place } : { primary: place, secondary: sliver };
    try {
      const symbols = await peers.recoverySymbols(target, { verified, sourceAxis: axis, ids: [id] }, signal);
      // It helps to rebuild a sliver of the other axis, and is proven by the one that was challenged.
      const isProof = symbols.some(
        (symbol) => symbol.index === sliver && verifyRecoverySymbol(verified, orthogonal(axis), place, symbol),
      );
      return isProof ? 'passed' : 'failed';
    } catch (error) {
      signal.throwIfAborted();
      if (!isFloeError(error)) return 'silent';
      if (error.kind === 'not-found') return 'missing';
      if (error.code === 'PEER_MISBEHAVED') return 'failed';
      return BUSY_STATUSES.includes(error.data['httpStatus']) ? 'busy' : 'silent';
    }
  }

  /** The first blob not before `from`, around the end, that was certified before the epoch and still is. */
  #blobFrom(from: BlobId, epoch: Epoch): BlobId | undefined {
    const { registry } = this.#modules;
    let start: Uint8Array | undefined = blobIdBytes(from);
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { blobs, next } = registry.certifiedPage({ limit: PAGE, epoch, ...(start && { from: start }) });
      const found = blobs.find(({ since }) => since < epoch);
      if (found !== undefined) return found.blobId;
      start = next;
    }
    return undefined;
  }

  /** Between half and one and a half of the interval: nobody knows when it is asked. */
  #pauseMs(): number {
    const { challengeIntervalMs } = this.#options.limits;
    return challengeIntervalMs / 2 + this.#modules.rng.below(challengeIntervalMs);
  }
}
