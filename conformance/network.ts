/**
 * A Floe network as a user starts it (`floe dev`), and the two clients that meet on it: the unmodified official SDK,
 * and ours. Defaults of 13 nodes and 100 shards: with ten or fewer nodes the SDK's own read path fails on one missing
 * node, so smaller networks would test the SDK.
 */
import type { LedgerConfig } from '@floe/contracts';
import { connectFloe, type FloeConnection } from '@floe/client/node';
import { equalBytes } from '@floe/platform';
import { type DevProcess, startDev, temporaryDirectory } from '@floe/testkit';
import { SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { walrus } from '@mysten/walrus';

export interface ConformanceNetwork {
  /** The process that runs now. */
  readonly dev: DevProcess;
  /** Ends the process with that signal and starts it again on the same directory. */
  restart(signal: NodeJS.Signals): Promise<void>;
  /** A new client of the official SDK: it caches the network's state for its whole life. */
  sdk(options?: SdkOptions): OfficialClient;
  /** Our client, one for all tests. */
  readonly floe: FloeConnection;
  /** A new key with SUI and WAL from the faucet. */
  fundedKey(): Promise<Ed25519Keypair>;
  close(): Promise<void>;
}

export interface SdkOptions {
  readonly format?: 'text' | 'binary';
  /** What requests to storage nodes go through. */
  readonly fetch?: typeof fetch;
}

export type OfficialClient = ReturnType<typeof officialClient>;

export async function startNetwork(args: readonly string[] = []): Promise<ConformanceNetwork> {
  const directory = await temporaryDirectory('conformance');
  let dev = await startDev(directory.path, args);
  const config: LedgerConfig = dev.ledger;
  const floe = await connectFloe({ ledger: config, nodeUrlScheme: 'http', workers: 1 });
  return {
    get dev() {
      return dev;
    },
    restart: async (signal) => {
      await dev.stop(signal);
      dev = await startDev(directory.path, args);
    },
    floe,
    sdk: (options) => officialClient(config, options),
    fundedKey: async () => {
      const key = new Ed25519Keypair();
      await dev.fund(key.toSuiAddress());
      return key;
    },
    close: async () => {
      await floe.close();
      await dev.stop();
      await directory.remove();
    },
  };
}

function officialClient(config: LedgerConfig, { format, fetch }: SdkOptions = {}) {
  return new SuiGrpcClient({ network: 'testnet', baseUrl: config.url, format }).$extend(
    walrus({
      packageConfig: { systemObjectId: config.systemObjectId, stakingPoolId: config.stakingObjectId },
      storageNodeUrlScheme: 'http',
      storageNodeClientOptions: { timeout: 60_000, ...(fetch && { fetch }) },
    }),
  );
}

/** Bytes that no two calls with different seeds share (xorshift; `size` may be 0). */
export function sampleBytes(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let i = 0; i < size; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Whether both hold the same bytes; the matchers compare arrays item by item, which takes seconds for megabytes. */
export function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a, b);
}
