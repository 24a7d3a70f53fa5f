/**
 * A whole node, taken through all that it does, on disks that a test interferes with: uploads before and after registration, confirmations, events,
 * healing, deletion, an invalid blob, rot that scrubbing finds, epochs, collection, a shard that comes and one that leaves.
 * Beside it is another node, well, that holds the rest of the network's shards. Every step may be begun again.
 */
import type { ContractEvent } from '@floe/contracts';
import { equalBytes, isFloeError, type Rng } from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore } from '@floe/platform/memory';
import { type Axis, AXES, type Epoch, nodeRequest, type NodeRoute, shardOfPair } from '@floe/protocol';
import { type Disks, Network, type NetworkNode } from './network-harness.ts';
import {
  type Blob,
  certified,
  confirmation,
  EPOCH,
  geometry,
  get,
  makeBlob,
  metadataBytes,
  N_SHARDS,
  outcomeOf,
  put,
  registered,
  request,
  sliverBytes,
} from './node-harness.ts';
import { Died } from './interfered-disks.ts';

/** The node whose disks are interfered with. */
export const SUBJECT = 0;
const OTHER = 1;
/** The other one alone has enough to heal from. */
const SHARDS = [
  [0, 1, 2],
  [3, 4, 5, 6, 7, 8, 9],
];
const MOVED = [
  [0, 1, 3],
  [2, 4, 5, 6, 7, 8, 9],
];
const LEFT_SHARD = 2;

const NAMES = ['kept', 'deletable', 'expiring', 'extended', 'invalid', 'early', 'missed', 'late'] as const;
export type Blobs = Readonly<Record<(typeof NAMES)[number], Blob>>;
const FIRST = ['kept', 'deletable', 'expiring', 'extended', 'invalid'] as const;
const NEXT_EPOCH = EPOCH + 1;
const KINDS: Partial<Record<(typeof NAMES)[number], { endEpoch?: number; deletable?: boolean }>> = {
  deletable: { deletable: true },
  expiring: { endEpoch: NEXT_EPOCH },
  extended: { endEpoch: NEXT_EPOCH },
};

const LIMITS = {
  // Two or three slivers a segment, two a batch.
  segmentBytes: 2500,
  commitBatchBytes: 1200,
  lazyCursorCheckpoints: 3,
  uploadGraceMs: 100,
  shardPageSlivers: 2,
  healingRetryMinMs: 50,
  healingRetryMaxMs: 1000,
  peerPauseMinMs: 20,
  peerPauseMaxMs: 500,
  challengeIntervalMs: 20_000,
};
const LONGEST_WAIT_MS = 900_000;
const POLL_MS = 50;
/** Longer than the scrubber's pause between two passes. */
const SCRUB_MS = 65_000;

/** Stands before served metadata. */
const BLOB_ID_BYTES = 32;

/** What a refusal may be while a disk takes no writes. */
const CLEAR_CODES = ['INSUFFICIENT_STORAGE', 'DISK_FULL', 'IO_FAILED', 'STORE_FULL', 'STORE_FAILED'];

export async function makeBlobs(): Promise<Blobs> {
  const blobs = await Promise.all(
    NAMES.map(async (name, at) => [name, await makeBlob(1500 + 150 * at, 500 + at)] as const),
  );
  return Object.fromEntries(blobs) as Blobs;
}

interface WholeNodeOptions {
  readonly blobs: Blobs;
  /** Decides what a crash keeps. */
  readonly rng: Rng;
  /** What stands between the node and its disks at each of its starts. */
  readonly between: (whole: WholeNode, disks: Parameters<NonNullable<NetworkNode['between']>>[0]) => Disks;
  /** Statuses with which uploads may be refused; then they are sent again. Default: none. */
  readonly refusals?: readonly number[];
}

