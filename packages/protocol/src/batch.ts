/**
 * Batches of slivers: Floe's extension that moves all of a node's slivers of a blob in one request instead of one each.
 * Offered through `GET /v1/capabilities`.
 *
 *   PUT /v1/blobs/{id}/slivers[?pending=true]     body: sliver frames, end frame    answer: outcome frames, end frame
 *   GET /v1/blobs/{id}/slivers?primary=0,5&secondary=3     answer: a sliver or outcome frame per pair asked, end frame
 *
 * Pairs come in any order; the answers to an upload are sent as slivers are stored, so their order is free too. Content
 * type `application/vnd.floe.slivers`. A frame:
 *
 *   kind u8 ‖ axis u8 (0 primary, 1 secondary) ‖ pair u16le ‖ payload size u32le ‖ payload
 *
 *   kind 1, sliver:  payload = BCS SliverData, as in the single-sliver routes
 *   kind 2, outcome: payload = HTTP code u16le ‖ reason (uleb length, UTF-8) ‖ message (the same). The code is what the
 *                    single-sliver route would answer: 200, 201, 202, or an error's, whose reason is then not empty
 *   kind 0, end:     axis 0, pair 0, payload = number of frames before it, u32le; nothing may follow. A stream without
 *                    it was cut off, which HTTP/1.1 alone does not always show
 *
 * The decoder looks at the 8 bytes of the header first, so a frame that announces more than its limit is refused before
 * any of it is kept. It keeps at most the bytes of one frame, one chunk of input and two blocks for small chunks.
 */
import { assert } from '@floe/platform';
import { BcsReader, BcsWriter } from './bcs.ts';
import { errors } from './errors.ts';
import { AXES, type Axis, type SliverPairIndex } from './ids.ts';
import { MAX_MESSAGE_BYTES, MAX_REASON_BYTES } from './limits.ts';

export const BATCH_CONTENT_TYPE = 'application/vnd.floe.slivers';

/** Size of a frame's header. */
export const BATCH_HEADER_SIZE_BYTES = 8;

const KIND_END = 0;
const KIND_SLIVER = 1;
const KIND_OUTCOME = 2;
const END_PAYLOAD_BYTES = 4;
/** Code, two lengths of at most two bytes, and the texts. */
const MAX_OUTCOME_BYTES = 2 + 2 + 2 + MAX_REASON_BYTES + MAX_MESSAGE_BYTES;

export interface SliverFrame {
  readonly kind: 'sliver';
  readonly axis: Axis;
  readonly pair: SliverPairIndex;
  /** BCS `SliverData`. */
  readonly sliverData: Uint8Array;
}

export interface OutcomeFrame {
  readonly kind: 'outcome';
  readonly axis: Axis;
  readonly pair: SliverPairIndex;
  /** 200, 201, 202 or an error's code. */
  readonly httpStatus: number;
  /** The error's reason, as in an envelope; empty for success. */
  readonly reason: string;
  readonly message: string;
}

export type BatchFrame = SliverFrame | OutcomeFrame;

export interface BatchLimits {
  /** Largest BCS `SliverData` accepted. */
  readonly maxSliverBytes: number;
  /** Most frames before the end frame. */
  readonly maxFrames: number;
}

/** The bytes of a frame. */
export function encodeBatchFrame(frame: BatchFrame): Uint8Array {
  const parts = batchFrameParts(frame);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The same in parts, of which a sliver's data is not a copy. */
export function batchFrameParts(frame: BatchFrame): readonly Uint8Array[] {
  if (frame.kind === 'sliver') {
    return [encodeHeader(KIND_SLIVER, frame.axis, frame.pair, frame.sliverData.length), frame.sliverData];
  }
  const payload = encodeOutcome(frame);
  return [encodeHeader(KIND_OUTCOME, frame.axis, frame.pair, payload.length), payload];
}

/** Header of a sliver frame whose `SliverData` of `sliverDataSizeBytes` the caller sends itself. */
export function sliverFrameHeader(axis: Axis, pair: SliverPairIndex, sliverDataSizeBytes: number): Uint8Array {
  return encodeHeader(KIND_SLIVER, axis, pair, sliverDataSizeBytes);
}

/** The end frame after `frameCount` frames. */
export function encodeBatchEnd(frameCount: number): Uint8Array {
  const writer = new BcsWriter(BATCH_HEADER_SIZE_BYTES + END_PAYLOAD_BYTES);
  return writer.u8(KIND_END).u8(0).u16(0).u32(END_PAYLOAD_BYTES).u32(frameCount).finish();
}

/** A whole batch as a stream, pulled frame by frame: what a request or an answer sends. */
export async function* encodeBatch(
  frames: Iterable<BatchFrame> | AsyncIterable<BatchFrame>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0;
  for await (const frame of frames) {
    yield* batchFrameParts(frame);
    count += 1;
  }
  yield encodeBatchEnd(count);
}

/**
 * The frames of a batch as they arrive. Stops its source when the consumer stops.
 * @throws INVALID_BATCH for garbage, a cut-off stream, or bytes after the end
 * @throws BATCH_FRAME_TOO_LARGE before any of the frame is kept
 */
export async function* decodeBatch(
  source: AsyncIterable<Uint8Array>,
  limits: BatchLimits,
): AsyncGenerator<BatchFrame, void, undefined> {
  const decoder = createBatchDecoder(limits);
  for await (const chunk of source) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) yield frame;
  }
  decoder.end();
}

