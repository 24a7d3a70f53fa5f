/** Port of the ledger: the part of `LedgerClient` that a node uses. */
import type { CheckpointRecord } from '@floe/contracts';
import type { Committees } from '@floe/protocol';

export interface NodeLedger {
  /** Which chain it is and where it ends. */
  chain(options?: { signal?: AbortSignal }): Promise<{ chainId: string; latestCheckpoint: bigint }>;
  committees(options?: { fresh?: boolean; signal?: AbortSignal }): Promise<Committees>;
  /** Checkpoints from `from` on, in order, without end; survives the ledger's restarts. */
  followCheckpoints(options: { from: bigint; signal: AbortSignal }): AsyncIterable<CheckpointRecord>;
}