export class WholeNode {
  readonly network: Network;
  readonly blobs: Blobs;
  readonly #refusals: readonly number[];
  readonly #expected = new Map<string, Uint8Array>();
  /** Slivers and metadata of which the node said that it has them, or that it has given. */
  readonly #owed = new Set<string>();
  readonly #confirmed = new Set<Blob>();
  readonly #gone = new Set<Blob>();
  readonly #rotten = new Set<string>();
  readonly #done = new Set<string>();
  #hasMoved = false;
  /** What must not have happened meanwhile. */
  failure: unknown;
  refused = 0;

  static async start(options: WholeNodeOptions): Promise<WholeNode> {
    const network = await Network.start({ shards: SHARDS, limits: LIMITS, down: [SUBJECT] });
    return new WholeNode(network, options);
  }

  private constructor(network: Network, { blobs, rng, between, refusals = [] }: WholeNodeOptions) {
    this.network = network;
    this.blobs = blobs;
    this.#refusals = refusals;
    Object.assign(network.nodes[SUBJECT] as NetworkNode, {
      fileSystem: createMemoryFileSystem({ rng }),
      store: createMemoryStore({ rng }),
      between: (disks: Parameters<NonNullable<NetworkNode['between']>>[0]) => between(this, disks),
    });
    for (const blob of Object.values(blobs)) {
      this.#expected.set(metadataKey(blob), metadataBytes(blob));
      for (const { key, pair, axis } of sliversOf(blob)) this.#expected.set(key, sliverBytes(blob, pair, axis));
    }
  }

  get isUp(): boolean {
    return this.#subject.node !== undefined;
  }

