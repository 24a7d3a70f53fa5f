/** What the node says of itself (Walrus node rules: health). Everything is read at the moment of the question. */
import { type Clock, toBase64 } from '@floe/platform';
import type { NodeHealth, ShardHealth, ShardIndex, ShardStatus } from '@floe/protocol';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { ProtocolKeys } from './protocol-keys.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';

export interface HealthModules {
  readonly clock: Clock;
  readonly committees: CommitteeTracker;
  readonly registry: BlobRegistry;
  readonly keys: ProtocolKeys;
}

export function nodeHealth(
  options: { readonly startedMs: number; readonly detailed: boolean },
  { clock, committees, registry, keys }: HealthModules,
): NodeHealth {
  const upMs = clock.monotonicMs() - options.startedMs;
  const own = committees.ownShards;
  const others = committees.storedShards.filter((shard) => !own.includes(shard));
  const describe = (shard: ShardIndex): ShardHealth => ({ shard, status: committees.statusOf(shard) });
  const count = (shards: readonly ShardIndex[], status: ShardStatus): number =>
    shards.filter((shard) => committees.statusOf(shard) === status).length;
  const { handled, finished } = registry;
  const elements = elementCount(finished);
  const { nextCheckpoint } = finished;
  return {
    uptime: { secs: Math.floor(upMs / 1000), nanos: Math.floor((upMs % 1000) * 1e6) },
    epoch: committees.epoch,
    publicKey: toBase64(keys.publicKeyIn(committees.committees.current)),
    nodeStatus: nodeStatus(committees),
    eventProgress: {
      persisted: elements,
      pending: elementCount(handled) - elements,
      highestFinishedEventIndex: elements === 0 ? null : elements - 1,
    },
    shardSummary: {
      owned: own.length,
      ownedShardStatus: {
        unknown: count(own, 'unknown'),
        ready: count(own, 'ready'),
        inTransfer: count(own, 'inTransfer'),
        inRecovery: count(own, 'inRecovery'),
      },
      readOnly: count([...own, ...others], 'readOnly'),
    },
    ...(options.detailed
      ? { shardDetail: { owned: own.toSorted((a, b) => a - b).map(describe), other: others.map(describe) } }
      : {}),
    ...(nextCheckpoint > 0n ? { latestCheckpointSequenceNumber: Number(nextCheckpoint - 1n) } : {}),
  };
}

/** The status texts of Walrus nodes. */
function nodeStatus(committees: CommitteeTracker): string {
  if (!committees.isMember) return 'Standby';
  const recovers = committees.ownShards.some((shard) => committees.statusOf(shard) === 'inRecovery');
  return recovers ? `RecoveryInProgress (${committees.epoch})` : 'Active';
}

/** Elements of the event stream: every event, and the boundary of every checkpoint. */
export function elementCount(cursor: { nextCheckpoint: bigint; events: bigint }): number {
  return Number(cursor.nextCheckpoint + cursor.events);
}
