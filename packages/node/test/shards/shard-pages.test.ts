import { toBase64 } from '@floe/platform';
import {
  blobIdBytes,
  blobIdFromBytes,
  decodeSyncShardResponse,
  encodeInvalidBlobId,
  encodeSignedMessage,
  encodeSyncShardRequest,
  type Epoch,
  type ShardIndex,
  type SliverIndex,
  type SyncShardRequest,
} from '@floe/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Blob, EPOCH, makeBlob, outcomeOf, request } from '../node-harness.ts';
import { fastBls, Network, secretKeyOf } from '../network-harness.ts';

const BEFORE = [
  [0, 1, 2, 3, 4, 5],
  [6, 7, 8, 9],
];
const AFTER = [
  [0, 1, 2, 3],
  [4, 5, 6, 7, 8, 9],
];
const START = blobIdFromBytes(new Uint8Array(32));
const NOW = (EPOCH + 1) as Epoch;

let net: Network;
let blobs: Blob[];

beforeAll(async () => {
  net = await Network.start({ shards: BEFORE, limits: { shardPageBytes: 2000, shardPageMaxSlivers: 50 } });
  blobs = [];
  for (let seed = 0; seed < 6; seed += 1) blobs.push(await makeBlob(4000, seed));
  blobs.sort((a, b) => Buffer.compare(blobIdBytes(a.id), blobIdBytes(b.id)));
  for (const blob of blobs) await net.storeBlob(blob);
  await net.changeCommittee(AFTER);
  await net.storeBlob(await makeBlob(4000, 99));
});

afterAll(async () => net.close());

const wanted: SyncShardRequest = {
  epoch: NOW,
  shard: 4 as ShardIndex,
  axis: 'primary',
  startingBlobId: START,
  sliverCount: 50n,
};

async function ask(
  options: Partial<SyncShardRequest> & {
    key?: Uint8Array;
    asker?: Uint8Array;
    message?: Uint8Array;
    of?: Network;
  } = {},
) {
  const { key = secretKeyOf(1), asker = fastBls.publicKey(key), message, of = net, ...changed } = options;
  const serializedMessage = message ?? encodeSyncShardRequest({ ...wanted, ...changed });
  const body = encodeSignedMessage({ serializedMessage, signature: fastBls.sign(key, serializedMessage) });
  return await send(body, { authorization: toBase64(asker) }, of);
}

async function send(body: Uint8Array, headers: Record<string, string>, of = net): Promise<Response> {
  const handled = of.node(0).handler(request('POST', '/v1/migrate/sync_shard', body, { headers }));
  return await of.time.run(Promise.resolve(handled));
}

async function pageOf(response: Response) {
  expect(response.status).toBe(200);
  return decodeSyncShardResponse(new Uint8Array(await response.arrayBuffer()));
}

describe('a page of a shard', () => {
  it('has slivers of blobs certified before the epoch, in the order of their ids, and the next begins behind the last', async () => {
    const seen: string[] = [];
    for (let startingBlobId = START; ;) {
      const page = await pageOf(await ask({ startingBlobId }));
      const last = page.at(-1);
      if (last === undefined) break;
      // Two thousand bytes are three slivers of these.
      expect(page.length).toBeLessThanOrEqual(3);
      seen.push(...page.map(({ blobId }) => blobId));
      const bytes = blobIdBytes(last.blobId).slice();
      bytes[31] = ((bytes[31] as number) + 1) & 0xff;
      if (bytes[31] === 0) break;
      startingBlobId = blobIdFromBytes(bytes);
    }
    expect(seen).toEqual(blobs.map(({ id }) => id));
  });

  it('has as many as asked for, of the axis asked for', async () => {
    const [only, ...none] = await pageOf(await ask({ sliverCount: 1n, axis: 'secondary' }));
    expect(none).toEqual([]);
    const [first] = blobs as [Blob];
    expect(only?.blobId).toBe(first.id);
    expect(only?.sliver.axis).toBe('secondary');
    const index = only?.sliver.index as SliverIndex;
    expect(only?.sliver.data).toEqual(first.encoded.sliver('secondary', index).data);
    expect(await pageOf(await ask({ sliverCount: 0n }))).toEqual([]);
  });

  it('is not given of a shard that is not here, or not the asker’s', async () => {
    expect(await outcomeOf(await ask({ shard: 6 as ShardIndex }))).toEqual([
      400,
      'FAILED_PRECONDITION',
      'SHARD_NOT_ASSIGNED',
    ]);
    expect(await outcomeOf(await ask({ shard: 0 as ShardIndex }))).toEqual([
      403,
      'PERMISSION_DENIED',
      'REQUEST_UNAUTHORIZED',
    ]);
  });

  it('is given to committee members only, for what they signed, in this epoch', async () => {
    const stranger = new Uint8Array(32).fill(3);
    expect(await outcomeOf(await ask({ key: stranger }))).toEqual([403, 'PERMISSION_DENIED', 'REQUEST_UNAUTHORIZED']);
    const member = fastBls.publicKey(secretKeyOf(1));
    const failed = [400, 'INVALID_ARGUMENT', 'MESSAGE_VERIFICATION_FAILED'];
    expect(await outcomeOf(await ask({ key: stranger, asker: member }))).toEqual(failed);
    const other = encodeInvalidBlobId({ epoch: NOW, blobId: START });
    expect(await outcomeOf(await ask({ message: other }))).toEqual(failed);
    expect(await outcomeOf(await send(new Uint8Array(10), { authorization: toBase64(member) }))).toEqual(failed);
    for (const epoch of [EPOCH, EPOCH + 2] as Epoch[]) {
      expect(await outcomeOf(await ask({ epoch }))).toEqual([400, 'INVALID_ARGUMENT', 'INVALID_EPOCH']);
    }
  });

  it('is not given without a key, or when too many slivers are asked for', async () => {
    expect(await outcomeOf(await send(new Uint8Array(0), {}))).toEqual([401, 'Missing Authorization header']);
    expect(await outcomeOf(await send(new Uint8Array(0), { authorization: 'Bearer x' }))).toEqual([
      400,
      'Invalid Authorization header',
    ]);
    const tooMany = [400, 'INVALID_ARGUMENT', 'SLIVER_COUNT_EXCEEDS_LIMIT'];
    expect(await outcomeOf(await ask({ sliverCount: 51n }))).toEqual(tooMany);
  });
});

describe('a sliver that is larger than a page should be', () => {
  it('is a page, and takes as much of the memory for answers as it needs', async () => {
    const limits = { shardPageBytes: 2000, readBytes: 900_000, dataReadsWaiting: 0 };
    const large = await Network.start({ shards: BEFORE, limits });
    // Its primary slivers have 280 KB, and stand in memory twice while one is sent.
    const blob = await makeBlob(1_100_000, 7);
    await large.storeBlob(blob);
    await large.changeCommittee(AFTER);
    const first = await ask({ of: large });
    expect(await outcomeOf(await ask({ of: large }))).toEqual([429, 'RESOURCE_EXHAUSTED', 'TOO_MANY_REQUESTS']);
    expect(await pageOf(first)).toMatchObject([{ blobId: blob.id }]);
    expect((await pageOf(await ask({ of: large }))).length).toBe(1);
    await large.close();
  });
});
