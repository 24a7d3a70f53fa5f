/**
 * The faucet over HTTP.
 *
 * `POST` with `{"address": "0x…"}` answers `{address, digest, sui, wal}` (amounts in MIST and FROST, as text); Sui's
 * form `{"FixedAmountRequest": {"recipient": "0x…"}}` answers as Sui's faucet does, so the SDK's faucet client works.
 * `GET` shows the account and what it holds. Errors are `{error: {code, kind, message, data}}`.
 */
import { type ErrorKind, type HttpHandler, type Logger, isFloeError, readBody, silentLogger } from '@floe/platform';
import { type SuiAddress, parseObjectId } from '@floe/protocol';
import type { Signer } from '@mysten/sui/cryptography';
import { SUI_TYPE, coinTypeOf } from '@floe/contracts';
import type { LedgerApi } from '../../api.ts';
import { jsonResponse, preflightResponse } from '../cors.ts';
import { faucetLimits } from '../limits.ts';
import { faucetErrors } from './errors.ts';
import { Faucet, type FaucetGift } from './faucet.ts';

const METHODS = 'GET, HEAD, POST, OPTIONS';

/** 10 SUI and 1,000 WAL: enough gas for thousands of transactions and storage for gigabytes on a test network. */
export const faucetDefaults = { sui: 10_000_000_000n, wal: 1_000_000_000_000n } as const;

export interface FaucetOptions {
  /** MIST for each request; default 10 SUI. */
  readonly sui?: bigint;
  /** FROST for each request; default 1,000 WAL. */
  readonly wal?: bigint;
}

/** Serves a {@link Faucet}. Never throws. */
export function createFaucetHandler(
  options: FaucetOptions,
  modules: { readonly ledger: LedgerApi; readonly signer: Signer; readonly logger?: Logger },
): HttpHandler {
  const logger = modules.logger ?? silentLogger;
  const amounts = { sui: options.sui ?? faucetDefaults.sui, wal: options.wal ?? faucetDefaults.wal };
  const faucet = new Faucet(amounts, { ...modules, logger });
  return async (request) => {
    switch (request.method) {
      case 'OPTIONS':
        return preflightResponse(request, METHODS);
      case 'GET':
        return describe(faucet);
      case 'HEAD':
        return new Response(null, describe(faucet));
      case 'POST':
        return give(faucet, request, logger);
      default: {
        const message = `${request.method} is not allowed here; ask for coins with POST`;
        return jsonResponse(405, { error: { code: 'METHOD_NOT_ALLOWED', message } }, { allow: METHODS });
      }
    }
  };
}

interface FaucetRequest {
  readonly recipient: SuiAddress;
  readonly form: 'floe' | 'sui';
}

async function give(faucet: Faucet, request: Request, logger: Logger): Promise<Response> {
  let form: FaucetRequest['form'] = 'floe';
  try {
    const body = parseJson(await readBody(request, faucetLimits.bodyBytes));
    form = formOf(body);
    const gift = await faucet.give(recipientOf(body, form));
    return form === 'floe' ? floeAnswer(gift) : suiAnswer(gift);
  } catch (error) {
    return refusal(error, form, logger);
  }
}

function floeAnswer({ recipient, digest, sui, wal }: FaucetGift): Response {
  return jsonResponse(200, { address: recipient, digest, sui, wal });
}

/** As Sui's faucet answers: the coins of SUI that the recipient got. */
function suiAnswer({ recipient, digest, sui, record }: FaucetGift): Response {
  const suiCoin = coinTypeOf(SUI_TYPE);
  const coins = record.effects.changedObjects.filter(
    ({ output, idOperation }, index) =>
      idOperation === 'created' &&
      output?.owner.kind === 'address' &&
      output.owner.address === recipient &&
      record.objectTypes[index] === suiCoin,
  );
  const sent = coins.slice(0, 1).map(({ id }) => ({ amount: Number(sui), id, transferTxDigest: digest }));
  return jsonResponse(200, { status: 'Success', coins_sent: sent });
}

function describe(faucet: Faucet): Response {
  const { sui, wal } = faucet.funds();
  return jsonResponse(200, { status: 'ok', address: faucet.account, holds: { sui, wal }, gives: faucet.amounts });
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw faucetErrors.FAUCET_BAD_REQUEST({ reason: 'the body is not JSON; expected {"address": "0x..."}' }, error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw faucetErrors.FAUCET_BAD_REQUEST({ reason: 'the body is no JSON object; expected {"address": "0x..."}' });
  }
  return value as Readonly<Record<string, unknown>>;
}

function formOf(body: Readonly<Record<string, unknown>>): FaucetRequest['form'] {
  return 'FixedAmountRequest' in body ? 'sui' : 'floe';
}

/** Short addresses are refused: here they are more likely cut off than meant. */
function recipientOf(body: Readonly<Record<string, unknown>>, form: FaucetRequest['form']): SuiAddress {
  const fixed = body['FixedAmountRequest'] as Readonly<Record<string, unknown>> | null | undefined;
  const [name, text] =
    form === 'sui'
      ? (['FixedAmountRequest.recipient', fixed?.['recipient']] as const)
      : (['address', body['address']] as const);
  if (typeof text !== 'string') throw faucetErrors.FAUCET_BAD_REQUEST({ reason: `"${name}" is missing` });
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) {
    const came = JSON.stringify(text.slice(0, 80));
    throw faucetErrors.FAUCET_BAD_REQUEST({ reason: `"${name}" is 0x and 64 hex digits, came ${came}` });
  }
  return parseObjectId(text);
}

const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  'not-found': 404,
  conflict: 409,
  unauthorized: 403,
  exhausted: 429,
  unavailable: 503,
  integrity: 500,
  internal: 500,
};

function refusal(error: unknown, form: FaucetRequest['form'], logger: Logger): Response {
  if (!isFloeError(error)) logger.error('a faucet request failed unexpectedly', { error: String(error) });
  const body = isFloeError(error)
    ? error.toJSON()
    : { code: 'INTERNAL', kind: 'internal' as const, message: 'internal error of the faucet', data: {} };
  const status = isFloeError(error, 'BODY_TOO_LARGE') ? 413 : STATUS[body.kind];
  const retry: Record<string, string> = status === 429 ? { 'retry-after': '1' } : {};
  if (form === 'floe') return jsonResponse(status, { error: body }, retry);
  return jsonResponse(status, { status: { Failure: { internal: body.message } }, coins_sent: null }, retry);
}
