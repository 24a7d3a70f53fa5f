/** The two sides' work of each case of the codec benchmark, prepared so that only the work itself is timed. */
import { equalBytes } from '@floe/platform';
import {
  blobIdFromBytes,
  type Geometry,
  geometryOf,
  metadataRoot,
  type Sliver,
  type SliverIndex,
} from '@floe/protocol';
import { type Codec, createSliverMemory, type EncodedBlob } from '@floe/redstuff';
import { BATCH_BLOBS, type Case, type Form, type Selection } from './codec-cases.ts';
import { Official, officialSlivers } from './codec-official.ts';

export interface Codecs {
  readonly inline: Codec;
  readonly pooled: Codec;
}

/** What takes turns; each call is one run. */
export interface Work {
  readonly forms: Partial<Record<Form, () => Promise<unknown>>>;
  official?(): unknown;
  /** Copying the blob, where that is the measure. */
  copy?(): unknown;
  close?(): void;
}

/** @throws Error when ours and the official result differ */
export async function prepareWork(codecs: Codecs, example: Case): Promise<Work> {
  const geometry = geometryOf(example.nShards);
  const blob = contents(example.sizeBytes);
  switch (example.operation) {
    case 'encode':
      return await encodeWork(codecs, geometry, blob);
    case 'blob id':
      return await idWork(codecs, geometry, blob);
    case 'batch':
      return batchWork(codecs, geometry, example.sizeBytes);
    case 'decode':
      return await decodeWork(codecs, geometry, blob, example.selection ?? 'systematic');
    case 'verify': {
      const { encoded, slivers } = await someSlivers(codecs.inline, geometry, blob);
      return { forms: { '1 thread': () => codecs.inline.verifySlivers(encoded.verified, slivers) } };
    }
    case 'recover': {
      const { verified, all } = await repairSymbols(codecs.inline, geometry, blob);
      return { forms: { '1 thread': () => codecs.inline.recoverSliver(verified, 'primary', 0 as SliverIndex, all) } };
    }
  }
}

/** Slivers are copied to memory of the caller's, as the official encoder does, but for 'lent'. */
async function encodeWork({ inline, pooled }: Codecs, geometry: Geometry, blob: Uint8Array): Promise<Work> {
  const official = new Official(geometry, blob.length, true);
  const own = createSliverMemory(geometry, blob.length);
  const shared = createSliverMemory(geometry, blob.length, { shared: true });
  const { verified } = await inline.encode(geometry, blob, { into: own });
  if (!equalBytes(metadataRoot(verified.metadata), official.encode(blob))) throw new Error('the root hash differs');
  const difference = official.difference(own);
  if (difference !== undefined) throw new Error(difference);
  return {
    forms: {
      '1 thread': () => inline.encode(geometry, blob, { into: own }),
      '2 workers': () => pooled.encode(geometry, blob, { into: shared }),
      '2 workers, lent': async () => (await pooled.encode(geometry, blob, { lend: true })).release(),
    },
    official: () => official.encode(blob),
    close: () => official.close(),
  };
}

async function idWork({ inline, pooled }: Codecs, geometry: Geometry, blob: Uint8Array): Promise<Work> {
  const official = new Official(geometry, blob.length, false);
  const expected = official.blobId(blob);
  for (const codec of [inline, pooled]) expectSame((await codec.computeMetadata(geometry, blob)).blobId, expected);
  return {
    forms: {
      '1 thread': () => inline.computeMetadata(geometry, blob),
      '2 workers': () => pooled.computeMetadata(geometry, blob),
    },
    official: () => official.blobId(blob),
    close: () => official.close(),
  };
}

function batchWork({ inline, pooled }: Codecs, geometry: Geometry, sizeBytes: number): Work {
  const official = new Official(geometry, sizeBytes, true);
  const blobs = Array.from({ length: BATCH_BLOBS }, (_, i) => contents(sizeBytes, i + 1));
  return {
    forms: {
      '1 thread': () => inline.encodeBatch(geometry, blobs),
      '2 workers': () => pooled.encodeBatch(geometry, blobs),
    },
    official: () => blobs.forEach((blob) => official.encode(blob)),
    close: () => official.close(),
  };
}

async function decodeWork(
  { inline }: Codecs,
  geometry: Geometry,
  blob: Uint8Array,
  selection: Selection,
): Promise<Work> {
  const encoded = await inline.encode(geometry, blob);
  const slivers = chosen(encoded, geometry, selection);
  const theirs = officialSlivers(slivers);
  const official = new Official(geometry, blob.length, false);
  const into = new Uint8Array(blob.length);
  const decoded = await inline.decode(geometry, blob.length, slivers, { into });
  if (!equalBytes(decoded, blob) || !equalBytes(official.decode(theirs), blob)) throw new Error('decoded differently');
  return {
    forms: { '1 thread': () => inline.decode(geometry, blob.length, slivers, { into }) },
    official: () => official.decode(theirs),
    ...(selection === 'systematic' ? { copy: () => into.set(blob) } : {}),
    close: () => official.close(),
  };
}

function chosen(encoded: EncodedBlob, { nShards, rows }: Geometry, selection: Selection): Sliver[] {
  const indexOf = {
    systematic: (i: number) => i,
    repair: (i: number) => nShards - rows + i,
    'every 2nd': (i: number) => 2 * i,
  }[selection];
  return Array.from({ length: rows }, (_, i) => encoded.sliver('primary', indexOf(i) as SliverIndex));
}

/** As many slivers as a node may hold, or as hold 64 MiB. */
async function someSlivers(
  codec: Codec,
  geometry: Geometry,
  blob: Uint8Array,
): Promise<{ encoded: EncodedBlob; slivers: Sliver[] }> {
  const encoded = await codec.encode(geometry, blob);
  const size = encoded.sliver('primary', 0 as SliverIndex).data.length;
  const count = Math.max(1, Math.min(geometry.nShards, 64, Math.floor((64 * 1024 * 1024) / size)));
  const slivers = Array.from({ length: count }, (_, i) => encoded.sliver('primary', i as SliverIndex));
  return { encoded, slivers };
}

/** Symbols of primary sliver 0 from secondary slivers, as few of them systematic as can be. */
async function repairSymbols(codec: Codec, geometry: Geometry, blob: Uint8Array) {
  const encoded = await codec.encode(geometry, blob);
  const { nShards, columns } = geometry;
  const { verified } = encoded;
  const all = Array.from({ length: columns }, (_, i) => {
    const index = (nShards - columns + i) as SliverIndex;
    const data = encoded.sliver('secondary', index).data.slice(0, verified.symbolSize);
    return { index, data };
  });
  return { verified, all };
}

function expectSame(blobId: string, expected: Uint8Array): void {
  const official = blobIdFromBytes(expected);
  if (blobId !== official) throw new Error(`blob id ${blobId} is officially ${official}`);
}

/** Bytes without structure, the same in every run. */
export function contents(sizeBytes: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = seed;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, sizeBytes);
}
