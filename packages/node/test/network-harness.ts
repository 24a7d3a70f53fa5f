/** A network of storage nodes in memory, on virtual time: real nodes and handlers, a ledger that is what the test says, peers that fail as told. */
import type { ContractEvent } from '@floe/contracts';
import { type FileSystem, type HttpHandler, type KeyValueStore, type Metrics, silentLogger } from '@floe/platform';
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
  type Committees,
  createCommittee,
  type Epoch,
  memberOfShard,
  type NodeId,
  nodeRequest,
  type NodeRoute,
  parseObjectId,
  sealMetadata,
  shardOfPair,
  type ShardIndex,
  type SliverIndex,
  type SliverPairIndex,
} from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import type { NodeLimits } from '../src/limits.ts';
import type { Operator } from '../src/ledger-port.ts';
import { StorageNode } from '../src/storage-node.ts';
import {
  type Blob,
  certified,
  codec,
  EPOCH,
  FakeLedger,
  geometry,
  makeBlob,
  metadataBytes,
  N_SHARDS,
  registered,
  request,
  sliverBytes,
  SYSTEM_ID,
} from './node-harness.ts';

/** Pages of shards are signed: this one is ten times as fast as the one in JavaScript alone. */
export const fastBls = await createMclBls();

const POLL_MS = 5;
const LONGEST_WAIT_MS = 600_000;

/** What a node adds to its metrics, by name and labels. */
export class CountingMetrics implements Metrics {
  readonly #values = new Map<string, number>();

  counter({ name }: { name: string }) {
    return {
      add: (value = 1, labels: Readonly<Record<string, string>> = {}) => {
        const key = keyOf(name, labels);
        this.#values.set(key, (this.#values.get(key) ?? 0) + value);
      },
    };
  }

  gauge({ name }: { name: string }) {
    return {
      set: (value: number, labels: Readonly<Record<string, string>> = {}) =>
        void this.#values.set(keyOf(name, labels), value),
    };
  }

  histogram() {
    return { observe: () => undefined };
  }

  of(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#values.get(keyOf(name, labels)) ?? 0;
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return [name, ...Object.values(labels)].join(' ');
}

/** What a node sees of its disks. `died` rejects when it will never hear of them again. */
export interface Disks {
  readonly fileSystem: FileSystem;
  readonly store: KeyValueStore;
  readonly died?: Promise<never>;
}

export interface NetworkNode {
  readonly index: number;
  readonly origin: string;
  readonly nodeId: NodeId;
  metrics: CountingMetrics;
  store: MemoryStore;
  fileSystem: MemoryFileSystem;
  /** Undefined while it is down. */
  node: StorageNode | undefined;
  /** Stands between the node and its disks, from its next start on. */
  between: ((disks: { fileSystem: MemoryFileSystem; store: MemoryStore }) => Disks) | undefined;
  died: Promise<never> | undefined;
  /** Stands in front of the node's handler. */
  front: ((handler: HttpHandler) => HttpHandler) | undefined;
}

export interface NetworkOptions {
  /** Shards of each node in the first epoch; a node without any is no member. */
  readonly shards: readonly (readonly number[])[];
  readonly limits?: Partial<NodeLimits>;
  readonly operator?: Operator;
  /** Nodes that the test starts itself. */
  readonly down?: readonly number[];
}

export class Network {
  readonly ledger = new FakeLedger();
  readonly time: VirtualTime = createVirtualTime({ startMs: 0 });
  readonly nodes: NetworkNode[];
  readonly #options: NetworkOptions;
  readonly #routes = new Map<string, HttpHandler>();
  /** Requests made of nodes, by route name. */
  readonly requests = new Map<string, number>();

  static async start(options: NetworkOptions): Promise<Network> {
    const network = new Network(options);
    network.ledger.current = network.committeesOf(EPOCH, options.shards);
    for (const { index } of network.nodes) if (options.down?.includes(index) !== true) await network.boot(index);
    return network;
  }