  get #subject(): NetworkNode {
    return this.network.nodes[SUBJECT] as NetworkNode;
  }

  /** Starts the node and looks, while nobody can help it, whether it has everything that it said it had. */
  async boot(): Promise<void> {
    const other = this.network.nodes[OTHER] as NetworkNode;
    other.front = () => async () => new Response(null, { status: 503 });
    try {
      const node = await this.#opened();
      node.finished.catch((error: unknown) => {
        if (this.#subject.node === node) this.failure ??= error;
      });
      await this.check();
      await this.#follow();
      await this.check();
      for (const blob of this.#confirmed) await this.#confirm(blob);
    } finally {
      other.front = undefined;
    }
  }

  async #opened() {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.network.boot(SUBJECT);
      } catch (error) {
        if (error instanceof Died || this.#refusals.length === 0 || attempt > 100) throw error;
        this.expectClear(error);
        await this.#sleep(1000);
      }
    }
  }

  expectClear(error: unknown): void {
    if (!isFloeError(error) || !CLEAR_CODES.includes(error.code)) {
      throw new Error(`not a clear failure of the disk: ${String(error)}`, { cause: error });
    }
    this.refused += 1;
  }

  /** Whatever is served is right, and what is owed is served. Takes no time. */
  async check(): Promise<void> {
    for (const blob of Object.values(this.blobs)) {
      await this.#checkOne(blob, metadataKey(blob), { name: 'getMetadata', blobId: blob.id });
      for (const { key, pair, axis, shard } of sliversOf(blob)) {
        await this.#checkOne(blob, key, get(blob, pair, axis), this.#hasMoved && shard === LEFT_SHARD);
      }
    }
    if (this.failure !== undefined) throw this.failure;
  }

  async #checkOne(blob: Blob, key: string, route: NodeRoute, mayBeGone = false): Promise<void> {
    const { method, target } = nodeRequest(route);
    const answering = Promise.resolve(this.network.node(SUBJECT).handler(request(method, target)));
    const { died } = this.#subject;
    const response = await (died === undefined ? answering : Promise.race([answering, died]));
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status === 200) {
      const isRight = equalBytes(
        key.startsWith('metadata') ? bytes.subarray(BLOB_ID_BYTES) : bytes,
        this.#bytesOf(key),
      );
      if (!isRight) throw new Error(`wrong bytes of ${this.#nameOf(blob)}, ${key}`);
      return;
    }
    if (mayBeGone || this.#gone.has(blob) || this.#rotten.has(key) || !this.#owed.has(key)) return;
    throw new Error(`lost ${key} of ${this.#nameOf(blob)}: ${response.status} ${new TextDecoder().decode(bytes)}`);
  }

  #bytesOf(key: string): Uint8Array {
    return this.#expected.get(key) as Uint8Array;
  }

  #nameOf(blob: Blob): string {
    return NAMES.find((name) => this.blobs[name] === blob) as string;
  }

  /** The ledger says this, once, however often the step is begun. */
  #announce(label: string, ...events: ContractEvent[]): void {
    if (!this.#isFirst(label)) return;
    const { ledger, time } = this.network;
    void ledger.emit(...events);
    Object.assign(ledger.checkpoints.at(-1) as object, { timestampMs: time.nowMs() });
  }

  #isFirst(label: string): boolean {
    const isFirst = !this.#done.has(label);
    this.#done.add(label);
    return isFirst;
  }

  async #follow(): Promise<void> {
    const last = BigInt(this.network.ledger.checkpoints.length) - 1n;
    await this.#until('the events were followed', () =>
      this.network.nodes.every(({ node }) => {
        const latest = node?.status().health.latestCheckpointSequenceNumber;
        return last < 0n || (latest !== undefined && BigInt(latest) >= last);
      }),
    );
  }

  async #until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const { time } = this.network;
    const wait = async (): Promise<void> => {
      const endMs = time.monotonicMs() + LONGEST_WAIT_MS;
      while (!(await condition())) {
        if (this.failure !== undefined) throw this.failure;
        if (time.monotonicMs() > endMs) throw new Error(`it never came that ${what}`);
        await time.sleep(POLL_MS);
      }
    };
    await this.network.alive(SUBJECT, wait());
  }

  async #sleep(ms: number): Promise<void> {
    await this.network.alive(SUBJECT, this.network.time.sleep(ms));
  }

  async #accepted(route: NodeRoute, body?: Uint8Array): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const response = await this.network.call(SUBJECT, route, body);
      if (response.status <= 202) return;
      const text = await response.text();
      if (!this.#refusals.includes(response.status) || attempt > 200) {
        throw new Error(`${route.name} was refused: ${response.status} ${text}`);
      }
      this.refused += 1;
      await this.#sleep(500);
    }
  }

  /** Sends all that the node owes of the blob; what it takes for good is owed from then on. */
  async #send(blob: Blob, pending = false): Promise<void> {
    await this.#accepted({ name: 'putMetadata', blobId: blob.id, pending }, metadataBytes(blob));
    if (!pending) this.#owed.add(metadataKey(blob));
    const pairs = this.network.pairsOf(SUBJECT, blob.id);
    const sliverOf = sliversOf(blob).filter(({ pair }) => pairs.some((own) => own === pair));
    await Promise.all(
      sliverOf.map(async ({ key, pair, axis }) => {
        await this.#accepted(put(blob, pair, axis, pending), this.#bytesOf(key));
        if (!pending) this.#owed.add(key);
      }),
    );
  }

  async #sendBoth(blob: Blob): Promise<void> {
    if (this.#isFirst(`sent ${blob.id}`)) await this.network.send(OTHER, blob);
    await this.#send(blob);
  }

  async #confirm(blob: Blob): Promise<void> {
    if (this.#gone.has(blob) || this.#rotten.size > 0) return;
    await this.#accepted(confirmation(blob, { deletable: blob === this.blobs.deletable }));
    this.#confirmed.add(blob);
  }

  async #held(...blobs: readonly Blob[]): Promise<void> {
    for (const blob of blobs) await this.#until('a blob is whole', () => this.network.holds(SUBJECT, blob));
    // What was given once must be given again.
    for (const blob of blobs) {
      const pairs = this.network.pairsOf(SUBJECT, blob.id);
      this.#owed.add(metadataKey(blob));
      for (const { key, pair } of sliversOf(blob)) if (pairs.some((own) => own === pair)) this.#owed.add(key);
    }
  }

  async #enterEpoch(epoch: number, shards: readonly (readonly number[])[]): Promise<void> {
    const { ledger } = this.network;
    if (this.#isFirst(`epoch ${epoch}`)) {
      ledger.current = {
        ...this.network.committeesOf(epoch, shards),
        previous: ledger.current.current,
        phase: 'sync',
      };
    }
    this.#announce(`epoch ${epoch} starts`, { kind: 'EpochChangeStart', epoch: epoch as Epoch });
    await this.#follow();
    for (const index of [SUBJECT, OTHER]) {
      const isThere = (): boolean => this.network.node(index).status().epoch === epoch && this.network.isInPlace(index);
      await this.#until('the shards are in place', isThere);
    }
    ledger.current = { ...ledger.current, phase: 'done' };
    this.#announce(`epoch ${epoch} is open`, { kind: 'EpochChangeDone', epoch: epoch as Epoch });
    await this.#follow();
  }

  async #collect(): Promise<void> {
    await this.#until('garbage was collected', async () => {
      try {
        const report = await this.network.node(SUBJECT).collectGarbage({ isDryRun: false });
        return report?.postponedSegments === 0;
      } catch (error) {
        if (this.#refusals.length === 0) throw error;
        this.expectClear(error);
        return false;
      }
    });
  }

  /** A bit of a stored sliver turns over. */
  async #rot(blob: Blob): Promise<void> {
    const { fileSystem } = this.#subject;
    const [victim] = sliversOf(blob).filter(({ key }) => this.#owed.has(key));
    if (victim === undefined) throw new Error('nothing is stored');
    const wanted = Buffer.from(this.#bytesOf(victim.key));
    for (const name of await fileSystem.list('/node/slivers')) {
      const path = `/node/slivers/${name}`;
      const handle = await fileSystem.open(path, 'read');
      const content = Buffer.alloc(await handle.size());
      await handle.read(content, 0);
      await handle.close();
      const at = content.indexOf(wanted);
      if (at < 0) continue;
      this.#rotten.add(victim.key);
      fileSystem.flipBit(path, at + wanted.length - 1, 3);
      return;
    }
    throw new Error('the sliver stands nowhere');
  }

  /** What the node is taken through, in order. */
  readonly steps: Readonly<Record<string, () => Promise<void>>> = {
    register: async () => {
      this.#announce('first', ...FIRST.map((name) => registered(this.blobs[name], KINDS[name])));
      await this.#follow();
    },
    'upload before the registration': async () => {
      if (!this.#done.has('early')) await this.#send(this.blobs.early, true);
      this.#announce('early', registered(this.blobs.early));
      await this.#follow();
      await this.#sendBoth(this.blobs.early);
    },
    upload: async () => {
      for (const name of FIRST) await this.#sendBoth(this.blobs[name]);
    },
    confirm: async () => {
      for (const name of [...FIRST, 'early'] as const) await this.#confirm(this.blobs[name]);
    },
    certify: async () => {
      this.#announce('certify', ...FIRST.map((name) => certified(this.blobs[name], KINDS[name])));
      this.#announce('certify early', certified(this.blobs.early));
      await this.#follow();
    },
    heal: async () => {
      const { missed } = this.blobs;
      this.#announce('missed', registered(missed));
      await this.#follow();
      if (this.#isFirst('missed was sent')) await this.network.send(OTHER, missed);
      this.#announce('missed is certified', certified(missed));
      await this.#held(missed);
    },
    delete: async () => {
      const { id: blobId, objectId } = this.blobs.deletable;
      this.#gone.add(this.blobs.deletable);
      const endEpoch = 20 as Epoch;
      this.#announce('delete', { kind: 'BlobDeleted', epoch: EPOCH, blobId, endEpoch, objectId, wasCertified: true });
      await this.#follow();
    },
    'make invalid': async () => {
      this.#gone.add(this.blobs.invalid);
      this.#announce('invalid', { kind: 'InvalidBlobID', epoch: EPOCH, blobId: this.blobs.invalid.id });
      await this.#follow();
    },
    scrub: async () => {
      if (this.#isFirst('rot')) await this.#rot(this.blobs.kept);
      await this.#sleep(SCRUB_MS);
      await this.#held(this.blobs.kept);
      this.#rotten.clear();
    },
    'extend and expire': async () => {
      const extension = { endEpoch: NEXT_EPOCH + 3, isExtension: true };
      this.#announce('extend', certified(this.blobs.extended, extension));
      await this.#follow();
      this.#gone.add(this.blobs.expiring);
      await this.#enterEpoch(NEXT_EPOCH, SHARDS);
      await this.#collect();
    },
    'move shards': async () => {
      this.#hasMoved = true;
      this.#confirmed.clear();
      await this.#enterEpoch(NEXT_EPOCH + 1, MOVED);
    },
    'store in the new epoch': async () => {
      const { late } = this.blobs;
      this.#announce('late', registered(late));
      await this.#follow();
      await this.#sendBoth(late);
      await this.#confirm(late);
      this.#announce('late is certified', certified(late, { epoch: NEXT_EPOCH + 1 }));
      await this.#follow();
    },
    'drop a shard': async () => {
      this.#confirmed.clear();
      await this.#enterEpoch(NEXT_EPOCH + 2, MOVED);
      await this.#collect();
    },
    'start again': async () => {
      await this.network.stop(SUBJECT);
      await this.boot();
    },
  };

  /** In the end everything is where it belongs, and nothing else is there. */
  async finish(): Promise<void> {
    const alive = Object.values(this.blobs).filter((blob) => !this.#gone.has(blob));
    await this.#held(...alive);
    await this.#collect();
    await this.check();
    for (const blob of Object.values(this.blobs)) {
      const route = { name: 'getBlobStatus', blobId: blob.id } as const;
      const [here, there] = await Promise.all(
        [SUBJECT, OTHER].map(async (index) => JSON.stringify(await outcomeOf(await this.network.call(index, route)))),
      );
      if (here !== there) throw new Error(`the status of ${this.#nameOf(blob)} is ${here}, not ${there}`);
    }
    for (const blob of this.#gone) {
      const route = { name: 'getMetadata', blobId: blob.id } as const;
      const { status } = await this.network.call(SUBJECT, route);
      if (status === 200) throw new Error(`${this.#nameOf(blob)} is still served`);
    }
    const { store, fileSystem } = this.#subject;
    const slivers = 2 * 3 * alive.length;
    const counts = { metadata: store.count('metadata'), slivers: store.count('slivers') };
    const expected = { metadata: alive.length, slivers };
    if (JSON.stringify(counts) !== JSON.stringify(expected)) {
      throw new Error(`${JSON.stringify(counts)} instead of ${JSON.stringify(expected)}`);
    }
    const ended = (await fileSystem.list('/node/slivers')).filter((name) => Number(name.slice(1, 11)) <= NEXT_EPOCH);
    if (ended.length > 0) throw new Error(`files of ended epochs are left: ${ended.join()}`);
  }
}

function metadataKey(blob: Blob): string {
  return `metadata ${blob.id}`;
}

function sliversOf(blob: Blob): { key: string; pair: number; axis: Axis; shard: number }[] {
  return Array.from({ length: N_SHARDS }, (_, pair) => pair).flatMap((pair) =>
    AXES.map((axis) => {
      const shard = shardOfPair(geometry, blob.id, pair as Parameters<typeof shardOfPair>[2]);
      return { key: `${axis} ${pair} ${blob.id}`, pair, axis, shard };
    }),
  );
}
