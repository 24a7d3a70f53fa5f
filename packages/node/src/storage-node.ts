/**
 * A storage node: opens its parts from the disk up, serves, and closes them in reverse.
 *
 * How data passes through: the event follower tells the registry which blobs exist; uploads are checked against registry and metadata and
 * kept in the segment log; confirmations are signed from what the log holds durably; reads ask registry, then log.
 */
import type {
  Clock,
  FileSystem,
  HttpHandler,
  HttpTransport,
  KeyValueStore,
  Logger,
  Metrics,
  Rng,
  Scheduler,
} from '@floe/platform';
import {
  type BlobId,
  type Bls,
  type ChallengeResult,
  type Epoch,
  type NodeHealth,
  type NodeId,
  type NodeRedundancy,
  type ObjectId,
  type ProbeResult,
  objectIdBytes,
} from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import { ChallengeBook } from './challenges/challenge-book.ts';
import { Challenger } from './challenges/challenger.ts';
import { CommitteeTracker } from './committee-tracker.ts';
import { type DenyList, NOTHING_DENIED } from './deny-list.ts';
import { Confirmations } from './confirmations.ts';
import { DatabaseWatch } from './database-watch.ts';
import { EpochChanges } from './epochs/epoch-changes.ts';
import { workAsOperator } from './epochs/operator-work.ts';
import type { ShardsInPlace } from './epochs/sync-attestation.ts';
import type { NodeParameters } from './epochs/upkeep.ts';
import { checkLedger, followEvents } from './event-follower.ts';
import { type CollectionReport, GarbageCollector } from './garbage-collector.ts';
import { nodeHealth } from './health.ts';
import { NodeService } from './http/node-handler.ts';
import type { NodeLedger, Operator } from './ledger-port.ts';
import { defaultLimits, type NodeLimits } from './limits.ts';
import { MetadataStore } from './metadata-store.ts';
import { openNodeDirectory } from './node-directory.ts';
import { createNodeGauges } from './node-gauges.ts';
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts';
import { PendingUploads } from './pending-uploads.ts';
import { Probe } from './probe.ts';
import { ProtocolKeys } from './protocol-keys.ts';
import { Reads } from './reads.ts';
import type { HealingStatus } from './recovery/healing.ts';
import { nodeRedundancy } from './redundancy.ts';
import { Registrations } from './registrations.ts';
import { BlobRegistry } from './registry/blob-registry.ts';
import { SegmentLog } from './segment-log/segment-log.ts';
import { Scrubber, type ScrubStatus } from './scrubber.ts';
import { createSelfHealing, type SelfHealing } from './self-healing.ts';
import { ShardPages } from './shards/shard-pages.ts';
import type { SliverStore, SliverStoreStatus } from './sliver-store.ts';
import { Symbols } from './symbols.ts';
import { Uploads } from './uploads.ts';

export interface StorageNodeConfig {
  /** Holds identity and slivers; made when absent. */
  readonly directory: string;
  readonly nodeId: NodeId;
  /** 32 bytes, big-endian. */
  readonly blsSecretKey: Uint8Array;
  /** The key to change to, 32 bytes: with an operator the node announces it, and signs with it once its committee has it. */
  readonly nextBlsSecretKey?: Uint8Array;
  /** The network: its system object names it. */
  readonly ledger: {
    readonly systemObjectId: ObjectId;
    /** A pool of subsidies that the node, if it has an operator, has processed when it is time; default: none. */
    readonly subsidiesObjectId?: ObjectId;
  };
  readonly limits?: Partial<NodeLimits>;
  /** What the node, if it has an operator, votes for and takes; what is left out stays as it is on the ledger. */
  readonly parameters?: NodeParameters;
  /** How the other nodes are reached; default `https`, with the keys that the ledger has of them. */
  readonly peerScheme?: 'http' | 'https';
  /** Stops an `open` that waits for its ledger. */
  readonly signal?: AbortSignal;
}

