/**
 * A real ledger in memory, a real client on it, and storage nodes that take everything and confirm: what is left of a
 * network when only its costs matter.
 */
import { createFloeClient, type FloeClient } from '@floe/client';
import {
  epochSyncDone,
  initiateEpochChange,
  LedgerClient,
  setNodeVotes,
  type TransactionSource,
  updatePrices,
  votingEnd,
} from '@floe/contracts';
import { createGenesis, createLedgerHandler, Ledger } from '@floe/ledger';
import { createCheckpointSigner, createSignatureVerifier } from '@floe/ledger/node';
import type { Clock, HttpHandler, Rng } from '@floe/platform';
import { createMemoryStore, createMemoryTransport } from '@floe/platform/memory';
import { systemClock, systemScheduler } from '@floe/platform/node';
import {
  type BlobId,
  blobStatusToJson,
  type Bls,
  encodeConfirmation,
  type Epoch,
  type JsonAnswer,
  matchNodeRoute,
  type NodeRoute,
  parseObjectId,
  signedMessageToJson,
  type SuiAddress,
  successAnswer,
} from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createInlineCodec } from '@floe/redstuff';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { coinWithBalance, Transaction } from '@mysten/sui/transactions';

const NODES = 4;
const N_SHARDS = 10;
const START_MS = 1_700_000_000_000;
const EPOCH_MS = 3_600_000;
const COIN = 1_000_000_000n;

export interface QuoteWorld {
  readonly client: FloeClient;
  readonly ledger: LedgerClient;
  readonly signer: Ed25519Keypair;
  readonly payer: SuiAddress;
  readonly walType: string;
  /** Runs a transaction of the payer's. */
  execute(source: TransactionSource): Promise<void>;
  /** All nodes vote for these prices, and they come into force. */
  setPrices(storagePrice: bigint, writePrice: bigint): Promise<void>;
  turnEpoch(): Promise<void>;
  /** Breaks the payer's coins into more of them. */
  scatterCoins(sui: number, wal: number): Promise<void>;
  /** What the payer has. */
  balances(): Promise<{ sui: bigint; wal: bigint }>;
  close(): Promise<void>;
}

export async function openQuoteWorld(rng: Rng): Promise<QuoteWorld> {
  const bls = await createMclBls();
  const nodeKeys = Array.from({ length: NODES }, (_, i) => new Uint8Array(32).fill(i + 1));
  const operators = nodeKeys.map((_key, i) => Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(50 + i)));
  const signer = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(7));
  const payer = parseObjectId(signer.toSuiAddress());
  let nowMs = START_MS;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const ledgerKey = createCheckpointSigner(new Uint8Array(32).fill(42));
  const genesis = createGenesis(
    {
      nShards: N_SHARDS,
      epochDurationMs: EPOCH_MS,
      capacity: 1n << 50n,
      startTimestampMs: START_MS,
      seed: Uint8Array.of(1),
      nodes: nodeKeys.map((key, i) => ({
        name: `node-${i}`,
        networkAddress: `127.0.0.1:${9000 + i}`,
        blsPublicKey: bls.publicKey(key),
        networkPublicKey: Uint8Array.of(2, ...new Uint8Array(32).fill(i + 1)),
        address: addressOf(operators[i] as Ed25519Keypair),
      })),
      faucet: { address: parseObjectId('0xfa') },
      allocations: [
        { address: payer, sui: 1_000_000n * COIN, wal: 1_000_000n * COIN },
        ...operators.map((operator) => ({ address: addressOf(operator), sui: 1_000n * COIN, wal: COIN })),
      ],
      ledgerPublicKey: ledgerKey.publicKey,
    },
    { bls },
  );
  const chain = await Ledger.open(
    { genesis },
    { store: createMemoryStore(), clock, bls, signatures: createSignatureVerifier(), signer: ledgerKey },
  );
  const handler = createLedgerHandler(chain);
  const { systemObjectId, stakingObjectId } = chain.chain;
  const ledger = new LedgerClient(
    { url: 'http://ledger', systemObjectId, stakingObjectId },
    {
      fetch: async (input, init) => handler(new Request(input, init)),
      clock: systemClock,
      scheduler: systemScheduler,
    },
  );
  const statuses = new Map<BlobId, { endEpoch: Epoch }>();
  const routes = new Map(
    nodeKeys.map((key, i) => [`http://127.0.0.1:${9000 + i}`, nodeHandler({ key, bls, ledger, statuses })]),
  );
  const transport = createMemoryTransport(routes, { scheduler: systemScheduler });
  const client = createFloeClient(
    { nodeUrlScheme: 'http' },
    {
      transport,
      codec: createInlineCodec(),
      bls,
      ledgerClient: remembering(ledger, statuses),
      clock: systemClock,
      scheduler: systemScheduler,
      rng,
    },
  );
  const { walType } = await ledger.systemState();
  const system = () => ledger.systemState({ fresh: true });
  const caps = genesis.nodes.map(({ capId }) => capId);
  return {
    client,
    ledger,
    signer,
    payer,
    walType,
    execute: async (source) => void (await ledger.execute(source, signer)),
    async setPrices(storagePrice, writePrice) {
      const target = await system();
      for (const [i, nodeCapId] of caps.entries()) {
        const transaction = new Transaction();
        setNodeVotes(transaction, target, { nodeCapId, votes: { storagePrice, writePrice } });
        updatePrices(transaction, target);
        await ledger.execute(transaction, operators[i] as Ed25519Keypair);
      }
    },
    async turnEpoch() {
      const target = await system();
      const treasuryObjectId = genesis.treasuryObjectId;
      const call = async (keys: Ed25519Keypair, build: (transaction: Transaction) => void) => {
        const transaction = new Transaction();
        build(transaction);
        await ledger.execute(transaction, keys);
      };
      const [first] = operators as [Ed25519Keypair];
      nowMs += EPOCH_MS / 2;
      await call(first, (transaction) => votingEnd(transaction, target));
      nowMs += EPOCH_MS / 2;
      await call(first, (transaction) => initiateEpochChange(transaction, target, { treasuryObjectId }));
      const { epoch } = await system();
      for (const [i, nodeCapId] of caps.entries()) {
        await call(operators[i] as Ed25519Keypair, (tx) => epochSyncDone(tx, target, { nodeCapId, epoch }));
      }
      await ledger.committees({ fresh: true });
    },
    async scatterCoins(sui, wal) {
      const transaction = new Transaction();
      for (let i = 0; i < sui; i += 1) {
        transaction.transferObjects([transaction.splitCoins(transaction.gas, [COIN])], payer);
      }
      for (let i = 0; i < wal; i += 1) {
        transaction.transferObjects([transaction.add(coinWithBalance({ type: walType, balance: COIN }))], payer);
      }
      await ledger.execute(transaction, signer);
    },
    balances: () => ledger.balances(payer),
    async close() {
      await client.close();
      await chain.close();
    },
  };
}

