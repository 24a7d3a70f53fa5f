import { GrpcTypes } from '@mysten/sui/grpc';
import { toBase58 } from '@mysten/sui/utils';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LedgerEvent } from '../../src/api.ts';
import { createLedgerDispatcher } from '../../src/rpc/handler.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';
import type { Dispatcher, MessageCodec } from '../../src/rpc/service.ts';
import { decodeCursor, encodeCursor, positionOf } from '../../src/rpc/services/positions.ts';
import { clientOfLedger, rpcErrorOf } from './support/client.ts';
import { ADDRESSES, createFakeLedger, digestOf, idOf } from './support/fake-ledger.ts';

const ALICE = idOf(0xa11ce);
const BOB = idOf(0xb0b);
const Reason = GrpcTypes.QueryEndReason;
const { DESCENDING } = GrpcTypes.Ordering;

const event = (name: string, sender = ALICE): LedgerEvent => ({
  packageId: ADDRESSES.walrus,
  module: 'system',
  sender,
  type: `${ADDRESSES.walrus}::events::${name}`,
  contents: Uint8Array.of(1),
});

/** Ten checkpoints; every third has two transactions; even ones emit two events. */
function chain() {
  const ledger = createFakeLedger();
  for (let sequence = 0; sequence < 10; sequence += 1) {
    const sender = sequence % 2 === 0 ? ALICE : BOB;
    const events = sequence % 2 === 0 ? [event('BlobRegistered'), event('BlobCertified')] : [];
    ledger.commit([{ sender, events }, ...(sequence % 3 === 0 ? [{ sender: BOB }] : [])]);
  }
  return ledger;
}

const client = clientOfLedger(chain());

async function listCheckpoints(request: Partial<GrpcTypes.ListCheckpointsRequest>) {
  const call = client.ledgerService.listCheckpoints(request);
  const frames: GrpcTypes.ListCheckpointsResponse[] = [];
  for await (const frame of call.responses) frames.push(frame);
  await call.status;
  return {
    frames,
    sequences: frames.flatMap(({ checkpoint }) =>
      checkpoint === undefined ? [] : [Number(checkpoint.sequenceNumber)],
    ),
    end: frames.at(-1)?.end?.reason,
    cursor: frames.at(-1)?.watermark?.cursor as Uint8Array,
  };
}

