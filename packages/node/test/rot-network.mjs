/**
 * The process that a test of rot starts: storage nodes in memory that hold everything, and one on the disk, the victim, whose directory was
 * tampered with or is while it runs. It may die at any moment; whoever started it gives its next one the same directory.
 *
 * Everything here follows from constants, so that each such process has the same blobs, keys and ledger.
 */
import { truncateSync, unlinkSync, openSync, readSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes, noMetrics, silentLogger } from '@floe/platform';
import { createMemoryFileSystem, createMemoryStore, createMemoryTransport, seededRng } from '@floe/platform/memory';
import { nodeFileSystem, openLmdbStore, systemClock, systemRng, systemScheduler } from '@floe/platform/node';
import {
  AXES,
  createCommittee,
  encodeBlobMetadata,
  encodeMetadataWithId,
  encodeSliverData,
  geometryOf,
  nodeRequest,
  pairOfShard,
  parseObjectId,
  sliverOfPair,
} from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createInlineCodec } from '@floe/redstuff';
import { SALVAGED_TABLES, StorageNode } from '@floe/node';

const N_SHARDS = 10;
const EPOCH = 5;
/** Node 0 is the victim. */
const SHARDS = [
  [0, 5],
  [1, 6],
  [2, 7],
  [3, 8],
  [4, 9],
];
const SYSTEM_ID = parseObjectId('0x51');
const geometry = geometryOf(N_SHARDS);
const codec = createInlineCodec();
const bls = await createMclBls();
const LIMITS = {
  reserveBytes: 0,
  uploadGraceMs: 0,
  healingRetryMinMs: 50,
  segmentBytes: 24 * 1024,
  challengeIntervalMs: 600_000,
};
const POLL_MS = 20;
const LONGEST_HEALING_MS = 90_000;

const nodeIds = SHARDS.map((_, index) => parseObjectId(`0x${(0xa0 + index).toString(16)}`));
const secretKeys = SHARDS.map((_, index) => new Uint8Array(32).fill(0x21 + index));
const routes = new Map();

const committees = {
  current: createCommittee({
    epoch: EPOCH,
    nShards: N_SHARDS,
    members: SHARDS.map((shards, index) => ({
      nodeId: nodeIds[index],
      name: `node-${index}`,
      networkAddress: `127.0.0.1:${9000 + index}`,
      publicKey: bls.publicKey(secretKeys[index]),
      networkPublicKey: new Uint8Array(33),
      shards,
    })),
  }),
  phase: 'done',
};

/** Of each blob: what is owed of it in the end. */
const blobs = await Promise.all(
  Array.from({ length: 8 }, async (_, number) => {
    const bytes = seededRng(`rotting ${number}`).bytes([1, 700, 3000, 9000][number % 4] + number);
    const encoded = await codec.encode(geometry, bytes);
    return {
      number,
      id: encoded.verified.blobId,
      objectId: parseObjectId(`0x${(0x1000 + number).toString(16)}`),
      endEpoch: 20 + (number % 3),
      isDeleted: number === 6,
      encoded,
    };
  }),
);
const live = blobs.filter(({ isDeleted }) => !isDeleted);

function eventsOf({ id, objectId, endEpoch, isDeleted }) {
  const shared = { epoch: EPOCH, blobId: id, endEpoch, deletable: isDeleted, objectId };
  return [
    { kind: 'BlobRegistered', size: 1n, encodingType: 1, ...shared },
    { kind: 'BlobCertified', isExtension: false, ...shared },
  ];
}

