/** The official SDK on the largest committee: 100 nodes with 1,000 shards. */
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConformanceNetwork, startNetwork } from './network.ts';
import { recordCalls, scenarioContext } from './scenario-context.ts';
import { type ScenarioContext, scenarios } from './sdk-scenarios.ts';

let network: ConformanceNetwork;
let context: ScenarioContext;

beforeAll(async () => {
  network = await startNetwork(['--nodes', '100', '--shards', '1000']);
  context = await scenarioContext(network, recordCalls());
});

afterAll(() => network.close());

describe('the official SDK with 100 nodes and 1,000 shards', () => {
  it.each(Object.entries(scenarios))('%s', async (_name, run) => run(context));

  // One connection of each node to each other takes 20,000, as many as a process may have: then clients are cut.
  it.runIf(process.platform === 'linux')('does not come near the most files that a process may open', async () => {
    expect((await readdir(`/proc/${network.dev.pid}/fd`)).length).toBeLessThan(8_000);
  });
});
