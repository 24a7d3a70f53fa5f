import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  encodeBlobMetadata,
  encodeGeneralRecoverySymbol,
  encodeRecoverySymbol,
  encodeSliverData,
  geometryOf,
  metadataRoot,
  pairOfSliver,
  sliverHash,
  type SliverIndex,
} from '@floe/protocol';
import type { EncodedBlob } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import { type BlobVector, contentOf, decodeIndices, sliversOf, vectors } from './helpers.ts';

const codec = createInlineCodec();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function sha256(...parts: Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

const encodings = new Map<string, Promise<EncodedBlob>>();

/** Several vectors start from the same blob. */
function encodedOnce(nShards: number, content: string, length: number): Promise<EncodedBlob> {
  const key = `${nShards} ${content} ${length}`;
  const known = encodings.get(key) ?? codec.encode(geometryOf(nShards), contentOf(content, length));
  encodings.set(key, known);
  return known;
}

async function checkBlob(vector: BlobVector): Promise<void> {
  const geometry = geometryOf(vector.n_shards);
  const encoded = await encodedOnce(vector.n_shards, vector.content, vector.length);
  const { verified } = encoded;
  expect(verified.blobId).toBe(vector.blob_id_base64url);
  expect(hex(metadataRoot(verified.metadata))).toBe(vector.root_hash);
  expect(verified.symbolSize).toBe(vector.symbol_size);
  if (vector.pairs === undefined) return;
  expect(sha256(encodeBlobMetadata(verified.metadata))).toBe(vector.blob_metadata_bcs_sha256);
  for (const pair of vector.pairs) {
    const [primary] = sliversOf(encoded, 'primary', [pair.primary_sliver_index]);
    const [secondary] = sliversOf(encoded, 'secondary', [pair.secondary_sliver_index]);
    if (primary === undefined || secondary === undefined) throw new Error('no such sliver');
    expect(pairOfSliver(geometry, 'secondary', secondary.index)).toBe(pair.pair_index);
    expect(hex(sliverHash(verified, 'primary', primary.index))).toBe(pair.primary_hash);
    expect(hex(sliverHash(verified, 'secondary', secondary.index))).toBe(pair.secondary_hash);
    expect(sha256(primary.data)).toBe(pair.primary_data_sha256);
    expect(sha256(secondary.data)).toBe(pair.secondary_data_sha256);
    expect(sha256(encodeSliverData(primary))).toBe(pair.primary_bcs_sha256);
    expect(sha256(encodeSliverData(secondary))).toBe(pair.secondary_bcs_sha256);
  }
  const indices = Array.from({ length: geometry.nShards }, (_, i) => i);
  expect(sha256(...sliversOf(encoded, 'primary', indices).map(({ data }) => data))).toBe(
    vector.all_primary_data_sha256,
  );
  expect(sha256(...sliversOf(encoded, 'secondary', indices.toReversed()).map(({ data }) => data))).toBe(
    vector.all_secondary_data_sha256_by_pair_index,
  );
}

describe('the vectors of the official encoder', () => {
  it.each(vectors.blobs.map((vector) => [`${vector.content.slice(0, 12)} ${vector.length}`, vector.n_shards, vector]))(
    'encode to the same slivers, hashes and id: %s over %i shards',
    async (_name, _nShards, vector) => checkBlob(vector as BlobVector),
  );

  it('give the same id when only hashes are wanted', async () => {
    for (const vector of vectors.blobs.filter(({ n_shards: n }) => n < 1000)) {
      const blob = contentOf(vector.content, vector.length);
      const verified = await codec.computeMetadata(geometryOf(vector.n_shards), blob);
      expect(verified.blobId).toBe(vector.blob_id_base64url);
    }
  });

  it.each(vectors.decode.map((vector) => [vector.subset, vector.n_shards, vector] as const))(
    'decode from the same slivers (%s) over %i shards',
    async (_subset, _nShards, vector) => {
      const geometry = geometryOf(vector.n_shards);
      const encoded = await encodedOnce(vector.n_shards, vector.content, vector.length);
      const slivers = sliversOf(encoded, 'primary', decodeIndices(vector));
      expect(sha256(...slivers.map((sliver) => encodeSliverData(sliver)))).toBe(vector.slivers_bcs_sha256_in_order);
      expect(sha256(await codec.decode(geometry, vector.length, slivers))).toBe(vector.result_sha256);
    },
  );

  it('have the same recovery symbols, proofs and BCS', async () => {
    for (const group of vectors.recovery_symbols) {
      const geometry = geometryOf(group.n_shards);
      const encoded = await codec.encode(geometry, contentOf(group.content, group.length));
      for (const vector of group.symbols) {
        const axis = vector.kind === 'Primary' ? 'primary' : 'secondary';
        const sourceAxis = vector.kind === 'Primary' ? 'secondary' : 'primary';
        const source = encoded.sliver(sourceAxis, vector.source_sliver_index as SliverIndex);
        const targetIndex = vector.target_sliver_index as SliverIndex;
        const [symbol] = await codec.recoverySymbols(geometry, source, [targetIndex]);
        if (symbol === undefined) throw new Error('no symbol');
        expect(hex(symbol.data)).toBe(vector.symbol);
        expect(hex(encodeRecoverySymbol(symbol))).toBe(vector.recovery_symbol_bcs);
        expect(hex(encodeGeneralRecoverySymbol({ ...symbol, axis, targetIndex }))).toBe(
          vector.general_recovery_symbol_bcs,
        );
      }
    }
  });
});
