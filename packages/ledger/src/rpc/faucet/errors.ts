/** Errors of the faucet. */
import { errorCatalogue, spec } from '@floe/platform';

export const faucetErrors = errorCatalogue({
  FAUCET_BAD_REQUEST: spec<{ reason: string }>('invalid', ({ reason }) => `faucet request refused: ${reason}`),
  FAUCET_EMPTY: spec<{ address: string; sui: bigint; wal: bigint }>(
    'unavailable',
    ({ address, sui, wal }) =>
      `the faucet's account ${address} holds ${sui} MIST and ${wal} FROST, too little for another request`,
  ),
  FAUCET_FAILED: spec<{ digest: string; reason: string }>(
    'internal',
    ({ digest, reason }) => `the faucet's transaction ${digest} failed: ${reason}`,
  ),
});
