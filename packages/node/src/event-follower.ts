/**
 * Follows the ledger's events and lets them take effect, in order, one checkpoint at a time.
 *
 * Invariants:
 * - Blob rows change first, atomically with the cursor; effects follow; only then does the resume point move. Effects are idempotent, so a
 *   crash anywhere only repeats some.
 * - Nothing is skipped: what cannot be handled stops the follower, and with it the node. What only a full or failing disk keeps from being
 *   handled waits until the disk takes it.
 * - What is held goes with a deletion only once the node knows all that the ledger knew when it opened; before, garbage collection decides.
 * - The ledger must be the one followed before, and must reach at least as far as this node has come.
 */
import type { CheckpointRecord, ContractEvent } from '@floe/contracts';
import { isFloeError, type KeyValueStore, type Logger, type Scheduler, utf8 } from '@floe/platform';
import type { Epoch } from '@floe/protocol';
import type { CommitteeTracker } from './committee-tracker.ts';
import type { EpochChanges } from './epochs/epoch-changes.ts';
import { errors } from './errors.ts';
import type { GarbageCollector } from './garbage-collector.ts';
import type { FollowerPosition } from './follower-position.ts';
import { elementCount } from './health.ts';
import type { NodeLedger } from './ledger-port.ts';
import type { NodeLimits } from './limits.ts';
import type { NodeMetrics } from './node-metrics.ts';
import { despiteDisk, isDiskTrouble, patiently } from './patience.ts';
import type { PendingUploads } from './pending-uploads.ts';
import type { Healing } from './recovery/healing.ts';
import type { Registrations } from './registrations.ts';
import type { BlobRegistry } from './registry/blob-registry.ts';
import type { ShardMovement } from './shards/shard-movement.ts';
import { tables } from './tables.ts';
import type { Uploads } from './uploads.ts';

const CHAIN_KEY = utf8('ledger/chain');

export interface FollowerModules {
  readonly ledger: NodeLedger;
  readonly store: KeyValueStore;
  readonly registry: BlobRegistry;
  readonly committees: CommitteeTracker;
  readonly pending: PendingUploads;
  readonly uploads: Uploads;
  readonly registrations: Registrations;
  readonly collector: GarbageCollector;
  readonly changes: EpochChanges;
  readonly healing: Healing;
  readonly movement: ShardMovement;
  readonly position: FollowerPosition;
  readonly scheduler: Scheduler;
  readonly metrics: NodeMetrics;
  readonly logger: Logger;
}

/**
 * Checks that the ledger is the one this store has followed, and remembers it the first time. Resolves to where it ends.
 * @throws LEDGER_MISMATCH, LEDGER_BEHIND
 */
export async function checkLedger(
  options: { readonly signal: AbortSignal },
  modules: Pick<FollowerModules, 'ledger' | 'store' | 'registry' | 'scheduler' | 'logger'>,
): Promise<{ latestCheckpoint: bigint }> {
  const { ledger, store, registry } = modules;
  const { signal } = options;
  const { chainId, latestCheckpoint } = await patiently(() => ledger.chain({ signal }), { ...modules, signal });
  const stored = store.get(tables.state, CHAIN_KEY);
  const expected = stored === undefined ? undefined : new TextDecoder().decode(stored);
  if (expected !== undefined && expected !== chainId) {
    throw errors.LEDGER_MISMATCH({ what: 'its chain id', expected, came: chainId });
  }
  const cursor = registry.handled.nextCheckpoint - 1n;
  if (latestCheckpoint < cursor) throw errors.LEDGER_BEHIND({ cursor, latest: latestCheckpoint });
  if (expected === undefined) {
    await store.write([{ kind: 'put', table: tables.state, key: CHAIN_KEY, value: utf8(chainId) }]);
  }
  return { latestCheckpoint };
}