export interface StorageNodeModules {
  /** The node's own; it stays open when the node closes. */
  readonly store: KeyValueStore;
  readonly fileSystem: FileSystem;
  readonly ledgerClient: NodeLedger;
  /** Without one the node stores and serves, but neither turns epochs nor attests its shards nor makes blobs invalid. */
  readonly operator?: Operator;
  /** To the other nodes; it stays open when the node closes. */
  readonly transport: HttpTransport;
  /** May be shared between nodes; it stays open when the node closes. */
  readonly codec: Codec;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Default: nothing is denied. It stays open when the node closes. */
  readonly denyList?: DenyList;
}

export interface StorageNodeStatus {
  readonly nodeId: NodeId;
  readonly epoch: Epoch;
  readonly health: NodeHealth;
  readonly store: SliverStoreStatus;
  readonly healing: HealingStatus;
  readonly scrub: ScrubStatus;
  /** Nodes that more than f shards say fail their challenges in this epoch. */
  readonly failingNodes: readonly NodeId[];
  /** What the challenges that this node put to others in this epoch came to. */
  readonly challenges: readonly ChallengeResult[];
  /** Blobs that the registry has, whatever their state. */
  readonly blobs: number;
  readonly activeRequests: number;
}

interface Parts {
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly slivers: SliverStore;
  readonly uploads: Uploads;
  readonly book: ChallengeBook;
  readonly selfHealing: SelfHealing;
  readonly service: NodeService;
  readonly collector: GarbageCollector;
  readonly scrubber: Scrubber;
  readonly following: Promise<void>;
  /** Resolve when `stop` aborts. */
  readonly background: readonly Promise<void>[];
  readonly stop: AbortController;
  readonly health: (detailed: boolean) => NodeHealth;
  readonly probe: Probe;
  readonly gauges: ReturnType<typeof createNodeGauges>;
}

export class StorageNode {
  readonly #nodeId: NodeId;
  readonly #parts: Parts;
  #closed: Promise<void> | undefined;

  /**
   * Opens the node; waits while its ledger cannot be reached.
   * @throws DIRECTORY_MISMATCH, DIRECTORY_DAMAGED, FOREIGN_FILE, LEDGER_MISMATCH, LEDGER_BEHIND, KEY_UNKNOWN
   */
  static async open(config: StorageNodeConfig, modules: StorageNodeModules): Promise<StorageNode> {
    const limits = { ...defaultLimits, ...config.limits };
    const metrics = createNodeMetrics(modules.metrics);
    const { fileSystem, ledgerClient: ledger, codec, clock, scheduler, rng, logger } = modules;
    const watch = new DatabaseWatch({ limits }, modules);
    const { store } = watch;
    const { directory, nodeId } = config;
    const stop = new AbortController();
    const { signal } = stop;
    config.signal?.throwIfAborted();
    const giveUp = (): void => stop.abort(config.signal?.reason);
    config.signal?.addEventListener('abort', giveUp, { once: true });
    const keys = new ProtocolKeys(config, modules);
    const startedMs = clock.monotonicMs();

    const identity = await openNodeDirectory(
      { directory, nodeId, systemObjectId: config.ledger.systemObjectId },
      { fileSystem, rng },
    );
    const registry = new BlobRegistry({ store });
    const { latestCheckpoint } = await checkLedger({ signal }, { ledger, store, registry, scheduler, logger });
    const committees = await CommitteeTracker.open({ nodeId, signal }, { ledger, store, scheduler, logger });
    // Who cannot sign for its committee is of no use, unless it is on its way to a key that it has.
    if (keys.next === undefined) keys.in(committees.committees.current);
    const slivers = await SegmentLog.open(
      { directory: `${directory}/slivers`, nodeId: objectIdBytes(nodeId), storeTag: identity.storeTag, limits },
      { fileSystem, store, logger, metrics: modules.metrics },
    );
    if (slivers.shardsFound !== undefined) await committees.adopt(slivers.shardsFound);
    const metadata = new MetadataStore({ directory, limits }, { store, fileSystem });
    const pending = new PendingUploads({ limits }, { clock });
    const registrations = new Registrations({ maxWaiting: limits.longPolls }, { scheduler });
    const held = { store, registry, committees, keys, metadata, slivers, pending, registrations, metrics, logger };
    const uploads = new Uploads({ ...held, codec });
    const book = new ChallengeBook({ nodeId }, { store });
    const selfHealing = createSelfHealing(
      { nodeId, peerScheme: config.peerScheme ?? 'https', limits, caughtUpAt: latestCheckpoint, signal },
      { ...modules, ...held, ledger, operator: modules.operator, uploads },
    );
    slivers.whenDamaged((blobId) => selfHealing.healing.request(blobId, 'damaged'));
    const health = (detailed: boolean): NodeHealth =>
      nodeHealth({ startedMs, detailed }, { clock, committees, registry, keys });
    const scrubber = new Scrubber({ limits }, { ...modules, ...held, ...selfHealing, metrics: modules.metrics });
    const redundancy = () => nodeRedundancy({ ...selfHealing, committees, scrubber, book, clock });
    const probe = new Probe(limits, { ...modules, slivers, committees });
    const service = createService(
      { limits, latestCheckpoint },
      { ...modules, ...held, ...selfHealing, uploads, book, health, probe, redundancy },
    );
    const work = startWork(
      { config, limits, latestCheckpoint, signal },
      { ...modules, ...held, ...selfHealing, uploads, book, scrubber, watch, registerMetrics: modules.metrics },
    );
    config.signal?.removeEventListener('abort', giveUp);
    logger.info('storage node is open', { nodeId, epoch: committees.epoch, shards: committees.ownShards.length });
    const kept = { committees, registry, slivers, uploads, book, scrubber, selfHealing };
    const activeRequests = (): number => service.activeRequests;
    const gauges = createNodeGauges(directory, { ...modules, ...kept, ...selfHealing, ledger, probe, activeRequests });
    const parts = { ...kept, service, ...work, stop, health, probe, gauges };
    return new StorageNode(nodeId, parts);
  }

