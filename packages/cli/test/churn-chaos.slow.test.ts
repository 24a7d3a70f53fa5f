/**
 * A network of storage nodes in processes of their own whose committee changes in every epoch: nodes join with proofs of their keys, leave,
 * get more stake and less, sleep through two epochs, are killed while shards move, and lose their disks, on a ledger that prunes. Meanwhile
 * clients store and read, some of them with the committees of minutes ago. Every read must succeed for as long as its blob lives, every
 * blob must be gone after, all shards must be in place at the end, and after each epoch an independent computation of committees, shards,
 * stake and rewards must agree with the ledger to the FROST.
 *
 * In full, 50 epochs of 30 s: `npm run test:chaos -- churn` takes half an hour. With a budget below 20 minutes: epochs of 12 s, until it is
 * used up and shards have moved in at least 3 changes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { isFloeError, mapConcurrent } from '@floe/platform';
import { type ObjectId, parseObjectId, type SuiAddress } from '@floe/protocol';
import { ActionLog, type DevProcess, slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureKeypair } from '../src/keys.ts';
import { Churn } from './support/churn/churn.ts';
import { Cluster } from './support/churn/cluster.ts';
import { Outages } from './support/churn/outages.ts';
import { Restaking } from './support/churn/restaking.ts';
import { connectStale, type StaleConnection } from './support/churn/stale-ledger.ts';
import { Accounts, type StakeAccount } from './support/epochs/accounts.ts';
import { createAudit } from './support/epochs/audit.ts';
import { ChainReader, type ChainState, startOf } from './support/epochs/chain.ts';
import { Gate } from './support/epochs/gate.ts';
import { check, type LiveBlob, type Operator, Traffic } from './support/epochs/traffic.ts';

const NODES = 8;
const SHARDS = 40;
/** Nodes that are not there at the beginning. */
const NEWCOMERS = ['node-new-a', 'node-new-b', 'node-new-c'];
const MOST_EPOCHS = 50;
/** Of the committee, with shards that move. */
const FEWEST_CHANGES = 3;
/** The least that a ledger may be told to keep: older checkpoints stay only where blobs that live need their events. */
const KEPT_CHECKPOINTS = 1000;
/** WAL of the account that moves stake, in portions of the faucet. */
const MOVER_PORTIONS = 40;
/** All processes share the machine with whatever else runs on it. */
const PATIENCE = { controlTimeoutMs: 20_000, statusTimeoutMs: 40_000 };
const ENDED_READS = 4;

const suite = slowSuite('churn chaos', 0.75);
/** Of the suite, in seconds. */
const LONG_BUDGET_S = 1200;
const isLong = suite.full || Number(process.env['FLOE_TEST_BUDGET_S']) >= LONG_BUDGET_S;
const epochMs = isLong ? 30_000 : 12_000;
const TIMEOUT_MS = MOST_EPOCHS * epochMs * 3 + 600_000;

let home: Awaited<ReturnType<typeof temporaryDirectory>>;
let dev: DevProcess;
let cluster: Cluster;
const connections: FloeConnection[] = [];
let stale: StaleConnection;
const [storer, mover] = [new Ed25519Keypair(), new Ed25519Keypair()];
/** Every account that can hold WAL. */
let owners: SuiAddress[];

const addressOf = (keys: Ed25519Keypair): SuiAddress => parseObjectId(keys.toSuiAddress());
const actionLog = new ActionLog('churn', suite.seed);
const log = (line: string): void => actionLog.note(line);

async function connect(): Promise<FloeConnection> {
  const connection = await connectFloe({ ledger: dev.ledger, nodeUrlScheme: 'http', workers: 1, limits: PATIENCE });
  connections.push(connection);
  return connection;
}

