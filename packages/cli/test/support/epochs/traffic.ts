/**
 * Everybody who uses the network while its epochs turn: some store, some read, some stake and take back, operators vote.
 * Each goes on until told to stop; what went wrong is kept, with what it was.
 */
import { createHash } from 'node:crypto';
import {
  collectCommission,
  isMoveAbort,
  joinStakes,
  type layouts,
  type LedgerClient,
  requestWithdrawal,
  setNextCommission,
  setNodeVotes,
  splitStake,
  stakeWithNode,
  type StakingTarget,
  transactionOf,
  updatePrices,
  withdrawStake,
} from '@floe/contracts';
import type { FloeClient } from '@floe/client';
import { FloeError, isFloeError, type Rng } from '@floe/platform';
import { systemScheduler } from '@floe/platform/node';
import { type BlobId, type Frost, type NodeId, type ObjectId, parseObjectId } from '@floe/protocol';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import type { Transaction } from '@mysten/sui/transactions';
import type { Action } from './accounts.ts';
import type { Gate } from './gate.ts';

const WAL = 1_000_000_000n;
/** Staked with one node by all stakers together at most: below what would move a shard. */
const MOST_PER_NODE = 300n * WAL;
const MOST_REPEATS = 5;

export interface LiveBlob {
  readonly blobId: BlobId;
  readonly objectId: ObjectId;
  readonly sizeBytes: number;
  readonly digest: string;
  endEpoch: number;
  /** Known to this test's own account, which can extend it. */
  readonly isOwn: boolean;
}

export interface Operator {
  readonly nodeId: NodeId;
  readonly capId: ObjectId;
  readonly keys: Ed25519Keypair;
}

export interface TrafficOptions {
  readonly clients: readonly FloeClient[];
  readonly gatewayUrl: string;
  readonly storer: Ed25519Keypair;
  readonly stakers: readonly Ed25519Keypair[];
  readonly operators: readonly Operator[];
  /** Pause between two acts of one of them, at most. */
  readonly pauseMs: number;
}

export interface TrafficModules {
  readonly ledger: LedgerClient;
  readonly gate: Gate;
  readonly rng: Rng;
}

export interface Failure {
  readonly who: string;
  /** Since the traffic began. */
  readonly atMs: number;
  readonly what: string;
}

export class Traffic {
  /** Certified blobs by id that have not ended. */
  readonly live = new Map<BlobId, LiveBlob>();
  /** What was done in transactions without events, by digest. */
  readonly actions = new Map<string, Action>();
  readonly failures: Failure[] = [];
  /** Calls that the contracts refused because the epoch had turned on the way. */
  refused = 0;
  readonly counts = { stores: 0, gatewayStores: 0, reads: 0, gatewayReads: 0, rangeReads: 0, extensions: 0 };
  /** Stores that were given up because nodes did not answer in time, and repeated. */
  repeatedStores = 0;
  /** Reads that ran out of time, and were repeated. */
  slowReads = 0;
  /** Reads that failed because the blob ended meanwhile. */
  endedWhileRead = 0;
  readonly #options: TrafficOptions;
  readonly #modules: TrafficModules;
  readonly #stop = new AbortController();
  readonly #stakedWith = new Map<NodeId, bigint>();
  #running: Promise<void>[] = [];

  constructor(options: TrafficOptions, modules: TrafficModules) {
    this.#options = options;
    this.#modules = modules;
  }

