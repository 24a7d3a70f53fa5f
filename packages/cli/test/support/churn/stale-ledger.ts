/** A ledger as somebody sees it who looks seldom: what was read once is believed for long, unless he is told to look again. */
import type { FloeClient } from '@floe/client';
import { createFloeClient, type LedgerPort } from '@floe/client';
import { LedgerClient, type LedgerConfig, type SystemInfo } from '@floe/contracts';
import { createUndiciTransport, holdingScheduler, systemClock, systemRng } from '@floe/platform/node';
import type { Committees } from '@floe/protocol';
import { createMclBls } from '@floe/protocol/bls-mcl';
import { createWorkerCodec } from '@floe/redstuff/node';

export interface StaleConnection {
  readonly client: FloeClient;
  close(): Promise<void>;
}

/** A client that believes what it knows of committees and prices for `staleMs`. */
export async function connectStale(options: {
  readonly ledger: LedgerConfig;
  readonly staleMs: number;
  readonly limits: Readonly<Record<string, number>>;
}): Promise<StaleConnection> {
  const { ledger, staleMs, limits } = options;
  const modules = { clock: systemClock, scheduler: holdingScheduler };
  const transport = createUndiciTransport();
  const codec = createWorkerCodec({ workers: 1 });
  const client = createFloeClient(
    { nodeUrlScheme: 'http', limits: { ...limits, committeeTtlMs: staleMs } },
    {
      ...modules,
      transport,
      codec,
      bls: await createMclBls(),
      rng: systemRng,
      ledgerClient: staleLedger(new LedgerClient(ledger, modules), staleMs),
    },
  );
  return {
    client,
    close: async () => {
      await client.close();
      await Promise.all([codec.close(), transport.close()]);
    },
  };
}

function staleLedger(ledger: LedgerClient, staleMs: number): LedgerPort {
  const remember = <T>(read: (options: { fresh?: boolean; signal?: AbortSignal }) => Promise<T>) => {
    let known: { readonly value: T; readonly untilMs: number } | undefined;
    return async (options: { fresh?: boolean; signal?: AbortSignal } = {}): Promise<T> => {
      if (options.fresh !== true && known !== undefined && performance.now() < known.untilMs) return known.value;
      const value = await read(options);
      known = { value, untilMs: performance.now() + staleMs };
      return value;
    };
  };
  const stale = {
    systemState: remember<SystemInfo>((options) => ledger.systemState(options)),
    committees: remember<Committees>((options) => ledger.committees(options)),
  };
  return new Proxy(ledger, {
    get(target, name) {
      if (name === 'systemState' || name === 'committees') return stale[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}
