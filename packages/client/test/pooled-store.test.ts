/** Storing in a storage pool: paid by the pool's owner, kept by its space. */
import { seededRng } from '@floe/platform/memory';
import { type Epoch, parseObjectId } from '@floe/protocol';
import { createMemoryScratchSpace, type Scratch, type ScratchSpace } from '@floe/redstuff';
import { describe, expect, test } from 'vitest';
import { createTestNetwork, type TestNetwork } from './support/network.ts';

const POOL_ID = parseObjectId('0xb001');

async function network(options: Parameters<typeof createTestNetwork>[0] = {}): Promise<TestNetwork> {
  const net = await createTestNetwork({ nShards: 7, nodes: 7, ...options });
  net.ledger.pool = {
    objectId: POOL_ID,
    startEpoch: 7 as Epoch,
    endEpoch: 9 as Epoch,
    capacityBytes: 1n << 40n,
    usedBytes: 0n,
    blobCount: 0n,
    tableId: parseObjectId('0x7ab1e'),
  };
  return net;
}

function bytes(size: number): Uint8Array {
  return seededRng(1).bytes(size);
}

describe('a store in a pool', () => {
  test('pays the write fee once, and what is there already is not stored again', async () => {
    const net = await network();
    const blob = bytes(5_000);
    const before = net.ledger.wal;
    const options = { poolId: POOL_ID, signer: net.signer };
    const first = await net.run(net.client.storeInPool(blob, options));
    expect(first).toMatchObject({ kind: 'newlyCreated', endEpoch: 9, deletable: true });
    expect(await net.run(net.client.read(first.blobId))).toEqual(blob);
    const second = await net.run(net.client.storeInPool(blob, options));
    expect(second).toMatchObject({ kind: 'alreadyCertified', objectId: first.objectId, cost: 0n });
    expect(before - net.ledger.wal).toBe(first.cost);
    await net.run(net.client.close());
  });

  test('keeps its result back while more uploads go on than may', async () => {
    const net = await network({ limits: { maxTails: 0 } });
    for (const node of net.nodes.slice(0, 2)) node.faults.delayMs = 300;
    const { blobId } = await net.run(net.client.storeInPool(bytes(5_000), { poolId: POOL_ID, signer: net.signer }));
    expect(net.nodes.filter((node) => node.held.get(blobId)?.slivers.size === 2)).toHaveLength(7);
  });

  test('lets go of what it took in when it is given up before it begins', async () => {
    const space = createMemoryScratchSpace({ maxBytes: 64 * 1024 * 1024 });
    const opened = new Set<Scratch>();
    const watched: ScratchSpace = {
      async open(sizeBytes, options) {
        const scratch = await space.open(sizeBytes, options);
        const entry: Scratch = {
          write: (offset, data) => scratch.write(offset, data),
          read: (offset, into) => scratch.read(offset, into),
          close: async () => {
            opened.delete(entry);
            await scratch.close();
          },
        };
        opened.add(entry);
        return entry;
      },
      close: () => space.close(),
    };
    const net = await network({ nShards: 40, nodes: 4, scratch: watched });
    async function* stream(): AsyncGenerator<Uint8Array> {
      for (let part = 0; part < 10; part += 1) yield new Uint8Array(1024 * 1024);
    }
    const spooled = await net.client.spool(stream(), { maxBytes: 2e7 });
    expect(opened.size).toBe(1);
    const giveUp = new AbortController();
    const systemState = net.ledger.systemState.bind(net.ledger);
    net.ledger.systemState = async () => {
      giveUp.abort(new Error('given up'));
      return systemState();
    };
    const options = { poolId: POOL_ID, signer: net.signer, signal: giveUp.signal };
    await expect(net.run(net.client.storeInPool(spooled, options))).rejects.toThrow('given up');
    await spooled.close();
    expect(opened.size).toBe(0);
  });
});
