import { createVirtualTime } from '@floe/platform/memory';
import { encodeSliverData, type ShardIndex, type SliverIndex } from '@floe/protocol';
import { type Codec, createInlineCodec, type EncodedBlob } from '@floe/redstuff';
import { describe, expect, it } from 'vitest';
import type { CommitteeTracker } from '../../src/committee-tracker.ts';
import type { Peers } from '../../src/peers/peers.ts';
import { Pace } from '../../src/recovery/pace.ts';
import { encodeWhole } from '../../src/recovery/whole-blob.ts';
import type { SliverKey, SliverStore } from '../../src/sliver-store.ts';
import { EPOCH, geometry, makeBlob } from '../node-harness.ts';

const DECODE_MS = 10;
const ENCODE_MS = 40;

/** A node that holds all primary slivers of a blob, and takes its time to encode. */
async function start() {
  const blob = await makeBlob(5_000);
  const time = createVirtualTime();
  const inline = createInlineCodec();
  const released: EncodedBlob[] = [];
  const codec: Pick<Codec, 'decode' | 'encode'> = {
    async decode(...args) {
      await time.sleep(DECODE_MS);
      return await inline.decode(...args);
    },
    async encode(...args) {
      await time.sleep(ENCODE_MS);
      const encoded = await inline.encode(...args);
      return { ...encoded, release: () => released.push(encoded) };
    },
  };
  const slivers = {
    *keysOf(blobId: SliverKey['blobId']): Iterable<SliverKey> {
      for (let shard = 0; shard < geometry.nShards; shard += 1) {
        yield { blobId, shard: shard as ShardIndex, axis: 'primary' };
      }
    },
    // Any order of them will do.
    get: async ({ shard }: SliverKey) =>
      encodeSliverData(blob.encoded.sliver('primary', shard as number as SliverIndex)),
  };
  const pace = new Pace({ healingYield: 4 }, { clock: time, scheduler: time });
  const run = async (signal: AbortSignal): Promise<EncodedBlob | undefined> =>
    encodeWhole(
      { verified: blob.encoded.verified, since: EPOCH, limits: { peerHedgeMs: 1000 }, signal },
      {
        peers: {} as Peers,
        committees: {} as CommitteeTracker,
        slivers: slivers as unknown as SliverStore,
        codec: codec as Codec,
        pace,
        scheduler: time,
      },
    );
  return { blob, time, pace, run, released };
}

describe('encoding a whole blob again', () => {
  it('leads to all of its slivers, at once while nobody is served', async () => {
    const { blob, time, run } = await start();
    const encoded = await time.run(run(new AbortController().signal));
    expect(encoded?.sliver('secondary', 7 as SliverIndex)).toEqual(blob.encoded.sliver('secondary', 7 as SliverIndex));
    expect(time.monotonicMs()).toBe(DECODE_MS + ENCODE_MS);
  });

  it('gives way to clients that are being served', async () => {
    const { time, pace, run } = await start();
    pace.served();
    await time.run(run(new AbortController().signal));
    expect(time.monotonicMs()).toBe(4 * (DECODE_MS + ENCODE_MS));
  });

  it('gives the memory of the slivers back when it is stopped while it gives way', async () => {
    const { time, pace, run, released } = await start();
    const stop = new AbortController();
    pace.served();
    const running = run(stop.signal);
    const refused = expect(running).rejects.toThrow('the node closes');
    await time.advance(DECODE_MS + ENCODE_MS + 1);
    expect(released).toHaveLength(0);
    stop.abort(new Error('the node closes'));
    await refused;
    expect(released).toHaveLength(1);
  });
});
