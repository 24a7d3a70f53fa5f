/**
 * Page tokens: opaque bytes that say where the next page begins. A token is the method's name, which keeps a token of
 * one list from being used in another, and the key of the last entry returned. Absent means: no more pages; an empty
 * token would make clients start again, so none is ever sent.
 */
import { concatBytes, equalBytes, utf8 } from '@floe/platform';
import { rpcErrors } from './errors.ts';
import { rpcLimits } from './limits.ts';

const VERSION = 1;

/** A token that resumes after `key`. */
export function encodePageToken(scope: string, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = utf8(scope);
  return concatBytes(Uint8Array.of(VERSION, name.length), name, key);
}

/** The key in a request's token; undefined for the first page. @throws RPC_INVALID_FIELD */
export function decodePageToken(scope: string, token: Uint8Array | undefined): Uint8Array | undefined {
  if (token === undefined || token.length === 0) return undefined;
  const name = utf8(scope);
  const prefix = concatBytes(Uint8Array.of(VERSION, name.length), name);
  if (token.length <= prefix.length || !equalBytes(token.subarray(0, prefix.length), prefix)) {
    throw rpcErrors.RPC_INVALID_FIELD({ field: 'page_token', reason: `it was not made by ${scope}` });
  }
  return token.subarray(prefix.length);
}

/** Entries on a page: the default when unset or 0, never more than the maximum. */
export function pageSizeOf(requested: number | undefined): number {
  if (requested === undefined || requested === 0) return rpcLimits.defaultPageSize;
  return Math.min(requested, rpcLimits.maxPageSize);
}
