import { type Geometry, geometryOf, sealMetadata, type VerifiedMetadata } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { type AxisCounts, planRecovery } from '../../src/recovery/recovery-plan.ts';

const LIMITS = { wholeBlobBytes: 64 * 1024 * 1024 };

function blobOf(geometry: Geometry, unencodedLength: number): VerifiedMetadata {
  return sealMetadata(geometry, { unencodedLength, pairHashes: new Uint8Array(64 * geometry.nShards) });
}

/** `lost` pairs of which nothing is here. */
function pairs(lost: number): AxisCounts {
  return { primary: { lost, held: 0 }, secondary: { lost, held: 0 } };
}

describe('how lost slivers are rebuilt', () => {
  const geometry = geometryOf(10);

  it('is by symbols where symbols are large: k (S + P - k) of them for k pairs', () => {
    const verified = blobOf(geometry, 280_000);
    for (const lost of [1, 2, 3]) {
      const { path, bytes } = planRecovery(verified, pairs(lost), LIMITS);
      const least = lost * (geometry.rows + geometry.columns - lost) * verified.symbolSize;
      expect(path).toBe('symbols');
      expect(bytes / least).toBeGreaterThan(1);
      expect(bytes / least).toBeLessThan(1.05);
    }
  });

  it('is from the whole blob where proofs outweigh symbols, or more is lost than decodes it', () => {
    expect(planRecovery(blobOf(geometry, 100), pairs(1), LIMITS).path).toBe('whole');
    expect(planRecovery(blobOf(geometry, 280_000), pairs(5), LIMITS).path).toBe('whole');
  });

  it('is by symbols when the whole blob would not fit', () => {
    expect(planRecovery(blobOf(geometry, 280_000), pairs(5), { wholeBlobBytes: 100_000 }).path).toBe('symbols');
  });

  it('costs less with what is here: its own slivers give symbols for nothing', () => {
    const verified = blobOf(geometry, 280_000);
    const alone = planRecovery(verified, pairs(1), LIMITS).bytes;
    const counts = { primary: { lost: 1, held: 2 }, secondary: { lost: 1, held: 2 } };
    expect(planRecovery(verified, counts, LIMITS).bytes).toBeLessThan(alone);
    const enough = { primary: { lost: 0, held: 4 }, secondary: { lost: 1, held: 3 } };
    expect(planRecovery(verified, enough, LIMITS).bytes).toBe(0);
  });
});
