/**
 * Base64 of gRPC-Web's text format. A body is one or more base64 texts one after another, each padded on its own (a
 * sender may encode frame by frame), so padding may stand in the middle. Works on ASCII bytes, without strings.
 */
import { rpcErrors } from './errors.ts';

const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;
const INVALID = 0xff;
const VALUES = new Uint8Array(256).fill(INVALID);
for (const [value, character] of ALPHABET.entries()) VALUES[character] = value;

/** The ASCII bytes of `data` in padded base64. */
export function encodeBase64Text(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new Uint8Array(Math.ceil(data.length / 3) * 4);
  let out = 0;
  for (let i = 0; i < data.length; i += 3) {
    const left = data.length - i;
    const group = ((data[i] as number) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
    text[out] = ALPHABET[group >> 18] as number;
    text[out + 1] = ALPHABET[(group >> 12) & 63] as number;
    text[out + 2] = left > 1 ? (ALPHABET[(group >> 6) & 63] as number) : PADDING;
    text[out + 3] = left > 2 ? (ALPHABET[group & 63] as number) : PADDING;
    out += 4;
  }
  return text;
}

/** The bytes that `text` encodes. @throws RPC_MALFORMED */
export function decodeBase64Text(text: Uint8Array): Uint8Array<ArrayBuffer> {
  if (text.length % 4 !== 0) throw malformed(`its ${text.length} characters are no multiple of four`);
  const data = new Uint8Array((text.length / 4) * 3);
  let size = 0;
  for (let i = 0; i < text.length; i += 4) {
    const third = text[i + 2] as number;
    const fourth = text[i + 3] as number;
    const padding = fourth !== PADDING ? 0 : third !== PADDING ? 1 : 2;
    const a = VALUES[text[i] as number] as number;
    const b = VALUES[text[i + 1] as number] as number;
    const c = padding === 2 ? 0 : (VALUES[third] as number);
    const d = padding > 0 ? 0 : (VALUES[fourth] as number);
    if (a === INVALID || b === INVALID || c === INVALID || d === INVALID) {
      throw malformed(`a character that is not base64 at or after offset ${i}`);
    }
    const group = (a << 18) | (b << 12) | (c << 6) | d;
    data[size] = group >> 16;
    data[size + 1] = (group >> 8) & 0xff;
    data[size + 2] = group & 0xff;
    size += 3 - padding;
  }
  return data.subarray(0, size);
}

function malformed(reason: string): Error {
  return rpcErrors.RPC_MALFORMED({ what: 'base64 body', reason });
}
