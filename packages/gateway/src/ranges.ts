/**
 * The `Range` header (RFC 9110 §14) for one blob: one closed, open or suffix range of bytes. Several ranges, other
 * units and malformed ones are ignored, as the RFC allows, and answered with the whole blob.
 */

export type RangeChoice =
  | { readonly kind: 'whole' }
  /** Bytes `start` to `end`, both inclusive, inside the blob. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: RangeChoice = { kind: 'whole' };

/** Which bytes of a blob of `size` bytes the header (if any) asks for. */
export function chooseRange(header: string | null, size: number): RangeChoice {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return WHOLE;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return WHOLE;
  if (first === '') return suffix(Number(last), size);
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return WHOLE;
  return start < size ? { kind: 'part', start, end } : { kind: 'unsatisfiable' };
}

function suffix(length: number, size: number): RangeChoice {
  if (length === 0 || size === 0) return { kind: 'unsatisfiable' };
  return { kind: 'part', start: Math.max(0, size - length), end: size - 1 };
}

/** Whether an `If-None-Match` header names `etag` (weak comparison, RFC 9110 §13.1.2). */
export function matchesEtag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((item) => item.trim().replace(/^W\//, '') === etag);
}

/** Whether a `Range` still applies: an `If-Range` must name the very same representation (strong comparison). */
export function rangeStillApplies(ifRange: string | null, etag: string): boolean {
  return ifRange === null || ifRange.trim() === etag;
}
