import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '@floe/platform/node';
import { createMemoryStore } from '@floe/platform/memory';
import { expect, test } from 'vitest';
import { replayJournal } from '../../src/replay.ts';
import { registerBlob } from '../support/blobs.ts';
import { keypair, openWorld, trustingBls } from '../support/world.ts';

test('a chain in LMDB is the chain in memory, and is there again after closing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'floe-ledger-'));
  try {
    const digests = [];
    for (const store of [await openLmdbStore({ directory }), createMemoryStore()]) {
      const world = await openWorld({ store });
      for (let i = 0; i < 3; i += 1) await registerBlob(world, keypair(2), { root: BigInt(i) });
      digests.push(world.ledger.getCheckpoint('latest')!.digest);
      await world.ledger.close();
    }
    expect(digests[0]).toEqual(digests[1]);
    const store = await openLmdbStore({ directory });
    const world = await openWorld({ store });
    expect(world.ledger.getCheckpoint('latest')!.digest).toEqual(digests[0]);
    await registerBlob(world, keypair(2), { root: 9n });
    const replayed = await replayJournal(store, { target: createMemoryStore(), bls: trustingBls });
    expect(replayed.digest).toEqual(world.ledger.getCheckpoint('latest')!.digest);
    await world.ledger.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
