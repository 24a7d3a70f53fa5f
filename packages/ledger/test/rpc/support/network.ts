/** A real ledger behind real sockets: a chain of four nodes in memory, its RPC service and its faucet. */
import { createMemoryStore } from '@floe/platform/memory';
import { serveHttp, systemClock } from '@floe/platform/node';
import { type Bls, createNobleBls, parseObjectId } from '@floe/protocol';
import { SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { WalrusClient } from '@mysten/walrus';
import { createGenesis } from '../../../src/genesis.ts';
import { Ledger } from '../../../src/ledger.ts';
import { createCheckpointSigner, createSignatureVerifier, serveLedger } from '../../../src/node/index.ts';
import { createFaucetHandler } from '../../../src/rpc/faucet/handler.ts';

const NODES = 4;
const MIB = 1024 * 1024;

export interface TestNetwork {
  readonly ledger: Ledger;
  readonly url: string;
  readonly faucetUrl: string;
  readonly bls: Bls;
  /** By node in the order of genesis. */
  readonly nodeKeys: readonly Uint8Array[];
  readonly nodeIds: readonly string[];
  readonly walType: string;
  client(format?: 'text' | 'binary'): SuiGrpcClient;
  walrus(client: SuiGrpcClient): WalrusClient;
  /** A new key with SUI and WAL from the faucet. */
  wallet(seed: number): Promise<Ed25519Keypair>;
  close(): Promise<void>;
}

export async function startNetwork(
  options: { faucetSui?: bigint; faucetWal?: bigint; ownThread?: boolean } = {},
): Promise<TestNetwork> {
  const bls = createNobleBls();
  const nodeKeys = Array.from({ length: NODES }, (_, i) => new Uint8Array(32).fill(i + 1));
  const faucetKey = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(99));
  const signer = createCheckpointSigner(new Uint8Array(32).fill(42));
  const address = parseObjectId(faucetKey.toSuiAddress());
  const genesis = createGenesis(
    {
      nShards: 10,
      epochDurationMs: 86_400_000,
      capacity: BigInt(1000 * MIB),
      startTimestampMs: 1_700_000_000_000,
      seed: Uint8Array.of(1),
      nodes: nodeKeys.map((key, i) => ({
        name: `node-${i}`,
        networkAddress: `127.0.0.1:${9000 + i}`,
        blsPublicKey: bls.publicKey(key),
        networkPublicKey: Uint8Array.of(2, ...new Uint8Array(32).fill(i + 1)),
        address: parseObjectId(`0x${(i + 1).toString(16)}`),
      })),
      faucet: { address },
      ledgerPublicKey: signer.publicKey,
    },
    { bls },
  );
  const signatures = createSignatureVerifier();
  const modules = { store: createMemoryStore(), clock: systemClock, bls, signatures, signer };
  const ledger = await Ledger.open({ genesis }, modules);
  const listen = { host: '127.0.0.1', port: 0 };
  const rpc = await serveLedger(ledger, { ...listen, ownThread: options.ownThread });
  const amounts = { sui: options.faucetSui, wal: options.faucetWal };
  const faucet = await serveHttp(createFaucetHandler(amounts, { ledger, signer: faucetKey }), listen);
  const client = (format: 'text' | 'binary' = 'binary') =>
    new SuiGrpcClient({ network: 'testnet', baseUrl: rpc.url, format });
  const { systemObjectId, stakingObjectId } = ledger.chain;
  return {
    ledger,
    url: rpc.url,
    faucetUrl: faucet.url,
    bls,
    nodeKeys,
    nodeIds: genesis.nodes.map(({ nodeId }) => nodeId),
    walType: `${ledger.chain.addresses.wal}::wal::WAL`,
    client,
    walrus: (suiClient) =>
      new WalrusClient({ suiClient, packageConfig: { systemObjectId, stakingPoolId: stakingObjectId } }),
    async wallet(seed) {
      const key = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(seed));
      const body = JSON.stringify({ address: key.toSuiAddress() });
      const response = await fetch(faucet.url, { method: 'POST', body });
      if (!response.ok) throw new Error(await response.text());
      return key;
    },
    async close() {
      await ledger.close();
      await Promise.all([rpc.close(0), faucet.close(0)]);
    },
  };
}
