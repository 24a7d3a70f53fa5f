import type { CheckpointRecord, ContractEvent, layouts } from '@floe/contracts';
import { deferred, FloeError, noMetrics, silentLogger } from '@floe/platform';
import { createMemoryStore, createVirtualTime, type VirtualTime } from '@floe/platform/memory';
import { type Epoch, parseObjectId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { CommitteeTracker } from '../../src/committee-tracker.ts';
import { EpochChanges } from '../../src/epochs/epoch-changes.ts';
import { attestSyncs, type ShardsInPlace } from '../../src/epochs/sync-attestation.ts';
import type { OperatorLedger } from '../../src/ledger-port.ts';
import { createNodeMetrics } from '../../src/node-metrics.ts';
import { committees, EPOCH, FakeLedger, NODE_ID } from '../node-harness.ts';

const CAP_ID = parseObjectId('0xca');
const OPERATOR = parseObjectId('0x0e');

interface Attesting {
  readonly time: VirtualTime;
  readonly ledger: FakeLedger;
  readonly tracker: CommitteeTracker;
  /** Epochs attested, in order. */
  readonly attested: number[];
  /** What the next attestations fail with. */
  readonly failures: Error[];
  /** Epochs whose shards were asked for, with how to say that they are in place. */
  readonly asked: { epoch: Epoch; inPlace: () => void; signal: AbortSignal }[];
  follow(sequence: bigint, ...events: ContractEvent[]): Promise<void>;
  stop(): Promise<void>;
}

const started = (epoch: number): ContractEvent => ({ kind: 'EpochChangeStart', epoch: epoch as Epoch });

async function startAttesting(
  options: { capOf?: string; lastEpochSyncDone?: number; tip?: bigint } = {},
): Promise<Attesting> {
  const time = createVirtualTime();
  const ledger = new FakeLedger();
  const stopping = new AbortController();
  const { signal } = stopping;
  const modules = { ledger, store: createMemoryStore(), scheduler: time, logger: silentLogger };
  const tracker = await CommitteeTracker.open({ nodeId: NODE_ID, signal }, modules);
  const changes = new EpochChanges({ epoch: EPOCH, tip: options.tip ?? -1n, next: 0n });
  const attested: number[] = [];
  const failures: Error[] = [];
  const asked: Attesting['asked'] = [];
  const cap = {
    id: CAP_ID,
    nodeId: options.capOf ?? NODE_ID,
    lastEpochSyncDone: options.lastEpochSyncDone ?? EPOCH,
  } as layouts.StorageNodeCap;
  const operatorLedger = {
    epochSchedule: async () => ({ epoch: ledger.current.current.epoch, phase: 'sync', epochDurationMs: 100_000 }),
    systemState: async () => ({ packageId: CAP_ID, stakingObjectId: CAP_ID, systemObjectId: CAP_ID, walType: '' }),
    async *nodeCaps() {
      yield { ...cap, nodeId: parseObjectId('0xff') };
      yield cap;
    },
    execute: async () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      attested.push(tracker.epoch);
    },
  } as unknown as OperatorLedger;
  const shardsInPlace: ShardsInPlace = (epoch, waiting) => {
    const { promise, resolve, reject } = deferred<void>();
    waiting.addEventListener('abort', () => reject(waiting.reason));
    asked.push({ epoch, inPlace: () => resolve(), signal: waiting });
    return promise;
  };
  const signer = { toSuiAddress: () => OPERATOR, signTransaction: async () => ({ signature: '' }) };
  const working = attestSyncs(
    { nodeId: NODE_ID, signal },
    {
      operator: { signer, ledger: operatorLedger },
      changes,
      committees: tracker,
      shardsInPlace,
      scheduler: time,
      metrics: createNodeMetrics(noMetrics),
      logger: silentLogger,
    },
  );
  working.catch(() => undefined);
  await time.advance(0);
  return {
    time,
    ledger,
    tracker,
    attested,
    failures,
    asked,
    async follow(sequence, ...events) {
      const placed = events.map((event, eventSeq) => ({ txDigest: '', eventSeq, event }));
      for (const event of events) if (event.kind === 'EpochChangeStart') await tracker.advanceTo(event.epoch, signal);
      changes.followed({ sequence, timestampMs: 0, events: placed } satisfies CheckpointRecord);
      await time.advance(0);
    },
    async stop() {
      stopping.abort(new Error('over'));
      await expect(working).rejects.toThrow('over');
      expect(time.sleepers).toBe(0);
    },
  };
}