beforeAll(async () => {
  home = await temporaryDirectory('churn');
  const shape = ['--without-nodes', '--nodes', `${NODES}`, '--shards', `${SHARDS}`, '--epoch-duration', `${epochMs}ms`];
  dev = await startDev(home.path, [...shape, '--keep-checkpoints', `${KEPT_CHECKPOINTS}`, '--log-level', 'info']);
  const { ledgerClient } = await connect();
  stale = await connectStale({ ledger: dev.ledger, staleMs: 3 * epochMs, limits: PATIENCE });
  cluster = await Cluster.open(dev, ledgerClient);
  const newcomers = await Promise.all(NEWCOMERS.map((name) => cluster.prepare(name)));
  const services = await Promise.all(
    ['keys/faucet.json', 'keys/gateway.json', 'wallet.json'].map((path) => ensureKeypair(join(home.path, path))),
  );
  const operators = cluster.nodes.map(({ keys }) => keys);
  owners = [storer, mover, ...services, ...operators, ...newcomers].map(addressOf);
  const gateway = services[1] as Ed25519Keypair;
  const movers = Array.from({ length: MOVER_PORTIONS }, () => mover);
  const funded = [storer, storer, storer, storer, gateway, gateway, ...movers, ...newcomers, ...newcomers];
  await Promise.all(funded.map((keys) => dev.fund(addressOf(keys))));
}, TIMEOUT_MS);

afterAll(async () => {
  await stale?.close();
  for (const connection of connections) await connection.close();
  await cluster?.close();
  await dev?.stop();
  if (process.env['FLOE_TEST_KEEP'] === undefined) await home?.remove();
}, TIMEOUT_MS);

describe('a network whose committee changes in every epoch', () => {
  it(
    'loses no read, no blob and no FROST',
    async () => {
      const reader = new ChainReader(dev.ledger);
      const first = await reader.state(owners);
      await reader.transactionsUpTo(first.sequence);
      const [connection] = connections as [FloeConnection];
      const { ledgerClient: ledger } = connection;
      const accounts = new Accounts({ ...startOf(first), stakes: await stakesOf(cluster.nodes, connection) });
      const gate = new Gate();
      const stakeGate = new Gate();
      const operators: Operator[] = [...cluster.nodes];
      const traffic = new Traffic(
        {
          clients: [connection.client, stale.client],
          gatewayUrl: dev.network.gateway.publisherUrl,
          storer,
          stakers: [],
          operators,
          pauseMs: 1_500,
        },
        { ledger, gate, rng: suite.rng },
      );
      const audit = createAudit({ owners }, { reader, accounts, actions: traffic.actions, gates: [gate, stakeGate] });
      const outages = new Outages({ committees: await ledger.committees() }, { cluster, ledger, log });
      const restaking = new Restaking({ mover }, { ledger, gate: stakeGate, rng: suite.rng, actions: traffic.actions });
      const churn = new Churn(
        { newcomers: NEWCOMERS, epochMs },
        {
          cluster,
          outages,
          restaking,
          ledger,
          gate: stakeGate,
          rng: suite.rng,
          actions: traffic.actions,
          operators,
          log,
        },
      );
      let gone = 0;
      let turned = 0;
      traffic.start();
      churn.begin();
      const failures: string[] = [];
      /** What fails is told at the end, with all that went well until then. */
      const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
        try {
          return await work();
        } catch (error) {
          failures.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
          log(failures.at(-1) as string);
          return undefined;
        }
      };
      const over = new AbortController();
      const from = first.sequence + 1n;
      /** One at a time, and never in the way of what happens next. */
      let auditing: Promise<void> | undefined;
      const beginAudit = (): void => {
        auditing ??= attempt('audit', () => audit.run()).then(() => (auditing = undefined));
      };
      const changesThatMoved = (): number => accounts.records.filter(({ moved }) => moved > 0).length;
      const hasHappened = (): boolean => changesThatMoved() >= FEWEST_CHANGES && gone > 0 && accounts.earned > 0n;
      const isEnough = (): boolean => turned >= MOST_EPOCHS || (suite.spent() && hasHappened()) || failures.length > 0;
      await attempt('epochs', async () => {
        for await (const checkpoint of ledger.followCheckpoints({ from, signal: over.signal })) {
          for (const { event } of checkpoint.events) {
            if (event.kind === 'EpochParametersSelected') {
              churn.selected();
              beginAudit();
            }
            if (event.kind === 'EpochChangeStart') churn.changing(event.epoch);
            if (event.kind !== 'EpochChangeDone') continue;
            turned += 1;
            log(`epoch ${event.epoch} is open; ${traffic.summary}, audits ${audit.runs}, gone ${gone}`);
            gone += await expectGone(traffic.takeEnded(event.epoch), connection);
            if (isEnough()) return;
            churn.opened(event.epoch);
          }
        }
      });
      await auditing;
      over.abort();
      log('no more changes');
      await churn.end();
      await traffic.stop();
      const wholeMs = await attempt('end', () => untilWhole(connection));
      await attempt('last audit', () => audit.run());
      const last = await reader.state(owners);
      const finalReads = await attempt('last reads', () => readAll([...traffic.live.values()]));
      const moves = await movesInLogs(cluster);
      const seconds = actionLog.elapsedMs / 1000;
      const result = { traffic, churn, outages, accounts, audits: audit.runs, gone, turned, seconds, last };
      log(report({ ...result, failures, finalReads, moves, wholeMs }));
      actionLog.print();
      expect(failures).toEqual([]);
      expect(traffic.failures).toEqual([]);
      expect(churn.failures).toEqual([]);
      expect(outages.excesses).toEqual([]);
      const reads = traffic.counts.reads + traffic.counts.rangeReads + traffic.counts.gatewayReads;
      expect(traffic.slowReads).toBeLessThanOrEqual(reads / 20);
      expect(gone).toBeGreaterThan(0);
      expect(accounts.earned).toBeGreaterThan(0n);
      expect(changesThatMoved()).toBeGreaterThanOrEqual(FEWEST_CHANGES);
      expect(moves.copied).toBeGreaterThan(0);
      if (!suite.full) return;
      // The stake of the first two epochs decides later ones.
      expect(accounts.records.slice(2).filter(({ moved }) => moved === 0)).toEqual([]);
      expect(Math.max(...accounts.records.map(({ moved }) => moved))).toBeGreaterThanOrEqual(10);
      expect(Math.max(...accounts.records.map(({ affected }) => affected))).toBeGreaterThanOrEqual(NODES);
    },
    TIMEOUT_MS,
  );
});

