import { LedgerClient, registerBlobs } from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { blobIdOf, parseObjectId } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNetwork, type TestNetwork } from './support/network.ts';

let network: TestNetwork;
let client: LedgerClient;
beforeAll(async () => {
  network = await startNetwork();
  const { systemObjectId, stakingObjectId } = network.ledger.chain;
  const config = { url: network.url, systemObjectId, stakingObjectId };
  client = new LedgerClient(config, { clock: systemClock, scheduler: systemScheduler });
});
afterAll(() => network.close());

describe("Floe's own ledger client against the service", () => {
  it('reads the system and its committee', async () => {
    const system = await client.systemState();
    expect(system).toMatchObject({ epoch: 1, nShards: 10, walType: network.walType });
    const { current } = await client.committees();
    expect(current.members.map(({ nodeId }) => nodeId)).toEqual([...network.nodeIds].sort());
  });

  it('registers a blob, sees its event and follows the chain from genesis across it', async () => {
    const signer = await network.wallet(3);
    const owner = parseObjectId(signer.toSuiAddress());
    const rootHash = new Uint8Array(32).fill(8);
    const blobId = blobIdOf({ rootHash, unencodedLength: 77 });
    const system = await client.systemState();
    const blob = { blobId, rootHash, sizeBytes: 77, encodedSizeBytes: 1_000_000, deletable: false };
    const again = () => {
      const transaction = new Transaction();
      registerBlobs(transaction, system, { blobs: [blob], epochs: 2, owner });
      return transaction;
    };
    const executed = await client.execute(again(), signer);
    expect(executed.events.map(({ event }) => event.kind)).toContain('BlobRegistered');
    const owned: string[] = [];
    for await (const blobObject of client.ownedBlobs(owner)) owned.push(blobObject.blobId);
    expect(owned).toEqual([blobId]);

    const gone = new AbortController();
    const registered: bigint[] = [];
    let next = 0n;
    for await (const record of client.followCheckpoints({ from: 0n, signal: gone.signal })) {
      expect(record.sequence).toBe(next);
      next += 1n;
      if (record.events.some(({ event }) => event.kind === 'BlobRegistered')) registered.push(record.sequence);
      if (next === 3n) {
        // Live from here: listed up to the tip, then subscribed.
        await network.wallet(4);
        await client.execute(again(), signer);
      }
      if (registered.length === 2) break;
    }
    gone.abort();
    expect(registered).toHaveLength(2);
  });
});
