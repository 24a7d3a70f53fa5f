import { clientErrors } from '@floe/client';
import { ledgerErrors } from '@floe/contracts';
import { concurrencyErrors, type ErrorData, type FloeError, httpErrors } from '@floe/platform';
import { protocolErrors } from '@floe/protocol';
import { redstuffErrors } from '@floe/redstuff';
import { describe, expect, it } from 'vitest';
import { errorResponse, gatewayErrors } from '../src/errors.ts';

const STATUS_TEXTS: Readonly<Record<number, readonly string[]>> = {
  400: ['INVALID_ARGUMENT', 'FAILED_PRECONDITION'],
  401: ['UNAUTHENTICATED'],
  403: ['SIZE_EXCEEDED'],
  404: ['NOT_FOUND'],
  413: ['INVALID_ARGUMENT'],
  416: ['RANGE_NOT_SATISFIABLE'],
  429: ['RESOURCE_EXHAUSTED'],
  451: ['UNAVAILABLE_FOR_LEGAL_REASONS'],
  500: ['INTERNAL'],
  503: ['UNAVAILABLE'],
  504: ['DEADLINE_EXCEEDED'],
};

/** Data that every message can be made of. */
const anyData = new Proxy(
  {},
  { get: (_target, key) => (['reasons', 'rejected'].includes(String(key)) ? [] : '1') },
) as ErrorData;

type Maker = (data: never) => FloeError;

const allErrors = Object.assign(
  {},
  clientErrors,
  ledgerErrors,
  protocolErrors,
  redstuffErrors,
  httpErrors,
  concurrencyErrors,
  gatewayErrors,
) as unknown as Readonly<Record<string, Maker>>;

const make = (code: string): FloeError => (allErrors[code] as Maker)(anyData as never);

describe('an error of any layer', () => {
  it.each(Object.keys(allErrors))('%s has a body of the right form', async (code) => {
    const response = errorResponse(make(code));
    const { error } = (await response.json()) as { error: { status: string; code: number; message: string } };
    expect(error.code).toBe(response.status);
    expect(STATUS_TEXTS[response.status]).toContain(error.status);
    expect(error.message).not.toBe('');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.has('retry-after')).toBe([429, 503].includes(response.status));
  });

  it.each([
    ['BLOB_NOT_FOUND', 404, 'BLOB_NOT_FOUND'],
    ['BLOB_MARKED_INVALID', 404, 'BLOB_NOT_FOUND'],
    ['BLOB_FORBIDDEN', 451, 'FORBIDDEN_BLOB'],
    ['METADATA_UNAVAILABLE', 503, 'BLOB_UNAVAILABLE'],
    ['SLIVERS_UNAVAILABLE', 503, 'BLOB_UNAVAILABLE'],
    ['READ_TIMEOUT', 503, 'BLOB_UNAVAILABLE'],
    ['NO_STATUS_AGREEMENT', 503, 'BLOB_UNAVAILABLE'],
    ['BLOB_TOO_LARGE_TO_BUFFER', 403, 'BLOB_TOO_LARGE'],
    ['BLOB_TOO_LARGE', 413, 'BLOB_TOO_LARGE'],
    ['QUILT_TOO_LARGE', 413, 'QUILT_TOO_LARGE'],
    ['BODY_TOO_LARGE', 413, 'BODY_TOO_LARGE'],
    ['BODY_TRUNCATED', 400, 'BODY_TRUNCATED'],
    ['INVALID_BLOB_ID', 400, 'INVALID_BLOB_ID'],
    ['INVALID_QUILT_PATCH_ID', 400, 'INVALID_QUILT_PATCH_ID'],
    ['INVALID_IDENTIFIER', 400, 'INVALID_IDENTIFIER'],
    ['TOO_MANY_PATCHES', 400, 'TOO_MANY_PATCHES'],
    ['QUILT_PATCH_NOT_FOUND', 404, 'QUILT_PATCH_NOT_FOUND'],
    ['INCONSISTENT_BLOB', 500, 'INCONSISTENT_BLOB'],
    ['NOT_ENOUGH_CONFIRMATIONS', 504, 'INSUFFICIENT_CONFIRMATIONS'],
    ['NOT_ENOUGH_NODES', 503, 'INSUFFICIENT_CONFIRMATIONS'],
    ['EPOCH_CHANGED', 503, 'EPOCH_CHANGED'],
    ['INSUFFICIENT_WAL', 503, 'INSUFFICIENT_WAL'],
    ['INSUFFICIENT_SUI', 503, 'INSUFFICIENT_SUI'],
    ['LEDGER_TIMEOUT', 503, 'LEDGER_TIMEOUT'],
    ['OUTCOME_UNKNOWN', 503, 'OUTCOME_UNKNOWN'],
    ['MOVE_ABORT', 500, 'MOVE_ABORT'],
    ['STALE_OBJECT', 503, 'STALE_OBJECT'],
    ['OUT_OF_MEMORY', 503, 'OUT_OF_MEMORY'],
    ['QUEUE_FULL', 429, 'QUEUE_FULL'],
  ])('%s is answered with %i and the reason %s', async (code, status, reason) => {
    const response = errorResponse(make(code));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { details: [{ reason, domain: 'daemon.walrus.space' }] } });
  });

  it('carries its data as texts', async () => {
    const error = ledgerErrors.INSUFFICIENT_WAL({ owner: '0xfee', needed: 5n, available: 1n });
    expect(await errorResponse(error).json()).toMatchObject({
      error: { details: [{ metadata: { owner: '0xfee', needed: '5', available: '1' } }] },
    });
  });
});
