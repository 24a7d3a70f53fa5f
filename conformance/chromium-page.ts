/** What runs in the page of the browser's conformance test: the official SDK as a bundler takes it into an application. */
import { SuiGrpcClient } from '@mysten/sui/grpc';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { walrus } from '@mysten/walrus';
import { type OfficialClient, type ScenarioContext, scenarios } from './sdk-scenarios.ts';

export interface PageNetwork extends Pick<
  ScenarioContext,
  'systemObjectId' | 'stakingObjectId' | 'walType' | 'nShards' | 'nodes'
> {
  readonly ledgerUrl: string;
  readonly wasmUrl: string;
  /** Of a key that has SUI and WAL. */
  readonly secretKey: string;
}

/** Runs one scenario; the error's text, or undefined. */
async function runScenario(name: string, network: PageNetwork): Promise<string | undefined> {
  const { ledgerUrl, wasmUrl, secretKey, ...known } = network;
  const { systemObjectId, stakingObjectId: stakingPoolId } = known;
  const sdk: ScenarioContext['sdk'] = ({ fetch } = {}) =>
    new SuiGrpcClient({ network: 'testnet', baseUrl: ledgerUrl }).$extend(
      walrus({
        packageConfig: { systemObjectId, stakingPoolId },
        storageNodeUrlScheme: 'http',
        storageNodeClientOptions: { timeout: 60_000, ...(fetch && { fetch }) },
        wasmUrl,
      }),
    ) as OfficialClient;
  const run = scenarios[name];
  if (run === undefined) return `there is no scenario ${name}`;
  try {
    await run({ sdk, signer: Ed25519Keypair.fromSecretKey(secretKey), ...known });
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
  }
}

declare global {
  interface Window {
    conformance: { runScenario: typeof runScenario };
  }
}

window.conformance = { runScenario };