/** A ledger whose history is what was appended. */
function createLedger() {
  const checkpoints = [];
  let wake = () => undefined;
  let more = new Promise((resolve) => (wake = resolve));
  return {
    append(...events) {
      const sequence = BigInt(checkpoints.length);
      const txDigest = `${sequence}`.replaceAll('0', 'z').padStart(43, '1');
      const placed = events.map((event, eventSeq) => ({ txDigest, eventSeq, event }));
      checkpoints.push({ sequence, timestampMs: Number(sequence), events: placed });
      wake();
      more = new Promise((resolve) => (wake = resolve));
    },
    chain: () => Promise.resolve({ chainId: 'chain-one', latestCheckpoint: BigInt(checkpoints.length) - 1n }),
    committees: () => Promise.resolve(committees),
    epochRandomness: () => Promise.resolve(undefined),
    async *followCheckpoints({ from, signal }) {
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      for (let next = from; !signal.aborted;) {
        const checkpoint = checkpoints[Number(next)];
        if (checkpoint === undefined) {
          await Promise.race([more, aborted]);
          continue;
        }
        yield checkpoint;
        next += 1n;
      }
    },
  };
}

async function openNode(index, ledger, { directory, store, fileSystem }) {
  const node = await StorageNode.open(
    {
      directory,
      nodeId: nodeIds[index],
      blsSecretKey: secretKeys[index],
      peerScheme: 'http',
      ledger: { systemObjectId: SYSTEM_ID },
      limits: LIMITS,
    },
    {
      store,
      fileSystem,
      ledgerClient: ledger,
      transport: createMemoryTransport(routes, { scheduler: systemScheduler }),
      codec,
      bls,
      clock: systemClock,
      scheduler: systemScheduler,
      rng: systemRng,
      logger: silentLogger,
      metrics: noMetrics,
    },
  );
  node.finished.catch(() => undefined);
  return node;
}

async function call(node, route, body) {
  const { method, target } = nodeRequest(route);
  const response = await node.handler(new Request(`http://node.test${target}`, { method, body, duplex: 'half' }));
  return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
}

function partsOf(index, blob) {
  const { metadata: hashes } = blob.encoded.verified;
  const metadata = {
    route: { name: 'getMetadata', blobId: blob.id },
    upload: encodeBlobMetadata(hashes),
    bytes: encodeMetadataWithId(blob.id, hashes),
  };
  const slivers = SHARDS[index].flatMap((shard) =>
    AXES.map((axis) => {
      const pair = pairOfShard(geometry, blob.id, shard);
      const bytes = encodeSliverData(blob.encoded.sliver(axis, sliverOfPair(geometry, axis, pair)));
      return { route: { name: 'getSliver', blobId: blob.id, pair, axis }, bytes };
    }),
  );
  return [metadata, ...slivers];
}

/** Sends a node what it owes of all blobs; those it has are left. */
async function fill(index, node) {
  for (const blob of blobs) {
    for (const { route, bytes, upload = bytes } of partsOf(index, blob)) {
      const name = route.name === 'getMetadata' ? 'putMetadata' : 'putSliver';
      // Until the node has heard of the blob.
      for (let tries = 0; ; tries += 1) {
        const { status } = await call(node, { ...route, name, pending: false }, upload);
        if (status === 200 || status === 201) break;
        if (status !== 400 || tries > 1000) throw new Error(`${name} of blob ${blob.number}: ${status}`);
        await pause(POLL_MS);
      }
    }
  }
}

/** How many parts a node lacks of what it owes; a part that is served and not what was stored throws. */
async function lacking(index, node) {
  let missing = 0;
  for (const blob of blobs) {
    for (const { route, bytes } of partsOf(index, blob)) {
      const answer = await call(node, route);
      if (answer.status === 200 && !equalBytes(answer.bytes, bytes)) {
        throw new WrongByte(`blob ${blob.number}: ${route.name} ${route.axis ?? ''} was served with other bytes`);
      }
      if (answer.status === 200 && blob.isDeleted) missing += 1;
      if (answer.status !== 200 && !blob.isDeleted) missing += 1;
    }
  }
  return missing;
}

class WrongByte extends Error {}

