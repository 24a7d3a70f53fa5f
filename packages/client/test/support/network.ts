/** A whole network in memory on virtual time: fake ledger, fake nodes, and a real client on a memory transport. */
import { type HttpHandler, type HttpTransport, shuffled } from '@floe/platform';
import { createMemoryTransport, createVirtualTime, seededRng, type VirtualTime } from '@floe/platform/memory';
import {
  type Bls,
  type Committee,
  type CommitteeMember,
  createCommittee,
  type Epoch,
  parseObjectId,
  type ShardIndex,
} from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { type Codec, createInlineCodec, type ScratchSpace } from '@floe/redstuff';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { type ClientLimits, createFloeClient, type FloeClient } from '../../src/index.ts';
import { FakeLedger } from './fake-ledger.ts';
import { FakeNode } from './fake-node.ts';

export interface TestNetwork {
  readonly client: FloeClient;
  readonly ledger: FakeLedger;
  readonly nodes: readonly FakeNode[];
  readonly committee: Committee;
  readonly signer: Ed25519Keypair;
  readonly time: VirtualTime;
  readonly codec: Codec;
  readonly transport: HttpTransport;
  /** Stops nodes: connections are refused. */
  kill(nodes: Iterable<FakeNode>): void;
  revive(nodes: Iterable<FakeNode>): void;
  /** Serves a node at an address beside its own. */
  serveAt(node: FakeNode, networkAddress: string): void;
  /** Nodes, at random, that hold at most `weight` shards together. */
  someNodes(weight: number): FakeNode[];
  /** Lets virtual time pass until `work` settles; fails after an hour of it. */
  run: <T>(work: Promise<T>) => Promise<T>;
  /** A client with its own memory of the nodes. */
  newClient(limits?: Partial<ClientLimits>): FloeClient;
}

let blsPromise: Promise<Bls> | undefined;

export async function createTestNetwork(
  options: {
    nShards?: number;
    nodes?: number;
    seed?: number;
    limits?: Partial<ClientLimits>;
    scratch?: ScratchSpace;
  } = {},
): Promise<TestNetwork> {
  const { nShards = 10, nodes: count = 5, seed = 1 } = options;
  const bls = await (blsPromise ??= createMclBls());
  const rng = seededRng(seed);
  const time = createVirtualTime({ startMs: 1_700_000_000_000 });
  const secrets = Array.from({ length: count }, () => {
    const secret = rng.bytes(32);
    secret[0] = 1;
    return secret;
  });
  const committee = createCommittee({ epoch: 7 as Epoch, nShards, members: membersOf(nShards, secrets, bls, rng) });
  const ledger = new FakeLedger({ current: committee, phase: 'done' }, bls);
  const codec = createInlineCodec();
  const nodes = committee.members.map(
    (member, i) => new FakeNode(member, secrets[i] as Uint8Array, { ledger, codec, bls, time }),
  );
  const routes = new Map<string, HttpHandler>();
  const originOf = (node: FakeNode) => `http://${node.member.networkAddress}`;
  const revive = (revived: Iterable<FakeNode>) => {
    for (const node of revived) routes.set(originOf(node), node.handler);
  };
  revive(nodes);
  const transport = createMemoryTransport(routes, { scheduler: time });
  const newClient = (limits?: Partial<ClientLimits>): FloeClient =>
    createFloeClient(
      { nodeUrlScheme: 'http', limits: { ...options.limits, ...limits } },
      { transport, codec, bls, ledgerClient: ledger, clock: time, scheduler: time, rng, scratch: options.scratch },
    );
  return {
    client: newClient(),
    ledger,
    nodes,
    committee,
    signer: new Ed25519Keypair(),
    time,
    codec,
    transport,
    kill(killed) {
      for (const node of killed) routes.delete(originOf(node));
    },
    revive,
    serveAt(node, networkAddress) {
      routes.set(`http://${networkAddress}`, node.handler);
    },
    someNodes(weight) {
      const chosen: FakeNode[] = [];
      let left = weight;
      for (const node of shuffled(nodes, rng)) {
        if (node.member.shards.length > left) continue;
        chosen.push(node);
        left -= node.member.shards.length;
      }
      return chosen;
    },
    run: (work) => runOn(time, work),
    newClient,
  };
}

/** Shards dealt round robin, so that weights differ by at most one. */
function membersOf(
  nShards: number,
  secrets: readonly Uint8Array[],
  bls: Bls,
  rng: { bytes(size: number): Uint8Array },
): Omit<CommitteeMember, 'index'>[] {
  return secrets.map((secret, i) => ({
    nodeId: parseObjectId(Buffer.from(rng.bytes(32)).toString('hex')),
    name: `node-${i}`,
    networkAddress: `127.0.0.1:${9000 + i}`,
    publicKey: bls.publicKey(secret),
    networkPublicKey: new Uint8Array(33),
    shards: Array.from({ length: nShards }, (_, shard) => shard as ShardIndex).filter(
      (shard) => shard % secrets.length === i,
    ),
  }));
}

/** Event loop turns that everything ready gets before time passes: web streams take several each. */
const TURNS_PER_STEP = 30;
const MAX_VIRTUAL_MS = 3_600_000;

async function runOn<T>(time: VirtualTime, work: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  work.then(settle, settle);
  const endMs = time.monotonicMs() + MAX_VIRTUAL_MS;
  while (!settled && time.monotonicMs() < endMs) {
    for (let i = 0; i < TURNS_PER_STEP && !settled; i += 1) await turn();
    // Two turns: exactly one sleeper wakes.
    if (!settled) await time.run(turn().then(turn));
  }
  if (!settled) throw new Error(`not settled after ${MAX_VIRTUAL_MS} ms of virtual time`);
  return await work;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
