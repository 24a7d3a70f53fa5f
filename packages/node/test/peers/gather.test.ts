import { deferred } from '@floe/platform';
import { createVirtualTime } from '@floe/platform/memory';
import { type CommitteeMember, type NodeId, parseObjectId, type ShardIndex } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { type FetchItems, gather } from '../../src/peers/gather.ts';

const HEDGE_MS = 1000;

function member(index: number): CommitteeMember {
  return {
    index,
    nodeId: parseObjectId(`0x${(index + 1).toString(16)}`) as NodeId,
    name: `node-${index}`,
    networkAddress: `127.0.0.1:${index}`,
    publicKey: new Uint8Array(48),
    networkPublicKey: new Uint8Array(33),
    shards: [] as ShardIndex[],
  };
}

/** Peers with these items each, and what becomes of a request to one. */
function start(
  items: readonly (readonly number[])[],
  needed: number,
  answer: (peer: number, asked: readonly number[], signal: AbortSignal) => Promise<readonly number[]>,
) {
  const time = createVirtualTime();
  const asked: [peer: number, items: readonly number[]][] = [];
  const request: FetchItems = (peer, wanted, signal) => {
    asked.push([peer.index, wanted]);
    return answer(peer.index, wanted, signal);
  };
  const candidates = items.map((each, index) => ({ member: member(index), items: each }));
  const stop = new AbortController();
  const options = { what: 'things', needed, candidates, hedgeMs: HEDGE_MS, signal: stop.signal };
  const result = gather(options, request, { scheduler: time });
  result.catch(() => undefined);
  return { time, asked, stop, result };
}

const never = () => new Promise<never>(() => undefined);

describe('gathering from peers', () => {
  it('asks as few as should be enough, and the last one only for what is wanting', async () => {
    const { asked, result } = start(
      [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7],
      ],
      5,
      async (_, items) => items,
    );
    expect(new Set(await result)).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(asked).toEqual([
      [0, [0, 1, 2]],
      [1, [3, 4]],
    ]);
  });

  it('asks on when a peer fails or gives less, also one that had more than was asked of it', async () => {
    const answer = async (peer: number, items: readonly number[]) => {
      if (peer === 0) throw new Error('down');
      return peer === 2 ? [] : items;
    };
    const { asked, result } = start([[0, 1], [2, 3, 4], [5]], 3, answer);
    await result;
    expect(asked).toEqual([
      [0, [0, 1]],
      [1, [2]],
      [1, [3, 4]],
    ]);
  });

  it('asks another peer when one is slow, and takes what comes late all the same', async () => {
    const late = deferred<readonly number[]>();
    const { time, asked, result } = start([[0], [1], [2]], 2, async (peer, items) =>
      peer === 0 ? late.promise : peer === 2 ? never() : items,
    );
    await time.advance(HEDGE_MS - 1);
    expect(asked.map(([peer]) => peer)).toEqual([0, 1]);
    await time.advance(1);
    expect(asked.map(([peer]) => peer)).toEqual([0, 1, 2]);
    late.resolve([0]);
    expect(new Set(await result)).toEqual(new Set([0, 1]));
    expect(time.sleepers).toBe(0);
  });

  it('asks the second holder of what the first one did not give', async () => {
    const { asked, result } = start(
      [
        [0, 1],
        [0, 1],
      ],
      2,
      async (peer, items) => (peer === 0 ? [0] : items),
    );
    expect(new Set(await result)).toEqual(new Set([0, 1]));
    expect(asked).toEqual([
      [0, [0, 1]],
      [1, [1]],
    ]);
  });

  it('says so when all were asked in vain', async () => {
    const { result } = start([[0], [1]], 2, async (peer, items) => {
      if (peer === 1) throw new Error('down');
      return items;
    });
    await expect(result).rejects.toMatchObject({
      code: 'NOT_ENOUGH_PEERS',
      data: { what: 'things', needed: 2, came: 1, failures: 1 },
    });
  });

  it('ends what is under way when enough is there, or when nobody wants it any more', async () => {
    const ended: number[] = [];
    const hang = (peer: number, _: readonly number[], signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          ended.push(peer);
          reject(signal.reason as Error);
        });
      });
    const enough = start([[0], [1]], 1, (peer, items, signal) =>
      peer === 0 ? hang(peer, items, signal) : Promise.resolve(items),
    );
    await enough.time.advance(HEDGE_MS);
    await enough.result;
    expect(ended).toEqual([0]);
    const unwanted = start([[0], [1]], 2, hang);
    unwanted.stop.abort(new Error('unwanted'));
    await expect(unwanted.result).rejects.toThrow('unwanted');
    expect(ended).toEqual([0, 0, 1]);
  });
});
