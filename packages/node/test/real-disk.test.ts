import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, noMetrics, silentLogger } from '@floe/platform';
import {
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import { AXES, decodeBatch, encodeBatch, nodeRequest } from '@floe/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryTransport } from '@floe/platform/memory';
import { StorageNode } from '../src/index.ts';
import {
  bls,
  codec,
  FakeLedger,
  makeBlob,
  metadataBytes,
  NODE_ID,
  pairsOf,
  registered,
  SECRET_KEY,
  sliverBytes,
  SYSTEM_ID,
} from './node-harness.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'floe-node-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function serve(ledger: FakeLedger) {
  const store = await openLmdbStore({ directory: join(directory, 'store') });
  const node = await StorageNode.open(
    {
      directory: join(directory, 'node'),
      nodeId: NODE_ID,
      blsSecretKey: SECRET_KEY,
      ledger: { systemObjectId: SYSTEM_ID },
      limits: { reserveBytes: 0 },
    },
    {
      store,
      fileSystem: nodeFileSystem,
      ledgerClient: ledger,
      transport: createMemoryTransport(new Map()),
      codec,
      bls,
      clock: systemClock,
      scheduler: systemScheduler,
      rng: systemRng,
      logger: silentLogger,
      metrics: noMetrics,
    },
  );
  const server = await serveHttp(node.handler, { host: '127.0.0.1', port: 0 });
  const stop = async (): Promise<void> => {
    await server.close();
    await node.close();
    await store.close();
  };
  return { url: server.url, node, stop };
}

describe('a storage node on a real disk and socket', () => {
  it('stores slivers in batches and one by one, and has them after a restart', async () => {
    const ledger = new FakeLedger();
    const blob = await makeBlob(1_800_000, 21);
    const transport = createUndiciTransport();
    const first = await serve(ledger);
    await ledger.emit(registered(blob));
    const send = async (
      url: string,
      route: Parameters<typeof nodeRequest>[0],
      body?: Uint8Array | AsyncIterable<Uint8Array>,
    ) => {
      const { method, target } = nodeRequest(route);
      return transport.request({ method, url: `${url}${target}`, body });
    };
    const metadata = await send(
      first.url,
      { name: 'putMetadata', blobId: blob.id, pending: false },
      metadataBytes(blob),
    );
    expect(metadata.status).toBe(201);
    await metadata.cancel();
    const pairs = pairsOf(blob);
    const frames = pairs
      .slice(1)
      .flatMap((pair) =>
        AXES.map((axis) => ({ kind: 'sliver' as const, axis, pair, sliverData: sliverBytes(blob, pair, axis) })),
      );
    const upload = await send(
      first.url,
      { name: 'putSliverBatch', blobId: blob.id, pending: false },
      encodeBatch(frames),
    );
    const outcomes: number[] = [];
    for await (const frame of decodeBatch(upload.body, { maxSliverBytes: 1 << 20, maxFrames: 100 })) {
      if (frame.kind === 'outcome') outcomes.push(frame.httpStatus);
    }
    expect(outcomes).toEqual(frames.map(() => 201));
    const [pair] = pairs as [(typeof pairs)[0]];
    for (const axis of AXES) {
      const single = await send(
        first.url,
        { name: 'putSliver', blobId: blob.id, pair, axis, pending: false },
        sliverBytes(blob, pair, axis),
      );
      expect(single.status).toBe(201);
      await single.cancel();
    }
    await first.stop();

    const second = await serve(ledger);
    expect(second.node.status().store).toMatchObject({ slivers: 6, damaged: 0 });
    for (const axis of AXES) {
      for (const own of pairs) {
        const got = await send(second.url, { name: 'getSliver', blobId: blob.id, pair: own, axis });
        expect(equalBytes(await got.bytes(1 << 20), sliverBytes(blob, own, axis))).toBe(true);
      }
    }
    const confirmed = await send(second.url, {
      name: 'getConfirmation',
      blobId: blob.id,
      persistence: { kind: 'permanent' },
      waitForRegistration: false,
    });
    expect(confirmed.status).toBe(200);
    await confirmed.cancel();
    await transport.close();
    await second.stop();
  });
});
