/** Store and read on a healthy and on a faulty network. */
import { afterEach, describe, expect, test } from 'vitest';
import { createTestNetwork, type TestNetwork } from './support/network.ts';
import { seededRng } from '@floe/platform/memory';

function bytes(size: number, seed = 1): Uint8Array {
  return seededRng(seed).bytes(size);
}

describe('a healthy network', () => {
  test.each([0, 1, 17, 1000, 50_000])('a blob of %i bytes reads back equal', async (size) => {
    const { client, run, signer } = await createTestNetwork();
    const blob = bytes(size);
    const result = await run(client.store(blob, { epochs: 3, signer }));
    expect(result.kind).toBe('newlyCreated');
    const read = await run(client.read(result.blobId));
    expect(Buffer.from(read).equals(Buffer.from(blob))).toBe(true);
  });
});
