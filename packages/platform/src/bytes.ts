/** Bytes and their text forms; only what ES2023 lacks. */

/** Code units of the digits of every byte, two by two. */
const HEX_DIGITS = codesOf(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''));
const HEX_VALUES = valuesOf(codesOf('0123456789abcdef'));
for (let digit = 10; digit < 16; digit += 1) HEX_VALUES['A'.charCodeAt(0) + digit - 10] = digit;

/** Bytes per call of `String.fromCharCode`, which takes them as arguments; ids are done in one call. */
const HEX_CHUNK_BYTES = 32;
/** Arguments of that call for a whole chunk, without and with a prefix: an array for each id is most of its cost. */
const CHUNK_CODES: number[] = new Array<number>(2 * HEX_CHUNK_BYTES).fill(0);
const PREFIXED_CODES: number[] = [...codesOf('0x'), ...CHUNK_CODES];

/** Lower-case hex without a prefix. */
export function toHex(bytes: Uint8Array): string {
  // One flat text: what is joined digit by digit is a tree, which has to be flattened to be a key of a map.
  if (bytes.length <= HEX_CHUNK_BYTES) return hexOf(bytes);
  let text = '';
  for (let from = 0; from < bytes.length; from += HEX_CHUNK_BYTES) {
    text += hexOf(bytes.subarray(from, from + HEX_CHUNK_BYTES));
  }
  return text;
}

/** `0x` and lower-case hex. */
export function toPrefixedHex(bytes: Uint8Array): string {
  if (bytes.length !== HEX_CHUNK_BYTES) return `0x${toHex(bytes)}`;
  writeHex(bytes, PREFIXED_CODES, 2);
  return String.fromCharCode.apply(undefined, PREFIXED_CODES);
}

function hexOf(chunk: Uint8Array): string {
  const codes = chunk.length === HEX_CHUNK_BYTES ? CHUNK_CODES : new Array<number>(2 * chunk.length).fill(0);
  writeHex(chunk, codes, 0);
  return String.fromCharCode.apply(undefined, codes);
}

function writeHex(bytes: Uint8Array, codes: number[], at: number): void {
  for (let i = 0, to = at; i < bytes.length; i += 1, to += 2) {
    const digit = 2 * (bytes[i] as number);
    codes[to] = HEX_DIGITS[digit] as number;
    codes[to + 1] = HEX_DIGITS[digit + 1] as number;
  }
}

/** Bytes of a hex text of even length, with or without `0x`; undefined when it is not hex. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  const start = text.startsWith('0x') ? 2 : 0;
  const digits = text.length - start;
  if (digits % 2 !== 0) return undefined;
  const bytes = new Uint8Array(digits / 2);
  let isHex = 0;
  for (let i = 0, at = start; i < bytes.length; i += 1, at += 2) {
    const value = (valueAt(HEX_VALUES, text, at) << 4) | valueAt(HEX_VALUES, text, at + 1);
    isHex |= value;
    bytes[i] = value;
  }
  return isHex < 0 ? undefined : bytes;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const STANDARD = codesOf(`${BASE64}+/`);
const STANDARD_VALUES = valuesOf(STANDARD);
const URL_SAFE = codesOf(`${BASE64}-_`);
const URL_SAFE_VALUES = valuesOf(URL_SAFE);
/** Short texts are written digit by digit; past this the platform's own way is faster. A multiple of 3. */
const SHORT_BASE64_BYTES = 96;

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BASE64_BYTES) return `${digitsOf(bytes, STANDARD)}${padding(bytes.length)}`;
  let text = '';
  // 32 KiB at a time: String.fromCharCode takes its bytes as arguments, and engines limit those.
  for (let i = 0; i < bytes.length; i += 32_768) text += String.fromCharCode(...bytes.subarray(i, i + 32_768));
  return btoa(text);
}

/** Bytes of canonical standard base64; undefined when it is not. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padded = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return bytesOf(text, text.length - padded, STANDARD_VALUES);
}

/** URL-safe base64 without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_BASE64_BYTES) return digitsOf(bytes, URL_SAFE);
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Bytes of canonical URL-safe base64 without padding; undefined when it is not. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  return bytesOf(text, text.length, URL_SAFE_VALUES);
}

function padding(sizeBytes: number): string {
  return sizeBytes % 3 === 0 ? '' : sizeBytes % 3 === 1 ? '==' : '=';
}

function digitsOf(bytes: Uint8Array, alphabet: Uint8Array): string {
  const codes: number[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const [a, b, c] = [bytes[i] as number, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0];
    codes.push(alphabet[a >> 2] as number, alphabet[((a & 3) << 4) | (b >> 4)] as number);
    if (i + 1 < bytes.length) codes.push(alphabet[((b & 15) << 2) | (c >> 6)] as number);
    if (i + 2 < bytes.length) codes.push(alphabet[c & 63] as number);
  }
  return String.fromCharCode.apply(undefined, codes);
}

/** The first `length` digits of a text; undefined unless they are the only text of their bytes. */
function bytesOf(text: string, length: number, values: Int8Array): Uint8Array<ArrayBuffer> | undefined {
  const rest = length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(Math.floor(length / 4) * 3 + (rest === 0 ? 0 : rest - 1));
  let isBase64 = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0, out = 0; i < length; i += 1) {
    const value = valueAt(values, text, i);
    isBase64 |= value;
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[out] = held >> bits;
    out += 1;
  }
  // Bits left over must be zero, else another text has the same bytes.
  return isBase64 < 0 || (held & ((1 << bits) - 1)) !== 0 ? undefined : bytes;
}

function codesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The value of each digit by its code unit, -1 for what is no digit. */
function valuesOf(digits: Uint8Array): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (const [value, code] of digits.entries()) values[code] = value;
  return values;
}

function valueAt(values: Int8Array, text: string, at: number): number {
  return values[text.charCodeAt(at)] ?? -1;
}

/** One array with the bytes of all. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joinBytes(parts);
}

/** {@link concatBytes} for parts whose number others decide: a call takes only so many arguments. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether both hold the same bytes. Not constant in time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Order as unsigned bytes: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}
