/** Every public method of the official SDK, on a network as a user starts it. */
import { WalrusClient } from '@mysten/walrus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, startNetwork } from './network.ts';
import { type RecordedCalls, recordCalls, scenarioContext } from './scenario-context.ts';
import { EXCLUDED, type ScenarioContext, scenarios } from './sdk-scenarios.ts';

let network: ConformanceNetwork;
let context: ScenarioContext;
let calls: RecordedCalls;

beforeAll(async () => {
  network = await startNetwork();
  calls = recordCalls();
  context = await scenarioContext(network, calls);
});

afterAll(() => network.close());

describe('the official SDK', () => {
  it.each(Object.entries(scenarios))('%s', async (_name, run) => run(context));

  it('was called by every public method', () => {
    const named = Object.getOwnPropertyNames(WalrusClient.prototype).filter((name) => name !== 'constructor');
    const methods = [...named, 'readBlob', 'getSecondarySliver'].filter((name) => !(name in EXCLUDED));
    expect(methods.filter((name) => !calls.names.has(name))).toEqual([]);
  });
});
