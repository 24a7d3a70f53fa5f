import { createVirtualTime } from '@floe/platform/memory';
import { type BlobId, createNobleBls, type Epoch, parseObjectId, type SuiAddress } from '@floe/protocol';
import { type GrpcTypes, RpcError } from '@mysten/sui/grpc';
import { beforeEach, describe, expect, it } from 'vitest';
import * as layouts from '../src/layouts.ts';
import { LedgerClient } from '../src/ledger-client.ts';
import { innerStateFieldId, metadataFieldId, SUI_TYPE } from '../src/type-names.ts';
import { createFakeGrpc, type FakeGrpc, Feed, type Handlers } from './fake-grpc.ts';
import {
  type FakeObject,
  names,
  networkObjects,
  nodeIdOf,
  objectHandlers,
  PACKAGE,
  secretKeyOf,
  STAKING,
  SYSTEM,
  WAL,
} from './fake-network.ts';

const OWNER = parseObjectId('0xcafe') as SuiAddress;
const config = { url: 'http://ledger.test', systemObjectId: SYSTEM, stakingObjectId: STAKING };

let time: ReturnType<typeof createVirtualTime>;
let objects: Map<string, FakeObject>;
let grpc: FakeGrpc;

function connect(overrides: Record<string, unknown> = {}): LedgerClient {
  grpc = createFakeGrpc({ ...objectHandlers(objects), ...overrides } as Handlers);
  return new LedgerClient(config, { fetch: grpc.fetch, clock: time, scheduler: time });
}

const reads = () => grpc.called.filter((name) => name === 'BatchGetObjects').length;

function blobContents(objectId: string, change: Partial<layouts.Blob> = {}): Uint8Array {
  return layouts.Blob.serialize({
    id: objectId,
    registeredEpoch: 3,
    blobId: '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo' as BlobId,
    size: 5n,
    encodingType: 1,
    certifiedEpoch: null,
    storage: { id: '0x77', startEpoch: 3, endEpoch: 8, storageSize: 1_192n },
    deletable: true,
    ...change,
  }).toBytes();
}

beforeEach(() => {
  time = createVirtualTime({ startMs: 1_000_000 });
  objects = networkObjects({ nodes: 4, nShards: 10, epoch: 3 });
});

describe('systemState', () => {
  it('tells epoch, prices, capacity and the package to call', async () => {
    expect(await connect().systemState()).toEqual({
      epoch: 3,
      nShards: 10,
      version: 4n,
      packageId: PACKAGE,
      originalPackageId: PACKAGE,
      systemObjectId: SYSTEM,
      stakingObjectId: STAKING,
      walType: WAL,
      storagePrice: 100_000n,
      writePrice: 20_000n,
      totalCapacity: 1_000_000n,
      usedCapacity: 10n,
      maxEpochsAhead: 53,
      epochDurationMs: 3_600_000,
      epochStartMs: 1_234,
      phase: 'done',
    });
  });

  it('reads once for many callers, again when asked for fresh, and again when it is old', async () => {
    const client = connect();
    await Promise.all([client.systemState(), client.systemState(), client.systemState()]);
    const first = reads();
    await client.systemState();
    expect(reads()).toBe(first);
    await client.systemState({ fresh: true });
    expect(reads()).toBe(first + 1);
    await time.advance(1_999);
    await client.systemState();
    expect(reads()).toBe(first + 1);
    await time.advance(1);
    await client.systemState();
    expect(reads()).toBe(first + 2);
  });

  it('finds the inner state again after an upgrade moved it', async () => {
    const client = connect();
    await client.systemState();
    for (const [objectId] of objects) objects.delete(objectId);
    for (const entry of networkObjects({ nodes: 4, nShards: 10, epoch: 4, version: 5n })) objects.set(...entry);
    expect(await client.systemState({ fresh: true })).toMatchObject({ epoch: 4, version: 5n });
  });

  it('names the object when the configuration points at none, or at another kind', async () => {
    objects.delete(SYSTEM);
    await expect(connect().systemState()).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
      data: { objectId: SYSTEM, what: 'System object' },
    });
    objects.set(SYSTEM, objects.get(STAKING) as FakeObject);
    await expect(connect().systemState()).rejects.toMatchObject({ code: 'WRONG_OBJECT_TYPE' });
  });

  it('refuses a System that never agrees with Staking on the epoch', async () => {
    const other = networkObjects({ nodes: 4, nShards: 10, epoch: 9 });
    const field = innerStateFieldId(STAKING, 4n);
    objects.set(field, other.get(field) as FakeObject);
    await expect(connect().systemState()).rejects.toMatchObject({ code: 'LEDGER_MISBEHAVED' });
  });
});

