/** Parsing of what every method's request may hold: ids, digests, types. Errors name the field. */
import { isFloeError } from '@floe/platform';
import { type ObjectId, parseObjectId } from '@floe/protocol';
import { fromBase58 } from '@mysten/sui/utils';
import type { Digest, TypeName } from '../api.ts';
import { canonicalType } from '../type-tag.ts';
import { rpcErrors } from './errors.ts';

const DIGEST_BYTES = 32;
/** 32 bytes are at most 44 base58 characters; the check keeps the decoder, quadratic in length, from long texts. */
const MAX_DIGEST_TEXT = 44;

/** An address or object id in any form. @throws RPC_MISSING_FIELD, RPC_INVALID_FIELD */
export function requiredId(field: string, text: string | undefined): ObjectId {
  if (text === undefined || text === '') throw rpcErrors.RPC_MISSING_FIELD({ field });
  try {
    return parseObjectId(text);
  } catch (error) {
    throw invalid(field, error);
  }
}

/** A base58 digest. @throws RPC_MISSING_FIELD, RPC_INVALID_FIELD */
export function requiredDigest(field: string, text: string | undefined): Digest {
  if (text === undefined || text === '') throw rpcErrors.RPC_MISSING_FIELD({ field });
  const digest = text.length <= MAX_DIGEST_TEXT ? decodeBase58(text) : undefined;
  if (digest?.length !== DIGEST_BYTES) {
    const came = JSON.stringify(text.slice(0, 64));
    throw rpcErrors.RPC_INVALID_FIELD({ field, reason: `${came} is not the base58 text of ${DIGEST_BYTES} bytes` });
  }
  return digest;
}

/** A Move type in any form, as canonical text. @throws RPC_MISSING_FIELD, RPC_INVALID_FIELD */
export function requiredType(field: string, text: string | undefined): TypeName {
  if (text === undefined || text === '') throw rpcErrors.RPC_MISSING_FIELD({ field });
  try {
    return canonicalType(text);
  } catch (error) {
    throw invalid(field, error);
  }
}

/** A field that must be set. @throws RPC_MISSING_FIELD */
export function required<Value>(field: string, value: Value | undefined): Value {
  if (value === undefined) throw rpcErrors.RPC_MISSING_FIELD({ field });
  return value;
}

function decodeBase58(text: string): Uint8Array | undefined {
  try {
    return fromBase58(text);
  } catch {
    return undefined;
  }
}

function invalid(field: string, error: unknown): unknown {
  return isFloeError(error) ? rpcErrors.RPC_INVALID_FIELD({ field, reason: error.message }, error) : error;
}
