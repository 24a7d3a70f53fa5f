import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCertificate, encodeCertificate } from '../src/certificate.ts';
import { decodeMessage, decodeSignedMessage, encodeMessage, encodeSignedMessage } from '../src/messages.ts';
import { decodeBlobMetadata, decodeMetadataWithId, encodeBlobMetadata, encodeMetadataWithId } from '../src/metadata.ts';
import { decodeSliver, decodeSliverData, encodeSliver, encodeSliverData, sliverDataParts } from '../src/sliver.ts';
import * as symbols from '../src/symbols.ts';
import * as any from './support/arbitraries.ts';
import { codec, itIsStrict } from './support/strictness.ts';
import { bytes, encoding, hex, path } from './support/vectors.ts';
import { verifyMerkleProof } from '../src/merkle.ts';
import type { SliverIndex } from '../src/ids.ts';

const generalSymbol = fc
  .tuple(any.axis, any.sliverIndex, any.recoverySymbol)
  .map(([axis, targetIndex, symbol]) => ({ axis, targetIndex, ...symbol }));
const eitherSymbol = fc.tuple(any.axis, any.decodingSymbol).map(([axis, symbol]) => ({ axis, ...symbol }));
const inconsistency = fc.record({
  axis: any.axis,
  targetIndex: any.sliverIndex,
  symbols: fc.array(any.recoverySymbol, { maxLength: 4 }),
});
const persistence = fc.oneof(
  fc.constant({ kind: 'permanent' as const }),
  fc.record({ kind: fc.constant('deletable' as const), objectId: any.objectId }),
);
const message = fc.oneof(
  fc.record({
    kind: fc.constant('proofOfPossession' as const),
    epoch: any.epoch,
    address: any.objectId,
    publicKey: any.bytesOf(48),
  }),
  fc.record({ kind: fc.constant('confirmation' as const), epoch: any.epoch, blobId: any.blobId, persistence }),
  fc.record({ kind: fc.constant('invalidBlobId' as const), epoch: any.epoch, blobId: any.blobId }),
  fc.record({
    kind: fc.constant('syncShard' as const),
    epoch: any.epoch,
    shard: any.u16.map((shard) => shard as never),
    axis: any.axis,
    startingBlobId: any.blobId,
    sliverCount: any.u64,
  }),
  fc.record({
    kind: fc.constant('denyListUpdate' as const),
    epoch: any.epoch,
    nodeId: any.objectId,
    sequence: any.u64,
    size: any.u64,
    root: fc.bigInt(0n, (1n << 256n) - 1n),
  }),
  fc.record({ kind: fc.constant('denyListBlobDeleted' as const), epoch: any.epoch, blobId: any.blobId }),
  fc.record({
    kind: fc.constant('protocolVersion' as const),
    epoch: any.epoch,
    startEpoch: any.epoch,
    protocolVersion: any.u64,
  }),
);
const metadata = fc
  .integer({ min: 1, max: 6 })
  .chain((pairs) => fc.record({ unencodedLength: fc.maxSafeNat(), pairHashes: any.bytesOf(64 * pairs) }));

