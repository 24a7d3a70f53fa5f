import { deferred, httpErrors, noMetrics, silentLogger, toHex } from '@floe/platform';
import { createMemoryStore, createVirtualTime, seededRng } from '@floe/platform/memory';
import {
  blobIdFromBytes,
  createCommittee,
  type Committees,
  type Epoch,
  type NodeId,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { CommitteeTracker } from '../../src/committee-tracker.ts';
import { defaultLimits } from '../../src/limits.ts';
import type { NodeLedger } from '../../src/ledger-port.ts';
import { createNodeMetrics } from '../../src/node-metrics.ts';
import { Peers } from '../../src/peers/peers.ts';

const [self, peer] = ['0xa', '0xb'].map((text) => parseObjectId(text) as NodeId) as [NodeId, NodeId];

function committeesWith(key: Uint8Array, epoch = 3): Committees {
  const members = [self, peer].map((nodeId, index) => ({
    nodeId,
    name: `node-${index}`,
    networkAddress: `127.0.0.1:${index}`,
    publicKey: new Uint8Array(48),
    networkPublicKey: key,
    shards: [0, 1].map((i) => (2 * index + i) as ShardIndex),
  }));
  return { current: createCommittee({ epoch: epoch as Epoch, nShards: 4, members }), phase: 'done' };
}

const [oldKey, newKey] = [2, 3].map((byte) => new Uint8Array(33).fill(byte)) as [Uint8Array, Uint8Array];

describe('a peer that does not hold the key that the ledger has of it', () => {
  it('is told nothing, asked last, and looked up again', async () => {
    const time = createVirtualTime({ startMs: 0 });
    const asked: (string | undefined)[] = [];
    let lookups = 0;
    const peers = new Peers(
      { nodeId: self, scheme: 'https', limits: defaultLimits },
      {
        onWrongKey: () => (lookups += 1),
        transport: {
          request({ url, serverKey }) {
            asked.push(`${url} ${toHex(serverKey ?? new Uint8Array())}`);
            throw httpErrors.WRONG_SERVER_KEY({ server: 'there', expected: 'x', came: 'y' });
          },
          close: () => Promise.resolve(),
        },
        clock: time,
        scheduler: time,
        rng: seededRng('peers'),
        metrics: createNodeMetrics(noMetrics),
        logger: silentLogger,
      },
    );
    const member = committeesWith(oldKey).current.members[1];
    if (member === undefined) throw new Error('no member');
    const blobId = blobIdFromBytes(new Uint8Array(32));
    await expect(peers.metadata(member, blobId, new AbortController().signal)).rejects.toMatchObject({
      code: 'PEER_WRONG_KEY',
      message: expect.stringContaining('its key should be x, came y') as string,
    });
    expect(asked).toEqual([`https://127.0.0.1:1/v1/blobs/${blobId}/metadata ${toHex(oldKey)}`]);
    expect([lookups, peers.health.isSuspect(peer)]).toEqual([1, true]);
  });
});

describe('the committees', () => {
  it('are read again for new keys, not more often than now and then, and not for a new epoch', async () => {
    const time = createVirtualTime({ startMs: 0 });
    const { signal } = new AbortController();
    let [answer, reads] = [committeesWith(oldKey), 0];
    const ledger = {
      committees: () => {
        reads += 1;
        return Promise.resolve(answer);
      },
    } as Partial<NodeLedger> as NodeLedger;
    const modules = { ledger, store: createMemoryStore(), scheduler: time, logger: silentLogger };
    const tracker = await CommitteeTracker.open({ nodeId: self, signal }, modules);
    const keyNow = (): Uint8Array | undefined => tracker.committees.current.members[1]?.networkPublicKey;
    answer = committeesWith(newKey);
    tracker.refreshSoon(signal);
    tracker.refreshSoon(signal);
    await time.advance(1);
    expect([reads, keyNow()]).toEqual([2, newKey]);
    answer = committeesWith(oldKey, 4);
    tracker.refreshSoon(signal);
    await time.advance(10_000);
    expect([reads, tracker.epoch]).toEqual([2, 3]);
    tracker.refreshSoon(signal);
    await time.advance(10_000);
    expect([reads, tracker.epoch, keyNow()]).toEqual([3, 3, newKey]);
  });

  it('stay as they were read last when an older reading comes late', async () => {
    const time = createVirtualTime({ startMs: 0 });
    const { signal } = new AbortController();
    const answers: Promise<Committees>[] = [];
    const ledger = { committees: () => answers.shift() } as Partial<NodeLedger> as NodeLedger;
    const modules = { ledger, store: createMemoryStore(), scheduler: time, logger: silentLogger };
    const changing: Committees = { ...committeesWith(oldKey), phase: 'sync' };
    answers.push(Promise.resolve(changing));
    const tracker = await CommitteeTracker.open({ nodeId: self, signal }, modules);
    const late = deferred<Committees>();
    answers.push(late.promise, Promise.resolve(committeesWith(oldKey)));
    tracker.refreshSoon(signal);
    await tracker.advanceTo(3 as Epoch, signal);
    late.resolve(changing);
    await time.advance(1);
    expect(tracker.committees.phase).toBe('done');
  });
});
