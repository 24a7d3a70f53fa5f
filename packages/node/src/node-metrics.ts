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
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    }),
    requestsRefused: metrics.counter({
      name: 'floe_node_requests_refused_total',
      help: 'Requests refused because a limit was reached, by limit.',
      labels: ['limit'],
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
