import { createVirtualTime } from '@floe/platform/memory';
import { type Epoch, parseObjectId } from '@floe/protocol';
import { type GrpcTypes, RpcError } from '@mysten/sui/grpc';
import { describe, expect, it } from 'vitest';
import { encodeContractEvent, eventType } from '../../src/events.ts';
import { LedgerCalls } from '../../src/ledger/calls.ts';
import { followCheckpoints } from '../../src/ledger/checkpoints.ts';
import { createFakeGrpc, Feed, type Handlers } from '../fake-grpc.ts';

const PACKAGE = parseObjectId('0xa1');
const packages = new Set([PACKAGE]);

function checkpoint(sequence: number, transactions: unknown[] = []): unknown {
  return {
    sequenceNumber: BigInt(sequence),
    summary: { timestamp: { seconds: BigInt(sequence), nanos: 5_000_000 } },
    transactions,
  };
}

const frameOf = (sequence: number) => ({ cursor: BigInt(sequence), checkpoint: checkpoint(sequence) });

/** A ledger whose checkpoints 0..tip are listed and whose subscriptions the test feeds. */
function createLedger(initialTip: number, overrides: Handlers = {}) {
  const state = { tip: initialTip, feeds: [] as Feed<unknown>[], listed: [] as bigint[] };
  let subscribed: () => void = () => undefined;
  const grpc = createFakeGrpc({
    async *ListCheckpoints(request: GrpcTypes.ListCheckpointsRequest) {
      const start = Number(request.startCheckpoint);
      state.listed.push(BigInt(start));
      const limit = request.options?.limit ?? 10;
      const last = Math.min(state.tip, start + limit - 1);
      for (let i = start; i <= last; i += 1) {
        yield { checkpoint: checkpoint(i), ...(i === start + limit - 1 ? { end: { reason: 1 } } : {}) };
      }
      if (last !== start + limit - 1) yield { end: { reason: 5 } };
    },
    SubscribeCheckpoints() {
      const feed = new Feed<unknown>();
      state.feeds.push(feed);
      queueMicrotask(() => subscribed());
      return feed;
    },
    ...overrides,
  } as Handlers);
  return {
    ...state,
    state,
    grpc,
    nextSubscription: () => new Promise<void>((resolve) => (subscribed = resolve)),
  };
}

function follow(ledger: { grpc: { fetch: typeof fetch } }, from = 0n) {
  const time = createVirtualTime({ startMs: 0 });
  const stop = new AbortController();
  const calls = new LedgerCalls('http://ledger.test', { fetch: ledger.grpc.fetch, clock: time, scheduler: time });
  const records = followCheckpoints(calls, { from, packages, signal: stop.signal });
  const take = async (count: number): Promise<number[]> => {
    const taken: number[] = [];
    while (taken.length < count) {
      const { value } = await records.next();
      taken.push(Number(value.sequence));
    }
    return taken;
  };
  return { time, stop, records, take };
}

