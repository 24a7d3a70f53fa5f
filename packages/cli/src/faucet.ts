/** Asking a development network's faucet for coins. */
import { utf8 } from '@floe/platform';
import type { SuiAddress } from '@floe/protocol';
import { cliErrors, fetchFailure } from './errors.ts';
import { FAUCET_TIMEOUT_MS } from './limits.ts';
import type { NetworkDescription } from './network.ts';

/** Below this many MIST or FROST an account of a development network is filled up: a tenth of a coin. */
export const LOW_BALANCE = 100_000_000n;

/** Has SUI and WAL sent to `address`; resolves when they are there. @throws NO_FAUCET, FAUCET_REFUSED */
export async function requestFunds(network: NetworkDescription, address: SuiAddress): Promise<void> {
  if (network.faucet === undefined) throw cliErrors.NO_FAUCET({});
  const { url } = network.faucet;
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: utf8(JSON.stringify({ address })),
      signal: AbortSignal.timeout(FAUCET_TIMEOUT_MS),
    });
  } catch (error) {
    throw cliErrors.FAUCET_REFUSED({ url, detail: fetchFailure(error) }, error);
  }
  const detail = (await response.text()).slice(0, 500);
  if (!response.ok) throw cliErrors.FAUCET_REFUSED({ url, detail: `HTTP status ${response.status}: ${detail}` });
}
