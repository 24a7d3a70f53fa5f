/**
 * `system::certify_event_blob`: a committee's own record of the ledger's events. Walrus contract rules: event blobs.
 *
 * A node has one attestation outstanding. What a quorum attests is stored for as long as can be, free of charge and beyond
 * the capacity if need be.
 */
import type { layouts } from '@floe/contracts';
import { blobIdFromU256, type Epoch } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { asU16, asU32 } from '../execution/integers.ts';
import { isQuorumOf } from '../staking/votes.ts';
import { burnBlob, certifyBlob, createBlob } from './blob.ts';
import { encodedBlobLength } from './encoding.ts';
import { accountWithoutLimit, maxEpochsAhead } from './storage-accounting.ts';
import { createStorage } from './storage-resource.ts';
import { requireMember } from './system-committee.ts';
import { currentEpoch, type System, type SystemState, systemState } from './system-state.ts';

type Cap = layouts.StorageNodeCap;

/** What a node attests. */
interface EventBlobTerms {
  readonly blobId: bigint;
  readonly rootHash: bigint;
  readonly size: bigint;
  readonly encodingType: number;
  readonly checkpoint: bigint;
}

function checkAttestation(call: Call, state: SystemState, cap: Cap, checkpoint: bigint): void {
  const last = cap.lastEventBlobAttestation;
  if (last === null || last.epoch < currentEpoch(state)) return;
  if (checkpoint <= last.checkpointSequenceNum) call.abort('system_state_inner', 'ERepeatedAttestation');
  const certified = state.eventBlobCertificationState.latestCertifiedBlob;
  if (certified === null || last.checkpointSequenceNum > certified.endingCheckpointSequenceNumber) {
    call.abort('system_state_inner', 'EIncorrectAttestation');
  }
}

/** The weights with `weight` more for this blob; a new one comes last. */
function withWeight(
  weights: layouts.EventBlobCertificationState['aggregateWeightPerBlob'],
  key: layouts.EventBlob,
  weight: number,
): { weights: typeof weights; total: number } {
  const isSame = (other: layouts.EventBlob) =>
    other.blobId === key.blobId && other.endingCheckpointSequenceNumber === key.endingCheckpointSequenceNumber;
  const before = weights.find((entry) => isSame(entry.key));
  const total = asU16((before?.value ?? 0) + weight);
  const entry = { key, value: total };
  return {
    total,
    weights:
      before === undefined ? [...weights, entry] : weights.map((existing) => (isSame(existing.key) ? entry : existing)),
  };
}

function attest(call: Call, inner: Ref<SystemState>, cap: Ref<Cap>, terms: EventBlobTerms, epoch: number): void {
  const { weight } = requireMember(call, inner.value, cap.value);
  const current = currentEpoch(inner.value);
  if (epoch !== current) call.abort('system_state_inner', 'EInvalidIdEpoch');
  checkAttestation(call, inner.value, cap.value, terms.checkpoint);
  const attestation = { checkpointSequenceNum: terms.checkpoint, epoch: current };
  cap.value = { ...cap.value, lastEventBlobAttestation: attestation };
  const { latestCertifiedBlob, aggregateWeightPerBlob } = inner.value.eventBlobCertificationState;
  if (latestCertifiedBlob !== null && latestCertifiedBlob.endingCheckpointSequenceNumber >= terms.checkpoint) return;
  const blob = { blobId: blobIdFromU256(terms.blobId), endingCheckpointSequenceNumber: terms.checkpoint };
  const { weights, total } = withWeight(aggregateWeightPerBlob, blob, weight);
  const isCertified = isQuorumOf(total, inner.value.committee.nShards);
  if (isCertified) storeEventBlob(call, inner, terms);
  inner.value = {
    ...inner.value,
    eventBlobCertificationState: isCertified
      ? { latestCertifiedBlob: blob, aggregateWeightPerBlob: [] }
      : { latestCertifiedBlob, aggregateWeightPerBlob: weights },
  };
}

function storeEventBlob(call: Call, inner: Ref<SystemState>, terms: EventBlobTerms): void {
  const { committee } = inner.value;
  const { epoch } = committee;
  const epochs = maxEpochsAhead(inner.value);
  const { encodingType, size } = terms;
  const encodedLength = encodedBlobLength(call, size, encodingType, committee.nShards);
  accountWithoutLimit(call, inner, { from: 0, to: epochs }, encodedLength);
  const space = createStorage(call, epoch, asU32(epoch + epochs) as Epoch, encodedLength);
  const blob = createBlob(call, inner.value, { ...terms, space, deletable: false });
  const certificate = { epoch, blobId: blob.blobId, deletableObjectId: undefined, signedWeight: committee.nShards };
  burnBlob(call, certifyBlob(call, blob, epoch, certificate));
}

export const eventBlobNatives: Readonly<Record<string, Native>> = {
  certify_event_blob: native(
    (
      call,
      system: Ref<System>,
      cap: Ref<Cap>,
      blobId: bigint,
      rootHash: bigint,
      size: bigint,
      encodingType: number,
      checkpoint: bigint,
      epoch: number,
    ) =>
      attest(call, systemState(call, system.value), cap, { blobId, rootHash, size, encodingType, checkpoint }, epoch),
  ),
};
