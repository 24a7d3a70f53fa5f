/**
 * One node in a process: `fill DIR BLOBS` lets it follow a ledger that registers and certifies so many blobs; `start DIR
 * BLOBS` opens it again on the same ledger, asks it for its health over a socket, and prints one line of JSON.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointRecord, ContractEvent } from '@floe/contracts';
import { type NodeLedger, StorageNode } from '@floe/node';
import { noMetrics, silentLogger } from '@floe/platform';
import {
  createUndiciTransport,
  nodeFileSystem,
  openLmdbStore,
  serveHttp,
  systemClock,
  systemRng,
  systemScheduler,
} from '@floe/platform/node';
import {
  blobIdFromBytes,
  type Committees,
  createCommittee,
  type Epoch,
  objectIdFromBytes,
  type NodeId,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createInlineCodec } from '@floe/redstuff';
import type { Started } from './start.ts';

const N_SHARDS = 100;
const BLOBS_PER_CHECKPOINT = 1000;
const EPOCH = 5 as Epoch;
const NODE_ID = parseObjectId('0xa1') as NodeId;
const SYSTEM_ID = parseObjectId('0x5e');
const SECRET_KEY = new Uint8Array(32).fill(0x21);

/** 32 bytes that look like chance and differ for each number: ids come in no order, as hashes do. */
function scattered(number: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  let state = (number * 0x9e37_79b9 + salt * 0x85eb_ca6b) >>> 0;
  for (let offset = 0; offset < 28; offset += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) >>> 0;
    state = (Math.imul(state ^ (state >>> 12), 0x297a_2d39) + offset) >>> 0;
    view.setUint32(offset, state);
  }
  view.setUint32(28, number);
  return bytes;
}

function eventsOf(number: number): ContractEvent[] {
  const blobId = blobIdFromBytes(scattered(number, 1));
  const objectId = objectIdFromBytes(scattered(number, 2));
  const common = {
    epoch: EPOCH,
    blobId,
    endEpoch: (10 + (number % 40)) as Epoch,
    deletable: number % 2 === 0,
    objectId,
  };
  return [
    { kind: 'BlobRegistered', ...common, size: 1000n, encodingType: 1 },
    { kind: 'BlobCertified', ...common, isExtension: false },
  ];
}

function checkpointOf(sequence: number): CheckpointRecord {
  const first = sequence * BLOBS_PER_CHECKPOINT;
  const events = Array.from({ length: BLOBS_PER_CHECKPOINT }, (_, index) => eventsOf(first + index)).flat();
  const txDigest = `${sequence}`.replaceAll('0', 'z').padStart(43, '1');
  return {
    sequence: BigInt(sequence),
    timestampMs: 1000 * sequence,
    events: events.map((event, eventSeq) => ({ txDigest, eventSeq, event })),
  };
}

/** A ledger of so many checkpoints, in whose committee the node does not sit: nothing is to be healed. */
class GeneratedLedger implements NodeLedger {
  readonly #checkpoints: number;
  readonly #committees: Committees;
  #reached: () => void = () => undefined;
  /** Resolves when the follower has handled all of them. */
  readonly followed: Promise<void>;

  constructor(checkpoints: number) {
    this.#checkpoints = checkpoints;
    this.followed = new Promise((resolve) => (this.#reached = resolve));
    const member = {
      nodeId: parseObjectId('0xb2') as NodeId,
      name: 'other',
      networkAddress: '127.0.0.1:1',
      publicKey: new Uint8Array(48),
      networkPublicKey: new Uint8Array(33),
      shards: Array.from({ length: N_SHARDS }, (_, shard) => shard as ShardIndex),
    };
    const current = createCommittee({ epoch: EPOCH, nShards: N_SHARDS, members: [member] });
    this.#committees = { current, phase: 'done' };
  }

  async chain(): Promise<{ chainId: string; latestCheckpoint: bigint }> {
    return { chainId: 'generated', latestCheckpoint: BigInt(this.#checkpoints) - 1n };
  }

  async committees(): Promise<Committees> {
    return this.#committees;
  }

  async epochRandomness(): Promise<undefined> {
    return undefined;
  }

  async *followCheckpoints({ from, signal }: { from: bigint; signal: AbortSignal }): AsyncIterable<CheckpointRecord> {
    for (let next = Number(from); next < this.#checkpoints; next += 1) {
      if (signal.aborted) return;
      yield checkpointOf(next);
    }
    this.#reached();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}

async function openNode(directory: string, ledger: NodeLedger) {
  const store = await openLmdbStore({ directory: join(directory, 'db') });
  const transport = createUndiciTransport();
  const node = await StorageNode.open(
    { directory, nodeId: NODE_ID, blsSecretKey: SECRET_KEY, ledger: { systemObjectId: SYSTEM_ID } },
    {
      store,
      fileSystem: nodeFileSystem,
      ledgerClient: ledger,
      transport,
      codec: createInlineCodec(),
      bls: await createMclBls(),
      clock: systemClock,
      scheduler: systemScheduler,
      rng: systemRng,
      logger: silentLogger,
      metrics: noMetrics,
    },
  );
  const close = async (): Promise<void> => {
    await node.close();
    await transport.close();
    await store.close();
  };
  return { node, close };
}

async function fill(directory: string, ledger: GeneratedLedger): Promise<void> {
  const { node, close } = await openNode(directory, ledger);
  await Promise.race([ledger.followed, node.finished]);
  await close();
}

async function start(directory: string, ledger: GeneratedLedger): Promise<Started> {
  const { node, close } = await openNode(directory, ledger);
  const server = await serveHttp(node.handler, { host: '127.0.0.1', port: 0 });
  const response = await fetch(`${server.url}/v1/health`);
  if (!response.ok) throw new Error(`health answers ${response.status}`);
  const elapsedMs = performance.now();
  const { user, system } = process.cpuUsage();
  const { blobs } = node.status();
  const residentBytes = process.memoryUsage().rss;
  await server.close(0);
  await close();
  const { size: databaseBytes } = await stat(join(directory, 'db', 'data.mdb'));
  return { blobs, elapsedMs, cpuMs: (user + system) / 1000, residentBytes, databaseBytes };
}

const [work, directory = '', count = '0'] = process.argv.slice(2);
const ledger = new GeneratedLedger(Math.ceil(Number(count) / BLOBS_PER_CHECKPOINT));
if (work === 'fill') await fill(directory, ledger);
else process.stdout.write(JSON.stringify(await start(directory, ledger)));
