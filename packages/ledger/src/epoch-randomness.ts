/**
 * Public randomness of a Walrus epoch: the digest of the checkpoint in which it began, kept in the state under `Staking` as
 * a dynamic field from the epoch to 32 bytes, so that anyone can read it and have it proved.
 *
 * A checkpoint's digest is known after it is made, so the next one writes the field, as it sets the clock: outside of any
 * transaction. Whoever orders transactions can bias it, by what it takes into that checkpoint; nobody else can, and
 * nobody knows it before voting for the epoch has ended.
 */
import { dynamicFieldId, fieldType, layouts, moveValues, parseContractEvent } from '@floe/contracts';
import type { Epoch, ObjectId } from '@floe/protocol';
import type { CheckpointRecord, Digest, LedgerEvent, LedgerObject } from './api.ts';
import { sealObject } from './object-codec.ts';

/** An epoch that began, and where. */
export interface StartedEpoch {
  readonly epoch: Epoch;
  /** Digest of the checkpoint. */
  readonly randomness: Digest;
  /** The transaction that changed the epoch. */
  readonly transaction: Digest;
}

/** The Walrus epoch that began in a checkpoint, given its transactions; undefined: none did. */
export function epochStartedIn(
  checkpoint: Pick<CheckpointRecord, 'digest'>,
  records: Iterable<{ readonly digest: Digest; readonly events: readonly LedgerEvent[] }>,
): StartedEpoch | undefined {
  let started: StartedEpoch | undefined;
  for (const { digest: transaction, events } of records) {
    for (const { type, contents } of events) {
      if (!type.endsWith(EPOCH_CHANGE_START)) continue;
      const event = parseContractEvent(type, contents);
      if (event?.kind === 'EpochChangeStart') {
        started = { epoch: event.epoch, randomness: checkpoint.digest, transaction };
      }
    }
  }
  return started;
}

const EPOCH_CHANGE_START = '::events::EpochChangeStart';
const NAME_TYPE = 'u32';

/** Id of the field that holds the randomness of an epoch. */
export function randomnessFieldId(staking: ObjectId, epoch: Epoch): ObjectId {
  return dynamicFieldId(staking, NAME_TYPE, moveValues.epoch.serialize(epoch).toBytes());
}

/** The field as the checkpoint after the epoch's first one writes it. */
export function randomnessField(staking: ObjectId, started: StartedEpoch): LedgerObject {
  const id = randomnessFieldId(staking, started.epoch);
  return sealObject({
    id,
    version: 1n,
    owner: { kind: 'object', parent: staking },
    type: fieldType(NAME_TYPE, 'vector<u8>'),
    hasPublicTransfer: false,
    contents: layouts.RandomnessField.serialize({ id, name: started.epoch, value: started.randomness }).toBytes(),
    previousTransaction: started.transaction,
    // Nobody paid for it.
    storageRebate: 0n,
  });
}
