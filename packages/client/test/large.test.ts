/** Blobs too large to be held: stored from sources and streams, read through scratch space, nothing left behind. */
import { concurrencyErrors } from '@floe/platform';
import { seededRng } from '@floe/platform/memory';
import {
  type BlobSource,
  createMemoryScratchSpace,
  redstuffErrors,
  type Scratch,
  type ScratchSpace,
} from '@floe/redstuff';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClientLimits, StoreOptions, StoreProgress, StoreResult } from '../src/index.ts';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

function bytes(size: number, seed = 1): Uint8Array {
  return seededRng(seed).bytes(size);
}

/** A scratch space that knows what is open in it. */
function watchedScratch(maxBytes = 64 * 1024 * 1024): ScratchSpace & { readonly opened: Set<Scratch>; made: number } {
  const space = createMemoryScratchSpace({ maxBytes });
  const watched = {
    opened: new Set<Scratch>(),
    made: 0,
    async open(sizeBytes: number) {
      const scratch = await space.open(sizeBytes);
      const entry: Scratch = {
        write: (offset, data) => scratch.write(offset, data),
        read: (offset, into) => scratch.read(offset, into),
        close: async () => {
          watched.opened.delete(entry);
          await scratch.close();
        },
      };
      watched.opened.add(entry);
      watched.made += 1;
      return entry;
    },
    close: () => space.close(),
  };
  return watched;
}

const SMALL_LIMITS: Partial<ClientLimits> = {
  maxBufferedBlobBytes: 1_000,
  maxEncodedInMemoryBytes: 1_000,
  uploadPartBytes: 700,
  streamWindowBytes: 4_000,
};

let scratch = watchedScratch();

async function network(limits: Partial<ClientLimits> = {}, nShards = 10, nodes = 5): Promise<TestNetwork> {
  scratch = watchedScratch();
  return createTestNetwork({ nShards, nodes, scratch, limits: { ...SMALL_LIMITS, ...limits } });
}

function sourceOf(blob: Uint8Array, reads: { count: number; failAt?: number } = { count: 0 }): BlobSource {
  return {
    sizeBytes: blob.length,
    async read(offset, into) {
      reads.count += 1;
      if (reads.count === reads.failAt) throw new Error('the disk is gone');
      into.set(blob.subarray(offset, offset + into.length));
    },
  };
}

async function* streamOf(blob: Uint8Array, partBytes = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.length; at += partBytes) yield blob.slice(at, at + partBytes);
}

function store(
  net: TestNetwork,
  input: Parameters<typeof net.client.store>[0],
  options: Partial<StoreOptions> = {},
): Promise<StoreResult> {
  return net.run(net.client.store(input, { epochs: 3, signer: net.signer, tail: 'wait', ...options }));
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Uint8Array.from(Buffer.concat(parts));
}

afterEach(() => {
  expect(scratch.opened.size).toBe(0);
});

