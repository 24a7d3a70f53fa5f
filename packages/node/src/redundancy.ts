/** What the node says of how whole its blobs are: a count made by looking, what is being done about it, and when all was last checked. */
import type { Clock } from '@floe/platform';
import type { NodeRedundancy } from '@floe/protocol';
import type { ChallengeBook } from './challenges/challenge-book.ts';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { Healing } from './recovery/healing.ts';
import type { Recount } from './recovery/recount.ts';
import type { Scrubber } from './scrubber.ts';

export async function nodeRedundancy(modules: {
  readonly committees: CommitteeTracker;
  readonly recount: Recount;
  readonly healing: Healing;
  readonly scrubber: Scrubber;
  readonly book: ChallengeBook;
  readonly clock: Clock;
}): Promise<NodeRedundancy> {
  const { committees, recount, healing, scrubber, book, clock } = modules;
  const counted = await recount.latest();
  const { waiting, active } = healing.status;
  const { passes, lastPass } = scrubber.status();
  return {
    epoch: counted?.epoch ?? committees.epoch,
    ...(counted && {
      count: {
        ageMs: Math.round(clock.monotonicMs() - counted.endedMs),
        blobs: counted.blobs,
        incomplete: counted.incomplete,
        sample: counted.sample,
      },
    }),
    healing: { waiting, active },
    scrub: { passes, ...(lastPass && { lastEndedMs: Math.round(lastPass.endedMs) }) },
    failingNodes: book.failing(committees.committees.current),
  };
}
