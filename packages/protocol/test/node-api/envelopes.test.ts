import { describe, expect, it } from 'vitest';
import { FloeError, isFloeError } from '@floe/platform';
import { errors } from '../../src/errors.ts';
import {
  errorAnswer,
  type JsonAnswer,
  parseBcsResponse,
  parseFailure,
  parseJsonResponse,
  type RawResponse,
  successAnswer,
} from '../../src/node-api/envelopes.ts';
import { errorOfRefusal, kindOfCode, nodeErrors, STATUS_CODES, WIRE_ERRORS } from '../../src/node-api/node-errors.ts';

const JSON_TYPE = 'application/json';
const json = (httpStatus: number, value: unknown): RawResponse => ({
  httpStatus,
  contentType: JSON_TYPE,
  body: new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)),
});
const sent = ({ httpStatus, json: value }: JsonAnswer) => json(httpStatus, value);
const failure = (response: RawResponse): FloeError => {
  try {
    parseJsonResponse(response);
  } catch (error) {
    if (isFloeError(error)) return error;
  }
  throw new Error('expected a failure');
};

describe('success', () => {
  it('has the envelope of the protocol', () => {
    expect(successAnswer('stored', 201)).toEqual({
      httpStatus: 201,
      json: { success: { code: 201, data: 'stored' } },
    });
  });

  it('round-trips', () => {
    for (const code of [200, 201, 202] as const) {
      expect(parseJsonResponse(sent(successAnswer({ a: [1] }, code)))).toEqual({ code, data: { a: [1] } });
    }
  });

  it.each([
    ['another code than the status', json(200, { success: { code: 201, data: 1 } }), 'success envelope with code 200'],
    ['no envelope', json(200, { data: 1 }), 'success envelope'],
    ['a list', json(200, [1]), 'success envelope'],
    ['no JSON', json(200, 'not json'), "node's answer is malformed: expected JSON"],
    ['another content type', { ...json(200, {}), contentType: 'text/html' }, 'came "text/html"'],
    ['no content type', { ...json(200, {}), contentType: undefined }, 'came "none"'],
  ])('with %s is malformed', (_what, response, message) => {
    expect(failure(response)).toMatchObject({ code: 'MALFORMED_RESPONSE', kind: 'unavailable' });
    expect(failure(response).message).toContain(message);
  });

  it('accepts a content type with parameters', () => {
    const response = { ...sent(successAnswer(1)), contentType: 'Application/JSON; charset=utf-8' };
    expect(parseJsonResponse(response).data).toBe(1);
  });
});

