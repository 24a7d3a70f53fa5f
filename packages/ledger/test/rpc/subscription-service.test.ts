import { deferred } from '@floe/platform';
import { serveHttp } from '@floe/platform/node';
import { type GrpcTypes, SuiGrpcClient } from '@mysten/sui/grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { createLedgerHandler } from '../../src/rpc/handler.ts';
import { rpcErrorOf } from './support/client.ts';
import { ADDRESSES, createFakeLedger, idOf } from './support/fake-ledger.ts';

const ALICE = idOf(0xa11ce);
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(format: 'text' | 'binary' = 'text') {
  const ledger = createFakeLedger();
  ledger.commit([{ sender: ALICE }]);
  const server = await serveHttp(createLedgerHandler(ledger), { host: '127.0.0.1', port: 0 });
  closers.push(() => server.close(0));
  const client = new SuiGrpcClient({ network: 'testnet', baseUrl: server.url, format });
  return { ledger, client, server };
}

const readMask = { paths: ['sequence_number', 'summary.timestamp', 'transactions.digest', 'transactions.events'] };

describe.each(['text', 'binary'] as const)('SubscribeCheckpoints over a socket, %s', (format) => {
  it('answers its headers before there is a checkpoint, then delivers each one once and in order', async () => {
    const { ledger, client } = await serve(format);
    const gone = new AbortController();
    const call = client.subscriptionService.subscribeCheckpoints({ readMask }, { abort: gone.signal });
    await call.headers;
    for (let i = 0; i < 3; i += 1) ledger.commit([{ sender: ALICE }, { sender: ALICE }]);
    const seen: [cursor?: bigint, sequence?: bigint, transactions?: number][] = [];
    for await (const { cursor, checkpoint } of call.responses) {
      seen.push([cursor, checkpoint?.sequenceNumber, checkpoint?.transactions.length]);
      if (seen.length === 1) ledger.commit([{ sender: ALICE }]);
      if (seen.length === 4) break;
    }
    gone.abort();
    expect(seen).toEqual([
      [1n, 1n, 2],
      [2n, 2n, 2],
      [3n, 3n, 2],
      [4n, 4n, 1],
    ]);
  });
});

describe('subscriptions', () => {
  it('lose nothing when a client subscribes, lists to the tip, reads, loses its connection and comes back', async () => {
    const { ledger, client } = await serve();
    const seen: bigint[] = [];
    for (const rounds of [2, 3]) {
      const gone = new AbortController();
      const call = client.subscriptionService.subscribeCheckpoints({ readMask }, { abort: gone.signal });
      await call.headers;
      ledger.commit([{ sender: ALICE }]);
      const startCheckpoint = (seen.at(-1) ?? -1n) + 1n;
      for await (const { checkpoint } of client.ledgerService.listCheckpoints({ startCheckpoint }).responses) {
        if (checkpoint?.sequenceNumber !== undefined) seen.push(checkpoint.sequenceNumber);
      }
      for (let i = 0; i < rounds; i += 1) ledger.commit([{ sender: ALICE }]);
      const target = ledger.getCheckpoint('latest')?.sequence;
      for await (const { checkpoint } of call.responses) {
        const sequence = checkpoint?.sequenceNumber ?? -1n;
        if (sequence > (seen.at(-1) ?? -1n)) seen.push(sequence);
        if (sequence === target) break;
      }
      gone.abort();
    }
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => BigInt(i)));
    expect(seen.at(-1)).toBe(ledger.getCheckpoint('latest')?.sequence);
  });

  it('end on the ledger when the client disconnects while nothing happens', async () => {
    const { ledger, client } = await serve();
    const released = deferred<void>();
    const subscribe = ledger.subscribe.bind(ledger);
    ledger.subscribe = async function* watched(options) {
      try {
        yield* subscribe(options);
      } finally {
        released.resolve();
      }
    };
    const gone = new AbortController();
    const call = client.subscriptionService.subscribeCheckpoints({}, { abort: gone.signal });
    await call.headers;
    gone.abort();
    await released.promise;
    expect(ledger.subscribers).toBe(0);
    await expect(call.status).rejects.toThrow();
  });

  it('fail with UNAVAILABLE when the ledger closes', async () => {
    const { ledger, client } = await serve();
    const call = client.subscriptionService.subscribeCheckpoints({});
    await call.headers;
    await ledger.close();
    const reading = (async () => {
      for await (const _frame of call.responses);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('move the cursor over checkpoints that a filter leaves out', async () => {
    const { ledger, client } = await serve();
    const gone = new AbortController();
    const predicate = { oneofKind: 'sender', sender: { address: idOf(7) } } as const;
    const filter = { terms: [{ literals: [{ negated: false, predicate }] }] };
    const call = client.subscriptionService.subscribeCheckpoints({ filter }, { abort: gone.signal });
    await call.headers;
    ledger.commit([{ sender: ALICE }]);
    ledger.commit([{ sender: idOf(7) }]);
    const frames: GrpcTypes.SubscribeCheckpointsResponse[] = [];
    for await (const frame of call.responses) {
      frames.push(frame);
      if (frames.length === 2) break;
    }
    gone.abort();
    expect(frames.map(({ cursor, checkpoint }) => [cursor, checkpoint?.sequenceNumber])).toEqual([
      [1n, undefined],
      [2n, 2n],
    ]);
  });

  it('deliver transactions and events with watermarks', async () => {
    const { ledger, client } = await serve();
    const gone = new AbortController();
    const options = { abort: gone.signal };
    const transactions = client.subscriptionService.subscribeTransactions({}, options);
    const events = client.subscriptionService.subscribeEvents({}, options);
    await Promise.all([transactions.headers, events.headers]);
    const type = `${ADDRESSES.walrus}::events::BlobRegistered`;
    const event = { packageId: ADDRESSES.walrus, module: 'system', sender: ALICE, type, contents: Uint8Array.of(1) };
    ledger.commit([{ sender: ALICE, events: [event] }]);
    const [transaction] = await take(transactions.responses, 1);
    expect(transaction?.transaction?.digest).toBeDefined();
    const [first, second] = await take(events.responses, 2);
    gone.abort();
    expect(first?.event?.eventType).toBe(type);
    expect(second).toMatchObject({ watermark: { checkpoint: 1n } });
    expect(second?.event).toBeUndefined();
  });

  it('refuse a bad mask at once', async () => {
    const { client } = await serve();
    const call = client.subscriptionService.subscribeCheckpoints({ readMask: { paths: ['no'] } });
    expect(await rpcErrorOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

async function take<Item>(items: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const taken: Item[] = [];
  for await (const item of items) if (taken.push(item) === count) break;
  return taken;
}
