/** Access to the inner state behind the shared `System` object, with its version gate. */
import { fieldType, innerStateFieldId, type layouts, typeNames } from '@floe/contracts';
import type { Epoch } from '@floe/protocol';
import type { Call, FieldPlace, Ref } from '../execution/call.ts';
import { systemStateCodec } from './system-state-codec.ts';
import { BoundedCache } from '../bounded-cache.ts';
import { CONTRACTS_VERSION } from '../packages.ts';

export type System = layouts.System;
export type SystemState = layouts.SystemStateInnerV1;

const places = new BoundedCache<string, FieldPlace>(16);

/** Where the inner state of a `System` object stands. */
export function systemStatePlace(
  system: Pick<System, 'id' | 'version'>,
  walrus: Call['addresses']['walrus'],
): FieldPlace {
  const key = `${system.id} ${system.version} ${walrus}`;
  let place = places.get(key);
  if (place === undefined) {
    place = {
      parent: system.id,
      fieldId: innerStateFieldId(system.id, system.version),
      fieldType: fieldType('u64', typeNames(walrus).systemInner),
      layout: systemStateCodec,
      name: system.version,
    };
    places.set(key, place);
  }
  return place;
}

/** The inner state, to read or replace. Every entry through `System` passes here. */
export function systemState(call: Call, system: System): Ref<SystemState> {
  if (system.version !== CONTRACTS_VERSION) call.abort('system', 'EWrongVersion');
  const field = call.field<SystemState>(systemStatePlace(system, call.addresses.walrus));
  if (field.value === undefined) return call.abort('dynamic_field', 'EFieldDoesNotExist', 'sui');
  return field as Ref<SystemState>;
}

/** The current Walrus epoch. */
export function currentEpoch(state: SystemState): Epoch {
  return state.committee.epoch;
}
