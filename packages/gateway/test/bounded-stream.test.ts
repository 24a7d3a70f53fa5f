import type { FloeClient } from '@floe/client';
import { deferred } from '@floe/platform';
import { geometryOf } from '@floe/protocol';
import { quiltPatchId } from '@floe/redstuff';
import { describe, expect, it } from 'vitest';
import { Admission } from '../src/admission.ts';
import { boundedStream, type WantedBytes } from '../src/bounded-stream.ts';
import { createGateway, type GatewayOptions } from '../src/index.ts';
import { STREAMED_BYTES } from '../src/limits.ts';
import { BLOB_ID, clientWith, fakeBlob, pattern } from './support/fake-client.ts';

const MIB = 1024 * 1024;
const never = new AbortController().signal;
const bytes = pattern(100);
const BLOB_PATH = `/v1/blobs/${BLOB_ID}`;

function places(streamBytes: number, wholeBytes: number) {
  const admission = (bytesAtOnce: number) => new Admission({ name: 'tests', atOnce: 9, waiting: 9, bytesAtOnce });
  return { client: {} as FloeClient, streams: admission(streamBytes), wholes: admission(wholeBytes) };
}

const all: WantedBytes = { start: 0, end: 100, consistency: 'default', signal: never };

async function collected(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const part of parts) chunks.push(part);
  return new Uint8Array(Buffer.concat(chunks));
}

function gatewayOf(client: FloeClient, options: GatewayOptions = {}) {
  const { handler } = createGateway({ maxWaitingReads: 0, ...options }, { client });
  return (path: string) => handler(new Request(`http://gateway${path}`));
}

describe('a bounded stream', () => {
  it('takes room for a window, and gives it back when it is dropped', async () => {
    const modules = places(100, 100);
    const first = boundedStream(fakeBlob(bytes), all, modules);
    await first.next();
    expect(modules.streams.tryEnter(1)).toBeUndefined();
    expect(modules.wholes.tryEnter(100)).toBeDefined();
    await first.return();
    expect(modules.streams.tryEnter(100)).toBeDefined();
  });

  it('takes room for the whole blob once it must decode, until it ends', async () => {
    const modules = places(100, 100);
    const stream = boundedStream(fakeBlob(bytes, { decodeAtPart: 2 }), all, modules);
    await stream.next();
    expect(modules.wholes.tryEnter(100)?.release()).toBeUndefined();
    await stream.next();
    await stream.next();
    expect(modules.wholes.tryEnter(1)).toBeUndefined();
    await collected(stream);
    expect(modules.wholes.tryEnter(100)).toBeDefined();
    expect(modules.streams.tryEnter(100)).toBeDefined();
  });

  it('counts a large blob that must decode, or is checked strictly, as what that takes in memory', async () => {
    for (const consistency of ['default', 'strict'] as const) {
      const modules = places(STREAMED_BYTES, STREAMED_BYTES + 5);
      const large = { ...fakeBlob(bytes, { decodeAtPart: 0, isLarge: true }), sizeBytes: 9 * STREAMED_BYTES };
      const client = clientWith(large);
      const stream = boundedStream(large, { ...all, consistency }, { ...modules, client });
      await stream.next();
      expect(modules.wholes.tryEnter(6)).toBeUndefined();
      expect(modules.wholes.tryEnter(5)).toBeDefined();
      await stream.return();
    }
  });

  it('stops, waits for room, and goes on where it was when it must decode and there is none', async () => {
    const modules = places(1000, 100);
    const other = modules.wholes.tryEnter(1);
    const blob = fakeBlob(bytes, { decodeAtPart: 2 });
    const stream = boundedStream(blob, all, modules);
    const seen = [...((await stream.next()).value as Uint8Array), ...((await stream.next()).value as Uint8Array)];
    const next = stream.next();
    await new Promise<void>((resolve) => setImmediate(resolve));
    // What it had gathered is gone while it waits.
    expect(blob.dropped).toBe(1);
    expect(blob.asked).toHaveLength(1);
    other?.release();
    seen.push(...((await next).value as Uint8Array), ...(await collected(stream)));
    expect(Uint8Array.from(seen)).toEqual(bytes);
    expect(blob.asked.map(({ start }) => start)).toEqual([0, 20]);
    expect(modules.wholes.tryEnter(100)).toBeDefined();
  });

  it('takes room when it gathers more rows of a large blob than a window has', async () => {
    const geometry = geometryOf(10);
    const symbolSize = 65_534;
    const modules = { ...places(100 * MIB, 100 * MIB) };
    const client = { metadata: async () => ({ geometry, symbolSize }) } as unknown as FloeClient;
    const gathering = deferred<void>();
    const blob = {
      ...fakeBlob(bytes),
      sizeBytes: 100 * MIB,
      async *stream({ onProgress }: Parameters<ReturnType<typeof fakeBlob>['stream']>[0] = {}) {
        // A row is 7 * 65 534 bytes: 18 of them fit a window of 8 MiB.
        onProgress?.({ stage: 'fetching', slivers: 18, sliversNeeded: 40 });
        yield new Uint8Array(1);
        await gathering.promise;
        onProgress?.({ stage: 'fetching', slivers: 19, sliversNeeded: 40 });
        yield new Uint8Array(1);
      },
    };
    const stream = boundedStream(blob, { ...all, end: blob.sizeBytes }, { ...modules, client });
    await stream.next();
    expect(modules.streams.tryEnter(85 * MIB)).toBeUndefined();
    expect(modules.streams.tryEnter(84 * MIB)).toBeDefined();
    const whole = modules.wholes.tryEnter(100 * MIB);
    expect(whole).toBeDefined();
    whole?.release();
    gathering.resolve();
    await stream.next();
    expect(modules.wholes.tryEnter(1)).toBeUndefined();
    await stream.return();
    expect(modules.wholes.tryEnter(100 * MIB)).toBeDefined();
  });
});

