/**
 * Kills the whole network with SIGKILL at random instants, in every stage of concurrent stores. Whatever was reported
 * certified must read back equal, on a kept page cache and on a file system that forgets what was not synced.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreStage } from '@floe/client';
import { connectFloe } from '@floe/client/node';
import { mapConcurrent, type Rng } from '@floe/platform';
import { type BlobId } from '@floe/protocol';
import { createPowerLoss, slowSuite, startDev, temporaryDirectory, type DevProcess } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { expect, it } from 'vitest';

const KILLS = 50;
const MIN_CERTIFIED = 200;
/** Writers, each with a wallet of its own, so that they do not wait for each other's coins. */
const WRITERS = 4;
const STAGES: readonly StoreStage[] = ['encoding', 'checking', 'registering', 'uploading', 'certifying'];
const SHAPE = ['--nodes', '7', '--shards', '21'];
const MAX_BLOB_BYTES = 100_000;
const READS_AT_ONCE = 8;

interface Certified {
  readonly blobId: BlobId;
  readonly sha256: string;
}

interface Place {
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Between a kill and the next start. */
  fail(): Promise<void>;
}

it('loses no certified blob when everything is killed', { timeout: 3_600_000 }, async () => {
  await crashRounds('killed', (directory) => Promise.resolve({ directory, env: {}, fail: () => Promise.resolve() }));
});

it('loses no certified blob when the power fails', { timeout: 3_600_000 }, async () => {
  await crashRounds('power lost', async (directory) => {
    const powerLoss = await createPowerLoss(directory);
    return { directory: join(powerLoss.live, 'network'), env: powerLoss.env, fail: () => powerLoss.fail() };
  });
});

async function crashRounds(name: string, prepare: (directory: string) => Promise<Place>): Promise<void> {
  const suite = slowSuite(name, 1 / 2);
  const home = await temporaryDirectory('crash');
  const place = await prepare(home.path);
  await mkdir(place.directory, { recursive: true });
  const wallets = Array.from({ length: WRITERS }, () => new Ed25519Keypair());
  const certified: Certified[] = [];
  const struck = new Map<string, number>();
  let kills = 0;
  let checked = 0;
  while (kills < KILLS && !suite.spent()) {
    const network = await startDev(place.directory, SHAPE, { env: place.env });
    checked += await checkAll(network, certified.slice(checked));
    const stage = STAGES[kills % STAGES.length] as StoreStage;
    certified.push(...(await storeUntilKilled(network, wallets, stage, suite.rng)));
    struck.set(stage, (struck.get(stage) ?? 0) + 1);
    await place.fail();
    kills += 1;
  }
  const network = await startDev(place.directory, SHAPE, { env: place.env });
  await checkAll(network, certified);
  await network.stop();
  await home.remove();
  const stages = [...struck].map(([stage, count]) => `${stage} ${count}`).join(', ');
  process.stdout.write(
    `${name}: ${kills} kills (${stages}), ${certified.length} blobs certified, all read back equal\n`,
  );
  expect(certified.length).toBeGreaterThan(kills);
  if (suite.full) {
    expect(kills).toBe(KILLS);
    expect(certified.length).toBeGreaterThanOrEqual(MIN_CERTIFIED);
  }
}

/** Every one reads back equal; returns how many there were. */
async function checkAll(network: DevProcess, blobs: readonly Certified[]): Promise<number> {
  const connection = await connect(network);
  await mapConcurrent(blobs, READS_AT_ONCE, async ({ blobId, sha256 }) => {
    const bytes = await connection.client.read(blobId);
    expect(digest(bytes), `blob ${blobId}`).toBe(sha256);
  });
  await connection.close();
  return blobs.length;
}

/**
 * Stores from all writers until the network dies, which it does when, after some blobs, a store has come to `stage`.
 * Returns what was reported certified.
 */
async function storeUntilKilled(
  network: DevProcess,
  wallets: readonly Ed25519Keypair[],
  stage: StoreStage,
  rng: Rng,
): Promise<Certified[]> {
  const connection = await connect(network);
  for (const wallet of wallets) await network.fund(wallet.toSuiAddress());
  const certified: Certified[] = [];
  const dead = new AbortController();
  const wanted = 2 + rng.below(6);
  let kill: Promise<unknown> | undefined;
  const atStage = (reached: StoreStage): void => {
    if (reached !== stage || certified.length < wanted || kill !== undefined) return;
    // A chance in four each time, so that the instant is not always the first of the stage.
    if (rng.below(4) !== 0) return;
    kill = network.stop('SIGKILL');
    void kill.then(() => dead.abort(new Error('the network was killed')));
  };
  await Promise.all(
    wallets.map(async (signer) => {
      while (kill === undefined) {
        const blob = rng.bytes(rng.below(MAX_BLOB_BYTES));
        try {
          const stored = await connection.client.store(blob, {
            epochs: 2,
            signer,
            signal: dead.signal,
            tail: 'cancel',
            onProgress: ({ stage: reached }) => atStage(reached),
          });
          certified.push({ blobId: stored.blobId, sha256: digest(blob) });
        } catch (error) {
          if (kill === undefined) throw error;
        }
      }
    }),
  );
  await kill;
  await connection.close();
  return certified;
}

function connect({ ledger }: DevProcess) {
  return connectFloe({ ledger, nodeUrlScheme: 'http' });
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