describe('refusals', () => {
  const blobId = 'CmzciFdWJP1IIM-rD3cqXlVBXYM0fpAfHahZBvkaZUI';

  it('have the envelope of the protocol', () => {
    expect(errorAnswer(nodeErrors.NOT_REGISTERED({ blobId, epoch: 4 }))).toEqual({
      httpStatus: 400,
      json: {
        error: {
          status: 'FAILED_PRECONDITION',
          code: 400,
          message: `blob ${blobId} is not registered in epoch 4`,
          details: [{ '@type': 'ErrorInfo', reason: 'NOT_REGISTERED', domain: 'storage.walrus.space', metadata: {} }],
        },
      },
    });
  });

  it('carry both epochs when they differ', () => {
    const answer = errorAnswer(nodeErrors.INVALID_EPOCH({ requestEpoch: 3, serverEpoch: 5 }));
    expect(answer).toMatchObject({
      json: { error: { details: [{ metadata: { request_epoch: 3, server_epoch: 5 } }] } },
    });
    expect(failure(sent(answer)).data).toMatchObject({ requestEpoch: 3, serverEpoch: 5 });
  });

  it.each(Object.entries(WIRE_ERRORS))('%s arrives at a client as an error with its reason and kind', (code, wire) => {
    const answer = errorAnswer(new FloeError({ code, kind: wire.kind, message: 'text' }));
    expect(answer.httpStatus).toBe(STATUS_CODES[wire.status]);
    const error = failure(sent(answer));
    expect(error.data).toMatchObject({ httpStatus: answer.httpStatus, status: wire.status, reason: wire.reason });
    // Codes that share a status and reason arrive as the first of them.
    const first = Object.entries(WIRE_ERRORS).find(([, w]) => w.status === wire.status && w.reason === wire.reason);
    expect(error.code).toBe(first?.[0]);
    expect(error.kind).toBe(first?.[1].kind);
  });

  it('every refusal that a node raises has a wire form of the same kind', () => {
    for (const [code, make] of Object.entries(nodeErrors)) {
      const error = (make as (data: object) => FloeError)({ came: '', reason: '' });
      expect(WIRE_ERRORS[code]?.kind, code).toBe(error.kind);
    }
  });

  it('of decoding are refusals too', () => {
    const error = errors.INVALID_BCS({ what: 'blob metadata', offset: 0, expected: 'x', came: 'y' });
    expect(errorAnswer(error)).toMatchObject({
      httpStatus: 400,
      json: { error: { status: 'INVALID_ARGUMENT', details: [{ reason: 'INVALID_CONTENT_TYPE' }] } },
    });
  });

  it.each([
    ['a bug', new TypeError('secret path /home')],
    [
      'an error that is not in the table',
      new FloeError({ code: 'DISK_FULL', kind: 'internal', message: 'secret path' }),
    ],
    ['something thrown', 'secret'],
    ['an inherited name', new FloeError({ code: 'constructor', kind: 'internal', message: 'secret' })],
  ])('%s is INTERNAL and shows nothing', (_what, thrown) => {
    const answer = errorAnswer(thrown, 'abc123');
    expect(answer.httpStatus).toBe(500);
    expect(JSON.stringify(answer.json)).not.toContain('secret');
    expect(JSON.stringify(answer.json)).toContain('TraceID: abc123');
    expect(failure(sent(answer))).toMatchObject({ code: 'NODE_REFUSED', kind: 'unavailable' });
  });

  it('with an unknown reason are NODE_REFUSED of a kind by code', () => {
    const error = errorOfRefusal({ httpStatus: 404, status: 'NOT_FOUND', reason: 'NO_SUCH_THING', message: 'm' });
    expect(error).toMatchObject({
      code: 'NODE_REFUSED',
      kind: 'not-found',
      message: 'node answered 404 NO_SUCH_THING: m',
    });
    expect([401, 403, 404, 413, 429, 451, 500, 503].map(kindOfCode)).toEqual([
      'unauthorized',
      'unauthorized',
      'not-found',
      'invalid',
      'exhausted',
      'unauthorized',
      'unavailable',
      'unavailable',
    ]);
  });

  it.each([
    ['an unknown status', { status: 'TEAPOT', code: 418 }, 418],
    ['a code of another status', { status: 'NOT_FOUND', code: 400 }, 400],
    ['a code other than the response', { status: 'NOT_FOUND', code: 404 }, 400],
    ['an inherited status', { status: 'toString', code: 400 }, 400],
    ['no fields', {}, 400],
  ])('with %s are malformed', (_what, error, httpStatus) => {
    expect(failure(json(httpStatus, { error })).code).toBe('MALFORMED_RESPONSE');
  });

  it('of the framework are plain text, quoted within bounds', () => {
    const response = { httpStatus: 413, contentType: 'text/plain', body: new Uint8Array(5000).fill(97) };
    expect(failure(response)).toMatchObject({ code: 'NODE_REFUSED', kind: 'invalid', data: { httpStatus: 413 } });
    expect(failure(response).message.length).toBeLessThan(200);
  });
});

describe('BCS answers', () => {
  const body = Uint8Array.of(1, 2);
  it('come as they are, with or without a content type', () => {
    expect(parseBcsResponse({ httpStatus: 200, contentType: 'application/octet-stream', body })).toBe(body);
    expect(parseBcsResponse({ httpStatus: 200, contentType: undefined, body })).toBe(body);
  });

  it('with another content type are malformed', () => {
    expect(() => parseBcsResponse({ httpStatus: 200, contentType: 'text/html', body })).toThrow('came "text/html"');
  });

  it('that are refusals are raised', () => {
    const response = sent(errorAnswer(nodeErrors.SLIVER_NOT_FOUND({ blobId: 'x', pair: 1, axis: 'primary' })));
    expect(() => parseBcsResponse(response)).toThrow('node answered 404 SLIVER_NOT_FOUND');
    expect(parseFailure(response).code).toBe('SLIVER_NOT_FOUND');
  });
});