  private constructor(options: NetworkOptions) {
    this.#options = options;
    this.nodes = options.shards.map((_, index) => ({
      index,
      origin: `http://127.0.0.1:${9000 + index}`,
      nodeId: parseObjectId(`0x${(0xa0 + index).toString(16)}`) as NodeId,
      metrics: new CountingMetrics(),
      store: createMemoryStore(),
      fileSystem: createMemoryFileSystem(),
      between: undefined,
      died: undefined,
      node: undefined,
      front: undefined,
    }));
  }

  committeesOf(
    epoch: number,
    shards: readonly (readonly number[])[],
    before?: readonly (readonly number[])[],
  ): Committees {
    const committee = (at: number, assigned: readonly (readonly number[])[]) =>
      createCommittee({
        epoch: at as Epoch,
        nShards: N_SHARDS,
        members: this.nodes
          .map(({ nodeId, index }) => ({
            nodeId,
            name: `node-${index}`,
            networkAddress: `127.0.0.1:${9000 + index}`,
            publicKey: fastBls.publicKey(secretKeyOf(index)),
            networkPublicKey: new Uint8Array(33),
            shards: (assigned[index] ?? []) as ShardIndex[],
          }))
          .filter((member) => member.shards.length > 0),
      });
    const current = committee(epoch, shards);
    if (before === undefined) return { current, phase: 'done' };
    return { current, previous: committee(epoch - 1, before), phase: 'sync' };
  }

  async boot(index: number): Promise<StorageNode> {
    const each = this.nodes[index] as NetworkNode;
    each.metrics = new CountingMetrics();
    const { fileSystem, store } = each;
    const disks: Disks = each.between?.({ fileSystem, store }) ?? { fileSystem, store };
    each.died = disks.died;
    const node = await this.alive(
      index,
      StorageNode.open(
        {
          peerScheme: 'http',
          directory: '/node',
          nodeId: each.nodeId,
          blsSecretKey: secretKeyOf(index),
          ledger: { systemObjectId: SYSTEM_ID },
          limits: { reserveBytes: 0, ...this.#options.limits },
        },
        {
          store: disks.store,
          fileSystem: disks.fileSystem,
          ledgerClient: this.ledger,
          operator: this.#options.operator,
          transport: createMemoryTransport(this.#routes, { scheduler: this.time }),
          codec,
          bls: fastBls,
          clock: this.time,
          scheduler: this.time,
          rng: seededRng(`node ${index}`),
          logger: silentLogger,
          metrics: each.metrics,
        },
      ),
    );
    if (each.store !== store) {
      // It was opened, and died before anybody heard of it.
      node.close().catch(() => undefined);
      await each.died;
    }
    each.node = node;
    this.#routes.set(each.origin, (request_) => {
      const name = new URL(request_.url).pathname.replaceAll(/\/[A-Za-z0-9_-]{43}|\/\d+/g, '');
      this.requests.set(name, (this.requests.get(name) ?? 0) + 1);
      return (each.front?.(node.handler) ?? node.handler)(request_);
    });
    return node;
  }

  /** As if the machine was switched off. */
  async stop(index: number): Promise<void> {
    const each = this.nodes[index] as NetworkNode;
    this.#routes.delete(each.origin);
    const { node } = each;
    each.node = undefined;
    if (node !== undefined) await this.alive(index, node.close());
  }

  /** Lets as much time pass as `work` of this node needs, or until it has died. */
  async alive<T>(index: number, work: Promise<T>): Promise<T> {
    const { died } = this.nodes[index] as NetworkNode;
    return await this.time.run(died === undefined ? work : Promise.race([work, died]));
  }

  /**
   * Its power fails: what was not synced is torn or lost, and nothing that was under way ends. Or only its process is killed: then what it wrote
   * is there.
   */
  crash(index: number, cause: 'power' | 'kill' = 'power'): void {
    const each = this.nodes[index] as NetworkNode;
    const { node } = each;
    this.#routes.delete(each.origin);
    each.node = undefined;
    each.store = each.store.crash();
    if (cause === 'power') each.fileSystem.crash();
    // Only so that it stops asking others.
    node?.close().catch(() => undefined);
  }

