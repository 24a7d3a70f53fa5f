/** Storage nodes of one committee on a real ledger in the same process, on virtual time. */
import { LedgerClient, type TransactionSource } from '@floe/contracts';
import { createGenesis, createLedgerHandler, type GenesisNodeIds, Ledger } from '@floe/ledger';
import { createCheckpointSigner, createSignatureVerifier } from '@floe/ledger/node';
import { type HttpHandler, type HttpTransport, type Metrics, silentLogger } from '@floe/platform';
import {
  createMemoryFileSystem,
  createMemoryStore,
  createMemoryTransport,
  createVirtualTime,
  type MemoryFileSystem,
  type MemoryStore,
  seededRng,
  type VirtualTime,
} from '@floe/platform/memory';
import { parseObjectId } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createInlineCodec } from '@floe/redstuff';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { type NodeParameters, StorageNode } from '../../src/index.ts';

export const EPOCH_MS = 600_000;
export const NODES = 4;
const START_MS = 1_700_000_000_000;
const SUI = 1_000_000_000n;

/** Committees sign with every change: this one is ten times as fast as the one in JavaScript alone. */
export const bls = await createMclBls();
const codec = createInlineCodec();
export const secretKey = (index: number) => new Uint8Array(32).fill(index + 1);
export const operatorOf = (index: number) => Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(50 + index));

export interface TestNode {
  store: MemoryStore;
  fileSystem: MemoryFileSystem;
  /** Counts of `floe_node_epoch_calls_total` by `call outcome`. */
  readonly calls: Map<string, number>;
  open: StorageNode | undefined;
}

export interface NodeStart {
  readonly parameters?: NodeParameters;
  /** Default: the one that genesis knows. */
  readonly blsSecretKey?: Uint8Array;
  readonly nextBlsSecretKey?: Uint8Array;
  /** Default true. */
  readonly hasOperator?: boolean;
}

export interface EpochNetwork {
  readonly time: VirtualTime;
  readonly ledger: Ledger;
  readonly client: LedgerClient;
  readonly nodes: readonly TestNode[];
  readonly ids: readonly GenesisNodeIds[];
  /** While false, no call reaches the ledger. */
  reachable: boolean;
  start(index: number, options?: NodeStart): Promise<void>;
  stop(index: number): Promise<void>;
  /** Takes a stopped node's disk away. */
  wipe(index: number): void;
  /** Lets time pass in small steps; whatever a step sets off is done before the next. */
  pass(ms: number): Promise<void>;
  /** Reaches the nodes that are up. */
  readonly transport: HttpTransport;
  /** Who is no node, and has everything that is nobody's. */
  readonly someone: Ed25519Keypair;
  /** Lets as little time pass as `work` needs. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Executes for someone who is no node. */
  execute(source: TransactionSource, index?: number): Promise<void>;
  /** Kinds of the events of all checkpoints, with what tells them apart. */
  events(): string[];
  close(): Promise<void>;
}