describe('committees', () => {
  it('lists members in the ledger’s order with compressed keys', async () => {
    const { current, previous, next, phase } = await connect().committees();
    expect({ epoch: current.epoch, n: current.geometry.nShards, phase, previous, next }).toEqual({
      epoch: 3,
      n: 10,
      phase: 'done',
      previous: undefined,
      next: undefined,
    });
    const bls = createNobleBls();
    expect(current.members).toHaveLength(4);
    current.members.forEach((member, i) => {
      expect(member).toMatchObject({ index: i, nodeId: nodeIdOf(i), networkAddress: `127.0.0.1:${9000 + i}` });
      expect(member.publicKey).toEqual(bls.publicKey(secretKeyOf(i)));
      expect(member.shards).toEqual(Array.from({ length: 10 }, (_, s) => s).filter((s) => s % 4 === i));
    });
  });

  it('reads more pools than fit one batch', async () => {
    objects = networkObjects({ nodes: 101, nShards: 1000, epoch: 1 });
    const { current } = await connect().committees();
    expect(current.members).toHaveLength(101);
    // Versions, state, and three batches of pools.
    expect(reads()).toBe(5);
  });

  it('names a pool that is missing', async () => {
    objects.delete(nodeIdOf(2));
    await expect(connect().committees()).rejects.toMatchObject({
      code: 'OBJECT_NOT_FOUND',
      data: { objectId: nodeIdOf(2) },
    });
  });
});

describe('blobs', () => {
  const blob = parseObjectId('0xb10b');

  it('reads a blob and its owner', async () => {
    objects.set(blob, { type: names.blob, contents: blobContents(blob, { certifiedEpoch: 3 as Epoch }), owner: OWNER });
    expect(await connect().blobObject(blob)).toEqual({
      objectId: blob,
      version: 1n,
      owner: OWNER,
      blobId: '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo',
      sizeBytes: 5,
      encodingType: 1,
      registeredEpoch: 3,
      certifiedEpoch: 3,
      startEpoch: 3,
      endEpoch: 8,
      storage: { objectId: parseObjectId('0x77'), sizeBytes: 1_192n },
      deletable: true,
    });
  });

  it('reads the blob inside a shared one', async () => {
    const contents = layouts.SharedBlob.serialize({
      id: blob,
      blob: layouts.Blob.parse(blobContents(parseObjectId('0xb2'))),
      funds: 9n,
    });
    objects.set(blob, { type: names.sharedBlob, contents: contents.toBytes() });
    const read = await connect().blobObject(blob);
    expect(read).toMatchObject({ objectId: blob, shared: { blobObjectId: parseObjectId('0xb2'), funds: 9n } });
    expect(read?.owner).toBeUndefined();
  });

  it('says that there is none, and refuses an object of another type', async () => {
    expect(await connect().blobObject(blob)).toBeUndefined();
    await expect(connect().blobObject(nodeIdOf(0))).rejects.toMatchObject({ code: 'WRONG_OBJECT_TYPE' });
  });

  it('lists what an address owns across pages', async () => {
    const ids = Array.from({ length: 205 }, (_, i) => parseObjectId(`0xb${i.toString(16).padStart(4, '0')}`));
    for (const objectId of ids) {
      objects.set(objectId, { type: names.blob, contents: blobContents(objectId), owner: OWNER });
    }
    objects.set(blob, { type: names.blob, contents: blobContents(blob), owner: parseObjectId('0xdead') });
    const listed: string[] = [];
    for await (const owned of connect().ownedBlobs(OWNER)) listed.push(owned.objectId);
    expect(listed).toEqual(ids);
    expect(grpc.called.filter((name) => name === 'ListOwnedObjects')).toHaveLength(3);
  });

  it('reads attributes in their order, and none where there are none', async () => {
    expect([...(await connect().attributes(blob))]).toEqual([]);
    const field = metadataFieldId(blob);
    const metadata = [
      { key: 'z', value: '1' },
      { key: 'a', value: '2' },
    ];
    const contents = layouts.MetadataField.serialize({
      id: field,
      name: new TextEncoder().encode('metadata'),
      value: { metadata },
    });
    objects.set(field, { type: names.metadataField, contents: contents.toBytes() });
    expect([...(await connect().attributes(blob))]).toEqual([
      ['z', '1'],
      ['a', '2'],
    ]);
  });

  it('asks for SUI and WAL by their full types', async () => {
    const asked: string[] = [];
    const client = connect({
      GetBalance: ({ coinType = '' }: GrpcTypes.GetBalanceRequest) => {
        asked.push(coinType);
        return { balance: { balance: coinType === WAL ? 7n : 5n } };
      },
    });
    expect(await client.balances(OWNER)).toEqual({ sui: 5n, wal: 7n });
    expect(asked.toSorted()).toEqual([SUI_TYPE, WAL].toSorted());
  });
});