describe('strictness of every decoder', () => {
  const codecs = [
    codec({ name: 'metadata', values: metadata, encode: encodeBlobMetadata, decode: decodeBlobMetadata }),
    codec({
      name: 'metadata with id',
      values: fc.record({ blobId: any.blobId, metadata }),
      encode: (value) => encodeMetadataWithId(value.blobId, value.metadata),
      decode: decodeMetadataWithId,
    }),
    codec({
      name: 'sliver data',
      values: any.sliver.map((sliver) => ({ ...sliver, axis: 'secondary' as const })),
      encode: encodeSliverData,
      decode: (raw) => decodeSliverData(raw, 'secondary'),
    }),
    codec({ name: 'sliver', values: any.sliver, encode: encodeSliver, decode: decodeSliver }),
    codec({
      name: 'symbol id',
      values: fc.record({ primary: any.sliverIndex, secondary: any.sliverIndex }),
      encode: symbols.encodeSymbolId,
      decode: symbols.decodeSymbolId,
    }),
    codec({
      name: 'decoding symbol',
      values: any.decodingSymbol,
      encode: symbols.encodeDecodingSymbol,
      decode: symbols.decodeDecodingSymbol,
    }),
    codec({
      name: 'recovery symbol',
      values: any.recoverySymbol,
      encode: symbols.encodeRecoverySymbol,
      decode: symbols.decodeRecoverySymbol,
    }),
    codec({
      name: 'recovery symbol by axis',
      values: fc.tuple(any.axis, any.recoverySymbol).map(([axis, symbol]) => ({ axis, ...symbol })),
      encode: symbols.encodeTaggedRecoverySymbol,
      decode: symbols.decodeTaggedRecoverySymbol,
    }),
    codec({
      name: 'recovery symbol pair',
      values: fc.record({ primary: any.recoverySymbol, secondary: any.recoverySymbol }),
      encode: symbols.encodeRecoverySymbolPair,
      decode: symbols.decodeRecoverySymbolPair,
    }),
    codec({
      name: 'general recovery symbol',
      values: generalSymbol,
      encode: symbols.encodeGeneralRecoverySymbol,
      decode: symbols.decodeGeneralRecoverySymbol,
    }),
    codec({
      name: 'general recovery symbols',
      values: fc.array(generalSymbol, { maxLength: 4 }),
      encode: symbols.encodeGeneralRecoverySymbols,
      decode: symbols.decodeGeneralRecoverySymbols,
    }),
    codec({
      name: 'decoding symbols by target',
      values: fc
        .uniqueArray(fc.tuple(any.sliverIndex, fc.array(eitherSymbol, { maxLength: 3 })), { selector: ([key]) => key })
        .map((entries) => new Map(entries)),
      encode: symbols.encodeDecodingSymbolMap,
      decode: symbols.decodeDecodingSymbolMap,
    }),
    codec({
      name: 'inconsistency proof',
      values: inconsistency.map((proof) => ({ ...proof, axis: 'primary' as const })),
      encode: symbols.encodeInconsistencyProof,
      decode: (raw) => symbols.decodeInconsistencyProof(raw, 'primary'),
    }),
    codec({
      name: 'inconsistency proof by axis',
      values: inconsistency,
      encode: symbols.encodeTaggedInconsistencyProof,
      decode: symbols.decodeTaggedInconsistencyProof,
    }),
    codec({
      name: 'sync shard response',
      values: fc.array(fc.record({ blobId: any.blobId, sliver: any.sliver }), { maxLength: 3 }),
      encode: symbols.encodeSyncShardResponse,
      decode: symbols.decodeSyncShardResponse,
    }),
    codec({ name: 'message', values: message, encode: encodeMessage, decode: decodeMessage }),
    codec({
      name: 'signed message',
      values: fc.record({ serializedMessage: any.smallData, signature: any.bytesOf(96) }),
      encode: encodeSignedMessage,
      decode: decodeSignedMessage,
    }),
    codec({
      name: 'certificate',
      values: fc.record({
        signers: fc.array(any.u16, { maxLength: 20 }),
        message: any.smallData,
        signature: any.bytesOf(96),
      }),
      encode: encodeCertificate,
      decode: decodeCertificate,
    }),
  ];
  for (const one of codecs) itIsStrict(one);
});

describe('slivers', () => {
  it.each([
    ['primary index 0', 'SliverData primary index 0', 'primary', 0],
    ['secondary of pair 0', 'SliverData secondary of pair 0', 'secondary', 3],
  ] as const)('%s: the bytes of the official encoder', (_name, what, axis, index) => {
    const raw = bytes(encoding.bcs.find((vector) => vector.what.startsWith(what))?.bcs ?? '');
    const sliver = decodeSliverData(raw, axis);
    expect(sliver).toMatchObject({ axis, index, symbolSize: 2 });
    expect(encodeSliverData(sliver)).toEqual(raw);
    expect(Buffer.concat(sliverDataParts(sliver))).toEqual(Buffer.from(raw));
    expect(sliverDataParts(sliver)[1]).toBe(sliver.data);
    expect(sliver.data.buffer).toBe(raw.buffer);
  });

  it('with a symbol size of 0 are refused', () => {
    expect(() => decodeSliverData(Uint8Array.of(0, 0, 0, 1, 0), 'primary')).toThrow(
      'malformed primary sliver at byte 1: expected a symbol size above 0, came 0',
    );
  });
});

describe('recovery symbols', () => {
  const [vector] = encoding.recovery_symbols;
  it.each(vector?.symbols ?? [])('$kind $symbol_id: bytes, position and proof', (expected) => {
    const general = symbols.decodeGeneralRecoverySymbol(bytes(expected.general_recovery_symbol_bcs));
    expect(general).toEqual({
      axis: expected.kind.toLowerCase(),
      index: expected.source_sliver_index,
      targetIndex: expected.target_sliver_index,
      data: bytes(expected.symbol),
      proof: path(expected.proof_path),
    });
    expect(symbols.symbolIdText(symbols.symbolIdOf(general))).toBe(expected.symbol_id);
    expect(hex(symbols.encodeGeneralRecoverySymbol(general))).toBe(expected.general_recovery_symbol_bcs);
    expect(hex(symbols.encodeRecoverySymbol(general))).toBe(expected.recovery_symbol_bcs);
    const root = bytes(expected.expected_root);
    const { data: leaf, targetIndex: index, proof } = general;
    expect(verifyMerkleProof({ root, leaf, index, leafCount: 7, proof })).toBe(true);
  });

  it('with a path longer than any tree has are refused', () => {
    const proof = Array.from({ length: 17 }, () => undefined);
    const encoded = symbols.encodeRecoverySymbol({ index: 0 as SliverIndex, data: new Uint8Array(2), proof });
    expect(() => symbols.decodeRecoverySymbol(encoded)).toThrow('a Merkle path of at most 16 elements, came 17');
  });

  it('are named row-column in texts', () => {
    expect(symbols.parseSymbolId('3-70')).toEqual({ primary: 3, secondary: 70 });
    for (const text of ['', '3', '3-', '-3', '3-4-5', '65536-0', '0-65536', '1 -2', '+1-2', '000001-2']) {
      expect(symbols.parseSymbolId(text)).toBeUndefined();
    }
  });
});