describe('ListCheckpoints', () => {
  it('lists from genesis to the tip and says so in the last frame alone', async () => {
    const { frames, sequences, end } = await listCheckpoints({});
    expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(end).toBe(Reason.LEDGER_TIP);
    expect(frames.filter((frame) => frame.end !== undefined)).toHaveLength(1);
    expect(frames.every(({ watermark }) => watermark?.cursor !== undefined)).toBe(true);
    expect(frames.map(({ watermark }) => watermark?.checkpoint)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 9n]);
  });

  it('ends with the last item at the item limit, and resumes behind it', async () => {
    const seen: number[] = [];
    let after: Uint8Array | undefined;
    for (;;) {
      const part = await listCheckpoints({ options: { limit: 4, after } });
      seen.push(...part.sequences);
      if (part.end === Reason.LEDGER_TIP) break;
      expect(part.end).toBe(Reason.ITEM_LIMIT);
      expect(part.frames.at(-1)?.checkpoint).toBeDefined();
      after = part.cursor;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('keeps to a range, and to cursors on both sides', async () => {
    const range = await listCheckpoints({ startCheckpoint: 3n, endCheckpoint: 6n });
    expect(range).toMatchObject({ sequences: [3, 4, 5], end: Reason.CHECKPOINT_BOUND });
    const { cursor: after } = await listCheckpoints({ endCheckpoint: 3n });
    const { cursor: before } = await listCheckpoints({ endCheckpoint: 7n });
    const between = await listCheckpoints({ options: { after, before } });
    expect(between).toMatchObject({ sequences: [3, 4, 5], end: Reason.CURSOR_BOUND });
  });

  it('is empty, and no error, beyond the tip', async () => {
    const beyond = await listCheckpoints({ startCheckpoint: 10n });
    expect(beyond).toMatchObject({ sequences: [], end: Reason.LEDGER_TIP });
    expect(beyond.frames).toHaveLength(1);
    expect(await listCheckpoints({ startCheckpoint: 1n << 60n })).toMatchObject({
      sequences: [],
      end: Reason.LEDGER_TIP,
    });
  });

  it('goes backwards, page by page', async () => {
    const first = await listCheckpoints({ options: { ordering: DESCENDING, limit: 4 } });
    expect(first).toMatchObject({ sequences: [9, 8, 7, 6], end: Reason.ITEM_LIMIT });
    const second = await listCheckpoints({ options: { ordering: DESCENDING, before: first.cursor } });
    expect(second).toMatchObject({ sequences: [5, 4, 3, 2, 1, 0], end: Reason.CHECKPOINT_BOUND });
  });

  it('filters by what the transactions are', async () => {
    const filter = termsOf([sender(BOB)]);
    expect((await listCheckpoints({ filter })).sequences).toEqual([0, 1, 3, 5, 6, 7, 9]);
  });

  it('stops a long scan with a cursor that goes on', async () => {
    const ledger = createFakeLedger();
    for (let i = 0; i < rpcLimits.queryScanCheckpoints + 5; i += 1) ledger.commit([{ sender: ALICE }]);
    ledger.commit([{ sender: BOB }]);
    const long = clientOfLedger(ledger);
    const call = long.ledgerService.listCheckpoints({ filter: termsOf([sender(BOB)]) });
    const frames: GrpcTypes.ListCheckpointsResponse[] = [];
    for await (const frame of call.responses) frames.push(frame);
    expect(frames).toHaveLength(1);
    expect(frames[0]?.end?.reason).toBe(Reason.SCAN_LIMIT);
    const rest = long.ledgerService.listCheckpoints({
      filter: termsOf([sender(BOB)]),
      options: { after: frames[0]?.watermark?.cursor },
    });
    const found: unknown[] = [];
    for await (const frame of rest.responses) found.push(frame.checkpoint?.sequenceNumber);
    expect(found).toEqual([BigInt(rpcLimits.queryScanCheckpoints + 5), undefined]);
  });

  it('refuses a foreign cursor and a filter without terms', async () => {
    const foreign = client.ledgerService.listCheckpoints({ options: { after: Uint8Array.of(1, 2) } });
    expect(await rpcErrorOf(foreign)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('cursor'),
    });
    const empty = client.ledgerService.listCheckpoints({ filter: { terms: [] } });
    expect(await rpcErrorOf(empty)).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a scan that finds nothing', () => {
  /** A checkpoint's transactions at most. */
  const WIDE = 128;
  const CHECKPOINTS = 17;

  // Wide checkpoints of one sender, and one transaction of another at the end.
  const ledger = createFakeLedger();
  for (let i = 0; i < CHECKPOINTS; i += 1) {
    ledger.commit(Array.from({ length: WIDE }, () => ({ sender: ALICE, events: [event('BlobRegistered')] })));
  }
  ledger.commit([{ sender: BOB, events: [event('BlobCertified', BOB)] }]);
  const reads = vi.spyOn(ledger, 'getTransaction');
  beforeEach(() => void reads.mockClear());

  const PATHS = ['ListCheckpoints', 'ListTransactions', 'ListEvents'] as const;
  const filters = {
    ListCheckpoints: termsOf([sender(BOB)]),
    ListTransactions: termsOf([sender(BOB)]),
    ListEvents: {
      terms: [
        {
          literals: [{ negated: false, predicate: { oneofKind: 'sender' as const, sender: { address: BOB } } }],
        },
      ],
    },
  };

  async function list(
    dispatcher: Dispatcher,
    method: (typeof PATHS)[number],
    {
      signal = new AbortController().signal,
      after,
      isFiltered = true,
    }: { signal?: AbortSignal; after?: Uint8Array; isFiltered?: boolean } = {},
  ) {
    const descriptor = GrpcTypes.LedgerService.methods.find(({ name }) => name === method);
    if (descriptor === undefined) throw new TypeError(`no method ${method}`);
    const request = { filter: isFiltered ? filters[method] : undefined, options: { after } };
    const bytes = (descriptor.I as MessageCodec).toBinary(request);
    const reply = await dispatcher.call(`${GrpcTypes.LedgerService.typeName}/${method}`, bytes, { signal });
    const frames: GrpcTypes.ListEventsResponse[] = [];
    if (reply.kind !== 'stream') throw new TypeError('it answers with a stream');
    for await (const message of reply.messages) {
      frames.push((descriptor.O as MessageCodec).fromBinary(message) as GrpcTypes.ListEventsResponse);
    }
    return frames;
  }

  it.each(PATHS)(
    'of %s ends by its transactions, too, at the end of a checkpoint, and goes on from there',
    async (method) => {
      const dispatcher = createLedgerDispatcher(ledger);
      const first = await list(dispatcher, method);
      expect(first).toHaveLength(1);
      expect(first[0]?.end?.reason).toBe(Reason.SCAN_LIMIT);
      const covered = Math.ceil(rpcLimits.queryScanTransactions / WIDE);
      expect(covered).toBeLessThan(CHECKPOINTS);
      expect(first[0]?.watermark?.checkpoint).toBe(BigInt(covered - 1));
      expect(reads).toHaveBeenCalledTimes(covered * WIDE);
      const rest = await list(dispatcher, method, { after: first[0]?.watermark?.cursor });
      expect(rest).toHaveLength(2);
      expect(rest[1]?.end?.reason).toBe(Reason.LEDGER_TIP);
    },
  );

  it('is not counted by transactions where none are read', async () => {
    const frames = await list(createLedgerDispatcher(ledger), 'ListCheckpoints', { isFiltered: false });
    expect(frames).toHaveLength(CHECKPOINTS + 2);
    expect(frames.at(-1)?.end?.reason).toBe(Reason.LEDGER_TIP);
    expect(reads).not.toHaveBeenCalled();
  });

  it('lets others have the thread after each lot, and ends when the caller is gone', async () => {
    const readBetween: number[] = [];
    let before = 0;
    const caller = new AbortController();
    let pausesLeft = Number.POSITIVE_INFINITY;
    const pause = async () => {
      readBetween.push(reads.mock.calls.length - before);
      before = reads.mock.calls.length;
      if ((pausesLeft -= 1) === 0) caller.abort();
    };
    const dispatcher = createLedgerDispatcher(ledger, { pause });
    await list(dispatcher, 'ListEvents', { signal: caller.signal });
    expect(readBetween.length).toBeGreaterThanOrEqual(15);
    // A lot ends with the checkpoint that fills it.
    expect(Math.max(...readBetween)).toBeLessThan(rpcLimits.queryLotItems + WIDE);
    reads.mockClear();
    before = 0;
    pausesLeft = 3;
    expect(await list(dispatcher, 'ListEvents', { signal: caller.signal })).toEqual([]);
    expect(reads.mock.calls.length).toBeLessThan(4 * (rpcLimits.queryLotItems + WIDE));
  });

  it('pauses among many checkpoints with little in them', async () => {
    const empty = createFakeLedger();
    for (let i = 0; i < 400; i += 1) empty.commit([]);
    let pauses = 0;
    const dispatcher = createLedgerDispatcher(empty, {
      pause: () => {
        pauses += 1;
        return Promise.resolve();
      },
    });
    expect((await list(dispatcher, 'ListEvents')).at(-1)?.end?.reason).toBe(Reason.LEDGER_TIP);
    expect(pauses).toBe(Math.floor(400 / rpcLimits.queryLotItems));
  });
});

type TransactionPage = Awaited<ReturnType<typeof client.listTransactions>>;
type ListOptions = Parameters<typeof client.listTransactions>[0];

describe('ListTransactions', () => {
  it('pages through the high-level client in both directions', async () => {
    for (const order of ['ascending', 'descending'] as const) {
      const digests: string[] = [];
      let cursor: string | null = null;
      for (;;) {
        const bound = order === 'descending' ? { order, before: cursor } : { after: cursor };
        const page: TransactionPage = await client.listTransactions({ limit: 3, ...bound } as ListOptions);
        digests.push(...page.transactions.map((result) => result.Transaction?.digest ?? ''));
        if (!page.hasNextPage) break;
        cursor = page.endCursor;
      }
      const expected = Array.from({ length: 14 }, (_, i) => toBase58(digestOf(1001 + i)));
      expect(digests).toEqual(order === 'ascending' ? expected : [...expected].reverse());
    }
  });

  it('filters by sender through the high-level client', async () => {
    const page = await client.listTransactions({ filter: { sender: ALICE } });
    expect(page.transactions).toHaveLength(5);
    expect(page.hasNextPage).toBe(false);
  });
});

describe('ListEvents', () => {
  it('gives events with their place, and filters by type', async () => {
    const page = await client.listEvents({ filter: { eventType: `${ADDRESSES.walrus}::events::BlobCertified` } });
    expect(page.events).toHaveLength(5);
    expect(page.events[1]).toMatchObject({
      packageId: ADDRESSES.walrus,
      module: 'system',
      sender: ALICE,
      eventType: `${ADDRESSES.walrus}::events::BlobCertified`,
      checkpoint: '2',
      eventIndex: 1,
    });
  });

  it('resumes between two events of one transaction', async () => {
    const first = await client.listEvents({ limit: 1 });
    const rest = await client.listEvents({ after: first.endCursor });
    expect(first.events[0]?.eventType).toContain('BlobRegistered');
    expect(rest.events[0]?.eventType).toContain('BlobCertified');
    expect(rest.events).toHaveLength(9);
  });

  it.each([
    [{ emitModule: `${ADDRESSES.walrus}::system` }, 10],
    [{ emitModule: `${ADDRESSES.walrus}::blob` }, 0],
    [{ sender: BOB }, 0],
  ])('filters by %j', async (filter, count) => {
    const page = await client.listEvents({ filter } as Parameters<typeof client.listEvents>[0]);
    expect(page.events).toHaveLength(count);
  });
});

describe('filters', () => {
  const countOf = async (filter: GrpcTypes.TransactionFilter) => {
    const call = client.ledgerService.listTransactions({ filter });
    let count = 0;
    for await (const { transaction } of call.responses) if (transaction !== undefined) count += 1;
    return count;
  };
  const byType = (eventType: string): Predicate => ({ oneofKind: 'eventType', eventType: { eventType } });

  it('combine literals with and, terms with or, and negate', async () => {
    expect(await countOf(termsOf([sender(ALICE)]))).toBe(5);
    expect(await countOf(termsOf([not(sender(ALICE))]))).toBe(9);
    expect(await countOf(termsOf([sender(ALICE), not(byType(`${ADDRESSES.walrus}::events::BlobCertified`))]))).toBe(0);
    expect(await countOf(termsOf([sender(ALICE)], [sender(BOB)]))).toBe(14);
  });

  it('match names at their boundaries, addresses in any form', async () => {
    expect(await countOf(termsOf([byType(ADDRESSES.walrus)]))).toBe(5);
    expect(await countOf(termsOf([byType(`${ADDRESSES.walrus}::events`)]))).toBe(5);
    expect(await countOf(termsOf([byType(`${ADDRESSES.walrus}::event`)]))).toBe(0);
    expect(await countOf(termsOf([byType(`${ADDRESSES.walrus}::events::Blob`)]))).toBe(0);
    expect(await countOf(termsOf([{ oneofKind: 'sender', sender: { address: '0xA11CE' } }]))).toBe(5);
    expect(await countOf(termsOf([{ oneofKind: 'affectedAddress', affectedAddress: { address: ALICE } }]))).toBe(5);
  });

  it('refuse what cannot be understood', async () => {
    for (const predicate of [
      { oneofKind: undefined },
      { oneofKind: 'moveCall', moveCall: { function: '0x2::a::b::c' } },
      { oneofKind: 'emitModule', emitModule: { module: 'not an address' } },
      { oneofKind: 'sender', sender: {} },
      { oneofKind: 'eventType', eventType: { eventType: '0x2::a::b<' } },
    ] as const) {
      const call = client.ledgerService.listTransactions({ filter: termsOf([predicate]) });
      expect(await rpcErrorOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});

describe('cursors', () => {
  it('give back their position', () => {
    const position = positionOf(1n << 40n, 3, 4);
    expect(decodeCursor('x', encodeCursor(position))).toEqual(position);
  });
});

type Predicate = GrpcTypes.TransactionLiteral['predicate'];

function sender(address: string): Predicate {
  return { oneofKind: 'sender', sender: { address } };
}

function not(predicate: Predicate): GrpcTypes.TransactionLiteral {
  return { negated: true, predicate };
}

function termsOf(...terms: readonly (Predicate | GrpcTypes.TransactionLiteral)[][]): GrpcTypes.TransactionFilter {
  return {
    terms: terms.map((literals) => ({
      literals: literals.map((literal) => ('predicate' in literal ? literal : { negated: false, predicate: literal })),
    })),
  };
}