export interface BatchDecoder {
  /** Gives the decoder more input; all frames of earlier input must have been taken. */
  push(chunk: Uint8Array): void;
  /** The next complete frame, or undefined when more input is needed. Data may be a view of a chunk. */
  next(): BatchFrame | undefined;
  /** The input has ended. */
  end(): void;
}

interface FrameHeader {
  readonly kind: number;
  readonly axis: Axis;
  readonly pair: SliverPairIndex;
  readonly payloadSize: number;
}

/** The decoder without a stream around it. */
export function createBatchDecoder(limits: BatchLimits): BatchDecoder {
  const input = createInput();
  let header: FrameHeader | undefined;
  let frameCount = 0;
  let ended = false;
  return {
    push(chunk) {
      if (ended && chunk.length > 0) throw invalid('nothing after the end frame', `${chunk.length} more bytes`);
      input.push(chunk);
    },
    next() {
      if (ended) return undefined;
      if (header === undefined) {
        const bytes = input.take(BATCH_HEADER_SIZE_BYTES);
        if (bytes === undefined) return undefined;
        header = decodeHeader(bytes, limits);
      }
      const payload = input.take(header.payloadSize);
      if (payload === undefined) return undefined;
      const { kind, axis, pair } = header;
      header = undefined;
      if (kind === KIND_END) {
        checkEnd(payload, frameCount, input.size);
        ended = true;
        return undefined;
      }
      frameCount += 1;
      if (frameCount > limits.maxFrames) throw invalid(`at most ${limits.maxFrames} frames`, 'more');
      return kind === KIND_SLIVER
        ? { kind: 'sliver', axis, pair, sliverData: payload }
        : decodeOutcome(axis, pair, payload);
    },
    end() {
      if (ended) return;
      const missing = header === undefined ? BATCH_HEADER_SIZE_BYTES : header.payloadSize;
      throw invalid('an end frame', `the end of the stream with ${input.size} of the next ${missing} bytes`);
    },
  };
}

/** A chunk below this is copied into a block with others; one above it is kept as it is. */
const SMALL_CHUNK_BYTES = 4096;
const BLOCK_SIZE_BYTES = 65_536;

/**
 * Chunks not yet taken. Joining happens once per taken piece, and not at all when it lies within one chunk. Small chunks
 * are gathered in blocks, so that a sender of single bytes costs no more memory than one of whole frames.
 */
