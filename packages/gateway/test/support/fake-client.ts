/** Stand-ins for the client: what the gateway's tests are about is HTTP, not storage. */
import {
  type BlobInput,
  clientErrors,
  type FloeClient,
  type NewlyCreated,
  type OpenBlob,
  type Signer,
  SpooledBlob,
} from '@floe/client';
import type { BlobObject } from '@floe/contracts';
import { joinBytes } from '@floe/platform';
import {
  type BlobId,
  blobIdFromBytes,
  type Committees,
  type Epoch,
  type Frost,
  geometryOf,
  parseObjectId,
  type VerifiedMetadata,
} from '@floe/protocol';

export const BLOB_ID = blobIdFromBytes(new Uint8Array(32).fill(7));
export const OTHER_BLOB_ID = blobIdFromBytes(new Uint8Array(32).fill(8));
export const OBJECT_ID = parseObjectId('0xb10b');
export const SIGNER_ADDRESS = parseObjectId('0xfee');

/** Only its address is ever asked for. */
export const SIGNER = { toSuiAddress: () => SIGNER_ADDRESS } as unknown as Signer;

/** Of ten shards; nobody asks for more of them. */
export const COMMITTEES = { current: { geometry: geometryOf(10) } } as Committees;

/** A client of a network of ten shards that has `methods`, takes streams in, and nothing else. */
export function fakeClient(methods: Partial<FloeClient>): FloeClient {
  const spool: FloeClient['spool'] = async (stream) => {
    const parts: Uint8Array[] = [];
    for await (const part of stream as AsyncIterable<Uint8Array>) parts.push(part);
    return new SpooledBlob(joinBytes(parts), async () => undefined);
  };
  return { spool, committees: async () => COMMITTEES, ...methods } as FloeClient;
}

/** The bytes of what a client was asked to store. */
export function bytesOf(input: BlobInput): Uint8Array {
  const content = input instanceof SpooledBlob ? input.content : input;
  if (content instanceof Uint8Array) return content;
  throw new Error('a blob of the tests is in memory');
}

export interface FakeBlob extends OpenBlob {
  /** Ranges that were asked for. */
  readonly asked: { start: number; end: number | undefined; consistency: string | undefined }[];
  /** Parts that were taken. */
  taken: number;
  /** Streams that were not read to their end. */
  dropped: number;
}

/** A blob of `bytes` in parts of `partBytes`; fails with `error` instead of part number `failAtPart`. */
export function fakeBlob(
  bytes: Uint8Array,
  options: {
    partBytes?: number;
    failAtPart?: number;
    error?: Error;
    before?: () => Promise<void>;
    isLarge?: boolean;
    /** From this part on the blob must be decoded, in each stream again. */
    decodeAtPart?: number;
  } = {},
): FakeBlob {
  const { partBytes = 10, failAtPart, error = new Error('lost') } = options;
  const blob: FakeBlob = {
    blobId: BLOB_ID,
    sizeBytes: bytes.length,
    isLarge: options.isLarge ?? false,
    asked: [],
    taken: 0,
    dropped: 0,
    read: () => Promise.reject(new Error('the gateway streams')),
    async *stream({ range, consistency, onProgress } = {}) {
      blob.asked.push({ start: range?.start ?? 0, end: range?.end, consistency });
      const wanted = bytes.subarray(range?.start, range?.end);
      let ended = false;
      try {
        for (let at = 0, part = 0; at < wanted.length; at += partBytes, part += 1) {
          await options.before?.();
          if (part === failAtPart) throw error;
          if (part === options.decodeAtPart) onProgress?.({ stage: 'decoding', slivers: 4, sliversNeeded: 4 });
          blob.taken += 1;
          yield wanted.subarray(at, at + partBytes);
        }
        ended = true;
      } finally {
        if (!ended) blob.dropped += 1;
      }
    },
  };
  return blob;
}

/** As of any blob of ten shards with the largest symbols. */
const METADATA = { geometry: geometryOf(10), symbolSize: 65_534 } as VerifiedMetadata;

/** A client that has one blob, under {@link BLOB_ID}. */
export function clientWith(blob: OpenBlob, methods: Partial<FloeClient> = {}): FloeClient {
  return fakeClient({
    metadata: () => Promise.resolve(METADATA),
    open: (blobId) =>
      blobId === BLOB_ID ? Promise.resolve(blob) : Promise.reject(clientErrors.BLOB_NOT_FOUND({ blobId })),
    ...methods,
  });
}

export const BLOB_OBJECT = {
  objectId: OBJECT_ID,
  blobId: BLOB_ID,
  sizeBytes: 17,
  registeredEpoch: 3 as Epoch,
  certifiedEpoch: 3 as Epoch,
  startEpoch: 3 as Epoch,
  endEpoch: 5 as Epoch,
  deletable: true,
  storage: { objectId: parseObjectId('0x5703'), sizeBytes: 66_034_000n },
} as unknown as BlobObject;

export function newlyCreated(blobId: BlobId = BLOB_ID): NewlyCreated {
  return {
    kind: 'newlyCreated',
    blobId,
    sizeBytes: 17,
    encodedLength: 66_034_000,
    endEpoch: 5 as Epoch,
    timings: {},
    objectId: OBJECT_ID,
    blobObject: BLOB_OBJECT,
    operation: { kind: 'registerFromScratch', encodedLength: 66_034_000, epochsAhead: 2 },
    cost: 132_300n as Frost,
  };
}

/** `size` bytes, each of its own position. */
export function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}
