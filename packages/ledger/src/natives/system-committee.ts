/** `system`: what the committee certifies about blobs and nodes. Walrus contract rules: invalid blobs, deny lists, protocol version. */
import type { layouts } from '@floe/contracts';
import { blobIdFromBytes, type Epoch, u256FromBytes } from '@floe/protocol';
import { type Call, type Native, native, type Ref } from '../execution/call.ts';
import { MESSAGE_TYPES, requireType, verifyCertificate } from './certificates.ts';
import { denyListSizes } from './system-epoch.ts';
import { currentEpoch, type System, type SystemState, systemState } from './system-state.ts';

type Cap = layouts.StorageNodeCap;
type DenyListSizes = typeof layouts.DenyListSizes.$inferType;

/** The member whose cap this is. */
export function requireMember(call: Call, state: SystemState, cap: Cap): layouts.BlsCommitteeMember {
  const member = state.committee.members.find(({ nodeId }) => nodeId === cap.nodeId);
  return member ?? call.abort('system_state_inner', 'ENotCommitteeMember');
}

/** The map with `nodeId`'s entry set; an existing one keeps its place. */
function withSize(sizes: DenyListSizes, nodeId: Cap['nodeId'], size: bigint): DenyListSizes {
  const entry = { key: nodeId, value: size };
  return sizes.some(({ key }) => key === nodeId)
    ? sizes.map((existing) => (existing.key === nodeId ? entry : existing))
    : [...sizes, entry];
}

export const committeeNatives: Readonly<Record<string, Native>> = {
  invalidate_blob_id: native((call, system: System, signature: Uint8Array, bitmap: Uint8Array, message: Uint8Array) => {
    const state = systemState(call, system).value;
    const certified = verifyCertificate(call, state.committee, { signature, bitmap, message }, 'one-honest');
    requireType(call, certified, MESSAGE_TYPES.invalidBlobId);
    const bytes = certified.body.take(32);
    if (certified.epoch !== currentEpoch(state)) call.abort('system_state_inner', 'EInvalidIdEpoch');
    call.emit({ kind: 'InvalidBlobID', epoch: currentEpoch(state), blobId: blobIdFromBytes(bytes) });
    return [u256FromBytes(bytes)];
  }),
  register_deny_list_update: native((call, system: Ref<System>, cap: Cap, root: bigint, sequenceNumber: bigint) => {
    const state = systemState(call, system.value).value;
    requireMember(call, state, cap);
    if (sequenceNumber <= cap.denyListSequence) call.abort('system_state_inner', 'EIncorrectDenyListSequence');
    const epoch = currentEpoch(state);
    call.emit({ kind: 'RegisterDenyListUpdate', epoch, root, sequenceNumber, nodeId: cap.nodeId });
  }),
  update_deny_list: native(
    (call, system: Ref<System>, cap: Ref<Cap>, signature: Uint8Array, bitmap: Uint8Array, message: Uint8Array) => {
      const state = systemState(call, system.value).value;
      requireMember(call, state, cap.value);
      const certified = verifyCertificate(call, state.committee, { signature, bitmap, message }, 'quorum');
      requireType(call, certified, MESSAGE_TYPES.denyListUpdate);
      const nodeId = certified.body.id();
      const [sequenceNumber, size] = [certified.body.u64(), certified.body.u64()];
      const root = u256FromBytes(certified.body.take(32));
      if (certified.epoch !== currentEpoch(state)) call.abort('system_state_inner', 'EInvalidIdEpoch');
      if (nodeId !== cap.value.nodeId) call.abort('system_state_inner', 'EIncorrectDenyListNode');
      if (sequenceNumber <= cap.value.denyListSequence) {
        call.abort('system_state_inner', 'EIncorrectDenyListSequence');
      }
      cap.value = { ...cap.value, denyListRoot: root, denyListSequence: sequenceNumber, denyListSize: size };
      const sizes = denyListSizes(call, state);
      sizes.value = withSize(sizes.value ?? [], nodeId, size);
      call.emit({ kind: 'DenyListUpdate', epoch: currentEpoch(state), root, sequenceNumber, nodeId });
    },
  ),
  delete_deny_listed_blob: native(
    (call, system: System, signature: Uint8Array, bitmap: Uint8Array, message: Uint8Array) => {
      const state = systemState(call, system).value;
      const certified = verifyCertificate(call, state.committee, { signature, bitmap, message }, 'one-honest');
      requireType(call, certified, MESSAGE_TYPES.denyListBlobDeleted);
      const blobId = blobIdFromBytes(certified.body.take(32));
      if (certified.epoch !== currentEpoch(state)) call.abort('system_state_inner', 'EInvalidIdEpoch');
      call.emit({ kind: 'DenyListBlobDeleted', epoch: currentEpoch(state), blobId });
    },
  ),
  update_protocol_version: native(
    (call, system: Ref<System>, cap: Cap, signature: Uint8Array, bitmap: Uint8Array, message: Uint8Array) => {
      const state = systemState(call, system.value).value;
      requireMember(call, state, cap);
      const certified = verifyCertificate(call, state.committee, { signature, bitmap, message }, 'quorum');
      requireType(call, certified, MESSAGE_TYPES.protocolVersion);
      const startEpoch = certified.body.u32() as Epoch;
      const protocolVersion = certified.body.u64();
      const epoch = currentEpoch(state);
      if (certified.epoch !== epoch) call.abort('system_state_inner', 'EInvalidIdEpoch');
      if (startEpoch < epoch) call.abort('system_state_inner', 'EInvalidStartEpoch');
      call.emit({ kind: 'ProtocolVersionUpdated', epoch, startEpoch, protocolVersion });
    },
  ),
};