async function confirmsAll(node) {
  for (const blob of live) {
    const route = {
      name: 'getConfirmation',
      blobId: blob.id,
      persistence: { kind: 'permanent' },
      waitForRegistration: false,
    };
    const { status } = await call(node, route);
    if (status !== 200) return `blob ${blob.number} is not confirmed: ${status}`;
  }
  return undefined;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function startPeers(ledger) {
  for (const index of SHARDS.keys()) {
    if (index === 0) continue;
    const place = { directory: '/node', store: createMemoryStore(), fileSystem: createMemoryFileSystem() };
    const node = await openNode(index, ledger, place);
    routes.set(`http://127.0.0.1:${9000 + index}`, node.handler);
    await fill(index, node);
  }
}

/** The ledger before anything is deleted, so that everything can be stored. */
const ledger = createLedger();
for (const blob of blobs) ledger.append(...eventsOf(blob));
await startPeers(ledger);

function deleteSome() {
  for (const { id, objectId, endEpoch, isDeleted } of blobs) {
    if (!isDeleted) continue;
    const event = { kind: 'BlobDeleted', epoch: EPOCH, blobId: id, endEpoch, objectId, wasCertified: true };
    ledger.append(event);
  }
}

async function openVictim(directory, mode) {
  const repair = {
    salvage: SALVAGED_TABLES,
    logger: silentLogger,
    ...(mode === 'unchecked' && { checkedAtOpenBytes: 0 }),
  };
  const store = await openLmdbStore({ directory: join(directory, 'db'), repair });
  try {
    return { store, node: await openNode(0, ledger, { directory, store, fileSystem: nodeFileSystem }) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Makes the directory that all cases begin with. */
async function prepare(directory) {
  const { store, node } = await openVictim(directory, 'checked');
  await fill(0, node);
  deleteSome();
  for (let tries = 0; (await lacking(0, node)) > 0; tries += 1) {
    if (tries > 1000) throw new Error('what was deleted is still there');
    await pause(POLL_MS);
  }
  await node.close();
  await store.close();
}

function tamper(directory, { path, kind, at, bits, size }) {
  const file = join(directory, path);
  if (kind === 'delete') return unlinkSync(file);
  if (kind === 'truncate') return truncateSync(file, size);
  const handle = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(handle, byte, 0, 1, at);
  byte[0] ^= bits;
  writeSync(handle, byte, 0, 1, at);
  closeSync(handle);
}

/** Brings the victim back to all that it owes; resolves to how often it had to be opened. */
async function recover(directory, mode, change) {
  const openings = [];
  for (;;) {
    let opened;
    try {
      opened = await openVictim(directory, mode);
    } catch (error) {
      openings.push(`${error.code ?? error}`);
      if (openings.length > 3) throw error;
      continue;
    }
    const { store, node } = opened;
    let damaged;
    node.finished.catch((error) => (damaged = error));
    if (change !== undefined && openings.length === 0) {
      await lacking(0, node);
      tamper(directory, change);
    }
    const untilMs = Date.now() + LONGEST_HEALING_MS;
    let missing = -1;
    let why;
    try {
      while (damaged === undefined && Date.now() < untilMs) {
        missing = await lacking(0, node);
        why = missing > 0 ? `${missing} parts are missing` : await confirmsAll(node);
        // What nobody reads is damage all the same: the database is looked at, too.
        why ??= await store.verify();
        if (why === undefined) break;
        await pause(POLL_MS);
      }
    } catch (error) {
      if (error instanceof WrongByte) throw error;
      why = `${error.code ?? error}`;
    }
    const slivers = why === undefined ? node.status().store.slivers : 0;
    await node.close();
    await store.close();
    if (why === undefined) {
      if (slivers !== live.length * SHARDS[0].length * 2) throw new Error(`${slivers} slivers are held`);
      return openings;
    }
    openings.push(damaged?.code ?? why);
    if (openings.length > 3) throw new Error(`not whole after ${openings.join(', ')}`);
  }
}

let isDeleted = false;
process.on('message', ({ command, directory, mode, change }) => {
  const work = async () => {
    if (command === 'prepare') {
      isDeleted = true;
      return await prepare(directory);
    }
    if (!isDeleted) deleteSome();
    isDeleted = true;
    if (mode !== 'running' && change !== undefined) tamper(directory, change);
    return await recover(directory, mode, mode === 'running' ? change : undefined);
  };
  work().then(
    (openings) => process.send({ openings: openings ?? [] }),
    (error) => process.send({ failure: String(error?.stack ?? error) }),
  );
});
process.send({ ready: true });
