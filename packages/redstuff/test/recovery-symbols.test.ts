import { describe, expect, it } from 'vitest';
import {
  type Axis,
  AXES,
  decodeInconsistencyProof,
  encodeInconsistencyProof,
  geometryOf,
  type InconsistencyProof,
  orthogonal,
  type RecoverySymbol,
  sealMetadata,
  type SliverIndex,
  symbolsPerSliver,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { EncodedBlob } from '../src/codec.ts';
import { createInlineCodec } from '../src/inline-codec.ts';
import {
  checkInconsistencyProof,
  decodingSymbolFor,
  makeInconsistencyProof,
  verifyRecoverySymbol,
} from '../src/recovery-symbols.ts';
import { seededBytes, sliversOf } from './helpers.ts';

const codec = createInlineCodec();
const geometry = geometryOf(10);
const encoded = codec.encode(geometry, seededBytes(6000, 1));

/** Proven symbols for sliver `index` of `axis`, from the given slivers of the other axis. */
async function symbolsFor(blob: EncodedBlob, axis: Axis, index: number, sources: number[]): Promise<RecoverySymbol[]> {
  const symbols = [];
  for (const source of sliversOf(blob, orthogonal(axis), sources)) {
    symbols.push(...(await codec.recoverySymbols(geometry, source, [index as SliverIndex])));
  }
  return symbols;
}

/** What a cheating writer publishes: metadata in which one sliver has another hash than its symbols give. */
async function cheat(axis: Axis, index: number): Promise<{ verified: VerifiedMetadata; blob: EncodedBlob }> {
  const blob = await encoded;
  const pairHashes = Uint8Array.from(blob.verified.metadata.pairHashes);
  const at = axis === 'primary' ? index * 64 : (9 - index) * 64 + 32;
  pairHashes[at] = (pairHashes[at] as number) ^ 1;
  const { unencodedLength } = blob.verified.metadata;
  return { blob, verified: sealMetadata(geometry, { unencodedLength, pairHashes }) };
}

const refused = { code: 'INVALID_PROOF', kind: 'invalid' };

describe('verifyRecoverySymbol', () => {
  it('accepts a symbol for its own target and place only', async () => {
    const blob = await encoded;
    for (const axis of AXES) {
      const [symbol] = await symbolsFor(blob, axis, 4, [7]);
      if (symbol === undefined) throw new Error('no symbol');
      const verify = (target: number, changed: Partial<RecoverySymbol> = {}) =>
        verifyRecoverySymbol(blob.verified, axis, target as SliverIndex, { ...symbol, ...changed });
      expect(verify(4)).toBe(true);
      expect(verify(5)).toBe(false);
      expect(verify(10)).toBe(false);
      expect(verify(-1)).toBe(false);
      expect(verify(4, { index: 6 as SliverIndex })).toBe(false);
      expect(verify(4, { index: 10 as SliverIndex })).toBe(false);
      expect(verify(4, { data: symbol.data.subarray(2) })).toBe(false);
      expect(verify(4, { data: symbol.data.map((byte) => byte ^ 1) })).toBe(false);
      expect(verify(4, { proof: symbol.proof.slice(1) })).toBe(false);
      expect(verifyRecoverySymbol(blob.verified, orthogonal(axis), 4 as SliverIndex, symbol)).toBe(false);
    }
  });
});

describe('decodingSymbolFor', () => {
  it('uses a symbol for either sliver that it lies on, and for no other', async () => {
    const blob = await encoded;
    const [symbol] = await symbolsFor(blob, 'primary', 4, [7]); // row 4, column 7
    if (symbol === undefined) throw new Error('no symbol');
    const general = { ...symbol, axis: 'primary' as const, targetIndex: 4 as SliverIndex };
    const forSliver = (axis: Axis, index: number) =>
      decodingSymbolFor(blob.verified, axis, index as SliverIndex, general);
    expect(forSliver('primary', 4)).toEqual({ index: 7, data: symbol.data });
    expect(forSliver('secondary', 7)).toEqual({ index: 4, data: symbol.data });
    expect(forSliver('primary', 7)).toBeUndefined();
    expect(forSliver('secondary', 4)).toBeUndefined();
    const forged = { ...general, data: symbol.data.map((byte) => byte ^ 1) };
    expect(decodingSymbolFor(blob.verified, 'primary', 4 as SliverIndex, forged)).toBeUndefined();
  });
});

describe('inconsistency proofs', () => {
  const index = 3 as SliverIndex;

  it('show that a sliver is inconsistent, also after a journey as BCS', async () => {
    for (const axis of AXES) {
      const { verified, blob } = await cheat(axis, 3);
      const symbols = await symbolsFor(blob, axis, 3, [9, 1, 4, 0, 8, 5, 2, 6]);
      const proof = await makeInconsistencyProof(codec, verified, { axis, index }, symbols);
      expect(proof.symbols.length).toBe(symbolsPerSliver(geometry, axis));
      await checkInconsistencyProof(codec, verified, proof);
      const decoded = decodeInconsistencyProof(encodeInconsistencyProof(proof), axis);
      await checkInconsistencyProof(codec, verified, decoded);
    }
  });

  it('cannot be made or pass for a consistent sliver', async () => {
    const blob = await encoded;
    for (const axis of AXES) {
      const symbols = await symbolsFor(blob, axis, 3, [9, 1, 4, 0, 8, 5, 2]);
      await expect(makeInconsistencyProof(codec, blob.verified, { axis, index }, symbols)).rejects.toMatchObject(
        refused,
      );
      const proof: InconsistencyProof = {
        axis,
        targetIndex: index,
        symbols: symbols.slice(0, symbolsPerSliver(geometry, axis)),
      };
      await expect(checkInconsistencyProof(codec, blob.verified, proof)).rejects.toMatchObject(refused);
    }
  });

  it('are not made from symbols that are not proven, or from too few', async () => {
    const { verified, blob } = await cheat('secondary', 3);
    const symbols = await symbolsFor(blob, 'secondary', 3, [0, 1, 2, 5]);
    const forged = symbols.map((symbol, i) => (i === 0 ? { ...symbol, data: symbol.data.map((b) => b ^ 1) } : symbol));
    await expect(makeInconsistencyProof(codec, verified, { axis: 'secondary', index }, forged)).rejects.toMatchObject({
      code: 'NOT_ENOUGH_SYMBOLS',
      data: { needed: 4, came: 3 },
    });
  });

  it('are refused when a symbol is forged, repeated, missing, surplus or for another sliver', async () => {
    const { verified, blob } = await cheat('secondary', 3);
    const symbols = await symbolsFor(blob, 'secondary', 3, [0, 1, 2, 5]);
    const [first, ...rest] = symbols as [RecoverySymbol, ...RecoverySymbol[]];
    const proofOf = (list: RecoverySymbol[], targetIndex = index): InconsistencyProof => ({
      axis: 'secondary',
      targetIndex,
      symbols: list,
    });
    const bad = [
      proofOf([{ ...first, data: first.data.map((byte) => byte ^ 1) }, ...rest]),
      proofOf([{ ...first, data: first.data.subarray(2) }, ...rest]),
      proofOf([{ ...first, index: 10 as SliverIndex }, ...rest]),
      proofOf([rest[0] as RecoverySymbol, ...rest]),
      proofOf(rest),
      proofOf([...symbols, ...(await symbolsFor(blob, 'secondary', 3, [9]))]),
      proofOf(symbols, 4 as SliverIndex),
      proofOf(symbols, 10 as SliverIndex),
    ];
    for (const proof of bad) {
      await expect(checkInconsistencyProof(codec, verified, proof)).rejects.toMatchObject(refused);
    }
    await checkInconsistencyProof(codec, verified, proofOf(symbols));
  });
});