function createInput() {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let block = new Uint8Array(0);
  let blockUsed = 0;
  /** Whether the last of `chunks` is the used end of `block`, so that it can be extended. */
  let blockIsLast = false;
  let lastStart = 0;
  const gather = (chunk: Uint8Array): void => {
    if (blockUsed + chunk.length > block.length) {
      block = new Uint8Array(BLOCK_SIZE_BYTES);
      blockUsed = 0;
      blockIsLast = false;
    }
    if (!blockIsLast) lastStart = blockUsed;
    block.set(chunk, blockUsed);
    blockUsed += chunk.length;
    const gathered = block.subarray(lastStart, blockUsed);
    if (blockIsLast) chunks[chunks.length - 1] = gathered;
    else chunks.push(gathered);
    blockIsLast = true;
  };
  return {
    get size() {
      return size;
    },
    push(chunk: Uint8Array) {
      if (chunk.length === 0) return;
      size += chunk.length;
      if (chunk.length < SMALL_CHUNK_BYTES && chunks.length > 0) {
        gather(chunk);
        return;
      }
      // A plain view also of a Node.js Buffer, whose slice() would not copy.
      chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      blockIsLast = false;
    },
    take(wanted: number): Uint8Array | undefined {
      if (size < wanted) return undefined;
      size -= wanted;
      blockIsLast = false; // taking may split it
      const first = chunks[0];
      if (first === undefined) return new Uint8Array(0);
      if (first.length >= wanted) {
        if (first.length === wanted) chunks.shift();
        else chunks[0] = first.subarray(wanted);
        return first.subarray(0, wanted);
      }
      const piece = new Uint8Array(wanted);
      let used = 0;
      let at = 0;
      while (at < wanted) {
        const chunk = chunks[used] as Uint8Array;
        const part = chunk.subarray(0, wanted - at);
        piece.set(part, at);
        at += part.length;
        if (part.length === chunk.length) used += 1;
        else chunks[used] = chunk.subarray(part.length);
      }
      chunks.splice(0, used);
      return piece;
    },
  };
}

function encodeHeader(kind: number, axis: Axis, pair: SliverPairIndex, payloadSize: number): Uint8Array {
  const writer = new BcsWriter(BATCH_HEADER_SIZE_BYTES);
  return writer.u8(kind).u8(AXES.indexOf(axis)).u16(pair).u32(payloadSize).finish();
}

function decodeHeader(bytes: Uint8Array, limits: BatchLimits): FrameHeader {
  const reader = new BcsReader(bytes, 'batch frame header');
  const kind = reader.u8();
  const axisTag = reader.u8();
  const pair = reader.u16() as SliverPairIndex;
  const payloadSize = reader.u32();
  const axis = AXES[axisTag];
  if (axis === undefined) throw invalid('axis 0 or 1', `${axisTag}`);
  if (kind === KIND_END) {
    if (payloadSize !== END_PAYLOAD_BYTES || axisTag !== 0 || pair !== 0) throw invalid('a plain end frame', 'another');
  } else if (kind !== KIND_SLIVER && kind !== KIND_OUTCOME) {
    throw invalid('a frame of kind 0, 1 or 2', `${kind}`);
  } else {
    const maxBytes = kind === KIND_SLIVER ? limits.maxSliverBytes : MAX_OUTCOME_BYTES;
    const name = kind === KIND_SLIVER ? 'sliver' : 'outcome';
    if (payloadSize > maxBytes) throw errors.BATCH_FRAME_TOO_LARGE({ kind: name, sizeBytes: payloadSize, maxBytes });
  }
  return { kind, axis, pair, payloadSize };
}

function checkEnd(payload: Uint8Array, frameCount: number, bytesLeft: number): void {
  const claimed = new BcsReader(payload, 'batch end frame').u32();
  if (claimed !== frameCount) throw invalid(`${claimed} frames before the end frame`, `${frameCount}`);
  if (bytesLeft > 0) throw invalid('nothing after the end frame', `${bytesLeft} more bytes`);
}

function encodeOutcome(frame: OutcomeFrame): Uint8Array {
  const reason = new TextEncoder().encode(frame.reason);
  assert(reason.length <= MAX_REASON_BYTES, 'a reason is one of the catalogue', { reason: frame.reason });
  return new BcsWriter(256).u16(frame.httpStatus).bytes(reason).bytes(cutUtf8(frame.message)).finish();
}

function decodeOutcome(axis: Axis, pair: SliverPairIndex, payload: Uint8Array): OutcomeFrame {
  try {
    const reader = new BcsReader(payload, 'batch outcome frame');
    const httpStatus = reader.u16('the HTTP code');
    const reason = reader.string('the reason');
    const message = reader.string('the message');
    reader.end();
    return { kind: 'outcome', axis, pair, httpStatus, reason, message };
  } catch (cause) {
    throw errors.INVALID_BATCH({ expected: 'an outcome frame', came: 'other bytes' }, cause);
  }
}

/** At most MAX_MESSAGE_BYTES of UTF-8, cut between characters. */
function cutUtf8(text: string): Uint8Array {
  const target = new Uint8Array(MAX_MESSAGE_BYTES);
  return target.subarray(0, new TextEncoder().encodeInto(text, target).written);
}

function invalid(expected: string, came: string) {
  return errors.INVALID_BATCH({ expected, came });
}