describe('followCheckpoints', () => {
  it('lists what there is, in pages, then takes what is new from the subscription', async () => {
    const ledger = createLedger(249);
    const { take } = follow(ledger);
    expect(await take(250)).toEqual(Array.from({ length: 250 }, (_, i) => i));
    expect(ledger.state.listed).toEqual([0n, 100n, 200n]);
    ledger.state.feeds[0]?.push(frameOf(250));
    ledger.state.feeds[0]?.push(frameOf(251));
    expect(await take(2)).toEqual([250, 251]);
    expect(ledger.state.feeds).toHaveLength(1);
  });

  it('subscribes before it lists, so that a checkpoint made between the two is delivered once', async () => {
    const ledger = createLedger(1);
    const { take } = follow(ledger);
    const first = take(2);
    await first;
    expect(ledger.grpc.called.slice(0, 3)).toEqual(['SubscribeCheckpoints', 'GetServiceInfo', 'ListCheckpoints']);
    // The subscription also saw 1 happen.
    ledger.state.feeds[0]?.push(frameOf(1));
    ledger.state.feeds[0]?.push(frameOf(2));
    expect(await take(1)).toEqual([2]);
  });

  it('goes back to the list when the subscription skips a checkpoint', async () => {
    const ledger = createLedger(0);
    const { take } = follow(ledger);
    await take(1);
    ledger.state.tip = 4;
    ledger.state.feeds[0]?.push(frameOf(4));
    expect(await take(4)).toEqual([1, 2, 3, 4]);
    expect(ledger.state.listed).toEqual([0n, 1n]);
  });

  it('resumes where it was after the connection breaks, without repeating or losing any', async () => {
    const ledger = createLedger(2);
    const { time, take } = follow(ledger, 1n);
    expect(await take(2)).toEqual([1, 2]);
    const again = ledger.nextSubscription();
    const next = take(1);
    ledger.state.tip = 3;
    ledger.state.feeds[0]?.end(new Error('connection reset'));
    await settled();
    await time.advance(100);
    await again;
    expect(await next).toEqual([3]);
    expect(ledger.state.listed).toEqual([1n, 3n]);
  });

  it('asks the list when the subscription is silent for long', async () => {
    const ledger = createLedger(0);
    const { time, take } = follow(ledger);
    await take(1);
    const next = take(1);
    ledger.state.tip = 1;
    await settled();
    await time.advance(15_000);
    expect(await next).toEqual([1]);
  });

  it('keeps trying while the ledger cannot be reached, and starts when it can', async () => {
    const ledger = createLedger(0);
    let down = true;
    const attempts: number[] = [];
    const fetch: typeof globalThis.fetch = async (...request) => {
      if (!down) return ledger.grpc.fetch(...request);
      attempts.push(time.nowMs());
      throw new TypeError('fetch failed');
    };
    const { time, take } = follow({ grpc: { fetch } });
    const first = take(1);
    await settled();
    for (let i = 0; i < 3; i += 1) {
      await time.advance(100 * 2 ** i);
      await settled();
    }
    expect(attempts).toEqual([0, 100, 300, 700]);
    down = false;
    await time.advance(800);
    expect(await first).toEqual([0]);
  });

  it('ends with the reason of the signal', async () => {
    const { stop, take, records } = follow(createLedger(0));
    await take(1);
    const next = records.next();
    stop.abort(new Error('shutting down'));
    await expect(next).rejects.toThrow('shutting down');
  });

  it('reads one by one from a ledger that cannot list', async () => {
    const ledger = createLedger(2, {
      ListCheckpoints() {
        throw new RpcError('no such method', 'UNIMPLEMENTED');
      },
      GetCheckpoint({ checkpointId }: GrpcTypes.GetCheckpointRequest) {
        const sequence = checkpointId.oneofKind === 'sequenceNumber' ? Number(checkpointId.sequenceNumber) : -1;
        if (sequence > 2) throw new RpcError(`no checkpoint ${sequence}`, 'NOT_FOUND');
        return { checkpoint: checkpoint(sequence) };
      },
    } as Handlers);
    const { take } = follow(ledger);
    expect(await take(3)).toEqual([0, 1, 2]);
    ledger.state.feeds[0]?.push(frameOf(3));
    expect(await take(1)).toEqual([3]);
  });

  it('refuses a ledger that sends another checkpoint than the next', async () => {
    const ledger = createLedger(0, {
      async *ListCheckpoints() {
        yield { checkpoint: checkpoint(7) };
        yield { end: { reason: 5 } };
      },
    } as Handlers);
    await expect(follow(ledger).records.next()).rejects.toMatchObject({ code: 'LEDGER_MISBEHAVED' });
  });

  it('numbers the Walrus events of a transaction and leaves out all others', async () => {
    const event = (kind: 'EpochChangeStart' | 'EpochChangeDone', epoch: number, packageId = PACKAGE) => ({
      eventType: eventType(packageId, kind),
      contents: { value: encodeContractEvent({ kind, epoch: epoch as Epoch }) },
    });
    const transactions = [
      {
        digest: 'A',
        events: {
          events: [
            event('EpochChangeStart', 1),
            { eventType: `${parseObjectId('0x2')}::display::Created`, contents: { value: Uint8Array.of(1) } },
            event('EpochChangeStart', 9, parseObjectId('0xff')),
            event('EpochChangeDone', 1),
          ],
        },
      },
      { digest: 'B', events: { events: [event('EpochChangeStart', 2)] } },
    ];
    const ledger = createLedger(0, {
      async *ListCheckpoints() {
        yield { checkpoint: checkpoint(0, transactions) };
        yield { end: { reason: 5 } };
      },
    } as Handlers);
    const { value } = await follow(ledger).records.next();
    expect(value).toEqual({
      sequence: 0n,
      timestampMs: 5,
      events: [
        { txDigest: 'A', eventSeq: 0, event: { kind: 'EpochChangeStart', epoch: 1 } },
        { txDigest: 'A', eventSeq: 1, event: { kind: 'EpochChangeDone', epoch: 1 } },
        { txDigest: 'B', eventSeq: 0, event: { kind: 'EpochChangeStart', epoch: 2 } },
      ],
    });
  });

  it('stops at an event of its contracts that it does not know', async () => {
    const unknown = [{ digest: 'A', events: { events: [{ eventType: `${PACKAGE}::events::BlobMoved` }] } }];
    const ledger = createLedger(0, {
      async *ListCheckpoints() {
        yield { checkpoint: checkpoint(0, unknown) };
        yield { end: { reason: 5 } };
      },
    } as Handlers);
    await expect(follow(ledger).records.next()).rejects.toMatchObject({ code: 'UNKNOWN_EVENT' });
  });
});

/** Lets every promise and stream callback that is ready run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
