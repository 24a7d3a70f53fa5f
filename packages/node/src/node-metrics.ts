/** Metrics of a node. Names that operators of Walrus nodes graph are kept; Floe's own begin with `floe_`. */
import type { Metrics } from '@floe/platform';

export type NodeMetrics = ReturnType<typeof createNodeMetrics>;

export function createNodeMetrics(metrics: Metrics) {
  return {
    ...createEpochMetrics(metrics),
    metadataStored: metrics.counter({ name: 'walrus_metadata_stored_total', help: 'Blob metadata stored.' }),
    metadataRetrieved: metrics.counter({ name: 'walrus_metadata_retrieved_total', help: 'Blob metadata served.' }),
    sliversStored: metrics.counter({
      name: 'walrus_slivers_stored_total',
      help: 'Slivers stored.',
      labels: ['sliver_type'],
    }),
    sliversRetrieved: metrics.counter({
      name: 'walrus_slivers_retrieved_total',
      help: 'Slivers served.',
      labels: ['sliver_type'],
    }),
    confirmations: metrics.counter({
      name: 'walrus_storage_confirmations_issued_total',
      help: 'Storage confirmations signed.',
    }),
    eventCursor: metrics.gauge({
      name: 'walrus_event_cursor_progress',
      help: 'Elements of the event stream by state.',
      labels: ['state'],
    }),
    latestCheckpoint: metrics.gauge({
      name: 'walrus_event_processor_latest_downloaded_checkpoint',
      help: 'The last checkpoint followed.',
    }),
    epoch: metrics.gauge({ name: 'walrus_current_epoch', help: 'Epoch of the latest committee.' }),
    shardsOwned: metrics.gauge({ name: 'walrus_shards_owned', help: 'Shards assigned by the latest committee.' }),
    pendingSlivers: metrics.gauge({
      name: 'walrus_pending_sliver_cache_slivers',
      help: 'Slivers buffered before registration.',
    }),
    pendingBytes: metrics.gauge({
      name: 'walrus_pending_sliver_cache_bytes',
      help: 'Bytes of slivers buffered before registration.',
    }),
    pendingMetadata: metrics.gauge({
      name: 'walrus_pending_metadata_cache_entries',
      help: 'Metadata buffered before registration.',
    }),
    requests: metrics.counter({
      name: 'floe_node_requests_total',
      help: 'Requests answered, by route and HTTP status.',
      labels: ['route', 'status'],
    }),
    requestSeconds: metrics.histogram({
      name: 'floe_node_request_seconds',
      help: 'Time until a request was answered, by route.',
      labels: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    }),
    requestBytes: metrics.counter({
      name: 'floe_node_request_bytes_total',
      help: 'Bytes of bodies received and sent, by route.',
      labels: ['route', 'direction'],
    }),
    requestsRefused: metrics.counter({
      name: 'floe_node_requests_refused_total',
      help: 'Requests refused because a limit was reached, by limit.',
      labels: ['limit'],
    }),
    ...createHealingMetrics(metrics),
  };
}

function createHealingMetrics(metrics: Metrics) {
  return {
    recoveryReceivedBytes: metrics.counter({
      name: 'floe_node_recovery_received_bytes_total',
      help: 'Bytes received from peers to heal blobs and to move shards, by what they were.',
      labels: ['traffic'],
    }),
    recoveredBytes: metrics.counter({
      name: 'floe_node_recovered_bytes_total',
      help: 'Bytes of slivers restored from peers, by how.',
      labels: ['path'],
    }),
    recoveredSlivers: metrics.counter({
      name: 'floe_node_recovered_slivers_total',
      help: 'Slivers restored from peers, by how.',
      labels: ['path'],
    }),
    recoveryBacklog: metrics.gauge({
      name: 'walrus_recover_blob_backlog',
      help: 'Blobs that wait for healing, or are being healed.',
      labels: ['state'],
    }),
    recoverySeconds: metrics.histogram({
      name: 'walrus_recover_blob_duration_seconds',
      help: 'Time that healing a blob took, by how it ended.',
      labels: ['status'],
      buckets: [0.01, 0.05, 0.25, 1, 5, 30, 300],
    }),
    uploadsAwaited: metrics.counter({
      name: 'walrus_live_upload_deferral_outcome_total',
      help: 'Certified blobs whose upload was awaited, by whether it made recovery needless.',
      labels: ['outcome'],
    }),
    inconsistentBlobs: metrics.counter({
      name: 'floe_node_inconsistent_blobs_total',
      help: 'Blobs that this node proved to be wrongly encoded.',
    }),
    peerLies: metrics.counter({
      name: 'floe_node_peer_lies_total',
      help: 'Answers of peers that did not verify.',
    }),
    shardSyncs: metrics.counter({
      name: 'walrus_shard_sync_total',
      help: 'Shards fetched from their old owners, by how it ended.',
      labels: ['status'],
    }),
    shardStates: metrics.gauge({
      name: 'floe_node_shards',
      help: 'Shards that this node has storage for, by state.',
      labels: ['state'],
    }),
  };
}

/** Of what the node does on the ledger. */
function createEpochMetrics(metrics: Metrics) {
  return {
    epochState: metrics.gauge({
      name: 'walrus_current_epoch_state',
      help: 'Where the epoch stands: 0 members attest, 1 voting is open, 2 the next committee is chosen.',
    }),
    attestedEpoch: metrics.gauge({
      name: 'floe_node_attested_epoch',
      help: 'The last epoch that this node attested to hold its shards of.',
    }),
    epochCalls: metrics.counter({
      name: 'floe_node_epoch_calls_total',
      help: "Calls on the ledger in the operator's name, by function and outcome.",
      labels: ['call', 'outcome'],
    }),
    suiBalance: metrics.gauge({
      name: 'walrus_sui_balance_mist',
      help: "What the operator's account has for gas.",
      labels: ['sui_address'],
    }),
  };
}