  private constructor(nodeId: NodeId, parts: Parts) {
    this.#nodeId = nodeId;
    this.#parts = parts;
  }

  /** Answers the node's HTTP requests. */
  get handler(): HttpHandler {
    return this.#parts.service.handler;
  }

  /** Resolves when the node was closed; rejects when it cannot go on, and should be closed. */
  get finished(): Promise<void> {
    return this.#parts.following;
  }

  status(): StorageNodeStatus {
    const { committees, registry, slivers, service, health, selfHealing, scrubber, book } = this.#parts;
    return {
      nodeId: this.#nodeId,
      epoch: committees.epoch,
      health: health(true),
      store: slivers.status(),
      healing: selfHealing.healing.status,
      scrub: scrubber.status(),
      failingNodes: book.failing(committees.committees.current),
      challenges: book.results(committees.epoch),
      blobs: registry.count(),
      activeRequests: service.activeRequests,
    };
  }

  /** Stores something, reads it back and removes it; not more often than every few seconds, however often it is called. */
  probe(): Promise<ProbeResult> {
    return this.#parts.probe.result();
  }

  /** Brings the metrics of how things stand up to date: to be called before they are looked at. */
  observe(): Promise<void> {
    return this.#parts.gauges.observe();
  }

  /** Gives back the space of what is not owed any more; undefined while the node has not caught up with its ledger. */
  collectGarbage(options: { readonly isDryRun: boolean }): Promise<CollectionReport | undefined> {
    return this.#parts.collector.collect(options);
  }