describe('storing', () => {
  test.each([
    ['gathered from the source', 0],
    ['put aside', 1_000_000],
  ])(
    'systematic columns %s: every node holds what an encoding in memory gives',
    async (_how, minGatheredSymbolBytes) => {
      const blob = bytes(60_001);
      const net = await network({ minGatheredSymbolBytes });
      const { blobId } = await store(net, sourceOf(blob));
      expect(scratch.made).toBeGreaterThan(0);
      const expected = await net.codec.encode(net.committee.geometry, blob);
      expect(blobId).toBe(expected.verified.blobId);
      let held = 0;
      for (const node of net.nodes) {
        for (const sliver of node.held.get(blobId)?.slivers.values() ?? []) {
          expect(Buffer.from(sliver.data)).toEqual(Buffer.from(expected.sliver(sliver.axis, sliver.index).data));
          held += 1;
        }
      }
      expect(held).toBe(20);
    },
  );

  test.each([0, 1, 999, 1_000, 1_001, 30_000])('a stream of %i bytes gets the id of its bytes', async (size) => {
    const blob = bytes(size);
    const net = await network();
    const { blobId, sizeBytes } = await store(net, streamOf(blob));
    expect(sizeBytes).toBe(size);
    const { blobId: expected } = await net.codec.computeMetadata(net.committee.geometry, blob);
    expect(blobId).toBe(expected);
    expect(await net.run(net.client.read(blobId))).toEqual(blob);
  });

  test('a web stream and an array above the limit go the same way', async () => {
    const blob = bytes(5_000);
    const net = await network();
    const web = new Blob([blob as Uint8Array<ArrayBuffer>]).stream();
    const first = await store(net, web, { deletable: true });
    const second = await store(net, blob, { deletable: true, force: true });
    expect(second.blobId).toBe(first.blobId);
  });

  test('tells how far it is, stage by stage', async () => {
    const net = await network();
    const stages = new Map<string, StoreProgress>();
    await store(net, streamOf(bytes(20_000)), { onProgress: (progress) => stages.set(progress.stage, progress) });
    expect([...stages.keys()]).toEqual([
      'reading',
      'encoding',
      'checking',
      'registering',
      'uploading',
      'certifying',
      'finishing',
    ]);
    expect(stages.get('reading')?.readBytes).toBe(20_000);
    expect(stages.get('encoding')?.fraction).toBe(1);
  });

  test('what a stream became can be stored twice, and is let go of after its uploads', async () => {
    const blob = bytes(20_000);
    const net = await network();
    const spooled = await net.client.spool(streamOf(blob), { maxBytes: 20_000 });
    const first = await store(net, spooled, { deletable: true, tail: 'background' });
    const second = await store(net, spooled, { deletable: true, force: true, tail: 'background' });
    await spooled.close();
    await spooled.close();
    expect(second.blobId).toBe(first.blobId);
    await net.run(net.client.close());
  });

  test('slivers stay for the nodes that a quorum did not wait for', async () => {
    const blob = bytes(20_000);
    const net = await network({}, 13, 13);
    for (const node of net.nodes.slice(0, 4)) node.faults.delayMs = 200;
    const { blobId } = await store(net, sourceOf(blob), { tail: 'background' });
    await net.run(net.client.close());
    expect(net.nodes.filter((node) => node.held.get(blobId)?.slivers.size === 2)).toHaveLength(13);
  });

  test('a second store of what an interrupted one left sends only what nodes lack, and pays nothing more', async () => {
    const blob = bytes(600_000);
    const net = await network();
    for (const node of net.nodes.slice(1)) node.faults.fails = true;
    await expect(store(net, sourceOf(blob))).rejects.toMatchObject({ kind: 'unavailable' });
    for (const node of net.nodes) delete node.faults.fails;
    net.ledger.beforeExecute = (functions) => {
      if (functions.some((name) => name.endsWith('certify_blob'))) throw new Error('the ledger is gone');
    };
    await expect(store(net, sourceOf(blob))).rejects.toThrow('the ledger is gone');
    const { wal } = net.ledger;
    const sent = () => net.nodes.map((node) => node.requests.get('putSliverBatch') ?? 0);
    const before = sent();
    net.ledger.beforeExecute = () => undefined;
    const result = await store(net, sourceOf(blob));
    expect(result).toMatchObject({ kind: 'newlyCreated', operation: { kind: 'reuseRegistration' }, cost: 0n });
    expect(net.ledger.wal).toBe(wal);
    // All were sent by the store before.
    expect(sent()).toEqual(before);
  });

  test('a source that fails ends the store with why, and no node is blamed', async () => {
    const net = await network({ minGatheredSymbolBytes: 0 });
    const reads = { count: 0, failAt: undefined as number | undefined };
    await store(net, sourceOf(bytes(20_000), reads), { deletable: true });
    const whole = reads.count;
    for (const failAt of [1, Math.floor(whole / 2), whole - 2]) {
      const failing = { count: 0, failAt };
      const stored = store(net, sourceOf(bytes(20_000), failing), { deletable: true, force: true });
      await expect(stored).rejects.toThrow('the disk is gone');
    }
    expect(await net.run(net.client.nodeReports())).toHaveLength(5);
  });

  test('a full disk is said before anything is paid', async () => {
    const net = await network();
    scratch = watchedScratch(10_000);
    const { wal } = net.ledger;
    const full = createTestNetwork({ scratch, limits: SMALL_LIMITS });
    await expect(store(await full, sourceOf(bytes(20_000)))).rejects.toMatchObject({
      code: 'SCRATCH_FULL',
      kind: 'exhausted',
    });
    expect((await full).ledger.wal).toBe(wal);
  });

  test('a store that is given up lets go of everything', async () => {
    const net = await network();
    for (const stage of ['reading', 'encoding', 'registering', 'uploading'] as const) {
      const giveUp = new AbortController();
      const stored = store(net, streamOf(bytes(20_000)), {
        signal: giveUp.signal,
        deletable: true,
        force: true,
        onProgress: (progress) => {
          if (progress.stage === stage) giveUp.abort(new Error(`given up while ${stage}`));
        },
      });
      await expect(stored).rejects.toThrow(`given up while ${stage}`);
      await net.run(net.client.close());
      await net.run(net.time.sleep(1_000));
      expect(scratch.opened.size).toBe(0);
    }
  });

  test('a store that is given up with the last byte of its stream lets go of what it took in', async () => {
    const net = await network();
    const giveUp = new AbortController();
    const spooled = await net.client.spool(streamOf(bytes(20_000_000, 2), 1_000_000), { maxBytes: 2e7 });
    const systemState = net.ledger.systemState.bind(net.ledger);
    net.ledger.systemState = async () => {
      giveUp.abort(new Error('given up'));
      return systemState();
    };
    await expect(store(net, spooled, { signal: giveUp.signal })).rejects.toThrow('given up');
    await spooled.close();
  });

  test('the id of a source is computed without scratch where there is no room in it', async () => {
    const net = await network();
    const compute = net.codec.computeMetadataOf.bind(net.codec);
    net.codec.computeMetadataOf = (geometry, source, options) =>
      options?.scratch === undefined
        ? compute(geometry, source, options)
        : Promise.reject(redstuffErrors.SCRATCH_FULL({ sizeBytes: 9, place: 'memory' }));
    const { blobId } = await net.client.metadataOf(sourceOf(bytes(20_000)));
    const { blobId: expected } = await net.codec.computeMetadata(net.committee.geometry, bytes(20_000));
    expect(blobId).toBe(expected);
  });

  test('more bytes than the network takes are refused while they come', async () => {
    const net = await network();
    let given = 0;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array((given += 100_000) && 100_000);
    };
    const taken = net.client.spool(endless(), { maxBytes: 1_000_000 });
    await expect(taken).rejects.toMatchObject({ code: 'SOURCE_TOO_LARGE' });
    expect(given).toBeLessThan(2_000_000);
  });
});