export async function startEpochNetwork(
  options: { readonly pruning?: { readonly keepCheckpoints: number } } = {},
): Promise<EpochNetwork> {
  const time = createVirtualTime({ startMs: START_MS });
  const signer = createCheckpointSigner(new Uint8Array(32).fill(42));
  const addressOf = (keys: Ed25519Keypair) => parseObjectId(keys.toSuiAddress());
  const someone = operatorOf(NODES);
  const genesis = createGenesis(
    {
      nShards: 10,
      epochDurationMs: EPOCH_MS,
      capacity: 1_000_000_000n,
      startTimestampMs: START_MS,
      seed: Uint8Array.of(1),
      nodes: Array.from({ length: NODES }, (_, i) => ({
        name: `node-${i}`,
        networkAddress: `127.0.0.1:${9000 + i}`,
        blsPublicKey: bls.publicKey(secretKey(i)),
        networkPublicKey: new Uint8Array(33).fill(2),
        address: addressOf(operatorOf(i)),
        shardCount: i < 2 ? 3 : 2,
      })),
      faucet: { address: addressOf(someone) },
      allocations: Array.from({ length: NODES }, (_, i) => ({ address: addressOf(operatorOf(i)), sui: 100n * SUI })),
      ledgerPublicKey: signer.publicKey,
    },
    { bls },
  );
  const ledger = await Ledger.open(
    { genesis, ...options },
    { store: createMemoryStore(), clock: time, bls, signatures: createSignatureVerifier(), signer },
  );
  const handler = createLedgerHandler(ledger);
  let inFlight = 0;
  const network = { reachable: true };
  const fetchLedger: typeof fetch = async (input, init) => {
    if (!network.reachable) throw new TypeError('fetch failed');
    inFlight += 1;
    try {
      const response = await handler(new Request(input, init));
      if (!network.reachable) throw new TypeError('fetch failed');
      return response;
    } finally {
      inFlight -= 1;
    }
  };
  const { systemObjectId, stakingObjectId } = ledger.chain;
  const config = { url: 'http://ledger.test', systemObjectId, stakingObjectId };
  const connect = () => new LedgerClient(config, { fetch: fetchLedger, clock: time, scheduler: time });
  const client = connect();
  const nodes: TestNode[] = Array.from({ length: NODES }, () => ({
    store: createMemoryStore(),
    fileSystem: createMemoryFileSystem(),
    calls: new Map(),
    open: undefined,
  }));

  const routes = new Map<string, HttpHandler>();

  /** Until nothing is under way: no call for some turns of the loop in a row. */
  const settle = async () => {
    for (let quiet = 0; quiet < 20; quiet = inFlight === 0 ? quiet + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return Object.assign(network, {
    time,
    ledger,
    client,
    nodes,
    ids: genesis.nodes,
    transport: createMemoryTransport(routes, { scheduler: time }),
    someone,
    async during<T>(work: Promise<T>): Promise<T> {
      let isOver = false;
      const over = (): void => void (isOver = true);
      work.then(over, over);
      while (!isOver) {
        await settle();
        await time.advance(10);
      }
      return await work;
    },
    wipe(index: number) {
      Object.assign(nodes[index] as TestNode, { store: createMemoryStore(), fileSystem: createMemoryFileSystem() });
    },
    async start(index: number, options: NodeStart = {}) {
      const node = nodes[index] as TestNode;
      const { nodeId } = genesis.nodes[index] as GenesisNodeIds;
      const ledgerClient = connect();
      const opening = StorageNode.open(
        {
          peerScheme: 'http',
          directory: '/node',
          nodeId,
          blsSecretKey: options.blsSecretKey ?? secretKey(index),
          nextBlsSecretKey: options.nextBlsSecretKey,
          ledger: { systemObjectId },
          // Storage challenges, which are not what these networks are about, would be most of what happens in an epoch.
          limits: { reserveBytes: 0, challengeIntervalMs: 100 * EPOCH_MS },
          parameters: options.parameters,
        },
        {
          store: node.store,
          fileSystem: node.fileSystem,
          ledgerClient,
          transport: createMemoryTransport(routes, { scheduler: time }),
          codec,
          bls,
          clock: time,
          scheduler: time,
          rng: seededRng(`node ${index}`),
          ...(options.hasOperator === false ? {} : { operator: { signer: operatorOf(index), ledger: ledgerClient } }),
          logger: silentLogger,
          metrics: countingMetrics(node.calls),
        },
      );
      node.open = await opening;
      routes.set(`http://127.0.0.1:${9000 + index}`, node.open.handler);
      await settle();
    },
    async stop(index: number) {
      const node = nodes[index] as TestNode;
      routes.delete(`http://127.0.0.1:${9000 + index}`);
      await node.open?.close();
      node.open = undefined;
    },
    async pass(ms: number) {
      // Shorter than a request may take, so that none that is under way runs out of time.
      const stepMs = 5_000;
      for (let left = ms; left > 0; left -= stepMs) {
        await time.advance(Math.min(stepMs, left));
        await settle();
      }
    },
    async execute(source: TransactionSource, index = NODES) {
      await client.execute(source, operatorOf(index));
      await settle();
    },
    events() {
      const kinds: string[] = [];
      for (let next = 0n; ;) {
        const page = ledger.listCheckpoints(next, 100);
        if (page.length === 0) return kinds;
        next += BigInt(page.length);
        for (const { transactions } of page) {
          for (const { digest } of transactions) {
            const events = ledger.getTransaction(digest)?.events ?? [];
            kinds.push(...events.map(({ type }) => type.split('::').at(-1) ?? ''));
          }
        }
      }
    },
    async close() {
      for (const node of nodes) await node.open?.close();
      await ledger.close();
    },
  });
}

function countingMetrics(calls: Map<string, number>): Metrics {
  const nothing = { add() {}, set() {}, observe() {} };
  return {
    counter: ({ name }) =>
      name === 'floe_node_epoch_calls_total'
        ? {
            add: (value = 1, labels = {}) => {
              const key = `${labels['call']} ${labels['outcome']}`;
              calls.set(key, (calls.get(key) ?? 0) + value);
            },
          }
        : nothing,
    gauge: () => nothing,
    histogram: () => nothing,
  };
}
