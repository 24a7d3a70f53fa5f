/**
 * A network whose epochs really turn, while it is used by everybody at once: no read of a live blob fails, blobs end
 * when they are due, and every FROST of storage, reward, commission and burning is where the contracts' rules put it,
 * computed anew by `support/epochs/accounts.ts`. In full 20 epochs of 30 s; with a budget shorter ones, as many as fit.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import type { LedgerConfig } from '@floe/contracts';
import { isFloeError, mapConcurrent } from '@floe/platform';
import { systemClock } from '@floe/platform/node';
import { parseObjectId, type SuiAddress } from '@floe/protocol';
import { type DevProcess, slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keypairFromSecret } from '../src/wallet.ts';
import { Accounts } from './support/epochs/accounts.ts';
import { createAudit } from './support/epochs/audit.ts';
import { ChainReader, type ChainState, startOf } from './support/epochs/chain.ts';
import { Gate } from './support/epochs/gate.ts';
import { type LiveBlob, type Operator, Traffic } from './support/epochs/traffic.ts';

const NODES = 13;
const SHARDS = 100;
const MOST_EPOCHS = 20;
const FEWEST_EPOCHS = 5;
const STAKERS = 3;
/** Thirteen nodes share the machine with whatever else runs on it. */
const PATIENCE = { controlTimeoutMs: 20_000, statusTimeoutMs: 40_000 };
/** Ended blobs that are asked for after each change. */
const ENDED_READS = 4;

const suite = slowSuite('epochs', 0.8);
const epochMs = suite.full ? 30_000 : 5_000;
const TIMEOUT_MS = MOST_EPOCHS * epochMs * 2 + 300_000;

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let dev: DevProcess;
let config: LedgerConfig;
const connections: FloeConnection[] = [];
const [storer, ...stakers] = Array.from({ length: STAKERS + 1 }, () => new Ed25519Keypair()) as [
  Ed25519Keypair,
  ...Ed25519Keypair[],
];
let operators: Operator[];
/** Every account that can hold WAL. */
let owners: SuiAddress[];

const addressOf = (keys: Ed25519Keypair): SuiAddress => parseObjectId(keys.toSuiAddress());
const connect = async (): Promise<FloeConnection> => {
  const connection = await connectFloe({ ledger: config, nodeUrlScheme: 'http', workers: 1, limits: PATIENCE });
  connections.push(connection);
  return connection;
};

beforeAll(async () => {
  home = await temporaryDirectory('epochs');
  const shape = ['--nodes', `${NODES}`, '--shards', `${SHARDS}`, '--epoch-duration', `${epochMs}ms`];
  dev = await startDev(home.path, shape);
  config = dev.ledger;
  const { ledgerClient } = await connect();
  await connect();
  operators = await mapConcurrent(dev.network.nodes, 4, async ({ name, nodeId }) => {
    const keys = await readKeys(join('nodes', name, 'operator.json'));
    for await (const cap of ledgerClient.nodeCaps(addressOf(keys))) {
      if (cap.nodeId === nodeId) return { nodeId: cap.nodeId, capId: cap.id, keys };
    }
    throw new Error(`no cap of ${name}`);
  });
  const services = await Promise.all(['keys/faucet.json', 'keys/gateway.json', 'wallet.json'].map(readKeys));
  owners = [storer, ...stakers, ...services, ...operators.map(({ keys }) => keys)].map(addressOf);
  // The faucet gives 10 SUI and 1,000 WAL; stores and extensions are many transactions.
  const funded = [storer, storer, storer, ...stakers, services[1] as Ed25519Keypair];
  await Promise.all(funded.map((keys) => dev.fund(addressOf(keys))));
}, TIMEOUT_MS);

afterAll(async () => {
  for (const connection of connections) await connection.close();
  await dev?.stop();
  await home?.remove();
}, TIMEOUT_MS);

async function readKeys(path: string): Promise<Ed25519Keypair> {
  const { secretKey } = JSON.parse(await readFile(join(home.path, path), 'utf8')) as { secretKey: string };
  return keypairFromSecret(secretKey);
}

/** Blobs that have ended are gone: nobody serves what it takes to read them. */
async function expectGone(ended: readonly LiveBlob[]): Promise<number> {
  const { client } = connections[1] as FloeConnection;
  const asked = ended.slice(0, ENDED_READS);
  for (const { blobId, endEpoch } of asked) {
    const outcome = await client.read(blobId).then(
      () => 'it was read',
      (error: unknown) => (isFloeError(error) ? error.code : String(error)),
    );
    const isGone = ['BLOB_NOT_FOUND', 'METADATA_UNAVAILABLE', 'SLIVERS_UNAVAILABLE'].includes(outcome);
    expect(isGone, `blob ${blobId} of end epoch ${endEpoch}: ${outcome}`).toBe(true);
  }
  return asked.length;
}