  start(): void {
    const { clients, stakers } = this.#options;
    const everyone: [who: string, act: () => Promise<void>][] = [
      ['storer', () => this.#store()],
      ['gateway storer', () => this.#storeThroughGateway()],
      ['extender', () => this.#extend()],
      ...clients.map((client, i): [string, () => Promise<void>] => [`reader ${i}`, () => this.#read(client)]),
      ['gateway reader', () => this.#readThroughGateway()],
      ...stakers.map((keys, i): [string, () => Promise<void>] => [`staker ${i}`, () => this.#stake(keys)]),
      ['voter', () => this.#vote()],
    ];
    this.#running = everyone.map(([who, act]) => this.#goOn(who, act));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** What came of everything so far, in a line. */
  get summary(): string {
    const { counts, live, failures, slowReads, repeatedStores } = this;
    return JSON.stringify({ ...counts, live: live.size, failures: failures.length, slowReads, repeatedStores });
  }

  /** Takes the blobs out that have ended in `epoch`. */
  takeEnded(epoch: number): LiveBlob[] {
    const ended = [...this.live.values()].filter(({ endEpoch }) => endEpoch <= epoch);
    for (const { blobId } of ended) this.live.delete(blobId);
    return ended;
  }

  async #goOn(who: string, act: () => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const startMs = performance.now();
    while (!signal.aborted) {
      try {
        await act();
      } catch (error) {
        if (signal.aborted) return;
        if (isMoveAbort(error, 'staking_pool') || isMoveAbort(error, 'staked_wal')) this.refused += 1;
        else
          this.failures.push({
            who,
            atMs: performance.now() - startMs,
            what: error instanceof Error ? (error.stack ?? error.message) : String(error),
          });
      }
      await systemScheduler.sleep(this.#modules.rng.below(this.#options.pauseMs), signal).catch(() => undefined);
    }
  }

  async #store(): Promise<void> {
    const { rng, gate } = this.#modules;
    const { clients } = this.#options;
    const client = clients[rng.below(clients.length)];
    const bytes = rng.bytes(1 + rng.below(300_000));
    const options = { epochs: 2 + rng.below(4), deletable: rng.below(2) === 0, signer: this.#options.storer };
    const stored = await gate.pass(() => this.#patiently(() => (client as FloeClient).store(bytes, options)));
    if (stored.kind !== 'newlyCreated') throw new Error(`a new blob was ${stored.kind}`);
    const { blobId, objectId, blobObject } = stored;
    this.live.set(blobId, {
      blobId,
      objectId,
      endEpoch: blobObject.endEpoch,
      sizeBytes: bytes.length,
      digest: digestOf(bytes),
      isOwn: true,
    });
    this.counts.stores += 1;
  }

  async #storeThroughGateway(): Promise<void> {
    const { rng, gate } = this.#modules;
    const bytes = rng.bytes(1 + rng.below(100_000));
    const epochs = 2 + rng.below(3);
    await gate.pass(async () => {
      const url = `${this.#options.gatewayUrl}/v1/blobs?epochs=${epochs}`;
      const text = await this.#patiently(() => put(url, bytes));
      const { newlyCreated } = JSON.parse(text) as {
        newlyCreated: { blobObject: { blobId: BlobId; id: ObjectId; storage: { endEpoch: number } } };
      };
      const { blobId, id, storage } = newlyCreated.blobObject;
      this.live.set(blobId, {
        blobId,
        objectId: id,
        endEpoch: storage.endEpoch,
        sizeBytes: bytes.length,
        digest: digestOf(bytes),
        isOwn: false,
      });
    });
    this.counts.gatewayStores += 1;
  }

  /**
   * Nodes that share a busy machine may not answer in time; a store that was given up is repeated, and goes on with what
   * was registered, as people would have it.
   */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await work();
      } catch (error) {
        if (!isFloeError(error) || error.kind !== 'unavailable' || repeats >= MOST_REPEATS) throw error;
        this.repeatedStores += 1;
      }
    }
  }

  async #extend(): Promise<void> {
    const { gate, ledger } = this.#modules;
    await systemScheduler.sleep(this.#options.pauseMs * 2, this.#stop.signal);
    await gate.pass(async () => {
      const { epoch } = await ledger.epochSchedule({ fresh: true });
      // One that ends with this epoch may end on the way.
      const blob = this.#pick((candidate) => candidate.isOwn && candidate.endEpoch > epoch + 1);
      if (blob === undefined || blob.endEpoch > epoch + 6) return;
      const signer = this.#options.storer;
      await (this.#options.clients[0] as FloeClient).extend(blob.objectId, { epochs: 1, signer });
      blob.endEpoch += 1;
      this.counts.extensions += 1;
    });
  }

  async #read(client: FloeClient): Promise<void> {
    const { rng } = this.#modules;
    const blob = this.#pick();
    if (blob === undefined) return;
    if (rng.below(4) === 0 && blob.sizeBytes > 1) {
      await this.#whileLive(blob, async () => {
        const start = rng.below(blob.sizeBytes - 1);
        const range = { start, end: start + 1 + rng.below(blob.sizeBytes - start - 1) };
        const part = await client.read(blob.blobId, { range });
        if (part.length !== range.end - range.start) throw new Error(`a range of ${part.length} bytes came`);
      });
      this.counts.rangeReads += 1;
      return;
    }
    await this.#whileLive(blob, async () => check(blob, await client.read(blob.blobId)));
    this.counts.reads += 1;
  }

  async #readThroughGateway(): Promise<void> {
    const blob = this.#pick();
    if (blob === undefined) return;
    await this.#whileLive(blob, async () => {
      const response = await fetch(`${this.#options.gatewayUrl}/v1/blobs/${blob.blobId}`);
      if (response.status !== 200) throw await refusal('GET', response);
      check(blob, new Uint8Array(await response.arrayBuffer()));
    });
    this.counts.gatewayReads += 1;
  }

  /**
   * A read that fails counts unless the blob had ended by the time that the ledger is asked. One that ran out of time is
   * repeated once: nodes and readers share a machine that may be too busy for either.
   */
  async #whileLive(blob: LiveBlob, read: () => Promise<void>): Promise<void> {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await read();
      } catch (error) {
        const { epoch } = await this.#modules.ledger.epochSchedule({ fresh: true });
        if (epoch >= blob.endEpoch) {
          this.endedWhileRead += 1;
          return;
        }
        if (!isTimeout(error) || repeats > 0) throw error;
        this.slowReads += 1;
      }
    }
  }

  #pick(fits: (blob: LiveBlob) => boolean = () => true): LiveBlob | undefined {
    const candidates = [...this.live.values()].filter(fits);
    return candidates[this.#modules.rng.below(Math.max(1, candidates.length))];
  }

  /** Stakes, or does something to a stake that is there. */
  async #stake(keys: Ed25519Keypair): Promise<void> {
    const { rng, ledger, gate } = this.#modules;
    await gate.pass(async () => {
      const owner = parseObjectId(keys.toSuiAddress());
      const target = await ledger.systemState({ fresh: true });
      const stakes: layouts.StakedWal[] = [];
      for await (const stake of ledger.ownedStakes(owner)) stakes.push(stake);
      const stake = stakes[rng.below(Math.max(1, stakes.length))];
      if (stake === undefined || (stakes.length < 6 && rng.below(3) === 0)) return this.#stakeAnew(keys, target);
      const withdrawEpoch = stake.state.Withdrawing?.withdrawEpoch;
      if (withdrawEpoch !== undefined && withdrawEpoch <= target.epoch) return this.#withdraw(keys, target, stake);
      if (withdrawEpoch !== undefined) return;
      const alike = stakes.find(
        (other) =>
          other !== stake &&
          other.nodeId === stake.nodeId &&
          other.activationEpoch === stake.activationEpoch &&
          other.state.Withdrawing === undefined,
      );
      if (alike !== undefined && rng.below(2) === 0) return this.#join(keys, target, stake, alike);
      if (stake.principal > 4n * WAL && rng.below(3) === 0) return this.#split(keys, target, stake);
      if (stake.activationEpoch > target.epoch && rng.below(2) === 0) return this.#withdraw(keys, target, stake);
      if (rng.below(2) === 0) await this.#request(keys, target, stake);
    });
  }

  async #stakeAnew(keys: Ed25519Keypair, target: StakingTarget): Promise<void> {
    const { rng } = this.#modules;
    const { operators } = this.#options;
    const { nodeId } = operators[rng.below(operators.length)] as Operator;
    const amount = WAL + BigInt(rng.below(40_000_000)) * 1000n;
    const staked = this.#stakedWith.get(nodeId) ?? 0n;
    if (staked + amount > MOST_PER_NODE) return;
    this.#stakedWith.set(nodeId, staked + amount);
    const owner = parseObjectId(keys.toSuiAddress());
    const order = { nodeId, amount: amount as Frost, owner };
    const created = await this.#execute(keys, (t) => stakeWithNode(t, target, order));
    this.actions.set(created.digest, { kind: 'stake', nodeId, amount, stakeId: stakeOf(created) });
  }

  async #withdraw(keys: Ed25519Keypair, target: StakingTarget, stake: layouts.StakedWal): Promise<void> {
    const owner = parseObjectId(keys.toSuiAddress());
    const { digest } = await this.#execute(keys, (t) => withdrawStake(t, target, { stake: stake.id, owner }));
    this.actions.set(digest, { kind: 'withdraw', stakeId: stake.id });
    this.#stakedWith.set(stake.nodeId, (this.#stakedWith.get(stake.nodeId) ?? 0n) - stake.principal);
  }

  async #request(keys: Ed25519Keypair, target: StakingTarget, stake: layouts.StakedWal): Promise<void> {
    const { digest } = await this.#execute(keys, (t) => requestWithdrawal(t, target, { stake: stake.id }));
    this.actions.set(digest, { kind: 'request', stakeId: stake.id });
  }

  async #split(keys: Ed25519Keypair, target: StakingTarget, stake: layouts.StakedWal): Promise<void> {
    const amount = (stake.principal / 3n) as Frost;
    const owner = parseObjectId(keys.toSuiAddress());
    const created = await this.#execute(keys, (t) => {
      t.transferObjects([splitStake(t, target, { stake: stake.id, amount })], owner);
    });
    this.actions.set(created.digest, { kind: 'split', stakeId: stake.id, amount, partId: stakeOf(created) });
  }

  async #join(
    keys: Ed25519Keypair,
    target: StakingTarget,
    stake: layouts.StakedWal,
    other: layouts.StakedWal,
  ): Promise<void> {
    const order = { into: stake.id, others: [other.id] };
    const { digest } = await this.#execute(keys, (t) => joinStakes(t, target, order));
    this.actions.set(digest, { kind: 'join', stakeId: stake.id, otherId: other.id });
  }

  /** An operator votes, changes its commission or collects it; sometimes prices are put in force at once. */
  async #vote(): Promise<void> {
    const { rng, ledger, gate } = this.#modules;
    const { operators } = this.#options;
    const { nodeId, capId, keys } = operators[rng.below(operators.length)] as Operator;
    await gate.pass(async () => {
      const target = await ledger.systemState();
      switch (rng.below(5)) {
        case 0: {
          const basisPoints = rng.below(2001);
          const order = { nodeCapId: capId, basisPoints };
          const { digest } = await this.#execute(keys, (t) => setNextCommission(t, target, order));
          this.actions.set(digest, { kind: 'commission', nodeId, basisPoints });
          return;
        }
        case 1: {
          const type = `${target.packageId}::storage_node::StorageNodeCap`;
          const to = parseObjectId(keys.toSuiAddress());
          const order = { nodeId, receiver: { objectId: capId, type }, to };
          const { digest } = await this.#execute(keys, (t) => collectCommission(t, target, order));
          this.actions.set(digest, { kind: 'collect', nodeId });
          return;
        }
        default: {
          const votes = {
            storagePrice: BigInt(80_000 + rng.below(60_000)),
            writePrice: BigInt(15_000 + rng.below(10_000)),
            capacity: BigInt(60_000_000_000 + rng.below(1_000_000_000)),
          };
          const { digest } = await this.#execute(keys, (t) => setNodeVotes(t, target, { nodeCapId: capId, votes }));
          this.actions.set(digest, { kind: 'votes', nodeId, ...votes });
          if (rng.below(4) === 0) await this.#execute(keys, (t) => updatePrices(t, target));
        }
      }
    });
  }

  async #execute(keys: Ed25519Keypair, build: (transaction: Transaction) => void) {
    return this.#modules.ledger.execute(transactionOf(build), keys);
  }
}

function stakeOf({ created }: { readonly created: readonly { objectId: ObjectId; type: string }[] }): ObjectId {
  const stake = created.find(({ type }) => type.endsWith('::staked_wal::StakedWal'));
  if (stake === undefined) throw new Error('no stake was created');
  return stake.objectId;
}

async function put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const response = await fetch(url, { method: 'PUT', body: bytes });
  if (response.status !== 200) throw await refusal('PUT', response);
  return response.text();
}

async function refusal(method: string, response: Response): Promise<FloeError> {
  const kind = response.status === 503 ? 'unavailable' : 'internal';
  const message = `${method} answered ${response.status}: ${await response.text()}`;
  return new FloeError({ code: `HTTP_${response.status}`, kind, message });
}

function isTimeout(error: unknown): boolean {
  if (isFloeError(error, 'READ_TIMEOUT')) return true;
  return isFloeError(error, 'HTTP_503') && error.message.includes('took longer than');
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function check(blob: LiveBlob, bytes: Uint8Array): void {
  if (digestOf(bytes) !== blob.digest) throw new Error(`blob ${blob.blobId} came back as other bytes`);
}