  /** Its disk is lost while it is down. */
  wipe(index: number): void {
    const each = this.nodes[index] as NetworkNode;
    each.store = createMemoryStore();
    each.fileSystem = createMemoryFileSystem();
  }

  async close(): Promise<void> {
    for (const { index } of this.nodes) await this.stop(index);
  }

  node(index: number): StorageNode {
    const { node } = this.nodes[index] as NetworkNode;
    if (node === undefined) throw new Error(`node ${index} is down`);
    return node;
  }

  /** Events in a checkpoint of their own, at the present time; resolves when every running node has handled them. */
  async emit(...events: ContractEvent[]): Promise<void> {
    const sequence = BigInt(this.ledger.checkpoints.length);
    void this.ledger.emit(...events);
    Object.assign(this.ledger.checkpoints.at(-1) as object, { timestampMs: this.time.nowMs() });
    await this.until(() =>
      this.nodes.every(({ node }) => {
        const latest = node?.status().health.latestCheckpointSequenceNumber;
        return node === undefined || (latest !== undefined && BigInt(latest) >= sequence);
      }),
    );
  }

  /** Lets time pass until it is so. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const wait = async (): Promise<void> => {
      const endMs = this.time.monotonicMs() + LONGEST_WAIT_MS;
      while (!(await condition())) {
        if (this.time.monotonicMs() > endMs) throw new Error(`not so within ${LONGEST_WAIT_MS} ms`);
        await this.time.sleep(POLL_MS);
      }
    };
    await this.time.run(wait());
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.time.monotonicMs() + ms;
    await this.until(() => this.time.monotonicMs() >= endMs);
  }

  async call(index: number, route: NodeRoute, body?: Uint8Array): Promise<Response> {
    const { method, target } = nodeRequest(route);
    return await this.alive(index, Promise.resolve(this.node(index).handler(request(method, target, body))));
  }

  /** Registers the blob, sends it to all nodes but those left out, and certifies it. */
  async storeBlob(
    blob: Blob & Partial<CheatedBlob>,
    options: { without?: readonly number[]; endEpoch?: number; deletable?: boolean } = {},
  ) {
    const { without = [], ...kind } = options;
    await this.emit(registered(blob, kind));
    for (const { index, node } of this.nodes)
      if (node !== undefined && !without.includes(index)) await this.send(index, blob);
    await this.emit(certified(blob, { ...kind, epoch: this.ledger.current.current.epoch }));
  }

  /** What a writer sends to one node. */
  async send(index: number, blob: Blob & Partial<CheatedBlob>): Promise<void> {
    const check = async (answering: Promise<Response>): Promise<void> => {
      const response = await answering;
      if (response.status > 202) throw new Error(`${response.status}: ${await response.text()}`);
    };
    await check(this.call(index, { name: 'putMetadata', blobId: blob.id, pending: false }, metadataBytes(blob)));
    for (const pair of this.pairsOf(index, blob.id)) {
      for (const axis of AXES) {
        // Nothing has the hash that a cheating writer gave this one.
        if (blob.cheated?.axis === axis && blob.cheated.pair === pair) continue;
        const route = { name: 'putSliver', blobId: blob.id, pair, axis, pending: false } as const;
        await check(this.call(index, route, sliverBytes(blob, pair, axis)));
      }
    }
  }

  /** Pairs of a blob that the current committee assigns to a node. */
  pairsOf(index: number, blobId: BlobId): SliverPairIndex[] {
    const { current } = this.ledger.current;
    const nodeId = (this.nodes[index] as NetworkNode).nodeId;
    return Array.from({ length: N_SHARDS }, (_, pair) => pair as SliverPairIndex).filter(
      (pair) => memberOfShard(current, shardOfPair(geometry, blobId, pair)).nodeId === nodeId,
    );
  }

