/**
 * BLAKE2b-256 and CRC-32C of byte arrays of any size.
 *
 * Bytes go through one 64 KiB window of WebAssembly memory, so memory does not grow with the message. Calls are
 * synchronous and leave nothing behind; the instance is made on the first call.
 */
import { hashRelaxedWasm } from './generated/hash-relaxed-wasm.ts';
import { hashWasm } from './generated/hash-wasm.ts';
import { instantiate, suited } from './wasm.ts';

interface HashExports {
  readonly memory: WebAssembly.Memory;
  window(): number;
  digests(): number;
  begin(): void;
  absorb(data: number, blocks: number): void;
  finish(data: number, size: number, out: number): void;
  hashLeaves(size: number, count: number): void;
  crc32c(data: number, size: number, crc: number): number;
}

interface HashInstance {
  readonly wasm: HashExports;
  readonly bytes: Uint8Array;
  readonly window: number;
  readonly digests: number;
}

const WINDOW_SIZE = 65_536;
const BLOCK_SIZE = 128;
const MAX_BATCH = 1024;

/** Bytes of a BLAKE2b-256 digest. */
export const DIGEST_SIZE = 32;

let shared: HashInstance | undefined;

function instance(): HashInstance {
  if (shared !== undefined) return shared;
  const wasm = instantiate<HashExports>(suited({ plain: hashWasm, relaxed: hashRelaxedWasm }));
  const bytes = new Uint8Array(wasm.memory.buffer); // this module never grows its memory, so the view stays valid
  shared = { wasm, bytes, window: wasm.window(), digests: wasm.digests() };
  return shared;
}

/**
 * BLAKE2b with a 32-byte digest, unkeyed (RFC 7693).
 *
 * @param message - any number of bytes
 * @returns a new array of 32 bytes
 */
export function blake2b256(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const { wasm, bytes, window, digests } = instance();
  wasm.begin();
  let offset = 0;
  // The last block is compressed differently, so at least one byte stays for finish().
  while (message.length - offset > WINDOW_SIZE) {
    bytes.set(message.subarray(offset, offset + WINDOW_SIZE), window);
    wasm.absorb(window, WINDOW_SIZE / BLOCK_SIZE);
    offset += WINDOW_SIZE;
  }
  bytes.set(offset === 0 ? message : message.subarray(offset), window);
  wasm.finish(window, message.length - offset, digests);
  return bytes.slice(digests, digests + DIGEST_SIZE);
}

/**
 * Merkle leaf hashes, BLAKE2b-256 of `0x00 || message`, of many messages of one size: two at a time, several times as
 * fast as one by one when messages are short.
 *
 * @param messages - the messages one after another
 * @param messageSize - bytes of each, at least 1; must divide `messages.length`
 * @returns the 32-byte digests one after another
 */
export function blake2b256Batch(messages: Uint8Array, messageSize: number): Uint8Array<ArrayBuffer> {
  const count = messages.length / messageSize;
  if (!Number.isInteger(count) || messageSize < 1) {
    throw new RangeError(`${messages.length} bytes are not a whole number of messages of ${messageSize} bytes`);
  }
  const result = new Uint8Array(count * DIGEST_SIZE);
  if (messageSize > WINDOW_SIZE) {
    hashOneByOne(messages, messageSize, result);
    return result;
  }
  const { wasm, bytes, window, digests } = instance();
  const perBatch = Math.min(MAX_BATCH, Math.floor(WINDOW_SIZE / messageSize));
  for (let first = 0; first < count; first += perBatch) {
    const batch = Math.min(perBatch, count - first);
    bytes.set(messages.subarray(first * messageSize, (first + batch) * messageSize), window);
    wasm.hashLeaves(messageSize, batch);
    result.set(bytes.subarray(digests, digests + batch * DIGEST_SIZE), first * DIGEST_SIZE);
  }
  return result;
}

function hashOneByOne(messages: Uint8Array, messageSize: number, result: Uint8Array): void {
  const prefixed = new Uint8Array(1 + messageSize);
  for (let offset = 0, out = 0; offset < messages.length; offset += messageSize, out += DIGEST_SIZE) {
    prefixed.set(messages.subarray(offset, offset + messageSize), 1);
    result.set(blake2b256(prefixed), out);
  }
}

/**
 * CRC-32C (Castagnoli), as used by iSCSI (RFC 3720 appendix B.4).
 *
 * @param data - any number of bytes
 * @param seed - the CRC of the bytes before them, to continue with; 0 to begin
 * @returns an unsigned 32-bit integer
 */
export function crc32c(data: Uint8Array, seed = 0): number {
  const { wasm, bytes, window } = instance();
  let crc = seed;
  for (let offset = 0; offset < data.length; offset += WINDOW_SIZE) {
    const piece = data.length <= WINDOW_SIZE ? data : data.subarray(offset, offset + WINDOW_SIZE);
    bytes.set(piece, window);
    crc = wasm.crc32c(window, piece.length, crc);
  }
  return crc >>> 0;
}
