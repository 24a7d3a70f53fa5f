/** Stake through epochs, as a user sees it: it begins to count, earns, is asked for, and comes back with its rewards. */
import { join } from 'node:path';
import { LedgerClient } from '@floe/contracts';
import { systemClock, systemScheduler } from '@floe/platform/node';
import { slowSuite, startDev, temporaryDirectory } from '@floe/testkit';
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createCli, EXIT } from './support/cli.ts';

const suite = slowSuite('stake commands');

interface Listed {
  readonly principal: string;
  readonly rewards: string;
  readonly value: string;
  readonly next: string;
  readonly withdrawEpoch?: number;
}

// Five epochs take longer than any share of a budget.
it.skipIf(!suite.full)('stake earns while its node has shards, and comes back with what it earned', async () => {
  const home = await temporaryDirectory('stake');
  const network = await startDev(join(home.path, '.floe'), [
    '--nodes',
    '4',
    '--shards',
    '8',
    '--epoch-duration',
    '20s',
  ]);
  try {
    const floe = createCli({ cwd: home.path, env: { FLOE_NETWORK: network.directory, HOME: home.path } });
    const ledger = new LedgerClient(network.ledger, { clock: systemClock, scheduler: systemScheduler });
    /** Resolves once that epoch has begun. */
    const epochBegins = async (epoch: number): Promise<void> => {
      const ended = new AbortController();
      for await (const { events } of ledger.followCheckpoints({ from: 0n, signal: ended.signal })) {
        if (events.some(({ event }) => event.kind === 'EpochChangeStart' && event.epoch >= epoch)) break;
      }
      ended.abort();
    };
    const listed = async (): Promise<Listed> => ((await floe.json<Listed[]>(['list-stake'])) as [Listed])[0];

    const made = await floe.json<{ stakeId: string; activationEpoch: number }>(['stake', 'node-01', '1000WAL']);
    // What is paid for storage is what stake earns.
    await writeFile(join(home.path, 'file'), suite.rng.bytes(200_000));
    await floe.ok(['store', 'file', '--epochs', '30']);
    await epochBegins(made.activationEpoch + 2);
    const earning = await listed();
    expect(BigInt(earning.rewards)).toBeGreaterThan(0n);
    expect(BigInt(earning.value)).toBe(BigInt(earning.principal) + BigInt(earning.rewards));

    const asked = await floe.json<{ action: string; withdrawEpoch: number }>(['unstake', made.stakeId]);
    expect(asked).toMatchObject({ action: 'requested', stakeId: made.stakeId, principal: '1000000000000' });
    expect(await listed()).toMatchObject({ state: 'withdrawing', withdrawEpoch: asked.withdrawEpoch });
    const early = await floe.run(['unstake', made.stakeId, '--json']);
    // Under load the epoch may have turned already.
    if (early.code !== EXIT.done) {
      expect(early.code).toBe(EXIT.conflict);
      expect(JSON.parse(early.stderr)).toMatchObject({ error: { code: 'STAKE_NOT_FREE' } });
      await epochBegins(asked.withdrawEpoch);
    }
    const done =
      early.code === EXIT.done
        ? (JSON.parse(early.stdout) as { paid: string })
        : await floe.json<{ paid: string }>(['unstake', made.stakeId]);
    expect(done).toMatchObject({ action: 'withdrawn', principal: '1000000000000' });
    expect(BigInt(done.paid)).toBeGreaterThanOrEqual(BigInt(earning.value));
    expect(await floe.json(['list-stake'])).toEqual([]);
    expect(await floe.json(['committee', '--previous'])).toMatchObject({ committee: 'previous' });
  } finally {
    await network.stop();
    await home.remove();
  }
});