/** The first stakes of the operators, with which their nodes can leave. */
async function stakesOf(
  nodes: readonly Operator[],
  { ledgerClient }: FloeConnection,
): Promise<Map<ObjectId, StakeAccount>> {
  const stakes = new Map<ObjectId, StakeAccount>();
  for (const { keys } of nodes) {
    for await (const { id, nodeId, principal, activationEpoch } of ledgerClient.ownedStakes(addressOf(keys))) {
      stakes.set(id, { nodeId, principal, activation: activationEpoch, withdrawEpoch: undefined });
    }
  }
  return stakes;
}

/** Blobs that have ended are gone: nobody serves what it takes to read them. */
async function expectGone(ended: readonly LiveBlob[], { client }: FloeConnection): Promise<number> {
  const asked = ended.slice(0, ENDED_READS);
  await mapConcurrent(asked, ENDED_READS, async ({ blobId, endEpoch }) => {
    const outcome = await client.read(blobId).then(
      () => 'it was read',
      (error: unknown) => (isFloeError(error) ? error.code : String(error)),
    );
    const isGone = ['BLOB_NOT_FOUND', 'METADATA_UNAVAILABLE', 'SLIVERS_UNAVAILABLE'].includes(outcome);
    expect(isGone, `blob ${blobId} of end epoch ${endEpoch}: ${outcome}`).toBe(true);
  });
  return asked.length;
}

/** Until every node holds everything that the last committee assigns to it. */
async function untilWhole({ client }: FloeConnection): Promise<number> {
  const fromMs = performance.now();
  for (;;) {
    const { belowTarget, unknownShards, nodes } = await client.redundancy();
    const elapsedMs = performance.now() - fromMs;
    if (belowTarget === 0 && unknownShards === 0) return elapsedMs;
    if (elapsedMs > 300_000) throw new Error(`still ${belowTarget} blobs below target: ${JSON.stringify(nodes)}`);
    await pause(1_000);
  }
}

