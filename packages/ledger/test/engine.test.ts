import { deferred } from '@floe/platform';
import { expect, test } from 'vitest';
import type { TransactionRecord } from '../src/api.ts';
import { createEmbeddedEngine, type OrderedBatch, type Outcome, type SignedTransaction } from '../src/engine.ts';

const transaction = (name: number): SignedTransaction =>
  ({
    digest: Uint8Array.of(name),
    transactionBytes: new Uint8Array(10),
    signatures: [],
  }) as unknown as SignedTransaction;

/** An engine whose batches wait until the test lets them go. */
function engineWith(options: { maxWaiting?: number; maxBatch?: number; minEarlyBatch?: number } = {}) {
  const batches: { names: number[]; timestampMs: number; finish: (outcomes?: Outcome[]) => void }[] = [];
  let nowMs = 100;
  const arrivals: (() => void)[] = [];
  const engine = createEmbeddedEngine(
    { startTimestampMs: 50, ...options },
    {
      clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
      deliver: (batch: OrderedBatch) => {
        const { promise, resolve } = deferred<readonly Outcome[]>();
        const records = batch.transactions.map(({ digest }) => ({
          record: { digest } as unknown as TransactionRecord,
        }));
        batches.push({
          names: batch.transactions.map(({ digest }) => digest[0] as number),
          timestampMs: batch.timestampMs,
          finish: (outcomes = records) => resolve(outcomes),
        });
        arrivals.shift()?.();
        return promise;
      },
    },
  );
  const nextBatch = () => new Promise<void>((resolve) => arrivals.push(resolve));
  return { engine, batches, nextBatch, setNow: (ms: number) => (nowMs = ms) };
}

test('what is submitted together is one batch; what comes meanwhile is the next, in order', async () => {
  const { engine, batches, nextBatch } = engineWith({ maxBatch: 3 });
  const arrived = nextBatch();
  const first = [1, 2].map((name) => engine.submit(transaction(name)));
  await arrived;
  const second = [3, 4, 5, 6].map((name) => engine.submit(transaction(name)));
  expect(batches.map(({ names }) => names)).toEqual([[1, 2]]);
  const next = nextBatch();
  batches[0]!.finish();
  await next;
  expect(batches[1]!.names).toEqual([3, 4, 5]);
  const last = nextBatch();
  batches[1]!.finish();
  await last;
  batches[2]!.finish();
  const records = await Promise.all([...first, ...second]);
  expect(records.map(({ digest }) => digest[0])).toEqual([1, 2, 3, 4, 5, 6]);
  await engine.close();
});

test('when enough waits a batch goes out before the one ahead of it is done, but never a third', async () => {
  const { engine, batches, nextBatch } = engineWith({ minEarlyBatch: 2 });
  const submit = (...names: number[]) => names.map((name) => engine.submit(transaction(name)));
  const [one, two] = [nextBatch(), nextBatch()];
  const submitted = submit(1);
  await one;
  submitted.push(...submit(2));
  await Promise.resolve();
  expect(batches).toHaveLength(1);
  submitted.push(...submit(3));
  await two;
  submitted.push(...submit(4, 5, 6));
  await Promise.resolve();
  expect(batches.map(({ names }) => names)).toEqual([[1], [2, 3]]);
  const three = nextBatch();
  batches[0]!.finish();
  await three;
  expect(batches[2]!.names).toEqual([4, 5, 6]);
  for (const batch of batches) batch.finish();
  await Promise.all(submitted);
  await engine.close();
});

test('timestamps never go back, from the one it starts with', async () => {
  const { engine, batches, nextBatch, setNow } = engineWith();
  for (const nowMs of [20, 300, 200]) {
    setNow(nowMs);
    const arrived = nextBatch();
    const submitted = engine.submit(transaction(1));
    await arrived;
    batches.at(-1)!.finish();
    await submitted;
  }
  expect(batches.map(({ timestampMs }) => timestampMs)).toEqual([50, 300, 300]);
  await engine.close();
});

test('each outcome goes to its own submitter, and a failed delivery to all', async () => {
  const { engine, batches, nextBatch } = engineWith();
  const arrived = nextBatch();
  const outcomes = Promise.allSettled([1, 2].map((name) => engine.submit(transaction(name))));
  await arrived;
  batches[0]!.finish([{ error: new Error('stale') }, { record: { digest: Uint8Array.of(2) } as TransactionRecord }]);
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  const failing = createEmbeddedEngine(
    { startTimestampMs: 0 },
    { clock: { nowMs: () => 1, monotonicMs: () => 0 }, deliver: () => Promise.reject(new Error('broken')) },
  );
  await expect(failing.submit(transaction(1))).rejects.toThrow('broken');
  await expect(failing.submit(transaction(2))).rejects.toThrow('broken');
  await engine.close();
});

test('the queue is bounded, an abort makes room, and closing refuses what waits', async () => {
  const { engine, batches, nextBatch } = engineWith({ maxWaiting: 2 });
  const arrived = nextBatch();
  const first = engine.submit(transaction(1));
  await arrived;
  const controller = new AbortController();
  const aborted = engine.submit(transaction(2), controller.signal);
  const waiting = engine.submit(transaction(3));
  await expect(engine.submit(transaction(4))).rejects.toMatchObject({ code: 'MEMPOOL_FULL' });
  controller.abort(new Error('gone'));
  await expect(aborted).rejects.toThrow('gone');
  const late = engine.submit(transaction(5));
  const closing = engine.close();
  await expect(waiting).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
  await expect(late).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
  await expect(engine.submit(transaction(6))).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
  batches[0]!.finish();
  await closing;
  expect((await first).digest).toEqual(Uint8Array.of(1));
  expect(batches).toHaveLength(1);
});