describe('chain', () => {
  it('tells which chain it is and where it ends', async () => {
    const client = connect({ GetServiceInfo: () => ({ chainId: 'Chain', checkpointHeight: 7n }) });
    expect(await client.chain()).toEqual({ chainId: 'Chain', latestCheckpoint: 7n });
    await expect(connect({ GetServiceInfo: () => ({}) }).chain()).rejects.toMatchObject({ code: 'LEDGER_MISBEHAVED' });
  });
});

describe('followCheckpoints', () => {
  it('waits for a ledger that is not up yet', async () => {
    let up = false;
    const served = connect({
      async *ListCheckpoints() {
        yield {
          checkpoint: { sequenceNumber: 0n, summary: { timestamp: { seconds: 1n, nanos: 0 } }, transactions: [] },
        };
        yield { end: { reason: 5 } };
      },
      SubscribeCheckpoints: () => new Feed<unknown>(),
    });
    expect(served.config).toBe(config);
    const fetchWhenUp: typeof fetch = async (...request) => {
      if (up) return grpc.fetch(...request);
      throw new TypeError('fetch failed');
    };
    const client = new LedgerClient(config, { fetch: fetchWhenUp, clock: time, scheduler: time });
    const stop = new AbortController();
    const records = client.followCheckpoints({ from: 0n, signal: stop.signal })[Symbol.asyncIterator]();
    const first = records.next();
    await time.advance(60_000);
    up = true;
    await time.advance(5_000);
    expect(await first).toMatchObject({ value: { sequence: 0n, timestampMs: 1_000, events: [] } });
    stop.abort();
  });
});

describe('calls', () => {
  it('tries again when the ledger is not reached, with doubling pauses, and then says so', async () => {
    const triedAtMs: number[] = [];
    const unreachable: typeof fetch = async () => {
      triedAtMs.push(time.monotonicMs());
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:9') });
    };
    const client = new LedgerClient(config, { fetch: unreachable, clock: time, scheduler: time });
    const failed = expect(client.systemState()).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      kind: 'unavailable',
      message: expect.stringContaining('connect ECONNREFUSED 127.0.0.1:9') as string,
    });
    await time.advance(1_000);
    await failed;
    expect(triedAtMs).toEqual([0, 100, 300, 700]);
  });

  it('succeeds when a later try does', async () => {
    let tries = 0;
    const client = connect({
      GetFunction: (request: GrpcTypes.GetFunctionRequest) => {
        tries += 1;
        if (tries < 3) throw new RpcError('draining', 'UNAVAILABLE');
        return objectHandlers(objects).GetFunction(request);
      },
    });
    const state = client.systemState();
    await time.advance(300);
    expect((await state).walType).toBe(WAL);
  });

  it('gives up on an answer that does not come', async () => {
    const client = connect({ BatchGetObjects: () => new Promise(() => undefined) });
    const failed = expect(client.systemState()).rejects.toMatchObject({ code: 'LEDGER_TIMEOUT' });
    await time.advance(4 * 10_000 + 700);
    await failed;
    expect(grpc.called).toHaveLength(4);
  });

  it('does not repeat what the ledger refuses', async () => {
    const client = connect({
      BatchGetObjects: () => {
        throw new RpcError('object id must have 64 digits', 'INVALID_ARGUMENT');
      },
    });
    await expect(client.systemState()).rejects.toMatchObject({ code: 'LEDGER_REJECTED', kind: 'invalid' });
    expect(grpc.called).toHaveLength(1);
  });

  it('rejects with the reason of the caller’s signal, and the read goes on for the others', async () => {
    const client = connect();
    const stop = new AbortController();
    const stopped = client.systemState({ signal: stop.signal });
    const other = client.systemState();
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    expect((await other).epoch).toBe(3);
  });

  it('refuses fewer results than it asked for', async () => {
    await expect(connect({ BatchGetObjects: () => ({ objects: [] }) }).systemState()).rejects.toMatchObject({
      code: 'LEDGER_MISBEHAVED',
    });
  });
});
