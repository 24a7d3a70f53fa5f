/**
 * Replays a chain from its genesis: executes every recorded transaction again, in order and at its time, and holds each
 * checkpoint's digest (so the whole state, all effects and the order) against the one on record.
 */
import { equalBytes, type KeyValueStore } from '@floe/platform';
import { decodeGenesis } from './chain-codec.ts';
import { decodeStoredCheckpoint } from './checkpoint-codec.ts';
import type { CheckpointRecord } from './api.ts';
import type { SignedTransaction } from './engine.ts';
import { errors } from './errors.ts';
import { decodeStoredTransaction } from './journal-codec.ts';
import { META_KEYS, sequenceKey, StateMachine, type StateMachineModules } from './state-machine.ts';
import { TABLES } from './tables.ts';

/**
 * @param source the store of a ledger, which is only read
 * @param modules.target an empty store, which takes the state
 * @returns the newest checkpoint reached
 * @throws LEDGER_EMPTY, LEDGER_CORRUPT naming the first checkpoint that differs
 */
export async function replayJournal(
  source: KeyValueStore,
  modules: { target: KeyValueStore; bls: StateMachineModules['bls']; signal?: AbortSignal },
): Promise<CheckpointRecord> {
  const genesisBytes = source.get(TABLES.meta, META_KEYS.genesis);
  if (genesisBytes === undefined) throw errors.LEDGER_EMPTY({});
  const genesis = decodeGenesis(genesisBytes);
  const { target, bls, signal } = modules;
  // The recorded signatures stand in for the key, which a replay does not have; digests do not cover them.
  const machineModules: StateMachineModules = { store: target, bls, sign: () => new Uint8Array(64) };
  const first = StateMachine.begin(genesis, machineModules);
  compare(first.checkpoint, readCheckpoint(source, 0n));
  await target.write(first.operations);
  const machine = StateMachine.resume(genesis, first.checkpoint, first.checkpoint.digest, machineModules);
  for (let sequence = 1n; ; sequence += 1n) {
    signal?.throwIfAborted();
    const recorded = readCheckpoint(source, sequence);
    if (recorded === undefined) return machine.head;
    const transactions = recorded.transactions.map(({ digest }) => readTransaction(source, digest));
    const prepared = machine.prepare({ timestampMs: recorded.timestampMs, transactions });
    compare(prepared.checkpoint, recorded);
    await target.write(prepared.operations);
    prepared.commit();
  }
}

function compare(reached: CheckpointRecord | undefined, recorded: CheckpointRecord | undefined): void {
  if (reached !== undefined && recorded !== undefined && equalBytes(reached.digest, recorded.digest)) return;
  const sequence = recorded?.sequence ?? 0n;
  throw errors.LEDGER_CORRUPT({ what: `checkpoint ${sequence}`, reason: 'replaying the journal leads to another one' });
}

function readCheckpoint(source: KeyValueStore, sequence: bigint): CheckpointRecord | undefined {
  const bytes = source.get(TABLES.checkpoints, sequenceKey(sequence));
  return bytes === undefined ? undefined : decodeStoredCheckpoint(sequence, bytes);
}

function readTransaction(source: KeyValueStore, digest: Uint8Array): SignedTransaction {
  const bytes = source.get(TABLES.transactions, digest);
  if (bytes === undefined) throw errors.LEDGER_CORRUPT({ what: 'journal', reason: 'a transaction is missing' });
  const { transaction, transactionBytes, signatures } = decodeStoredTransaction(digest, bytes);
  return { digest, transaction, transactionBytes, signatures };
}
