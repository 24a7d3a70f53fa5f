/** Headers of what the aggregator sends. */
import { MAX_HEADER_VALUE_BYTES, OBJECT_MAX_AGE_SECONDS } from './limits.ts';

export type HeaderRecord = Readonly<Record<string, string>>;

/** `immutable`: the URL names the bytes. `mutable`: the bytes stay, but headers from the ledger may change or go. */
export type Caching = 'immutable' | 'mutable';

const CACHE_CONTROL: Readonly<Record<Caching, string>> = {
  immutable: 'public, max-age=31536000, immutable',
  mutable: `public, max-age=${OBJECT_MAX_AGE_SECONDS}, stale-while-revalidate=3600`,
};

/** What every successful read carries. */
export function cacheHeaders(etag: string, caching: Caching): HeaderRecord {
  return { etag, 'cache-control': CACHE_CONTROL[caching], 'x-content-type-options': 'nosniff' };
}

/** Bytes have no type of their own: the one type that the reader asks for, else plain bytes. */
export function askedContentType(request: Request): HeaderRecord {
  const accept = request.headers.get('accept')?.trim() ?? '';
  const asked = /^[\w.+-]+\/[\w.+-]+$/.test(accept) ? accept : 'application/octet-stream';
  return { 'content-type': asked, vary: 'accept' };
}

/** The attributes or tags that may be headers, under lower-case names. */
export function headersFrom(pairs: Iterable<readonly [string, string]>, allowed: ReadonlySet<string>): HeaderRecord {
  const headers: Record<string, string> = {};
  for (const [key, value] of pairs) {
    if (allowed.has(key.toLowerCase()) && isHeaderValue(value)) headers[key.toLowerCase()] = value;
  }
  return headers;
}

/** Printable ASCII of a bounded length: anything else could not be sent, or could end the header. */
export function isHeaderValue(text: string): boolean {
  return text.length <= MAX_HEADER_VALUE_BYTES && /^[\x20-\x7E]*$/.test(text);
}
