/** The record of what chain a store holds: written once, at genesis, with everything needed to replay from there. */
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes, type ObjectId } from '@floe/protocol';
import type { LedgerEvent, LedgerObject } from './api.ts';
import { decodeEvents, encodeEvents } from './effects-codec.ts';
import { errors } from './errors.ts';
import { decodeObject, encodeObject } from './object-codec.ts';

/** Version of the whole layout of tables. Another one is refused. */
export const STORE_FORMAT = 2;

/** The first state of a chain, and what made it. */
export interface Genesis {
  readonly walrusPackageId: ObjectId;
  readonly walPackageId: ObjectId;
  readonly systemObjectId: ObjectId;
  readonly stakingObjectId: ObjectId;
  readonly treasuryObjectId: ObjectId;
  /** Ed25519 key (32 bytes) that signs checkpoints. */
  readonly publicKey: Uint8Array;
  readonly timestampMs: number;
  /** BCS of the transaction in whose name the first objects exist; it is recorded, not executed. */
  readonly transactionBytes: Uint8Array;
  readonly events: readonly LedgerEvent[];
  /** In ascending order of id, all of version 1. */
  readonly objects: readonly LedgerObject[];
}

const GENESIS_VERSION = 1;
const MAX_GENESIS_OBJECTS = 1_000_000;

export function encodeGenesis(genesis: Genesis): Uint8Array {
  const writer = new BcsWriter(4096);
  writer.u8(GENESIS_VERSION);
  for (const id of [
    genesis.walrusPackageId,
    genesis.walPackageId,
    genesis.systemObjectId,
    genesis.stakingObjectId,
    genesis.treasuryObjectId,
  ]) {
    writer.fixed(objectIdBytes(id));
  }
  writer.bytes(genesis.publicKey).u64(genesis.timestampMs).bytes(genesis.transactionBytes);
  writer.bytes(encodeEvents(genesis.events));
  writer.vector(genesis.objects, (w, object) => w.fixed(objectIdBytes(object.id)).bytes(encodeObject(object)));
  return writer.finish();
}

/** @throws LEDGER_CORRUPT */
export function decodeGenesis(bytes: Uint8Array): Genesis {
  const reader = new BcsReader(bytes, 'genesis');
  const version = reader.u8();
  if (version !== GENESIS_VERSION) throw errors.LEDGER_CORRUPT({ what: 'genesis', reason: `format ${version}` });
  const id = () => objectIdFromBytes(reader.fixed(32));
  const genesis: Genesis = {
    walrusPackageId: id(),
    walPackageId: id(),
    systemObjectId: id(),
    stakingObjectId: id(),
    treasuryObjectId: id(),
    publicKey: reader.bytes().slice(),
    timestampMs: reader.u64Number(),
    transactionBytes: reader.bytes().slice(),
    events: decodeEvents(reader.bytes()),
    objects: reader.vector((r) => decodeObject(objectIdFromBytes(r.fixed(32)), r.bytes()), 64, MAX_GENESIS_OBJECTS),
  };
  reader.end();
  return genesis;
}
