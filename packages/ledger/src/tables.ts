/** Tables of the ledger's store. Every value starts with the version of its form. */
import type { KeyValueStore } from '@floe/platform';

/** Their names, by what they hold. */
export const TABLES = {
  /** `format`, `genesis`, `head`: what store this is, and its newest checkpoint. */
  meta: 'ledger-meta',
  /** Object id → object, latest version. */
  objects: 'ledger-objects',
  /** Owner kind ‖ owner ‖ hash of type ‖ object id → nothing. */
  owned: 'ledger-owned',
  /** Address ‖ hash of coin type → total and number of coins. */
  balances: 'ledger-balances',
  /** Pages of the state tree. */
  tree: 'ledger-tree',
  /** Transaction digest → record. */
  transactions: 'ledger-transactions',
  /** Sequence u64be → checkpoint. */
  checkpoints: 'ledger-checkpoints',
  /** Object id of an extended blob or of a pool → first epoch in which it is not stored; what pruning goes by. */
  lifetimes: 'ledger-lifetimes',
  /** Checkpoint digest → sequence. */
  checkpointDigests: 'ledger-checkpoint-digests',
} as const;

/** Whether a store has a row in any table of a ledger. */
export function holdsRows(store: Pick<KeyValueStore, 'count'>): boolean {
  return Object.values(TABLES).some((table) => store.count(table) > 0);
}