  /** Whether the node gives metadata and both slivers of each of its pairs, byte for byte. */
  async holds(index: number, blob: Blob): Promise<boolean> {
    const metadata = await this.node(index).handler(request('GET', `/v1/blobs/${blob.id}/metadata`));
    if (metadata.status !== 200) return false;
    for (const pair of this.pairsOf(index, blob.id)) {
      for (const axis of AXES) {
        const response = await this.node(index).handler(request('GET', `/v1/blobs/${blob.id}/slivers/${pair}/${axis}`));
        if (response.status !== 200) return false;
        const bytes = new Uint8Array(await response.arrayBuffer());
        const expected = sliverBytes(blob, pair, axis);
        if (bytes.length !== expected.length || bytes.some((byte, at) => byte !== expected[at])) {
          throw new Error(`node ${index} gives wrong bytes of ${axis} sliver of pair ${pair}`);
        }
      }
    }
    return true;
  }

  async untilHeld(index: number, ...blobs: readonly Blob[]): Promise<void> {
    await this.until(async () => {
      for (const blob of blobs) if (!(await this.holds(index, blob))) return false;
      return true;
    });
  }

  /** The ledger changes the committee; nodes without shards leave it. */
  async changeCommittee(shards: readonly (readonly number[])[]): Promise<Epoch> {
    const { current } = this.ledger.current;
    const epoch = (current.epoch + 1) as Epoch;
    this.ledger.current = { ...this.committeesOf(epoch, shards), previous: current, phase: 'sync' };
    await this.emit({ kind: 'EpochChangeStart', epoch });
    return epoch;
  }

  /** A quorum has attested. */
  async openEpoch(): Promise<void> {
    this.ledger.current = { ...this.ledger.current, phase: 'done' };
    await this.emit({ kind: 'EpochChangeDone', epoch: this.ledger.current.current.epoch });
  }

  /** Whether a node says that it has all of its shards. */
  isInPlace(index: number): boolean {
    const { owned, ownedShardStatus } = this.node(index).status().health.shardSummary;
    return owned > 0 && ownedShardStatus.ready === owned;
  }

  received(index: number): number {
    const { metrics } = this.nodes[index] as NetworkNode;
    const name = 'floe_node_recovery_received_bytes_total';
    return ['symbols', 'slivers', 'transfer'].reduce((sum, traffic) => sum + metrics.of(name, { traffic }), 0);
  }

  restored(index: number): number {
    const { metrics } = this.nodes[index] as NetworkNode;
    const name = 'floe_node_recovered_bytes_total';
    return ['copy', 'whole', 'symbols', 'transfer'].reduce((sum, path) => sum + metrics.of(name, { path }), 0);
  }
}

/** A blob whose metadata give one sliver another hash than the others make it have. */
export interface CheatedBlob extends Blob {
  readonly cheated: { readonly axis: Axis; readonly pair: SliverPairIndex };
}

export async function makeCheatedBlob(size: number, seed: number, axis: Axis): Promise<CheatedBlob> {
  const blob = await makeBlob(size, seed);
  const pair = (seed % N_SHARDS) as SliverPairIndex;
  const { unencodedLength, pairHashes: right } = blob.encoded.verified.metadata;
  const pairHashes = Uint8Array.from(right);
  const at = 64 * pair + (axis === 'primary' ? 0 : 32);
  pairHashes[at] = (pairHashes[at] as number) ^ 1;
  const verified = sealMetadata(geometry, { unencodedLength, pairHashes });
  const encoded = {
    verified,
    sliver: (of: Axis, index: SliverIndex) => blob.encoded.sliver(of, index),
    release: () => blob.encoded.release(),
  };
  return { ...blob, id: verified.blobId, encoded, cheated: { axis, pair } };
}

export function secretKeyOf(index: number): Uint8Array {
  return new Uint8Array(32).fill(0x21 + index);
}
