/**
 * Frames of gRPC: one byte of flags, the payload's length as u32 big endian, the payload. A request is one data frame
 * (both unary and server-streaming calls send one message); gRPC-Web adds a last frame that holds the trailers as text.
 */
import { utf8 } from '@floe/platform';
import { type CallStatus, rpcErrors } from './errors.ts';
import { rpcLimits } from './limits.ts';

const FRAME_HEADER_BYTES = 5;
const COMPRESSED_FLAG = 0x01;
const TRAILER_FLAG = 0x80;

/** A data frame around one message. */
export function dataFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return frame(0, message);
}

/** gRPC-Web: the frame that ends every response. Keys are lower case, the message is percent-encoded. */
export function trailerFrame(status: CallStatus): Uint8Array<ArrayBuffer> {
  const message = status.message === '' ? '' : `grpc-message:${encodeStatusMessage(status.message)}\r\n`;
  return frame(TRAILER_FLAG, utf8(`grpc-status:${status.code}\r\n${message}`));
}

/** The message of a request's only data frame (a view of `body`). @throws RPC_MALFORMED, RPC_UNSUPPORTED */
export function requestMessage(body: Uint8Array): Uint8Array {
  if (body.length < FRAME_HEADER_BYTES) {
    throw malformed(`a frame takes at least ${FRAME_HEADER_BYTES} bytes, ${body.length} came`);
  }
  const flags = body[0] as number;
  if (flags === COMPRESSED_FLAG) throw rpcErrors.RPC_UNSUPPORTED({ what: 'message compression' });
  if (flags !== 0) throw malformed(`its first frame has flags 0x${flags.toString(16)}, expected a data frame (0x00)`);
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  const available = body.length - FRAME_HEADER_BYTES;
  if (length > available) throw malformed(`a frame of ${length} bytes was announced, ${available} came`);
  if (length < available && !isTrailer(body.subarray(FRAME_HEADER_BYTES + length))) {
    throw malformed(`${available - length} bytes follow its only message`);
  }
  return body.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length);
}

/**
 * Percent-encoding of `grpc-message`: printable ASCII but `%` stays, every other byte of the UTF-8 form becomes `%XX`.
 * Text over the limit is cut at a character.
 */
export function encodeStatusMessage(message: string): string {
  let encoded = '';
  for (const character of message) {
    const code = character.codePointAt(0) as number;
    const part = code >= 0x20 && code <= 0x7e && character !== '%' ? character : percentEncode(character);
    if (encoded.length + part.length > rpcLimits.statusMessageBytes) return `${encoded}...`;
    encoded += part;
  }
  return encoded;
}

function percentEncode(character: string): string {
  let encoded = '';
  for (const byte of utf8(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

function frame(flags: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  bytes[0] = flags;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Some gRPC-Web clients end a request with a trailer frame; it says nothing that the service needs. */
function isTrailer(rest: Uint8Array): boolean {
  if (rest.length < FRAME_HEADER_BYTES || rest[0] !== TRAILER_FLAG) return false;
  return new DataView(rest.buffer, rest.byteOffset).getUint32(1) === rest.length - FRAME_HEADER_BYTES;
}

function malformed(reason: string): Error {
  return rpcErrors.RPC_MALFORMED({ what: 'gRPC request', reason });
}