  /** Runs `work` while no segment is emptied or deleted: what it sees of the segments stays there. */
  withoutCollecting<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#parts.collector.pausedFor(work, signal);
  }

  /** Heals the blob, if it lacks anything, as soon as there is room. */
  heal(blobId: BlobId): void {
    this.#parts.selfHealing.healing.request(blobId, 'missing');
  }

  /**
   * Resolves once every shard that the committee of `epoch` assigns to this node is complete here; for an epoch that has passed, or of which
   * it is no member, never. Rejects with the signal's reason.
   */
  shardsInPlace(epoch: Epoch, signal: AbortSignal): Promise<void> {
    return this.#parts.selfHealing.movement.shardsInPlace(epoch, signal);
  }

  /** Stops accepting, finishes what is under way, makes everything durable. Can be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { service, stop, following, background, selfHealing, uploads, slivers } = this.#parts;
    await service.close();
    stop.abort(new Error('the node was closed'));
    await following.catch(() => undefined);
    await Promise.all(background);
    await selfHealing.settle();
    await uploads.settle();
    await slivers.close();
  }
}

/** What there is before anything is served or done. */
interface HeldModules extends Omit<StorageNodeModules, 'metrics'>, SelfHealing {
  readonly book: ChallengeBook;
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly keys: ProtocolKeys;
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly pending: PendingUploads;
  readonly uploads: Uploads;
  readonly registrations: Registrations;
  readonly metrics: NodeMetrics;
}

/** The parts that answer requests. */
function createService(
  options: { readonly limits: NodeLimits; readonly latestCheckpoint: bigint },
  modules: HeldModules & {
    readonly health: Parts['health'];
    readonly probe: Probe;
    readonly redundancy: () => Promise<NodeRedundancy>;
  },
): NodeService {
  const { limits, latestCheckpoint } = options;
  const reads = new Reads({ ...modules, denyList: modules.denyList ?? NOTHING_DENIED });
  const confirmations = new Confirmations({ limits, latestCheckpoint }, { ...modules, reads });
  const symbols = new Symbols({ limits }, { ...modules, reads });
  const pages = new ShardPages(limits, { ...modules, reads });
  return new NodeService({ limits }, { ...modules, reads, confirmations, symbols, pages });
}

interface WorkModules extends HeldModules {
  /** For parts that make metrics of their own. */
  readonly registerMetrics: Metrics;
  readonly scrubber: Scrubber;
  readonly watch: DatabaseWatch;
}

/** Starts what the node does unasked: following its ledger, acting on it, collecting garbage. */
function startWork(
  options: {
    readonly config: StorageNodeConfig;
    readonly limits: NodeLimits;
    readonly latestCheckpoint: bigint;
    readonly signal: AbortSignal;
  },
  modules: WorkModules,
): Pick<Parts, 'collector' | 'following' | 'background'> {
  const { config, limits, latestCheckpoint, signal } = options;
  const { ledgerClient: ledger, committees, registry, movement, logger } = modules;
  const collector = new GarbageCollector(
    { limits, caughtUpAt: latestCheckpoint },
    { ...modules, metrics: modules.registerMetrics },
  );
  const next = registry.completed.nextCheckpoint;
  const changes = new EpochChanges({ epoch: committees.epoch, tip: latestCheckpoint, next });
  const { watch } = modules;
  const following = Promise.race([
    followEvents({ limits, signal }, { ...modules, ledger, collector, changes }),
    watch.failed,
  ]);
  // Seen by whoever awaits `finished`; logged in any case.
  following.catch((error: unknown) => logger.error('the node cannot follow its ledger any more', { error }));
  movement.reconcile();
  const shardsInPlace: ShardsInPlace = (epoch, waiting) => movement.shardsInPlace(epoch, waiting);
  const operating = workAsOperator(
    {
      nodeId: config.nodeId,
      parameters: config.parameters ?? {},
      subsidiesObjectId: config.ledger.subsidiesObjectId,
      signal,
    },
    { ...modules, operator: modules.operator, changes, shardsInPlace },
  );
  const challenger = new Challenger(
    { nodeId: config.nodeId, limits, caughtUpAt: latestCheckpoint },
    { ...modules, ledger, metrics: modules.registerMetrics },
  );
  const background = [
    collector.run(signal),
    modules.scrubber.run(signal),
    watch.run(signal),
    challenger.run(signal),
    operating,
  ];
  return { collector, following, background };
}