/** Every blob that lives, by a client that knows nothing yet. */
async function readAll(blobs: readonly LiveBlob[]): Promise<number> {
  const { client, ledgerClient } = await connect();
  let reads = 0;
  for (const blob of blobs) {
    const { epoch } = await ledgerClient.epochSchedule({ fresh: true });
    if (epoch + 1 >= blob.endEpoch) continue;
    check(blob, await client.read(blob.blobId));
    reads += 1;
  }
  return reads;
}

interface Moves {
  readonly copied: number;
  readonly recovered: number;
  readonly dropped: number;
  readonly stopped: number;
}

/** What the nodes say that they did. */
async function movesInLogs({ nodes }: Cluster): Promise<Moves> {
  const moves = { copied: 0, recovered: 0, dropped: 0, stopped: 0 };
  for (const node of nodes) {
    const text = await readFile(join(node.home, 'node.log'), 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      if (line.includes('a shard was taken over')) moves[line.includes('"copied":true') ? 'copied' : 'recovered'] += 1;
      if (line.includes('shards that left were removed')) moves.dropped += 1;
      if (line.includes('cannot follow its ledger')) moves.stopped += 1;
    }
  }
  return moves;
}

function report(run: {
  readonly accounts: Accounts;
  readonly traffic: Traffic;
  readonly churn: Churn;
  readonly outages: Outages;
  readonly audits: number;
  readonly gone: number;
  readonly turned: number;
  readonly seconds: number;
  readonly last: ChainState;
  readonly failures: readonly string[];
  readonly finalReads: number | undefined;
  readonly moves: Moves;
  readonly wholeMs: number | undefined;
}): string {
  const { accounts, traffic, churn, outages, moves } = run;
  const { counts, failures } = traffic;
  const failed = run.failures.length + failures.length + churn.failures.length;
  const { records } = accounts;
  const whole = outages.wholeAfterMs.toSorted((a, b) => a - b);
  const secondsOf = (ms: number | undefined) => ((ms ?? 0) / 1000).toFixed(1);
  const lines = [
    '',
    `churn: ${run.turned} epochs of ${epochMs / 1000} s in ${run.seconds.toFixed(0)} s, ${NODES} to ${NODES + NEWCOMERS.length} nodes, ${SHARDS} shards, ledger keeps ${KEPT_CHECKPOINTS} checkpoints, seed ${suite.seed}`,
    `committees: ${JSON.stringify(churn.counts)}`,
    `shards moved: ${records.reduce((sum, { moved }) => sum + moved, 0)} in ${records.length} changes (${records.map(({ moved }) => moved).join(' ')}); nodes affected at once: at most ${Math.max(...records.map(({ affected }) => affected))}`,
    `nodes say: shards copied ${moves.copied}, recovered ${moves.recovered}; removals of shards that left ${moves.dropped}; nodes that stopped by themselves ${moves.stopped}`,
    `faults: ${JSON.stringify(outages.counts)}; killed while shards moved ${churn.counts.midTransfer}; whole again after a median of ${secondsOf(whole[Math.floor(whole.length / 2)])} s, at most ${secondsOf(whole.at(-1))} s; more than f shards out: ${outages.excesses.length}`,
    `stores ${counts.stores}, through the gateway ${counts.gatewayStores}, extensions ${counts.extensions}; repeated because nodes were too slow: ${traffic.repeatedStores}`,
    `reads ${counts.reads}, of ranges ${counts.rangeReads}, through the gateway ${counts.gatewayReads}, at the end ${run.finalReads ?? 'none'}; failed ${failures.filter(({ who }) => who.includes('reader')).length}; repeated because they took too long: ${traffic.slowReads}; ended while read ${traffic.endedWhileRead}`,
    `blobs that ended and were gone when asked for: ${run.gone}; everything whole ${secondsOf(run.wholeMs)} s after the last change`,
    `staking and votes: ${JSON.stringify(accounts.counts)}; refused because the epoch had turned: ${traffic.refused + churn.refused}`,
    `rewards and commission paid out: ${accounts.earned} FROST; WAL in existence: ${run.last.supply} FROST, all of it found`,
    `audits in which every committee, pool, price, reservation and reward agreed: ${run.audits}; failures of any kind: ${failed}`,
    '',
  ];
  return lines.join('\n');
}
