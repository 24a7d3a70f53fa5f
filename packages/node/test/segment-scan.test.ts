import { type FileHandle, fileSystemErrors } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { scanSegment } from '../src/segment-log/segment-scan.ts';
import { logOptions } from './segment-log-harness.ts';

describe('a walk through a segment', () => {
  it('fails when nothing can be read of megabytes, and does not take them for lost', async () => {
    let reads = 0;
    const nothing = (): Promise<never> => Promise.reject(new Error('not asked for'));
    const handle: FileHandle = {
      read: async () => {
        reads += 1;
        throw fileSystemErrors.IO_FAILED({ path: '/broken', operation: 'read', reason: 'input/output error' });
      },
      write: nothing,
      sync: nothing,
      truncate: nothing,
      size: nothing,
      lastChange: nothing,
      close: nothing,
    };
    const scan = (size: number) => scanSegment(handle, { from: 64, size, storeTag: logOptions.storeTag });
    expect(await scan(3 * 1024 * 1024)).toEqual({ records: [], endOffset: 64, damagedBytes: 0 });
    reads = 0;
    await expect(scan(1024 ** 3)).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(reads).toBeLessThan(1100);
  });
});
