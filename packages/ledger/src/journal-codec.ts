/** The form of an executed transaction on disk: everything that was decided about it, in one value. */
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes } from '@floe/protocol';
import type { BalanceChange, Digest, TransactionRecord } from './api.ts';
import {
  decodeEffects,
  decodeEvents,
  effectsDigestOf,
  encodeEvents,
  readOptional,
  writeOptional,
} from './effects-codec.ts';
import { errors } from './errors.ts';
import { MAX_CHANGED_OBJECTS, MAX_SIGNATURES } from './limits.ts';
import { decodeTransactionData } from './transaction-data.ts';

const STORED_TRANSACTION_VERSION = 1;
const BIAS = 1n << 127n;

export function encodeStoredTransaction(record: TransactionRecord): Uint8Array {
  const writer = new BcsWriter(record.transactionBytes.length + record.effectsBytes.length + 1024);
  writer.u8(STORED_TRANSACTION_VERSION).u64(record.checkpoint).u64(record.timestampMs);
  writer.bytes(record.transactionBytes);
  writer.vector(record.signatures, (w, signature) => w.bytes(signature));
  writer.bytes(record.effectsBytes).bytes(encodeEvents(record.events));
  writer.vector(record.objectTypes, (w, type) => writeOptional(w, type, (text) => w.string(text)));
  writer.vector(record.balanceChanges, writeBalanceChange);
  return writer.finish();
}

/** @throws LEDGER_CORRUPT */
export function decodeStoredTransaction(digest: Digest, bytes: Uint8Array): TransactionRecord {
  const reader = new BcsReader(bytes, 'stored transaction');
  const version = reader.u8();
  if (version !== STORED_TRANSACTION_VERSION) {
    throw errors.LEDGER_CORRUPT({ what: 'transaction', reason: `format ${version}` });
  }
  const [checkpoint, timestampMs] = [reader.u64(), reader.u64Number()];
  const transactionBytes = reader.bytes().slice();
  const signatures = reader.vector((r) => r.bytes().slice(), 1, MAX_SIGNATURES);
  const effectsBytes = reader.bytes().slice();
  const events = decodeEvents(reader.bytes());
  const readType = (r: BcsReader) => readOptional(r, () => r.string());
  const objectTypes = reader.vector(readType, 1, MAX_CHANGED_OBJECTS * 2);
  const balanceChanges = reader.vector(readBalanceChange, 49, MAX_CHANGED_OBJECTS * 2);
  reader.end();
  return {
    digest,
    transaction: decodeTransactionData(transactionBytes),
    transactionBytes,
    signatures,
    effects: decodeEffects(effectsBytes),
    effectsBytes,
    effectsDigest: effectsDigestOf(effectsBytes),
    events,
    objectTypes,
    balanceChanges,
    checkpoint,
    timestampMs,
  };
}

/** The amount is a signed 128-bit number, kept as its distance from -2^127 in two halves. */
function writeBalanceChange(writer: BcsWriter, change: BalanceChange): void {
  const biased = change.amount + BIAS;
  writer.fixed(objectIdBytes(change.address)).string(change.coinType);
  writer.u64(biased & 0xffff_ffff_ffff_ffffn).u64(biased >> 64n);
}

function readBalanceChange(reader: BcsReader): BalanceChange {
  const address = objectIdFromBytes(reader.fixed(32));
  const coinType = reader.string();
  const low = reader.u64();
  return { address, coinType, amount: (low | (reader.u64() << 64n)) - BIAS };
}
