/** Random stores, each quoted first: what is charged must be what was quoted, to the FROST and to the MIST. */
import type { StoreQuote } from '@floe/client';
import { buySpace, deleteBlobs } from '@floe/contracts';
import type { Rng } from '@floe/platform';
import type { Epoch, ObjectId, VerifiedMetadata } from '@floe/protocol';
import { Transaction } from '@mysten/sui/transactions';
import { expect } from 'vitest';
import type { QuoteWorld } from './quote-world.ts';

/** What happened, by kind of operation; a run that never reuses anything proves little. */
export type Tally = Map<string, number>;

/** One random case in a world that the cases before it have left. */
export async function quotedCase(world: QuoteWorld, rng: Rng, tally: Tally): Promise<void> {
  await disturb(world, rng);
  const { client, signer, payer } = world;
  // Now and then a store that did not come to its end is tried again.
  const [interrupted] = rng.below(3) === 0 ? takeInterrupted(rng) : [];
  const others = await randomBlobs(world, rng);
  const blobs = interrupted === undefined ? others : [interrupted, ...others.slice(1)];
  const deletable = interrupted !== undefined && rng.below(5) > 0 ? interrupted.deletable : rng.below(3) > 0;
  const options = { epochs: 1 + rng.below(7), deletable, force: rng.below(10) === 0 };
  const quote = await client.quoteStores(
    blobs.map(({ verified }) => verified),
    { ...options, payer },
  );
  expect(quote.gasNote).toBeUndefined();
  const before = await world.balances();
  const maxCost = quote.blobs.map(({ total }) => total);
  for (const [i, { bytes }] of blobs.entries()) {
    const result = await client.store(bytes, { ...options, signer, maxCost: maxCost[i] });
    const quoted = quote.blobs[i] as StoreQuote['blobs'][number];
    const kind = result.kind === 'newlyCreated' ? result.operation.kind : result.kind;
    tally.set(kind, (tally.get(kind) ?? 0) + 1);
    expect([kind, result.endEpoch, result.kind === 'newlyCreated' ? result.cost : 0n]).toEqual([
      quoted.operation.kind,
      quoted.endEpoch,
      quoted.total,
    ]);
  }
  const after = await world.balances();
  expect({ wal: before.wal - after.wal, sui: before.sui - after.sui }).toEqual({ wal: quote.total, sui: quote.gas });
}

interface TestBlob {
  readonly bytes: Uint8Array;
  readonly verified: VerifiedMetadata;
}

const known: Uint8Array[] = [];

/** Stores that registered and went no further. */
const interruptedStores: (TestBlob & { readonly deletable: boolean })[] = [];

function takeInterrupted(rng: Rng): typeof interruptedStores {
  return interruptedStores.splice(rng.below(Math.max(1, interruptedStores.length)), 1);
}

/** A store that ends once the blob is registered, as when its process ends there. */
async function interruptStore({ client, signer }: QuoteWorld, rng: Rng): Promise<void> {
  const bytes = rng.bytes(1 + rng.below(100_000));
  const deletable = rng.below(3) > 0;
  const stop = new AbortController();
  const reason = new Error('interrupted');
  const onProgress = ({ stage }: { readonly stage: string }) => {
    if (stage === 'uploading') stop.abort(reason);
  };
  const storing = client.store(bytes, { epochs: 1 + rng.below(5), deletable, signer, signal: stop.signal, onProgress });
  await expect(storing).rejects.toBe(reason);
  interruptedStores.push({ bytes, verified: await client.metadataOf(bytes), deletable });
  if (interruptedStores.length > 5) interruptedStores.shift();
}

/** One to three blobs, some of them stored before, some twice in a row. */
async function randomBlobs({ client }: QuoteWorld, rng: Rng): Promise<TestBlob[]> {
  const blobs: TestBlob[] = [];
  const count = rng.below(3) === 0 ? 1 + rng.below(3) : 1;
  for (let i = 0; i < count; i += 1) {
    const again = known.length > 0 && rng.below(4) === 0;
    // From one byte to the largest there is, as many small ones as large.
    const size = Math.min(1_800_000, Math.floor(2 ** (rng.below(2070) / 100)));
    const bytes = again ? (known[rng.below(known.length)] as Uint8Array) : rng.bytes(rng.below(20) === 0 ? 0 : size);
    if (!again) known.push(bytes);
    if (known.length > 20) known.shift();
    blobs.push({ bytes, verified: await client.metadataOf(bytes) });
  }
  return blobs;
}

/** Prices, epoch, coins and space change between the cases. */
async function disturb(world: QuoteWorld, rng: Rng): Promise<void> {
  if (rng.below(5) === 0) await interruptStore(world, rng);
  switch (rng.below(8)) {
    case 0:
      return world.setPrices(BigInt(rng.below(500_000)), BigInt(rng.below(100_000)));
    case 1:
      return rng.below(3) === 0 ? world.turnEpoch() : undefined;
    case 2:
      return world.scatterCoins(rng.below(5), rng.below(5));
    case 3:
      return buySomeSpace(world, rng);
    case 4:
    case 5:
      return deleteSome(world, rng);
    default:
  }
}

async function buySomeSpace(world: QuoteWorld, rng: Rng): Promise<void> {
  const system = await world.ledger.systemState({ fresh: true });
  const startEpoch = (system.epoch + (rng.below(4) === 0 ? 1 : 0)) as Epoch;
  const endEpoch = (startEpoch + 1 + rng.below(8)) as Epoch;
  const transaction = new Transaction();
  const sizeBytes = 6_940 + rng.below(4_000_000);
  buySpace(transaction, system, { sizeBytes, startEpoch, endEpoch, owner: world.payer });
  await world.execute(transaction);
}

/** Deleting leaves space, most often of exactly one blob. */
async function deleteSome(world: QuoteWorld, rng: Rng): Promise<void> {
  const system = await world.ledger.systemState({ fresh: true });
  const deletable: ObjectId[] = [];
  for await (const blob of world.client.listBlobs(world.payer)) {
    if (blob.deletable && blob.endEpoch > system.epoch) deletable.push(blob.objectId);
  }
  const chosen = deletable.filter(() => rng.below(3) === 0).slice(0, 5);
  if (chosen.length === 0) return;
  const transaction = new Transaction();
  deleteBlobs(transaction, system, { blobObjectIds: chosen, owner: world.payer });
  await world.execute(transaction);
}
