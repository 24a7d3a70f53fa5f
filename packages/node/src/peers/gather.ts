/**
 * Collects things of which any sufficient set will do, from peers that have different ones: asks as few as should be enough, another one as
 * soon as one fails, gives less than it should, or is slow. What is late still counts when it comes.
 */
import { abortScope, deferred, onAbort, type Scheduler } from '@floe/platform';
import type { CommitteeMember } from '@floe/protocol';
import { errors } from '../errors.ts';

/** A peer, and what it should have; the same item may be with several peers. */
export interface Candidate {
  readonly member: CommitteeMember;
  readonly items: readonly number[];
}

export interface GatherOptions {
  /** What is gathered, for messages. */
  readonly what: string;
  /** How many distinct items suffice. */
  readonly needed: number;
  /** In the order in which they are asked. */
  readonly candidates: readonly Candidate[];
  /** After how long without an answer the next peer is asked too. */
  readonly hedgeMs: number;
  readonly signal: AbortSignal;
}

/** Asks a peer for items; resolves to those that came and were found good. What it throws counts as none. */
export type FetchItems = (
  member: CommitteeMember,
  items: readonly number[],
  signal: AbortSignal,
) => Promise<readonly number[]>;

/** A candidate, and what it was asked for. One that failed is not asked again. */
interface Asked {
  readonly member: CommitteeMember;
  readonly all: readonly number[];
  readonly items: Set<number>;
  failed?: boolean;
}

/**
 * Resolves to the items gathered, at least `needed`, as soon as they are there; requests still under way are aborted.
 * @throws NOT_ENOUGH_PEERS when all were asked in vain
 */
export async function gather(
  options: GatherOptions,
  request: FetchItems,
  modules: { readonly scheduler: Scheduler },
): Promise<ReadonlySet<number>> {
  const { needed, candidates, hedgeMs, signal } = options;
  signal.throwIfAborted();
  const stop = new AbortController();
  const release = onAbort(signal, (reason) => stop.abort(reason));
  const have = new Set<number>();
  /** Asked for and expected soon. */
  const expected = new Map<object, readonly number[]>();
  let changed = deferred<void>();
  const change = (): void => {
    changed.resolve();
    changed = deferred();
  };
  let underWay = 0;
  let failures = 0;
  let lastFailure: unknown;
  const ask = async (asked: Asked, items: readonly number[]): Promise<void> => {
    const attempt = {};
    for (const item of items) asked.items.add(item);
    expected.set(attempt, items);
    underWay += 1;
    const hedge = abortScope(stop.signal);
    modules.scheduler.sleep(hedgeMs, hedge.signal).then(
      () => {
        expected.delete(attempt);
        change();
      },
      () => undefined,
    );
    try {
      for (const item of await request(asked.member, items, stop.signal)) have.add(item);
    } catch (error) {
      asked.failed = true;
      failures += 1;
      lastFailure = error;
    } finally {
      hedge.end();
      expected.delete(attempt);
      underWay -= 1;
      change();
    }
  };
  const peers = candidates.map((candidate): Asked => ({ ...candidate, all: candidate.items, items: new Set() }));
  try {
    while (have.size < needed) {
      signal.throwIfAborted();
      const soon = new Set([...have, ...[...expected.values()].flat()]);
      const fresh = ({ all, items }: Asked): number[] => all.filter((item) => !soon.has(item) && !items.has(item));
      const peer = soon.size < needed ? peers.find((each) => !each.failed && fresh(each).length > 0) : undefined;
      if (peer !== undefined) {
        void ask(peer, fresh(peer).slice(0, needed - soon.size));
        continue;
      }
      if (underWay === 0) {
        throw errors.NOT_ENOUGH_PEERS({ what: options.what, needed, came: have.size, failures }, lastFailure);
      }
      await changed.promise;
    }
    return have;
  } finally {
    release();
    stop.abort(new Error('enough was gathered'));
  }
}
