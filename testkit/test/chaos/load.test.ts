import { blobIdFromBytes, type BlobId } from '@floe/protocol';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ActionLog } from '../../src/chaos/action-log.ts';
import { type BlobReader, type BlobWriter, type CertifiedBlob, Load } from '../../src/chaos/load.ts';
import { testBytes } from '../../src/chaos/test-blob.ts';

const stored = new Map<BlobId, Uint8Array>();
const writer: BlobWriter = {
  name: 'writer',
  store(bytes) {
    const blobId = blobIdFromBytes(createHash('sha256').update(bytes).digest());
    stored.set(blobId, bytes);
    return Promise.resolve({ blobId, endEpoch: 3 });
  },
};
const honest: BlobReader = {
  name: 'honest',
  read: (blobId, range) => {
    const bytes = stored.get(blobId);
    if (bytes === undefined) return Promise.reject(new Error('it is not there'));
    return Promise.resolve(bytes.slice(range?.start, range?.end));
  },
};

function loadWith(readers: readonly BlobReader[], currentEpoch?: () => Promise<number>): Load {
  const log = new ActionLog('load test', 1);
  const options = { seed: 1, sizesBytes: [5_000], pauseMs: { writers: 1, readers: 1 } };
  return new Load(options, { writers: [writer], readers, log, ...(currentEpoch && { currentEpoch }) });
}

describe('a load', () => {
  it('counts what was stored and read, and finds nothing wrong where nothing is', async () => {
    const load = loadWith([honest]);
    const blob = (await load.store(writer)) as CertifiedBlob;
    expect(await load.read(honest, blob)).toBe(true);
    expect(await load.read(honest, blob, { start: 17, end: 18 })).toBe(true);
    expect(await load.checkAll()).toEqual([]);
    expect(load.counts).toMatchObject({ stores: 1, reads: 2, rangeReads: 1, wrongBytes: 0, failedReads: 0 });
  });

  it('counts every wrong byte, also one that is missing', async () => {
    const wrong: BlobReader = {
      name: 'wrong',
      read: async (blobId) => {
        const bytes = (await honest.read(blobId)).slice(1);
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        return bytes.fill(0, 2_000);
      },
    };
    const load = loadWith([wrong]);
    const blob = (await load.store(writer)) as CertifiedBlob;
    expect(await load.read(wrong, blob)).toBe(false);
    expect(load.counts.wrongBytes).toBeGreaterThan(0);
    expect(load.failures).toHaveLength(1);
  });

  it('counts a blob as lost that no reader has, and a failed read for each of them', async () => {
    const load = loadWith([honest, { name: 'other', read: () => Promise.reject(new Error('no')) }]);
    const blob = (await load.store(writer)) as CertifiedBlob;
    expect(await load.checkAll()).toEqual([]);
    expect(load.counts.failedReads).toBe(1);
    stored.delete(blob.blobId);
    expect(await load.checkAll()).toEqual([blob]);
    expect(load.counts.failedReads).toBe(3);
  });

  it('does not count reads of blobs that have ended', async () => {
    let epoch = 2;
    const load = loadWith([honest], () => Promise.resolve(epoch));
    const blob = (await load.store(writer)) as CertifiedBlob;
    stored.delete(blob.blobId);
    expect(await load.read(honest, blob)).toBe(false);
    epoch = 3;
    expect(await load.read(honest, blob)).toBe(true);
    expect(load.counts).toMatchObject({ failedReads: 1, endedReads: 1 });
    expect(load.takeEnded(3)).toEqual([blob]);
    expect(load.blobs.size).toBe(0);
  });
});

describe('bytes of a test', () => {
  it('are the same by whatever range they are made', () => {
    const whole = testBytes('a', 0, 1_000);
    for (const [start, end] of [
      [0, 1],
      [15, 17],
      [16, 1_000],
      [333, 999],
    ] as const) {
      expect(testBytes('a', start, end)).toEqual(whole.slice(start, end));
    }
    expect(testBytes('b', 0, 1_000)).not.toEqual(whole);
  });
});