describe('a network whose epochs turn', () => {
  it(
    'loses no read and no FROST',
    async () => {
      const reader = new ChainReader(config);
      const first = await reader.state(owners);
      await reader.transactionsUpTo(first.sequence);
      const accounts = new Accounts(startOf(first));
      const assigned = new Map(first.staking.committee.map(({ key, value }) => [key, value]));
      const gate = new Gate();
      const [storing, other] = connections as [FloeConnection, FloeConnection];
      const traffic = new Traffic(
        {
          clients: [storing.client, other.client],
          gatewayUrl: dev.network.gateway.publisherUrl,
          storer,
          stakers,
          operators,
          pauseMs: 1_000,
        },
        { ledger: storing.ledgerClient, gate, rng: suite.rng },
      );
      const audit = createAudit({ owners }, { reader, accounts, actions: traffic.actions, gates: [gate] });
      const startMs = performance.now();
      let gone = 0;
      let turned = 0;
      traffic.start();
      const over = new AbortController();
      const from = first.sequence + 1n;
      follow: for await (const checkpoint of other.ledgerClient.followCheckpoints({ from, signal: over.signal })) {
        for (const { event } of checkpoint.events) {
          // In the middle of an epoch, unless this test itself is too slow to be there in time.
          const isNow = systemClock.nowMs() - checkpoint.timestampMs < epochMs / 4;
          if (event.kind === 'EpochParametersSelected' && isNow) await audit.run();
          if (event.kind !== 'EpochChangeDone') continue;
          turned += 1;
          gone += await expectGone(traffic.takeEnded(event.epoch));
          if (turned >= MOST_EPOCHS || (suite.spent() && turned >= FEWEST_EPOCHS)) break follow;
        }
      }
      over.abort();
      await traffic.stop();
      await audit.run();
      const seconds = (performance.now() - startMs) / 1000;
      const last = await reader.state(owners);
      const moved = last.staking.committee.filter(({ key, value }) => assigned.get(key)?.join() !== value.join());
      process.stdout.write(report({ accounts, traffic, audits: audit.runs, gone, turned, seconds, last }));
      expect(traffic.failures).toEqual([]);
      const reads = traffic.counts.reads + traffic.counts.rangeReads + traffic.counts.gatewayReads;
      expect(traffic.slowReads).toBeLessThanOrEqual(reads / 20);
      expect(moved).toEqual([]);
      expect(accounts.attestations).toBe(NODES);
      expect(gone).toBeGreaterThan(0);
      expect(accounts.earned).toBeGreaterThan(0n);
      // One more may have turned while the last stores ended.
      expect(accounts.records.length).toBeGreaterThanOrEqual(turned);
    },
    TIMEOUT_MS,
  );
});

function report(run: {
  readonly accounts: Accounts;
  readonly traffic: Traffic;
  readonly audits: number;
  readonly gone: number;
  readonly turned: number;
  readonly seconds: number;
  readonly last: ChainState;
}): string {
  const { accounts, traffic, audits, gone, turned, seconds, last } = run;
  const { counts, failures } = traffic;
  const columns = ['epoch', 'pot', 'burned', 'rewards', 'commission', 'left over', 'prices', 'transactions'];
  const rows = accounts.records.map((r) =>
    [
      r.epoch,
      r.pot,
      r.burned,
      r.rewards,
      r.commission,
      r.leftover,
      `${r.storagePrice}/${r.writePrice}`,
      r.transactions,
    ].map(String),
  );
  const table = [columns, ...rows].map((row) => row.map((cell) => cell.padStart(13)).join(' '));
  const lines = [
    '',
    `epochs: ${turned} epochs of ${epochMs / 1000} s in ${seconds.toFixed(0)} s, ${NODES} nodes, ${SHARDS} shards, seed ${suite.seed}`,
    ...table,
    `stores ${counts.stores}, through the gateway ${counts.gatewayStores}, extensions ${counts.extensions}; repeated because nodes were too slow: ${traffic.repeatedStores}`,
    `reads ${counts.reads}, of ranges ${counts.rangeReads}, through the gateway ${counts.gatewayReads}; failed ${failures.filter(({ who }) => who.includes('reader')).length}; repeated because they took too long: ${traffic.slowReads}; ended while read ${traffic.endedWhileRead}`,
    `blobs that ended and were gone when asked for: ${gone}`,
    `staking and votes: ${JSON.stringify(accounts.counts)}; refused because the epoch had turned: ${traffic.refused}`,
    `rewards and commission paid out: ${accounts.earned} FROST; WAL in existence: ${last.supply} FROST, all of it found`,
    `audits in which every pool, price, reservation and reward agreed: ${audits}; failures of any kind: ${failures.length}`,
    '',
  ];
  return lines.join('\n');
}
