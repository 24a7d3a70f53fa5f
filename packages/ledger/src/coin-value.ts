/** The balance inside a coin object, without decoding it. */
import { assert } from '@floe/platform';
import type { LedgerObject } from './api.ts';
import { coinTypeName } from './type-constants.ts';

/** Smallest units of a coin object: its contents are id ‖ u64. */
export function coinValue(object: Pick<LedgerObject, 'type' | 'contents'>): bigint {
  assert(coinTypeName(object.type) !== undefined && object.contents.length === 40, 'a coin', { type: object.type });
  const view = new DataView(object.contents.buffer, object.contents.byteOffset, object.contents.byteLength);
  return view.getBigUint64(32, true);
}
