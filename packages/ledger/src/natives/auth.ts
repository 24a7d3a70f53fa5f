/** `auth`: proving to be an address or to hold an object. Walrus contract rules: caller authorisation. */
import type { layouts } from '@floe/contracts';
import type { ObjectId, SuiAddress } from '@floe/protocol';
import { type Native, native } from '../execution/call.ts';

export type Authenticated = layouts.Authenticated;
export type Authorized = layouts.Authorized;

/** Whether who calls is who may: of the same kind, with the same id. */
export function isAuthorized(who: Authenticated, allowed: Authorized): boolean {
  return who.$kind === 'Sender'
    ? allowed.$kind === 'Address' && allowed.Address === who.Sender
    : allowed.$kind === 'ObjectID' && allowed.ObjectID === who.Object;
}

export function authorizedAddress(address: SuiAddress): Authorized {
  return { $kind: 'Address', Address: address };
}

export function authorizedObject(id: ObjectId): Authorized {
  return { $kind: 'ObjectID', ObjectID: id };
}

export const authNatives: Readonly<Record<string, Native>> = {
  authenticate_sender: native((call) => [{ $kind: 'Sender', Sender: call.sender } satisfies Authenticated]),
  authenticate_with_object: native((_call, object: { id: ObjectId }) => [
    { $kind: 'Object', Object: object.id } satisfies Authenticated,
  ]),
  authorized_address: native((_call, address: SuiAddress) => [authorizedAddress(address)]),
  authorized_object: native((_call, id: ObjectId) => [authorizedObject(id)]),
};
