/** A storage node in memory, a ledger that says what the test wants, and blobs to send. */
import type { CheckpointRecord, ContractEvent, LedgerEvent } from '@floe/contracts';
import { deferred, type Metrics, noMetrics, silentLogger } from '@floe/platform';
import {
  createMemoryFileSystem,
  createMemoryStore,
  createMemoryTransport,
  createVirtualTime,
  type MemoryFileSystem,
  type MemoryStore,
  seededRng,
  type VirtualTime,
} from '@floe/platform/memory';
import {
  type Axis,
  AXES,
  type BlobId,
  type Bls,
  type Committees,
  createCommittee,
  createNobleBls,
  encodeBlobMetadata,
  encodeSliverData,
  type Epoch,
  type Geometry,
  geometryOf,
  type NodeId,
  type NodeRoute,
  nodeRequest,
  type ObjectId,
  pairOfShard,
  parseObjectId,
  type ShardIndex,
  type SliverPairIndex,
  sliverOfPair,
} from '@floe/protocol';
import { type Codec, createInlineCodec, type EncodedBlob } from '@floe/redstuff';
import type { NodeLedger } from '../src/ledger-port.ts';
import type { NodeLimits } from '../src/limits.ts';
import type { DenyList } from '../src/deny-list.ts';
import { StorageNode } from '../src/storage-node.ts';

export const N_SHARDS = 10;
export const geometry: Geometry = geometryOf(N_SHARDS);
export const OWN_SHARDS = [1, 4, 7] as ShardIndex[];
export const NODE_ID = parseObjectId('0xa1') as NodeId;
export const SYSTEM_ID = parseObjectId('0x5e');
export const SECRET_KEY = new Uint8Array(32).fill(0x21);
export const EPOCH = 5 as Epoch;

export const bls: Bls = createNobleBls();
export const codec: Codec = createInlineCodec();

export function committees(epoch: number, ownShards: readonly ShardIndex[] = OWN_SHARDS): Committees {
  const all = Array.from({ length: N_SHARDS }, (_, shard) => shard as ShardIndex);
  const member = { name: 'node', networkAddress: '127.0.0.1:1', networkPublicKey: new Uint8Array(33) };
  const members = [
    { ...member, nodeId: NODE_ID, publicKey: bls.publicKey(SECRET_KEY), shards: ownShards },
    {
      ...member,
      nodeId: parseObjectId('0xb2'),
      publicKey: new Uint8Array(48),
      shards: all.filter((shard) => !ownShards.includes(shard)),
    },
  ];
  const sitting = members.filter(({ shards }) => shards.length > 0);
  return { current: createCommittee({ epoch: epoch as Epoch, nShards: N_SHARDS, members: sitting }), phase: 'done' };
}

/** A ledger of which the test is the chain. */
export class FakeLedger implements NodeLedger {
  chainId = 'chain-one';
  current: Committees = committees(EPOCH);
  readonly checkpoints: CheckpointRecord[] = [];
  readonly #handled = new Map<bigint, () => void>();
  #more = deferred<void>();

  async chain(): Promise<{ chainId: string; latestCheckpoint: bigint }> {
    return { chainId: this.chainId, latestCheckpoint: BigInt(this.checkpoints.length) - 1n };
  }

  /** Different for each epoch. */
  async epochRandomness(epoch: Epoch): Promise<Uint8Array | undefined> {
    return seededRng(`randomness of epoch ${epoch}`).bytes(32);
  }

  async committees(): Promise<Committees> {
    return this.current;
  }

  /** Resolves when the follower has handled the checkpoint and asks for the next. */
  async emit(...events: ContractEvent[]): Promise<void> {
    const done = deferred<void>();
    const sequence = this.append(...events);
    this.#handled.set(sequence, () => done.resolve());
    this.#more.resolve();
    this.#more = deferred();
    await done.promise;
  }

  append(...events: ContractEvent[]): bigint {
    const sequence = BigInt(this.checkpoints.length);
    const placed: LedgerEvent[] = events.map((event, eventSeq) => ({ txDigest: digestOf(sequence), eventSeq, event }));
    this.checkpoints.push({ sequence, timestampMs: 1000 * Number(sequence), events: placed });
    return sequence;
  }