/** Follows until `signal` aborts, then resolves; rejects when it cannot go on. */
export async function followEvents(
  options: { readonly limits: Pick<NodeLimits, 'lazyCursorCheckpoints'>; readonly signal: AbortSignal },
  modules: FollowerModules,
): Promise<void> {
  const { registry, ledger } = modules;
  const { signal, limits } = options;
  const durably = (work: () => Promise<void>): Promise<void> => despiteDisk(work, { ...modules, signal });
  try {
    const from = registry.completed.nextCheckpoint;
    for await (const checkpoint of ledger.followCheckpoints({ from, signal })) {
      await durably(() => registry.apply(checkpoint));
      for (const { event } of checkpoint.events) {
        await durably(() => takeEffect(event, checkpoint.timestampMs, signal, modules));
      }
      registry.finish();
      modules.changes.followed(checkpoint);
      modules.position.moveTo(registry.finished.nextCheckpoint);
      report(checkpoint, modules);
      const behind = registry.finished.nextCheckpoint - registry.completed.nextCheckpoint;
      if (behind >= BigInt(limits.lazyCursorCheckpoints)) await durably(() => registry.complete());
    }
    if (!signal.aborted) throw errors.STORE_CLOSED({ store: "the ledger's stream of checkpoints" });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  try {
    await registry.complete();
  } catch (error) {
    // Then a few checkpoints are followed once more.
    if (!isDiskTrouble(error)) throw error;
    modules.logger.warn('how far the ledger was followed could not be noted', { reason: reasonOf(error) });
  }
}

async function takeEffect(
  event: ContractEvent,
  timestampMs: number,
  signal: AbortSignal,
  modules: FollowerModules,
): Promise<void> {
  const { committees, pending, registry, registrations, uploads, healing, collector, logger } = modules;
  switch (event.kind) {
    case 'BlobRegistered':
    case 'PooledBlobRegistered':
      registrations.notify(event.blobId);
      // Not awaited: what is buffered is only in memory, so the cursor need not wait for it.
      if (pending.has(event.blobId)) {
        uploads.flush(event.blobId).catch((error: unknown) => {
          logger.warn('buffered upload could not be stored yet', { blobId: event.blobId, reason: reasonOf(error) });
        });
      }
      return;
    case 'BlobCertified':
    case 'PooledBlobCertified':
      // Not awaited either: what is missing follows from the rows, also after a crash.
      healing.certified(event.blobId, timestampMs);
      return;
    case 'BlobDeleted':
    case 'PooledBlobDeleted':
      if (!registry.isCertified(event.blobId, committees.epoch)) healing.cancel(event.blobId);
      // While the past is read anew, the blob may be registered again further on: then it is collected if it is not.
      if (collector.isReady && !registry.isRegistered(event.blobId, registry.epoch)) {
        await uploads.discard(event.blobId);
      }
      return;
    case 'InvalidBlobID':
      healing.cancel(event.blobId);
      await uploads.discard(event.blobId);
      return;
    case 'EpochChangeStart':
      await advanceTo(event.epoch, signal, modules);
      collector.request();
      return;
    case 'EpochChangeDone':
    case 'EpochParametersSelected':
      return await advanceTo(committees.epoch, signal, modules);
    case 'DenyListBlobDeleted':
    case 'ProtocolVersionUpdated':
      logger.warn('event without effect on this node', { event: event.kind });
      return;
    default:
      return;
  }
}

/** Takes over the ledger's committees; a new assignment of shards is acted on in the background. */
async function advanceTo(
  epoch: Epoch,
  signal: AbortSignal,
  { committees, healing, movement }: FollowerModules,
): Promise<void> {
  const before = committees.epoch;
  await committees.advanceTo(epoch, signal);
  if (committees.epoch === before) return;
  healing.committeeChanged();
  movement.reconcile();
}

function report(checkpoint: CheckpointRecord, { registry, committees, metrics }: FollowerModules): void {
  const [handled, finished] = [elementCount(registry.handled), elementCount(registry.finished)];
  metrics.eventCursor.set(finished, { state: 'persisted' });
  metrics.eventCursor.set(handled - finished, { state: 'pending' });
  metrics.eventCursor.set(finished, { state: 'highest_finished' });
  metrics.latestCheckpoint.set(Number(checkpoint.sequence));
  metrics.epoch.set(committees.epoch);
  metrics.shardsOwned.set(committees.ownShards.length);
}

function reasonOf(error: unknown): string {
  return isFloeError(error) ? error.code : String(error);
}
