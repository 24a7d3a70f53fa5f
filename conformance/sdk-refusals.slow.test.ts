/** Errors of the official SDK that need a network of their own: a deny list on every node, and epochs that turn. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '@floe/testkit';
import { BehindCurrentEpochError, BlobBlockedError } from '@mysten/walrus';
import type { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, same, sampleBytes, startNetwork } from './network.ts';

const EPOCH_MS = 20_000;
const PATIENCE_MS = 180_000;

let network: ConformanceNetwork;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let denyList: string;
let signer: Ed25519Keypair;

beforeAll(async () => {
  directory = await temporaryDirectory('refusals');
  denyList = join(directory.path, 'deny-list.yaml');
  await writeFile(denyList, '[]\n');
  network = await startNetwork(['--deny-list', denyList, '--epoch-duration', `${EPOCH_MS / 1000}s`]);
  signer = await network.fundedKey();
});

afterAll(async () => {
  await network.close();
  await directory.remove();
});

/** Asks again, each time after the last answer, until the answer suits. */
async function until<T>(what: string, ask: () => Promise<T>, suits: (answer: T) => boolean): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (suits(answer)) return answer;
    if (performance.now() > end) throw new Error(`no ${what} within ${PATIENCE_MS} ms, but ${String(answer)}`);
  }
}

/** What a promise came to. */
const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error: unknown) => error,
  );

/** Stores with the SDK; again when an epoch began on the way, after which what was signed in the old one counts for nothing. */
async function store(blob: Uint8Array): Promise<string> {
  const write = () =>
    network
      .sdk()
      .walrus.writeBlob({ blob, deletable: false, epochs: 30, signer })
      .catch((error: unknown) => error);
  const written = await until('stored blob', write, (answer) => !(answer instanceof Error));
  return (written as { readonly blobId: string }).blobId;
}

describe('the official SDK', () => {
  it('says that a blob is blocked when nodes deny it, and reads it again when they do not', async () => {
    const bytes = sampleBytes(5000, 1);
    const blobId = await store(bytes);
    const read = () => outcome(network.sdk().walrus.readBlob({ blobId }));
    expect(await read()).toBe('success');
    await writeFile(denyList, `- ${blobId} # by order\n`);
    await until('refusal', read, (answer) => answer instanceof BlobBlockedError);
    expect(await outcome(network.sdk().walrus.getBlobMetadata({ blobId }))).toBeInstanceOf(BlobBlockedError);
    expect(await outcome(network.sdk().walrus.getSlivers({ blobId }))).toBeInstanceOf(BlobBlockedError);
    // Our client says the same, and nobody takes the blob either.
    await expect(network.floe.client.read(blobId as never)).rejects.toMatchObject({ code: 'BLOB_FORBIDDEN' });
    await writeFile(denyList, '[]\n');
    await until('reading', read, (answer) => answer === 'success');
    expect(same(await network.sdk().walrus.readBlob({ blobId }), bytes)).toBe(true);
  });

  it('says that it is behind, when it looked while an epoch began and the blob is of the next', async () => {
    // A client keeps the state that it saw first; this one saw a committee that had not taken its shards over yet.
    const seen = await until(
      'change of epoch',
      async () => {
        const client = network.sdk();
        return { client, state: await client.walrus.stakingState() };
      },
      ({ state }) => state.epoch_state.$kind === 'EpochChangeSync',
    );
    await until(
      'next epoch',
      () => network.sdk().walrus.stakingState(),
      (state) => state.epoch > seen.state.epoch && state.epoch_state.$kind !== 'EpochChangeSync',
    );
    const blob = sampleBytes(3000, 2);
    const blobId = await store(blob);
    expect(await outcome(seen.client.walrus.getBlobMetadata({ blobId }))).toBeInstanceOf(BehindCurrentEpochError);
    // It keeps that answer (conformance/README.md); a client that has not looked yet reads.
    expect(await outcome(seen.client.walrus.readBlob({ blobId }))).toBeInstanceOf(BehindCurrentEpochError);
    expect(same(await network.sdk().walrus.readBlob({ blobId }), blob)).toBe(true);
  });
});