describe('the memory for reads', () => {
  it('is not taken by more strict reads than it holds, and other reads go on', async () => {
    const get = gatewayOf(clientWith(fakeBlob(bytes)), { maxWholeReadBytes: 150 });
    const strict = await get(`${BLOB_PATH}?strict_consistency_check=true`);
    expect(strict.status).toBe(200);
    const refused = await get(`${BLOB_PATH}?strict_consistency_check=true`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(new Uint8Array(await (await get(BLOB_PATH)).arrayBuffer())).toEqual(bytes);
    await strict.body?.cancel();
    expect((await get(`${BLOB_PATH}?strict_consistency_check=true`)).status).toBe(200);
  });

  it('bounds streams by their windows', async () => {
    const get = gatewayOf(clientWith(fakeBlob(bytes)), { maxStreamBytes: 150 });
    const first = await get(BLOB_PATH);
    expect((await get(BLOB_PATH)).status).toBe(429);
    await first.arrayBuffer();
    expect((await get(`${BLOB_PATH}/byte-range?start=0&length=5`)).status).toBe(200);
  });

  it('counts a patch as its quilt until it is there, then as itself', async () => {
    const reading = deferred<void>();
    const patchId = quiltPatchId({ blobId: BLOB_ID, startIndex: 1, endIndex: 3 });
    const patch = { patchId, identifier: 'a', tags: {}, contents: new Uint8Array(40) };
    const client = clientWith(fakeBlob(bytes), {
      readPatch: () => reading.promise.then(() => patch),
      quiltPatches: async () => [],
    });
    const get = gatewayOf(client, { maxWholeReadBytes: 150 });
    const path = `/v1/blobs/by-quilt-patch-id/${patchId}`;
    const first = get(path);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect((await get(path)).status).toBe(429);
    expect((await get(`/v1/quilts/${BLOB_ID}/patches`)).status).toBe(429);
    reading.resolve();
    const sending = await first;
    // 40 of 150 are held: room for one that is read, and then for no other.
    const second = await get(path);
    const third = await get(path);
    expect([sending.status, second.status, third.status]).toEqual([200, 200, 429]);
    for (const response of [sending, second]) await response.arrayBuffer();
    expect((await get(path)).status).toBe(200);
  });
});