  async *followCheckpoints({ from, signal }: { from: bigint; signal: AbortSignal }): AsyncIterable<CheckpointRecord> {
    const aborted = deferred<void>();
    signal.addEventListener('abort', () => aborted.resolve(), { once: true });
    for (let next = from; !signal.aborted;) {
      const checkpoint = this.checkpoints[Number(next)];
      if (checkpoint === undefined) {
        await Promise.race([this.#more.promise, aborted.promise]);
        continue;
      }
      yield checkpoint;
      this.#handled.get(next)?.();
      next += 1n;
    }
  }
}

/** A base58 text of a digest's length, different for each checkpoint. */
export function digestOf(sequence: bigint): string {
  return `${sequence}`.replaceAll('0', 'z').padStart(43, '1');
}

export interface Blob {
  readonly id: BlobId;
  readonly objectId: ObjectId;
  readonly encoded: EncodedBlob;
  readonly bytes: Uint8Array;
}

let nextObject = 0x1000;

/** A blob of `size` bytes that differs by `seed`, encoded. */
export async function makeBlob(size: number, seed = 0): Promise<Blob> {
  const bytes = seededRng(`blob ${size} ${seed}`).bytes(size);
  const encoded = await codec.encode(geometry, bytes);
  nextObject += 1;
  return { id: encoded.verified.blobId, objectId: parseObjectId(`0x${nextObject.toString(16)}`), encoded, bytes };
}

export function registered(
  blob: Pick<Blob, 'id' | 'objectId'>,
  options: { endEpoch?: number; deletable?: boolean } = {},
): ContractEvent {
  return {
    kind: 'BlobRegistered',
    epoch: EPOCH,
    blobId: blob.id,
    size: 1n,
    encodingType: 1,
    endEpoch: (options.endEpoch ?? 20) as Epoch,
    deletable: options.deletable ?? false,
    objectId: blob.objectId,
  };
}

export function certified(
  blob: Pick<Blob, 'id' | 'objectId'>,
  options: { endEpoch?: number; deletable?: boolean; isExtension?: boolean; epoch?: number } = {},
): ContractEvent {
  return {
    kind: 'BlobCertified',
    epoch: (options.epoch ?? EPOCH) as Epoch,
    blobId: blob.id,
    endEpoch: (options.endEpoch ?? 20) as Epoch,
    deletable: options.deletable ?? false,
    objectId: blob.objectId,
    isExtension: options.isExtension ?? false,
  };
}

export function metadataBytes(blob: Blob): Uint8Array {
  return encodeBlobMetadata(blob.encoded.verified.metadata);
}

export function sliverBytes(blob: Blob, pair: number, axis: Axis): Uint8Array {
  return encodeSliverData(blob.encoded.sliver(axis, sliverOfPair(geometry, axis, pair as SliverPairIndex)));
}

export function pairsOf(blob: Blob, shards: readonly ShardIndex[] = OWN_SHARDS): SliverPairIndex[] {
  return shards.map((shard) => pairOfShard(geometry, blob.id, shard));
}

export interface Harness {
  readonly node: StorageNode;
  readonly ledger: FakeLedger;
  readonly time: VirtualTime;
  readonly fileSystem: MemoryFileSystem;
  readonly store: MemoryStore;
  readonly denied: Set<BlobId>;
  readonly call: (
    route: NodeRoute,
    body?: Uint8Array | AsyncIterable<Uint8Array>,
    init?: RequestInit,
  ) => Promise<Response>;
  /** Sends metadata and all slivers of the node's shards. */
  readonly upload: (blob: Blob, pending?: boolean) => Promise<void>;
}

export interface HarnessOptions {
  readonly limits?: Partial<NodeLimits>;
  readonly ledger?: FakeLedger;
  readonly fileSystem?: MemoryFileSystem;
  readonly store?: MemoryStore;
  readonly nodeId?: NodeId;
  readonly systemObjectId?: ObjectId;
  readonly codec?: Codec;
  readonly metrics?: Metrics;
}

export async function startNode(options: HarnessOptions = {}): Promise<Harness> {
  const ledger = options.ledger ?? new FakeLedger();
  const fileSystem = options.fileSystem ?? createMemoryFileSystem();
  const store = options.store ?? createMemoryStore();
  const time = createVirtualTime({ startMs: 0 });
  const denied = new Set<BlobId>();
  const denyList: DenyList = denied;
  const node = await StorageNode.open(
    {
      directory: '/node',
      nodeId: options.nodeId ?? NODE_ID,
      blsSecretKey: SECRET_KEY,
      ledger: { systemObjectId: options.systemObjectId ?? SYSTEM_ID },
      limits: { reserveBytes: 0, ...options.limits },
    },
    {
      store,
      fileSystem,
      ledgerClient: ledger,
      transport: createMemoryTransport(new Map(), { scheduler: time }),
      codec: options.codec ?? codec,
      bls,
      denyList,
      clock: time,
      scheduler: time,
      rng: seededRng('node'),
      logger: silentLogger,
      metrics: options.metrics ?? noMetrics,
    },
  );
  const call: Harness['call'] = async (route, body, init = {}) => {
    const { method, target } = nodeRequest(route);
    return node.handler(request(method, target, body, init));
  };
  const upload = async (blob: Blob, pending = false): Promise<void> => {
    await expectStatus(call({ name: 'putMetadata', blobId: blob.id, pending }, metadataBytes(blob)), [200, 201, 202]);
    for (const pair of pairsOf(blob)) {
      for (const axis of AXES) {
        const route = { name: 'putSliver', blobId: blob.id, pair, axis, pending } as const;
        await expectStatus(call(route, sliverBytes(blob, pair, axis)), [200, 201, 202]);
      }
    }
  };
  return { node, ledger, time, fileSystem, store, denied, call, upload };
}

export function request(
  method: string,
  target: string,
  body?: Uint8Array | AsyncIterable<Uint8Array>,
  init: RequestInit = {},
): Request {
  const stream = body === undefined || body instanceof Uint8Array ? body : streamOf(body);
  return new Request(`http://node.test${target}`, { method, body: stream, duplex: 'half', ...init } as RequestInit);
}

function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
}

async function expectStatus(answering: Promise<Response>, allowed: readonly number[]): Promise<void> {
  const response = await answering;
  if (!allowed.includes(response.status)) throw new Error(`${response.status}: ${await response.text()}`);
}

/** Status, envelope status and reason of a refusal; the data of a success. */
export async function outcomeOf(answering: Promise<Response> | Response): Promise<unknown> {
  const response = await answering;
  const text = await response.text();
  if (response.headers.get('content-type') !== 'application/json') return [response.status, text];
  const json = JSON.parse(text) as {
    success?: { code: number; data: unknown };
    error?: { status: string; code: number; details: { reason: string }[] };
  };
  if (json.success !== undefined) return [response.status, json.success.data];
  return [response.status, json.error?.status, json.error?.details[0]?.reason];
}

export async function bytesOf(answering: Promise<Response> | Response): Promise<Uint8Array> {
  const response = await answering;
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return new Uint8Array(await response.arrayBuffer());
}

export function foreignPair(of: Blob): SliverPairIndex {
  return pairsOf(of, [2 as ShardIndex])[0] as SliverPairIndex;
}

export function put(of: Blob, pair: number, axis: 'primary' | 'secondary', pending = false): NodeRoute {
  return { name: 'putSliver', blobId: of.id, pair: pair as SliverPairIndex, axis, pending };
}

export function get(of: Blob, pair: number, axis: 'primary' | 'secondary'): NodeRoute {
  return { name: 'getSliver', blobId: of.id, pair: pair as SliverPairIndex, axis };
}

export function confirmation(
  of: Blob,
  options: { deletable?: boolean; wait?: boolean; waitMs?: number } = {},
): NodeRoute {
  return {
    name: 'getConfirmation',
    blobId: of.id,
    persistence: options.deletable === true ? { kind: 'deletable', objectId: of.objectId } : { kind: 'permanent' },
    waitForRegistration: options.wait ?? false,
    waitMs: options.waitMs,
  };
}

export async function storedBlob(blob: Blob): Promise<Harness> {
  const harness = await startNode();
  await harness.ledger.emit(registered(blob));
  await harness.upload(blob);
  return harness;
}