function addressOf(keys: Ed25519Keypair): SuiAddress {
  return parseObjectId(keys.toSuiAddress());
}

/** The ledger client, remembering which permanent blobs are certified, for the nodes to say. */
function remembering(ledger: LedgerClient, statuses: Map<BlobId, { endEpoch: Epoch }>): LedgerClient {
  return new Proxy(ledger, {
    get(target, name) {
      if (name === 'execute') {
        return async (...args: Parameters<LedgerClient['execute']>) => {
          const executed = await target.execute(...args);
          for (const { event } of executed.events) {
            if (event.kind !== 'BlobCertified' || event.deletable) continue;
            const known = statuses.get(event.blobId)?.endEpoch ?? 0;
            if (event.endEpoch > known) statuses.set(event.blobId, { endEpoch: event.endEpoch });
          }
          return executed;
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

interface NodeModules {
  readonly key: Uint8Array;
  readonly bls: Bls;
  readonly ledger: LedgerClient;
  readonly statuses: ReadonlyMap<BlobId, { endEpoch: Epoch }>;
}

function nodeHandler(modules: NodeModules): HttpHandler {
  return async (request) => {
    const match = matchNodeRoute(request.method, request.url);
    if (match.kind === 'refused') return new Response(match.message, { status: match.httpStatus });
    await request.arrayBuffer();
    return answer(match.route, modules);
  };
}

async function answer(route: NodeRoute, { key, bls, ledger, statuses }: NodeModules): Promise<Response> {
  switch (route.name) {
    case 'getCapabilities':
      return new Response('', { status: 404 });
    case 'putMetadata':
      return json(successAnswer('metadata stored', 201));
    case 'putSliver':
      return json(successAnswer('stored', 201));
    case 'getBlobStatus': {
      const known = statuses.get(route.blobId);
      const { epoch } = await ledger.systemState();
      if (known === undefined || known.endEpoch <= epoch) return json(successAnswer('nonexistent'));
      const statusEvent = { txDigest: '1'.repeat(43), eventSeq: '0' };
      const status = blobStatusToJson({
        kind: 'permanent',
        endEpoch: known.endEpoch,
        isCertified: true,
        statusEvent,
        deletableCounts: { total: 0, certified: 0 },
        initialCertifiedEpoch: 1 as Epoch,
      });
      return json(successAnswer(status));
    }
    case 'getConfirmation': {
      const { epoch } = await ledger.systemState();
      const serializedMessage = encodeConfirmation({ epoch, blobId: route.blobId, persistence: route.persistence });
      const signature = bls.sign(key, serializedMessage);
      return json(successAnswer({ signed: signedMessageToJson({ serializedMessage, signature }) }));
    }
    default:
      return new Response('', { status: 404 });
  }
}

function json(answered: JsonAnswer): Response {
  return Response.json(answered.json, { status: answered.httpStatus });
}
