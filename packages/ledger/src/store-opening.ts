/**
 * Opens the chain that a store holds, or begins one in an empty store; refuses stores of other chains and formats, and
 * those that hold only a part of a ledger.
 */
import { equalBytes, type KeyValueStore, toHex } from '@floe/platform';
import { toBase58 } from '@mysten/bcs';
import type { CheckpointRecord, Digest } from './api.ts';
import { decodeGenesis, type Genesis, STORE_FORMAT } from './chain-codec.ts';
import { decodeStoredCheckpoint } from './checkpoint-codec.ts';
import { errors } from './errors.ts';
import type { LedgerModules } from './ledger.ts';
import { StateMachine, type StateMachineModules } from './state-machine.ts';
import { META_KEYS, sequenceKey } from './store-keys.ts';
import { holdsRows, TABLES } from './tables.ts';

/** The machine at the chain's newest checkpoint. */
export async function openChain(
  genesis: Genesis | undefined,
  modules: Pick<LedgerModules, 'store' | 'bls' | 'signer' | 'logger'>,
): Promise<{ machine: StateMachine; genesis: Genesis }> {
  const { store, bls, signer, logger } = modules;
  const machineModules: StateMachineModules = { store, bls, logger, sign: (message) => signer.sign(message) };
  const format = store.get(TABLES.meta, META_KEYS.format);
  if (format === undefined) {
    // A restoration writes the format last: a chain begun on what it left would have coins that no transaction made.
    if (holdsRows(store)) throw errors.LEDGER_INCOMPLETE({});
    if (genesis === undefined) throw errors.LEDGER_EMPTY({});
    checkKey(genesis, signer.publicKey);
    const { checkpoint, operations } = StateMachine.begin(genesis, machineModules);
    await store.write(operations);
    return { machine: StateMachine.resume(genesis, checkpoint, checkpoint.digest, machineModules), genesis };
  }
  if (format.length !== 1 || format[0] !== STORE_FORMAT) {
    throw errors.STORE_FORMAT_UNSUPPORTED({ supported: STORE_FORMAT, came: toHex(format) });
  }
  const stored = decodeGenesis(required(store, META_KEYS.genesis, 'genesis'));
  const first = readCheckpoint(store, sequenceKey(0n));
  if (genesis !== undefined) checkChain(genesis, first.digest, machineModules);
  checkKey(stored, signer.publicKey);
  const head = readCheckpoint(store, required(store, META_KEYS.head, 'head'));
  const machine = StateMachine.resume(stored, head, first.digest, machineModules);
  if (!equalBytes(machine.tree.root(), head.stateRoot)) {
    throw errors.LEDGER_CORRUPT({ what: 'state tree', reason: `its root is not that of checkpoint ${head.sequence}` });
  }
  return { machine, genesis: stored };
}

/** The chain that a genesis makes, without a store to make it in. */
export function chainIdentifierOf(genesis: Genesis, modules: Pick<StateMachineModules, 'bls'>): Digest {
  const store: KeyValueStore = {
    get: () => undefined,
    entries: () => [][Symbol.iterator](),
    count: () => 0,
    write: () => Promise.resolve(),
    verify: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
  return StateMachine.begin(genesis, { ...modules, store, sign: () => new Uint8Array(64) }).checkpoint.digest;
}

function checkChain(genesis: Genesis, stored: Digest, modules: StateMachineModules): void {
  const expected = chainIdentifierOf(genesis, modules);
  if (!equalBytes(expected, stored)) {
    throw errors.CHAIN_MISMATCH({ expected: toBase58(expected), came: toBase58(stored) });
  }
}

function checkKey(genesis: Genesis, publicKey: Uint8Array): void {
  if (!equalBytes(genesis.publicKey, publicKey)) {
    throw errors.LEDGER_KEY_MISMATCH({ expected: toHex(genesis.publicKey), came: toHex(publicKey) });
  }
}

function required(store: KeyValueStore, key: Uint8Array, what: string): Uint8Array {
  const value = store.get(TABLES.meta, key);
  if (value === undefined) throw errors.LEDGER_CORRUPT({ what, reason: 'it is missing' });
  return value;
}

function readCheckpoint(store: KeyValueStore, key: Uint8Array): CheckpointRecord {
  const bytes = store.get(TABLES.checkpoints, key);
  const sequence = new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0);
  if (bytes === undefined) throw errors.LEDGER_CORRUPT({ what: `checkpoint ${sequence}`, reason: 'it is missing' });
  return decodeStoredCheckpoint(sequence, bytes);
}
