/** What the scenarios need, from a network that runs. */
import type { WalrusClient } from '@mysten/walrus';
import type { ConformanceNetwork } from './network.ts';
import type { OfficialClient, ScenarioContext } from './sdk-scenarios.ts';

/** Names of the SDK's methods that were called. */
export interface RecordedCalls {
  readonly names: Set<string>;
  readonly wrap: (walrus: WalrusClient) => WalrusClient;
}

export function recordCalls(): RecordedCalls {
  const names = new Set<string>();
  const wrap = (walrus: WalrusClient): WalrusClient =>
    new Proxy(walrus, {
      // The methods use private fields: they must see the client itself.
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          names.add(String(name));
          return Reflect.apply(value, target, given);
        };
      },
    });
  return { names, wrap };
}

export async function scenarioContext(network: ConformanceNetwork, calls: RecordedCalls): Promise<ScenarioContext> {
  const { ledger, nShards, nodes } = network.dev.network;
  const { systemObjectId, stakingObjectId, walType } = ledger;
  return {
    sdk: (options) => {
      const client = network.sdk(options);
      const walrus = calls.wrap(client.walrus);
      return new Proxy(client, {
        get: (target, name) => (name === 'walrus' ? walrus : Reflect.get(target, name, target)),
      }) as OfficialClient;
    },
    signer: await network.fundedKey(),
    systemObjectId,
    stakingObjectId,
    walType,
    nShards,
    nodes: nodes.length,
  };
}
