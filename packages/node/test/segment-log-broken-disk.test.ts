/** A segment log on a disk of which pages cannot be read any more. */
import { isFloeError } from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore } from '@floe/platform/memory';
import type { Epoch } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { directory, keyOf, logOptions, openLog, payloadOf } from './segment-log-harness.ts';

const EPOCH = 10 as Epoch;
const PAGED_RECORDS = 60;

/** One segment of several pages of 4 KiB. */
async function filledPages() {
  const fileSystem = createMemoryFileSystem();
  const store = createMemoryStore();
  const log = await openLog(fileSystem, store, { limits: { ...logOptions.limits, segmentBytes: 1024 * 1024 } });
  await Promise.all(Array.from({ length: PAGED_RECORDS }, (_, i) => log.put(keyOf(i), payloadOf(i), EPOCH)));
  const names = await fileSystem.list(directory);
  expect(names).toHaveLength(1);
  return { fileSystem, store, log, path: `${directory}/${names[0]}`, size: log.status().fileBytes };
}

describe('a segment log on a disk with broken pages', () => {
  it('sets slivers aside that the disk cannot read: they are free to be stored again, and a rebuild finds them and all others', async () => {
    const { log, fileSystem, path } = await filledPages();
    fileSystem.breakPage(path, 5000);
    const lost: number[] = [];
    for (let i = 0; i < PAGED_RECORDS; i += 1) {
      const bytes = await log.get(keyOf(i)).catch((error: unknown) => {
        if (!isFloeError(error, 'SLIVER_DAMAGED')) throw error;
        lost.push(i);
      });
      if (bytes !== undefined) expect(bytes).toEqual(payloadOf(i));
    }
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(PAGED_RECORDS / 2);
    expect(log.status()).toMatchObject({ slivers: PAGED_RECORDS - lost.length, damaged: lost.length });
    for (const i of lost) expect(await log.put(keyOf(i), payloadOf(i), EPOCH)).toBe('stored');
    await log.close();
    const rebuilt = await openLog(fileSystem, createMemoryStore());
    for (let i = 0; i < PAGED_RECORDS; i += 1) expect(await rebuilt.get(keyOf(i))).toEqual(payloadOf(i));
    await rebuilt.close();
  });

  it.each([0, 5000, -1])(
    'opens without its index although the page at %i of a segment cannot be read, and loses only what stands there',
    async (offset) => {
      const { log, fileSystem, store, path, size } = await filledPages();
      fileSystem.breakPage(path, offset < 0 ? size + offset : offset);
      await log.close();
      const [damaged, rebuilt] = [await openLog(fileSystem, store), await openLog(fileSystem, createMemoryStore())];
      let held = 0;
      for (let i = 0; i < PAGED_RECORDS; i += 1) {
        const known = await damaged.get(keyOf(i)).catch(() => undefined);
        expect(await rebuilt.get(keyOf(i))).toEqual(known);
        if (known !== undefined) held += 1;
      }
      expect(held).toBeGreaterThan(PAGED_RECORDS / 2);
      expect(held).toBeLessThan(PAGED_RECORDS);
      await Promise.all([damaged.close(), rebuilt.close()]);
    },
  );

  it('gives nothing up when the disk fails as a whole', async () => {
    const { log, fileSystem, store } = await filledPages();
    for (const operation of ['read', 'write', 'truncate'] as const) fileSystem.failNext(operation, 2);
    await expect(log.get(keyOf(0))).rejects.toMatchObject({ code: 'IO_FAILED' });
    expect(log.status()).toMatchObject({ slivers: PAGED_RECORDS, damaged: 0 });
    await log.close();
    const reopened = await openLog(fileSystem, store);
    for (let i = 0; i < PAGED_RECORDS; i += 1) expect(await reopened.get(keyOf(i))).toEqual(payloadOf(i));
  });

  it('gives the space of a segment back that cannot be read everywhere', async () => {
    const { log, fileSystem, path } = await filledPages();
    for (const offset of [0, 9000]) fileSystem.breakPage(path, offset);
    const emptied = await log.empty(log.segments()[0]?.id as number, { endEpochOf: () => 12 as Epoch });
    expect(emptied.freedBytes).toBeGreaterThan(0);
    const { slivers, damaged } = log.status();
    expect(damaged).toBeGreaterThan(10);
    expect(slivers).toBe(PAGED_RECORDS - damaged);
    let held = 0;
    for (let i = 0; i < PAGED_RECORDS; i += 1) {
      const bytes = await log.get(keyOf(i));
      if (bytes === undefined) continue;
      expect(bytes).toEqual(payloadOf(i));
      held += 1;
    }
    expect(held).toBe(slivers);
  });
});
