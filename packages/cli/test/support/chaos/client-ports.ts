/** A client as a writer and as readers of a load. */
import type { FloeConnection } from '@floe/client/node';
import { systemScheduler } from '@floe/platform/node';
import type { BlobId } from '@floe/protocol';
import type { BlobReader, BlobWriter, DevProcess } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';

/** The faucet gives SUI for some hundred stores. */
const STORES_PER_FUNDING = 100;

/** Stores with a wallet of its own, filled from the faucet when it is due. */
export function clientWriter({ client }: FloeConnection, dev: DevProcess, epochs: () => number): BlobWriter {
  const signer = new Ed25519Keypair();
  let stores = 0;
  return {
    name: 'client',
    async store(bytes) {
      if (stores % STORES_PER_FUNDING === 0) await dev.fund(signer.toSuiAddress());
      stores += 1;
      const stored = await client.store(bytes, { epochs: epochs(), signer });
      return { blobId: stored.blobId, endEpoch: 'blobObject' in stored ? stored.blobObject.endEpoch : stored.endEpoch };
    },
  };
}

export function clientReader({ client }: FloeConnection): BlobReader {
  return { name: 'client', read: (blobId, range) => client.read(blobId, { range }) };
}

/** Reads as a stream; ranges too. */
export function streamReader({ client }: FloeConnection): BlobReader {
  return {
    name: 'stream',
    async read(blobId, range) {
      const parts: Uint8Array[] = [];
      for await (const part of client.readStream(blobId, { range })) parts.push(part);
      return Buffer.concat(parts);
    },
  };
}

/** Until the nodes count no certified blob below its target; rejects with the last count after `timeoutMs`. */
export async function untilWhole(
  { client }: FloeConnection,
  timeoutMs: number,
): Promise<{ readonly elapsedMs: number }> {
  const startMs = performance.now();
  for (;;) {
    const { blobs, belowTarget, unknownShards, healing } = await client.redundancy();
    const elapsedMs = performance.now() - startMs;
    if (belowTarget === 0 && unknownShards === 0 && healing === 0) return { elapsedMs };
    if (elapsedMs > timeoutMs) {
      throw new Error(
        `after ${timeoutMs} ms: ${belowTarget} of ${blobs} below target, ${healing} healing, ${unknownShards} shards unknown`,
      );
    }
    await systemScheduler.sleep(1_000);
  }
}

/** Until the node counts none of these blobs as incomplete, while others may come; rejects after `timeoutMs`. */
export async function untilHeld(
  { client }: FloeConnection,
  name: string,
  blobs: ReadonlySet<BlobId>,
  timeoutMs: number,
): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const { nodes } = await client.redundancy();
    const said = nodes.find((node) => node.name === name)?.redundancy;
    const count = said === undefined || 'error' in said ? undefined : said.count;
    const isListed = count !== undefined && count.sample.length === count.incomplete;
    const lacking = count?.sample.filter((blobId) => blobs.has(blobId)).length;
    if (isListed && lacking === 0) return;
    if (performance.now() - startMs > timeoutMs) {
      throw new Error(`after ${timeoutMs} ms ${name} lacks ${lacking ?? 'who knows how many'} of ${blobs.size} blobs`);
    }
    await systemScheduler.sleep(500);
  }
}
