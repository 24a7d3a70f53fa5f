/**
 * Batched slivers: streams of frames in and out, of which only a window is in memory.
 *
 * Uploads are grouped by what they wait for: while one group is verified and written, the frames that arrive form the next one. A
 * sender that waits for each outcome gets it at once; one that sends as fast as it can shares verification and sync.
 */
import {
  type Axis,
  type BatchFrame,
  type OutcomeFrame,
  protocolErrors,
  type SliverFrame,
  type SliverPairIndex,
} from '@floe/protocol';
import type { UploadOutcome } from '../uploads.ts';
import { refusalParts } from './answers.ts';

export interface UploadWindow {
  readonly maxBytes: number;
  readonly maxSlivers: number;
}

/** Stores a group; the outcome of each at its place. */
export type StoreGroup = (group: readonly SliverFrame[]) => Promise<readonly (UploadOutcome | Error)[]>;

/**
 * Outcome frames for an upload, as slivers are stored.
 * @throws what the frames throw; slivers stored before stay stored
 */
export async function* storeBatch(
  frames: AsyncIterable<BatchFrame>,
  options: { readonly window: UploadWindow; readonly newStatus: 201 | 202 },
  store: StoreGroup,
): AsyncGenerator<OutcomeFrame, void, undefined> {
  const { window, newStatus } = options;
  const iterator = frames[Symbol.asyncIterator]();
  let group: SliverFrame[] = [];
  let groupBytes = 0;
  let arriving: Promise<IteratorResult<BatchFrame>> | undefined;
  let running: Promise<OutcomeFrame[]> | undefined;
  let ended = false;
  try {
    while (!ended || group.length > 0 || running !== undefined) {
      if (running === undefined && group.length > 0) {
        const stored = group;
        running = store(stored).then((outcomes) =>
          outcomes.map((outcome, i) => frameOf(stored[i], outcome, newStatus)),
        );
        [group, groupBytes] = [[], 0];
      }
      const hasRoom = groupBytes < window.maxBytes && group.length < window.maxSlivers;
      if (!ended && hasRoom) arriving ??= iterator.next();
      const event = await nextOf(hasRoom ? arriving : undefined, running);
      if (event.kind === 'stored') {
        running = undefined;
        yield* event.outcomes;
        continue;
      }
      arriving = undefined;
      if (event.result.done === true) {
        ended = true;
        continue;
      }
      const frame = event.result.value;
      if (frame.kind !== 'sliver') throw protocolErrors.INVALID_BATCH({ expected: 'sliver frames', came: frame.kind });
      group.push(frame);
      groupBytes += frame.sliverData.length;
    }
  } finally {
    // Whoever stops listening must not leave a failure behind that nobody sees.
    arriving?.catch(() => undefined);
    await running?.catch(() => undefined);
    await iterator.return?.();
  }
}

type BatchEvent =
  | { readonly kind: 'arrived'; readonly result: IteratorResult<BatchFrame> }
  | { readonly kind: 'stored'; readonly outcomes: OutcomeFrame[] };

async function nextOf(
  arriving: Promise<IteratorResult<BatchFrame>> | undefined,
  running: Promise<OutcomeFrame[]> | undefined,
): Promise<BatchEvent> {
  const events: Promise<BatchEvent>[] = [];
  if (arriving !== undefined) events.push(arriving.then((result) => ({ kind: 'arrived', result })));
  if (running !== undefined) events.push(running.then((outcomes) => ({ kind: 'stored', outcomes })));
  return Promise.race(events);
}

function frameOf(frame: SliverFrame | undefined, outcome: UploadOutcome | Error, newStatus: 201 | 202): OutcomeFrame {
  const { axis, pair } = frame as SliverFrame;
  if (outcome instanceof Error) return { kind: 'outcome', axis, pair, ...refusalParts(outcome) };
  return { kind: 'outcome', axis, pair, httpStatus: outcome === 'new' ? newStatus : 200, reason: '', message: '' };
}

export interface WantedSliver {
  readonly axis: Axis;
  readonly pair: SliverPairIndex;
}

/** A frame for each sliver wanted, in that order: the sliver, or why it is not given. The next is read while one is sent. */
export async function* readBatch(
  wanted: readonly WantedSliver[],
  read: (sliver: WantedSliver) => Promise<Uint8Array>,
): AsyncGenerator<BatchFrame, void, undefined> {
  const frame = async (sliver: WantedSliver): Promise<BatchFrame> => {
    try {
      return { kind: 'sliver', ...sliver, sliverData: await read(sliver) };
    } catch (error) {
      return { kind: 'outcome', ...sliver, ...refusalParts(error) };
    }
  };
  let next = wanted[0] === undefined ? undefined : frame(wanted[0]);
  for (let position = 1; next !== undefined; position += 1) {
    const current = await next;
    const following = wanted[position];
    next = following === undefined ? undefined : frame(following);
    yield current;
  }
}
