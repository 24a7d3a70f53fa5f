/** Names of framework types and objects that have a meaning of their own to the ledger. */
import type { ObjectId } from '@floe/protocol';
import type { TypeName } from './api.ts';

const framework = (digit: string): ObjectId => `0x${digit.padStart(64, '0')}` as ObjectId;

/** `0x2`: the Sui framework. */
export const FRAMEWORK_ID = framework('2');
/** `0x6`: the shared `Clock`, which every checkpoint sets to its timestamp. */
export const CLOCK_ID = framework('6');

export const SUI_COIN_TYPE: TypeName = `${FRAMEWORK_ID}::sui::SUI`;
const COIN_PREFIX = `${FRAMEWORK_ID}::coin::Coin<`;
export const GAS_COIN_TYPE: TypeName = `${COIN_PREFIX}${SUI_COIN_TYPE}>`;
export const STAKED_SUI_TYPE: TypeName = `${framework('3')}::staking_pool::StakedSui`;
export const CLOCK_TYPE: TypeName = `${FRAMEWORK_ID}::clock::Clock`;
export const DYNAMIC_FIELD_PREFIX = `${FRAMEWORK_ID}::dynamic_field::Field<`;
export const OBJECT_FIELD_WRAPPER_PREFIX = `${FRAMEWORK_ID}::dynamic_object_field::Wrapper<`;

/** `T` when `type` is `Coin<T>`. */
export function coinTypeName(type: TypeName): TypeName | undefined {
  return type.startsWith(COIN_PREFIX) ? type.slice(COIN_PREFIX.length, -1) : undefined;
}

/** `Coin<T>` of a canonical `T`. */
export function coinOf(coinType: TypeName): TypeName {
  return `${COIN_PREFIX}${coinType}>`;
}
