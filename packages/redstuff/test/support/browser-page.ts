/** What the browser test runs in a page: both codecs of the package and the official encoder, side by side. */
import * as walrus from '@mysten/walrus-wasm';
import { equalBytes } from '@floe/platform';
import { geometryOf, sliverHash, type SliverIndex, sourceSymbols } from '@floe/protocol';
import type { Codec } from '../../src/codec.ts';
import { createInlineCodec } from '../../src/inline-codec.ts';
import { createWebCodec } from '../../src/web/index.ts';
import type { BlobVector } from '../helpers.ts';
import { decodeByStream, encodeByStream } from '../stream/helpers.ts';
import { contentOf, lengthFor, seededBytes } from './contents.ts';
import { differenceFrom, encodeOfficially } from './official.ts';

export type Form = 'in the page' | 'in workers';

/** How many cases were looked at and what was wrong with which. */
export interface Comparison {
  readonly cases: number;
  readonly differences: readonly string[];
}

async function withCodec(form: Form, work: (codec: Codec, found: string[]) => Promise<number>): Promise<Comparison> {
  const codec = form === 'in workers' ? createWebCodec({ workers: 2 }) : createInlineCodec();
  const differences: string[] = [];
  try {
    return { cases: await work(codec, differences), differences };
  } finally {
    await codec.close();
  }
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Ids and hashes of the vectors. */
function compareVectors(form: Form, vectors: readonly BlobVector[]): Promise<Comparison> {
  return withCodec(form, async (codec, differences) => {
    for (const vector of vectors) {
      const name = `${vector.content}, ${vector.length} bytes over ${vector.n_shards} shards`;
      const blob = contentOf(vector.content, vector.length);
      const { verified } = await codec.encode(geometryOf(vector.n_shards), blob);
      if (verified.blobId !== vector.blob_id_base64url) differences.push(`${name}: id ${verified.blobId}`);
      for (const pair of vector.pairs ?? []) {
        const primary = sliverHash(verified, 'primary', pair.primary_sliver_index as SliverIndex);
        const secondary = sliverHash(verified, 'secondary', pair.secondary_sliver_index as SliverIndex);
        if (hex(primary) !== pair.primary_hash || hex(secondary) !== pair.secondary_hash) {
          differences.push(`${name}: hashes of pair ${pair.pair_index}`);
        }
      }
    }
    return vectors.length;
  });
}

/**
 * One blob: encoded, alone, in a batch and as a stream, as the official encoder does it, and decoded from the last slivers
 * of each axis, as a stream too.
 */
async function compareBlob(codec: Codec, nShards: number, blob: Uint8Array): Promise<string | undefined> {
  const geometry = geometryOf(nShards);
  const expected = encodeOfficially(geometry, blob);
  const alone = await codec.encode(geometry, blob);
  const [first, second] = await codec.encodeBatch(geometry, [blob, blob]);
  const streamed = await encodeByStream(codec, geometry, blob);
  for (const encoded of [alone, first, second, streamed]) {
    const difference = encoded === undefined ? 'there is none' : differenceFrom(expected, encoded);
    if (difference !== undefined) return difference;
  }
  for (const axis of ['primary', 'secondary'] as const) {
    const needed = sourceSymbols(geometry, axis);
    const last = Array.from({ length: needed }, (_, i) => alone.sliver(axis, (nShards - 1 - i) as SliverIndex));
    const decoded = await codec.decode(geometry, blob.length, last);
    if (!equalBytes(decoded, blob)) return `decoded differently from ${axis} slivers`;
    if (!equalBytes(await decodeByStream(codec, alone, last), blob)) return `streamed differently from ${axis} slivers`;
  }
  return undefined;
}

/** Blobs whose symbols have each even size given, over each number of shards. */
function compareSymbolSizes(
  form: Form,
  shards: readonly number[],
  symbolSizes: readonly number[],
): Promise<Comparison> {
  return withCodec(form, async (codec, differences) => {
    for (const nShards of shards) {
      for (const symbolSize of symbolSizes) {
        const blob = seededBytes(lengthFor(geometryOf(nShards), symbolSize, 1), symbolSize);
        const difference = await compareBlob(codec, nShards, blob);
        if (difference !== undefined) differences.push(`${blob.length} bytes over ${nShards} shards: ${difference}`);
      }
    }
    return shards.length * symbolSizes.length;
  });
}

const page = {
  compareVectors,
  compareSymbolSizes,
  /** Fetches the official encoder. */
  async load(wasmUrl: string): Promise<void> {
    await (walrus as unknown as { default(input: { module_or_path: string }): Promise<unknown> }).default({
      module_or_path: wasmUrl,
    });
  },
};

declare global {
  interface Window {
    codecPage: typeof page;
  }
}

window.codecPage = page;
