/** The record of the transaction in whose name a chain's first objects exist, so that explorers find where they are from. */
import type { TransactionEffects, TransactionRecord } from './api.ts';
import type { Genesis } from './chain-codec.ts';
import { effectsDigestOf, encodeEffects, eventsDigestOf } from './effects-codec.ts';
import { decodeTransactionData, transactionDigest } from './transaction-data.ts';

export function genesisRecord(genesis: Genesis): TransactionRecord {
  const digest = transactionDigest(genesis.transactionBytes);
  const effects: TransactionEffects = {
    status: { success: true },
    executedEpoch: 0n,
    gasUsed: { computationCost: 0n, storageCost: 0n, storageRebate: 0n, nonRefundableStorageFee: 0n },
    transactionDigest: digest,
    gasObjectIndex: undefined,
    eventsDigest: eventsDigestOf(genesis.events),
    dependencies: [],
    lamportVersion: 1n,
    changedObjects: genesis.objects.map(({ id, digest: objectDigest, owner }) => ({
      id,
      input: undefined,
      output: { digest: objectDigest, owner },
      idOperation: 'created',
    })),
    unchangedShared: [],
  };
  const effectsBytes = encodeEffects(effects);
  return {
    digest,
    transaction: decodeTransactionData(genesis.transactionBytes),
    transactionBytes: genesis.transactionBytes,
    signatures: [],
    effects,
    effectsBytes,
    effectsDigest: effectsDigestOf(effectsBytes),
    events: genesis.events,
    objectTypes: genesis.objects.map(({ type }) => type),
    balanceChanges: [],
    checkpoint: 0n,
    timestampMs: genesis.timestampMs,
  };
}