describe('reading', () => {
  /** A network that holds the blob, and a client that knows nothing of its nodes yet. */
  async function holding(size: number, limits: Partial<ClientLimits> = {}) {
    const blob = bytes(size);
    const net = await network(limits, 10, 10);
    const { blobId } = await store(net, sourceOf(blob));
    scratch.made = 0;
    return { net, blob, blobId, client: net.newClient(limits) };
  }

  test('while rows come from their nodes nothing is put aside, whole, in ranges or as a stream', async () => {
    const { net, blob, blobId, client } = await holding(60_001);
    expect(await net.run(client.read(blobId))).toEqual(blob);
    expect(await net.run(client.read(blobId, { range: { start: 7, end: 50_000 } }))).toEqual(blob.subarray(7, 50_000));
    expect(await net.run(collect(client.readStream(blobId)))).toEqual(blob);
    expect(scratch.made).toBe(0);
  });

  test.each(['default', 'skip', 'strict'] as const)(
    'with any f nodes gone the same bytes come out, by %s consistency, and memory holds no decoded blob',
    async (consistency) => {
      const { net, blob, blobId } = await holding(60_001);
      net.codec.decode = () => Promise.reject(new Error('a large blob is not decoded in memory'));
      net.kill(net.someNodes(3));
      for (const range of [undefined, { start: 0, end: 1 }, { start: 31_000, end: 59_000 }, { start: 60_000 }]) {
        const { start, end } = { start: 0, end: blob.length, ...range };
        const client = net.newClient();
        expect(await net.run(collect(client.readStream(blobId, { range, consistency })))).toEqual(
          blob.slice(start, end),
        );
      }
      const range = { start: 31_000, end: 59_000 };
      const part = net.newClient({ maxReadBytes: 28_000 }).read(blobId, { range, consistency });
      expect(await net.run(part)).toEqual(blob.slice(31_000, 59_000));
      expect(await net.run(net.newClient().read(blobId, { consistency }))).toEqual(blob);
    },
  );

  test('a row that is lost is rebuilt alone; past the few that are worth it the rest is decoded', async () => {
    const { net, blob, blobId } = await holding(60_001);
    net.kill(net.nodes.filter((node) => node.held.get(blobId)?.slivers.has('primary 1') === true));
    expect(await net.run(collect(net.newClient().readStream(blobId)))).toEqual(blob);
    expect(scratch.made).toBe(0);
    net.codec.recoverSliver = () => Promise.reject(new Error('rebuilding many costs more than decoding all'));
    const client = net.newClient({ maxRebuiltRows: 0 });
    expect(await net.run(collect(client.readStream(blobId)))).toEqual(blob);
    expect(scratch.made).toBeGreaterThan(0);
  });

  test('when primary slivers are lost everywhere it is decoded from columns', async () => {
    const { net, blob, blobId, client } = await holding(60_001);
    for (const node of net.nodes) node.faults.loses = 'primary';
    expect(await net.run(collect(client.readStream(blobId)))).toEqual(blob);
  });

  test('repair slivers first: decoded from them, and the progress says that they are put aside', async () => {
    const { net, blob, blobId, client } = await holding(60_001);
    const stages = new Set<string>();
    const stream = client.readStream(blobId, { prefer: 'repair', onProgress: ({ stage }) => stages.add(stage) });
    expect(await net.run(collect(stream))).toEqual(blob);
    expect(stages).toContain('spooling');
  });

  test('a codec that is busy is waited for: a stream goes on from where it was', async () => {
    const { net, blob, blobId, client } = await holding(20_001);
    const { codec } = net;
    const busy = concurrencyErrors.QUEUE_FULL({ queue: 'the codec', limit: 1 });
    const [decode, check] = [codec.decodeStream.bind(codec), codec.checkEncoding.bind(codec)];
    let [decodes, checks] = [0, 0];
    codec.decodeStream = async function* (...parts) {
      decodes += 1;
      let given = 0;
      for await (const part of decode(...parts)) {
        if (given === 2 && decodes < 4) throw busy;
        given += 1;
        yield part;
      }
    };
    codec.checkEncoding = (...parts) => {
      checks += 1;
      return checks === 1 ? Promise.reject(busy) : check(...parts);
    };
    const stream = client.readStream(blobId, { prefer: 'repair', consistency: 'strict' });
    expect(await net.run(collect(stream))).toEqual(blob);
    expect([decodes, checks]).toEqual([4, 2]);
  });

  test('with fewer slivers than decode it the error says so, and nothing is left behind', async () => {
    const { net, blobId, client } = await holding(60_001);
    net.kill(net.someNodes(7));
    const failure = { code: 'SLIVERS_UNAVAILABLE', kind: 'unavailable' };
    await expect(net.run(collect(client.readStream(blobId)))).rejects.toMatchObject(failure);
  });

  test('a reader that leaves in the middle of a decoded stream leaves nothing behind', async () => {
    const { net, blobId, client } = await holding(60_001);
    net.kill(net.someNodes(3));
    const stream = client.readStream(blobId, { prefer: 'repair' });
    await net.run(
      (async () => {
        for await (const part of stream) if (part.length > 0) break;
      })(),
    );
    expect(scratch.opened.size).toBe(0);
  });

  test('a blob that was encoded against the rules is refused however it is read', async () => {
    const { net, blobId, client } = await holding(60_001);
    net.codec.checkEncoding = () =>
      Promise.reject(redstuffErrors.INCONSISTENT_BLOB({ blobId, expected: 'its id', came: 'another' }));
    const stream = client.readStream(blobId, { consistency: 'strict' });
    await expect(net.run(collect(stream))).rejects.toMatchObject({ code: 'INCONSISTENT_BLOB', kind: 'integrity' });
  });
});
