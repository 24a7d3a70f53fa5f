/** The few forms of DER (X.690) that an X.509 certificate is made of. Writes only. */
import { concatBytes, utf8 } from '../bytes.ts';

const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A value with its tag and length. */
export function derValue(tag: number, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(tag), derLength(content.length), content);
}

function derLength(size: number): Uint8Array {
  if (size < 0x80) return Uint8Array.of(size);
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

export const derSequence = (...parts: Uint8Array[]): Uint8Array => derValue(TAG.sequence, concatBytes(...parts));
export const derSet = (...parts: Uint8Array[]): Uint8Array => derValue(TAG.set, concatBytes(...parts));
export const derOctets = (content: Uint8Array): Uint8Array => derValue(TAG.octetString, content);
export const derUtf8 = (text: string): Uint8Array => derValue(TAG.utf8String, utf8(text));

/** Whole bytes: no bit of the last one is unused. */
export const derBits = (content: Uint8Array): Uint8Array =>
  derValue(TAG.bitString, concatBytes(Uint8Array.of(0), content));

/** A positive integer from its big-endian bytes, the first of which is not zero. */
export function derInteger(bytes: Uint8Array): Uint8Array {
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0;
  return derValue(TAG.integer, isNegative ? concatBytes(Uint8Array.of(0), bytes) : bytes);
}

/** From dotted decimals such as `2.5.4.3`. */
export function derObjectId(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return derValue(TAG.objectIdentifier, Uint8Array.from(bytes));
}

/** `yymmddhhmmssZ`, for the years 1950 to 2049. */
export const derUtcTime = (text: string): Uint8Array => derValue(TAG.utcTime, utf8(text));
/** `yyyymmddhhmmssZ`, for later years. */
export const derGeneralizedTime = (text: string): Uint8Array => derValue(TAG.generalizedTime, utf8(text));