const aborted = (name: string) =>
  new FloeError({ code: 'MOVE_ABORT', kind: 'conflict', message: name, data: { module: 'staking_inner', name } });

describe('the attestation of an epoch', () => {
  it('waits for the start of the epoch and then for the shards', async () => {
    const node = await startAttesting();
    expect(node.asked).toEqual([]);
    node.ledger.current = committees(EPOCH + 1);
    await node.follow(0n, started(EPOCH + 1));
    expect(node.asked.map(({ epoch }) => epoch)).toEqual([EPOCH + 1]);
    await node.time.advance(50_000);
    expect(node.attested).toEqual([]);
    node.asked[0]?.inPlace();
    await node.time.advance(0);
    expect(node.attested).toEqual([EPOCH + 1]);
    await node.follow(1n, { kind: 'EpochChangeDone', epoch: (EPOCH + 1) as Epoch });
    await node.time.advance(500_000);
    expect(node.attested).toEqual([EPOCH + 1]);
    await node.stop();
  });

  it('is given up when the next epoch begins before the shards are there', async () => {
    const node = await startAttesting();
    node.ledger.current = committees(EPOCH + 1);
    await node.follow(0n, started(EPOCH + 1));
    node.ledger.current = committees(EPOCH + 2);
    await node.follow(1n, started(EPOCH + 2));
    expect(node.asked.map(({ epoch, signal }) => [epoch, signal.aborted])).toEqual([
      [EPOCH + 1, true],
      [EPOCH + 2, false],
    ]);
    node.asked[1]?.inPlace();
    await node.time.advance(0);
    expect(node.attested).toEqual([EPOCH + 2]);
    await node.stop();
  });

  it('is not made before all that the ledger had when the node was opened is handled', async () => {
    const node = await startAttesting({ lastEpochSyncDone: EPOCH - 1, tip: 1n });
    await node.follow(0n);
    expect(node.asked).toEqual([]);
    await node.follow(1n);
    expect(node.asked.map(({ epoch }) => epoch)).toEqual([EPOCH]);
    await node.stop();
  });

  it('is not repeated when the cap says that it was made', async () => {
    const node = await startAttesting({ lastEpochSyncDone: EPOCH });
    await node.follow(0n);
    await node.time.advance(500_000);
    expect([node.asked, node.attested]).toEqual([[], []]);
    await node.stop();
  });

  it('is tried again until the ledger takes it, and a copy that arrived counts', async () => {
    const node = await startAttesting({ lastEpochSyncDone: EPOCH - 1 });
    node.failures.push(new Error('no gas'), aborted('EInvalidSyncEpoch'), aborted('EDuplicateSyncDone'));
    for (let i = 0; i < 3; i += 1) {
      node.asked[i]?.inPlace();
      await node.time.advance(10_000);
    }
    expect(node.asked).toHaveLength(3);
    expect(node.failures).toEqual([]);
    await node.time.advance(500_000);
    expect([node.asked.length, node.attested]).toEqual([3, []]);
    await node.stop();
  });

  it('needs the cap of this node', async () => {
    const node = await startAttesting({ lastEpochSyncDone: EPOCH - 1, capOf: parseObjectId('0xfe') });
    await node.time.advance(100_000);
    expect([node.asked, node.attested]).toEqual([[], []]);
    await node.stop();
  });
});
