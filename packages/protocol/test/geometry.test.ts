import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as geometry from '../src/geometry.ts';
import { blobIdFromBytes, type ShardIndex, type SliverIndex, type SliverPairIndex } from '../src/ids.ts';
import { storageUnits } from '../src/prices.ts';
import { axis, blobId } from './support/arbitraries.ts';
import { bytes, contracts, encoding } from './support/vectors.ts';

const { geometryOf } = geometry;
const MIB = 1_048_576;
const someGeometry = fc.integer({ min: 4, max: 1000 }).map(geometryOf);

describe('the shape for a number of shards', () => {
  it.each(encoding.config)('n = $n_shards is that of the official encoder', (vector) => {
    const shape = geometryOf(vector.n_shards);
    expect(shape).toEqual({
      nShards: vector.n_shards,
      maxFaulty: vector.f,
      rows: vector.primary_source_symbols,
      columns: vector.secondary_source_symbols,
    });
    expect(geometry.maxBlobSize(shape)).toBe(vector.max_blob_size);
    expect(geometry.metadataLength(shape)).toBe(vector.metadata_length);
    expect(geometry.encodedLength(shape, 0)).toBe(vector.encoded_length_0_bytes);
    expect(geometry.encodedLength(shape, 1)).toBe(vector.encoded_length_1_byte);
    expect(storageUnits(geometry.encodedLength(shape, 1))).toBe(BigInt(vector.storage_units_1_byte));
    if (vector.max_blob_size >= MIB) expect(geometry.encodedLength(shape, MIB)).toBe(vector.encoded_length_1MiB);
    else expect(() => geometry.encodedLength(shape, MIB)).toThrow('larger than the maximum');
  });

  it.each(encoding.config)('thresholds of n = $n_shards are exact', (vector) => {
    const shape = geometryOf(vector.n_shards);
    const least = (enough: (g: geometry.Geometry, weight: number) => boolean) => {
      for (let weight = 0; ; weight += 1) if (enough(shape, weight)) return weight;
    };
    expect(least(geometry.isQuorum)).toBe(vector.quorum_2f_plus_1);
    expect(least(geometry.isMinCorrect)).toBe(vector.min_n_correct_n_minus_f);
    expect(least(geometry.isValidity)).toBe(vector.validity_f_plus_1);
    expect(least(geometry.chainQuorum)).toBe(vector.onchain_quorum_min_weight);
    expect(least(geometry.chainOneHonest)).toBe(vector.onchain_one_correct_min_weight);
  });

  it('what a client gathers for a certificate always satisfies the ledger', () => {
    for (let n = 4; n <= 1000; n += 1) {
      const shape = geometryOf(n);
      expect(geometry.chainQuorum(shape, n - shape.maxFaulty)).toBe(true);
    }
  });

  it.each([0, 1, 3, 1001, 4.5, -7, Number.NaN])('refuses %d shards', (n) => {
    expect(() => geometryOf(n)).toThrow(`shard count ${n} is not an integer from 4 to 1000`);
  });

  it('is the same object for the same number', () => {
    expect(geometryOf(10)).toBe(geometryOf(10));
  });
});

