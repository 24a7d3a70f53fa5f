/** The parts that keep what the node owes whole, put together: peers, recovery, healing, shard movement. */
import type { Clock, HttpTransport, Logger, Rng, Scheduler } from '@floe/platform';
import type { Bls, NodeId } from '@floe/protocol';
import type { Codec } from '@floe/redstuff';
import type { CommitteeTracker } from './committee-tracker.ts';
import { FollowerPosition } from './follower-position.ts';
import type { NodeLedger, Operator } from './ledger-port.ts';
import type { NodeLimits } from './limits.ts';
import type { MetadataStore } from './metadata-store.ts';
import type { NodeMetrics } from './node-metrics.ts';
import { Peers } from './peers/peers.ts';
import type { ProtocolKeys } from './protocol-keys.ts';
import { BlobRecovery } from './recovery/blob-recovery.ts';
import { Healing } from './recovery/healing.ts';
import { Holdings } from './recovery/holdings.ts';
import { Inconsistencies } from './recovery/inconsistencies.ts';
import { MetadataFetch } from './recovery/metadata-fetch.ts';
import { Pace } from './recovery/pace.ts';
import { Recount } from './recovery/recount.ts';
import { SliverRebuild } from './recovery/sliver-rebuild.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import { ShardMovement } from './shards/shard-movement.ts';
import { ShardTransfer } from './shards/shard-transfer.ts';
import type { SliverStore } from './sliver-store.ts';
import type { Uploads } from './uploads.ts';

export interface SelfHealingOptions {
  readonly nodeId: NodeId;
  readonly peerScheme: 'http' | 'https';
  readonly limits: NodeLimits;
  /** The ledger's latest checkpoint when the node was opened. */
  readonly caughtUpAt: bigint;
  /** Stops everything. */
  readonly signal: AbortSignal;
}

export interface SelfHealingModules {
  readonly ledger: NodeLedger;
  readonly operator: Operator | undefined;
  readonly transport: HttpTransport;
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly metadata: MetadataStore;
  readonly slivers: SliverStore;
  readonly uploads: Uploads;
  readonly codec: Codec;
  readonly keys: ProtocolKeys;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly rng: Rng;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

export interface SelfHealing {
  readonly holdings: Holdings;
  readonly healing: Healing;
  readonly recount: Recount;
  readonly movement: ShardMovement;
  readonly peers: Peers;
  readonly pace: Pace;
  readonly position: FollowerPosition;
  /** Waits for what is under way after the signal aborted. */
  settle(): Promise<void>;
}

export function createSelfHealing(options: SelfHealingOptions, modules: SelfHealingModules): SelfHealing {
  const { nodeId, peerScheme, limits, signal } = options;
  const holdings = new Holdings(modules);
  const pace = new Pace(limits, modules);
  const position = new FollowerPosition(modules.registry.completed.nextCheckpoint);
  const onWrongKey = (): void => modules.committees.refreshSoon(signal);
  const peers = new Peers({ nodeId, scheme: peerScheme, limits }, { ...modules, onWrongKey });
  const shared = { ...modules, holdings, pace, peers };
  const metadataFetch = new MetadataFetch(limits, shared);
  const rebuild = new SliverRebuild(limits, shared);
  const inconsistencies = new Inconsistencies(options, shared);
  const recovery = new BlobRecovery({ nodeId, limits }, { ...shared, metadataFetch, rebuild, inconsistencies });
  const healing = new Healing({ limits, signal }, { ...shared, recovery });
  const recount = new Recount({ limits, signal, caughtUpAt: options.caughtUpAt }, shared);
  const transfer = new ShardTransfer(options, { ...shared, metadataFetch });
  const movement = new ShardMovement({ limits, signal }, { ...shared, healing, transfer, position });
  const settle = async (): Promise<void> => {
    await movement.settle();
    await healing.settle();
  };
  return { holdings, healing, recount, movement, peers, pace, position, settle };
}
