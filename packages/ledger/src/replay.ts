/**
 * Replays a chain from its genesis: executes every recorded transaction again, in order and at its time, and holds each
 * checkpoint's digest (so the whole state, all effects and the order) against the one on record.
 */
import { equalBytes, type KeyValueStore } from '@floe/platform';
import { decodeGenesis } from './chain-codec.ts';
import { decodeStoredCheckpoint } from './checkpoint-codec.ts';
import type { CheckpointRecord, TransactionRecord } from './api.ts';
import { type CheckpointVerifier, checkCheckpoint } from './checkpoint-checks.ts';
import type { SignedTransaction } from './engine.ts';
import { errors } from './errors.ts';
import { decodeStoredTransaction, encodeStoredTransaction } from './journal-codec.ts';
import { readPruneMark } from './pruning.ts';
import { checkSignatures, type SignatureVerifier } from './signatures.ts';
import { StateMachine, type StateMachineModules } from './state-machine.ts';
import { META_KEYS, sequenceKey } from './store-keys.ts';
import { TABLES } from './tables.ts';
import { transactionDigest } from './transaction-data.ts';

export interface VerifyModules {
  /** Empty; takes the state as it is made again. */
  readonly target: KeyValueStore;
  readonly bls: StateMachineModules['bls'];
  /** For the senders' signatures. */
  readonly signatures: SignatureVerifier;
  /** For the chain's own. */
  readonly verifyCheckpoint: CheckpointVerifier;
  readonly signal?: AbortSignal;
  /** After each checkpoint that was found right. */
  readonly onProgress?: (checkpoint: CheckpointRecord) => void;
}

/**
 * Everything that can be checked about a ledger's store: every checkpoint follows the one before it and carries the
 * signature of the chain's key, every transaction those of who must sign, and executing all again leads to the same
 * digests, so to the same state.
 *
 * @param source the store of a ledger, which is only read
 * @returns the newest checkpoint
 * @throws LEDGER_EMPTY, LEDGER_CORRUPT naming the first checkpoint that is wrong
 */
export async function verifyLedger(source: KeyValueStore, modules: VerifyModules): Promise<CheckpointRecord> {
  const { signatures, verifyCheckpoint, onProgress } = modules;
  let before: CheckpointRecord | undefined;
  return replay(source, modules, async (checkpoint, records, publicKey) => {
    const problem = checkCheckpoint(checkpoint, records, before, publicKey, verifyCheckpoint);
    if (problem !== undefined) throw corrupt(checkpoint.sequence, problem);
    // The genesis has no sender: nobody signs it.
    if (before !== undefined) await Promise.all(records.map((record) => checkSender(record, checkpoint, signatures)));
    before = checkpoint;
    onProgress?.(checkpoint);
  });
}

async function checkSender(
  record: TransactionRecord,
  checkpoint: CheckpointRecord,
  verifier: SignatureVerifier,
): Promise<void> {
  try {
    await checkSignatures(record.transaction, record.transactionBytes, record.signatures, verifier);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw corrupt(checkpoint.sequence, `the signatures of one of its transactions are wrong: ${reason}`);
  }
}

/**
 * @param source the store of a ledger, which is only read
 * @param modules.target an empty store, which takes the state
 * @returns the newest checkpoint reached
 * @throws LEDGER_EMPTY, LEDGER_CORRUPT naming the first checkpoint that differs
 */
export function replayJournal(source: KeyValueStore, modules: ReplayModules): Promise<CheckpointRecord> {
  return replay(source, modules, () => Promise.resolve());
}

type ReplayModules = Pick<VerifyModules, 'target' | 'bls' | 'signal'>;

/** `check` sees each recorded checkpoint with its transactions before it is compared. */
async function replay(
  source: KeyValueStore,
  modules: ReplayModules,
  check: (checkpoint: CheckpointRecord, records: readonly TransactionRecord[], publicKey: Uint8Array) => Promise<void>,
): Promise<CheckpointRecord> {
  const genesisBytes = source.get(TABLES.meta, META_KEYS.genesis);
  if (genesisBytes === undefined) throw errors.LEDGER_EMPTY({});
  const { lowest } = readPruneMark(source);
  if (lowest > 0n) throw errors.LEDGER_PRUNED({ lowest });
  const genesis = decodeGenesis(genesisBytes);
  const { target, bls, signal } = modules;
  // The recorded signatures stand in for the key, which a replay does not have; digests do not cover them.
  const machineModules: StateMachineModules = { store: target, bls, sign: () => new Uint8Array(64) };
  const first = StateMachine.begin(genesis, machineModules);
  const recordedFirst = readCheckpoint(source, 0n);
  if (recordedFirst === undefined) throw corrupt(0n, 'it is missing');
  await check(recordedFirst, readTransactions(source, recordedFirst), genesis.publicKey);
  compare(first.checkpoint, recordedFirst);
  await target.write(first.operations);
  const machine = StateMachine.resume(genesis, first.checkpoint, first.checkpoint.digest, machineModules);
  for (let sequence = 1n; ; sequence += 1n) {
    signal?.throwIfAborted();
    const recorded = readCheckpoint(source, sequence);
    if (recorded === undefined) return machine.head;
    const records = readTransactions(source, recorded);
    await check(recorded, records, genesis.publicKey);
    const transactions = records.map(({ digest, transaction, transactionBytes, signatures }): SignedTransaction => ({
      digest,
      transaction,
      transactionBytes,
      signatures,
    }));
    const prepared = machine.prepare({ timestampMs: recorded.timestampMs, transactions });
    compare(prepared.checkpoint, recorded);
    for (const [i, outcome] of prepared.outcomes.entries()) {
      const stored = source.get(TABLES.transactions, (records[i] as TransactionRecord).digest);
      const isSame =
        'record' in outcome && stored !== undefined && equalBytes(encodeStoredTransaction(outcome.record), stored);
      if (!isSame) throw corrupt(sequence, 'the record of one of its transactions is not what executing it gives');
    }
    await target.write(prepared.operations);
    prepared.commit();
  }
}

function compare(reached: CheckpointRecord | undefined, recorded: CheckpointRecord): void {
  if (reached !== undefined && equalBytes(reached.digest, recorded.digest)) return;
  throw corrupt(recorded.sequence, 'replaying the journal leads to another one');
}

function corrupt(sequence: bigint, reason: string): Error {
  return errors.LEDGER_CORRUPT({ what: `checkpoint ${sequence}`, reason });
}

function readCheckpoint(source: KeyValueStore, sequence: bigint): CheckpointRecord | undefined {
  const bytes = source.get(TABLES.checkpoints, sequenceKey(sequence));
  return bytes === undefined ? undefined : decodeStoredCheckpoint(sequence, bytes);
}

function readTransactions(source: KeyValueStore, checkpoint: CheckpointRecord): TransactionRecord[] {
  return checkpoint.transactions.map(({ digest }) => {
    const bytes = source.get(TABLES.transactions, digest);
    if (bytes === undefined) throw errors.LEDGER_CORRUPT({ what: 'journal', reason: 'a transaction is missing' });
    const record = decodeStoredTransaction(digest, bytes);
    if (!equalBytes(transactionDigest(record.transactionBytes), digest)) {
      throw corrupt(checkpoint.sequence, 'one of its transactions does not have its digest');
    }
    return record;
  });
}