describe('sizes', () => {
  it.each(encoding.blobs.filter((blob) => blob.encoded_length !== undefined))(
    'n = $n_shards, $length bytes: as the official encoder',
    (blob) => {
      const shape = geometryOf(blob.n_shards);
      expect(geometry.symbolSizeOf(shape, blob.length)).toBe(blob.symbol_size);
      expect(geometry.encodedLength(shape, blob.length)).toBe(blob.encoded_length);
      expect(geometry.sliverSize(shape, 'primary', blob.symbol_size)).toBe(blob.primary_sliver_bytes);
      expect(geometry.sliverSize(shape, 'secondary', blob.symbol_size)).toBe(blob.secondary_sliver_bytes);
    },
  );

  const supported = contracts.encoded_length.filter(({ n_shards: n }) => n >= 4);
  it.each(supported)('$unencoded_length bytes on $n_shards shards cost what the contract says', (vector) => {
    const compute = () => geometry.encodedLength(geometryOf(vector.n_shards), Number(vector.unencoded_length));
    if (vector.abort === undefined) expect(compute()).toBe(Number(vector.encoded_length));
    else expect(compute).toThrow('larger than the maximum');
  });

  it('the largest blob fits and one byte more does not', () => {
    expect(geometry.symbolSizeOf(geometryOf(4), 393_204)).toBe(65_534);
    expect(() => geometry.symbolSizeOf(geometryOf(4), 393_205)).toThrow(
      'blob of 393205 bytes is larger than the maximum of 393204 for 4 shards',
    );
  });

  it('the matrix holds the blob with the smallest even symbol', () => {
    fc.assert(
      fc.property(someGeometry, fc.double({ min: 0, max: 1, noNaN: true }), (shape, share) => {
        const length = Math.floor(share * geometry.maxBlobSize(shape));
        const size = geometry.symbolSizeOf(shape, length);
        expect(size % 2).toBe(0);
        expect(size * shape.rows * shape.columns).toBeGreaterThanOrEqual(length);
        if (size > 2) expect((size - 2) * shape.rows * shape.columns).toBeLessThan(length);
      }),
    );
  });
});

describe('pairs, slivers and shards', () => {
  it.each(encoding.rotation)('pair $pair_index of $blob_id is on shard $shard_index of $n_shards', (vector) => {
    const shape = geometryOf(vector.n_shards);
    const id = blobIdFromBytes(bytes(vector.blob_id));
    expect(geometry.shardOfPair(shape, id, vector.pair_index as SliverPairIndex)).toBe(vector.shard_index);
    expect(geometry.pairOfShard(shape, id, vector.shard_index as ShardIndex)).toBe(vector.pair_index);
  });

  it('are those of the official encoder', () => {
    for (const blob of encoding.blobs) {
      const shape = geometryOf(blob.n_shards);
      const id = blobIdFromBytes(bytes(blob.blob_id));
      if (blob.rotation_offset !== undefined) expect(geometry.rotationOf(shape, id)).toBe(blob.rotation_offset);
      for (const pair of blob.pairs) {
        const index = pair.pair_index as SliverPairIndex;
        expect(geometry.shardOfPair(shape, id, index)).toBe(pair.shard_index);
        expect(geometry.sliverOfPair(shape, 'primary', index)).toBe(pair.primary_sliver_index);
        expect(geometry.sliverOfPair(shape, 'secondary', index)).toBe(pair.secondary_sliver_index);
      }
    }
  });

  it('the rotation is the big-endian number of the id modulo n', () => {
    fc.assert(
      fc.property(someGeometry, fc.uint8Array({ minLength: 32, maxLength: 32 }), (shape, raw) => {
        const value = BigInt(`0x${Buffer.from(raw).toString('hex')}`);
        expect(geometry.rotationOf(shape, blobIdFromBytes(raw))).toBe(Number(value % BigInt(shape.nShards)));
      }),
    );
  });

  it('each maps back', () => {
    fc.assert(
      fc.property(someGeometry, blobId, axis, fc.nat(), (shape, id, way, seed) => {
        const pair = (seed % shape.nShards) as SliverPairIndex;
        expect(geometry.pairOfShard(shape, id, geometry.shardOfPair(shape, id, pair))).toBe(pair);
        const sliver: SliverIndex = geometry.sliverOfPair(shape, way, pair);
        expect(geometry.pairOfSliver(shape, way, sliver)).toBe(pair);
      }),
    );
  });

  it('a sliver of one axis has as many symbols as slivers of the other decode a blob', () => {
    const shape = geometryOf(10);
    expect(geometry.symbolsPerSliver(shape, 'primary')).toBe(7);
    expect(geometry.sourceSymbols(shape, 'secondary')).toBe(7);
    expect(geometry.symbolsPerSliver(shape, 'secondary')).toBe(4);
    expect(geometry.sourceSymbols(shape, 'primary')).toBe(4);
  });
});
