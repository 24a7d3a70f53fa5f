/**
 * Streams of blobs within the memory for reads.
 *
 * A stream holds two windows of rows. One that must decode, because rows are lost, gathers and keeps the whole blob, unless
 * that is so large that it goes through disk: it then
 * takes a place among the reads that do, and when there is none stops, lets go of what it gathered, waits, and goes on
 * from the byte it had come to. Nobody who holds a whole blob waits for a window, so that they cannot block each other.
 */
import type { Consistency, FloeClient, OpenBlob, ReadProgress } from '@floe/client';
import { sliverSize } from '@floe/protocol';
import type { Admission, Place } from './admission.ts';
import { STREAM_BYTES, STREAMED_BYTES } from './limits.ts';

export interface BoundedStreamModules {
  readonly client: FloeClient;
  /** By the bytes of their windows. */
  readonly streams: Admission;
  /** By the bytes of the blobs that are held whole. */
  readonly wholes: Admission;
}

export interface WantedBytes {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly consistency: Consistency;
  readonly signal: AbortSignal;
}

/** @throws QUEUE_FULL when too many wait for memory, and what the client's stream throws */
export async function* boundedStream(
  blob: OpenBlob,
  wanted: WantedBytes,
  modules: BoundedStreamModules,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, consistency } = wanted;
  const { streams, wholes } = modules;
  // It is checked, hence held or put aside, before its first byte leaves; encoding it again takes memory in either case.
  if (consistency === 'strict') {
    const place = await wholes.enter({ signal, sizeBytes: wholeBytes(blob) });
    return yield* releasing(place, streamOf(blob, wanted));
  }
  const rowBytes = await rowBytesOf(blob, signal, modules.client);
  const window = await streams.enter({ signal, sizeBytes: windowBytes(blob, wanted, rowBytes) });
  yield* releasing(window, streamOrWhole(blob, { ...wanted, rowBytes }, modules));
}

async function* streamOrWhole(
  blob: OpenBlob,
  wanted: WantedBytes & { readonly rowBytes: number },
  { wholes }: BoundedStreamModules,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sizeBytes = wholeBytes(blob);
  const gatheredBytes = Math.max(wanted.rowBytes, STREAM_BYTES / 2);
  const noRoom = new Error('no room for a whole blob');
  let whole: Place | undefined;
  const onProgress = ({ stage, slivers }: ReadProgress): void => {
    if (whole !== undefined || (stage === 'fetching' && slivers * wanted.rowBytes <= gatheredBytes)) return;
    whole = wholes.tryEnter(sizeBytes);
    // What an `onProgress` throws ends the stream, and what was gathered for it.
    if (whole === undefined) throw noRoom;
  };
  let at = wanted.start;
  try {
    for await (const part of streamOf(blob, wanted, onProgress)) {
      at += part.length;
      yield part;
    }
    return;
  } catch (error) {
    if (error !== noRoom) throw error;
  } finally {
    whole?.release();
  }
  const place = await wholes.enter({ signal: wanted.signal, sizeBytes });
  yield* releasing(place, streamOf(blob, { ...wanted, start: at }));
}

/** What a blob counts as where all of it is needed: one that is large goes through disk, in so much memory. */
function wholeBytes({ isLarge, sizeBytes }: OpenBlob): number {
  return isLarge ? STREAMED_BYTES : sizeBytes;
}

/** Of a blob that fits the windows no number of rows is too many: 0. */
async function rowBytesOf({ blobId, sizeBytes }: OpenBlob, signal: AbortSignal, client: FloeClient): Promise<number> {
  if (sizeBytes <= STREAM_BYTES) return 0;
  const { geometry, symbolSize } = await client.metadata(blobId, { signal });
  return sliverSize(geometry, 'primary', symbolSize);
}

/** Rows come whole, however few of their bytes are wanted; at least one is in each window, however long. */
function windowBytes({ sizeBytes }: OpenBlob, { start, end }: WantedBytes, rowBytes: number): number {
  if (sizeBytes <= STREAM_BYTES) return sizeBytes;
  return Math.min(end - start + 2 * rowBytes, Math.max(STREAM_BYTES, 2 * rowBytes));
}

function streamOf(
  blob: OpenBlob,
  { start, end, consistency, signal }: WantedBytes,
  onProgress?: (progress: ReadProgress) => void,
): AsyncIterable<Uint8Array> {
  return blob.stream({ range: { start, end }, consistency, signal, onProgress });
}

async function* releasing(place: Place, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* parts;
  } finally {
    place.release();
  }
}
