import { clientErrors, type FloeClient, type NewlyCreated, SpooledBlob, type StoreOptions } from '@floe/client';
import { ledgerErrors } from '@floe/contracts';
import { deferred, joinBytes, raceAbort, setPeerAddress, utf8 } from '@floe/platform';
import { type Epoch, type Frost, parseObjectId, protocolErrors } from '@floe/protocol';
import { quiltPatchId, type QuiltPatchInput, redstuffErrors } from '@floe/redstuff';
import { describe, expect, it } from 'vitest';
import { createGateway, type GatewayModules, type GatewayOptions } from '../src/index.ts';
import {
  BLOB_ID,
  bytesOf,
  COMMITTEES,
  fakeClient,
  newlyCreated,
  OBJECT_ID,
  pattern,
  SIGNER,
} from './support/fake-client.ts';

async function put(
  client: FloeClient,
  path: string,
  init: RequestInit = {},
  options: GatewayOptions = {},
  modules: Partial<GatewayModules> = {},
): Promise<Response> {
  const { handler } = createGateway(options, { client, signer: SIGNER, ...modules });
  return handler(new Request(`http://gateway${path}`, { method: 'PUT', body: 'hello', ...init }));
}

/** A client that notes what it is asked to store. */
function recording() {
  const stored: { bytes: string; options: StoreOptions }[] = [];
  const client = fakeClient({
    store: async (blob, options) => {
      stored.push({ bytes: new TextDecoder().decode(bytesOf(blob)), options });
      return newlyCreated();
    },
  });
  return { client, stored };
}

const failing = (error: Error) => fakeClient({ store: () => Promise.reject(error) });

const reasonOf = async (response: Response) => {
  const { error } = (await response.json()) as { error: { message: string; details: { reason: string }[] } };
  return error.details[0]?.reason;
};

describe('PUT of a blob', () => {
  it('stores the body, deletable for one epoch, and answers in the JSON of Walrus', async () => {
    const { client, stored } = recording();
    const response = await put(client, '/v1/blobs');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      newlyCreated: {
        blobObject: {
          id: OBJECT_ID,
          registeredEpoch: 3,
          blobId: BLOB_ID,
          size: 17,
          encodingType: 'RS2',
          certifiedEpoch: 3,
          storage: { id: parseObjectId('0x5703'), startEpoch: 3, endEpoch: 5, storageSize: 66_034_000 },
          deletable: true,
        },
        resourceOperation: { registerFromScratch: { encodedLength: 66_034_000, epochsAhead: 2 } },
        cost: 132_300,
      },
    });
    expect(stored).toMatchObject([
      { bytes: 'hello', options: { epochs: 1, deletable: true, force: false, reuse: false } },
    ]);
    expect(stored[0]?.options.owner).toBeUndefined();
  });

  it('passes parameters on', async () => {
    const { client, stored } = recording();
    await put(
      client,
      '/v1/blobs?epochs=7&permanent=true&force&reuse_resources=true&send_object_to=0xabc&encoding_type=RS2',
    );
    expect(stored[0]?.options).toMatchObject({
      epochs: 7,
      deletable: false,
      force: true,
      reuse: true,
      owner: parseObjectId('0xabc'),
    });
  });

  it('takes an empty body for an empty blob', async () => {
    const { client, stored } = recording();
    expect((await put(client, '/v1/blobs', { body: null })).status).toBe(200);
    expect(stored[0]?.bytes).toBe('');
  });

  it.each([
    ['epochs=0', 'INVALID_PARAMETER'],
    ['epochs=-1', 'INVALID_PARAMETER'],
    ['epochs=max', 'INVALID_PARAMETER'],
    ['permanent=yes', 'INVALID_PARAMETER'],
    ['encoding_type=RedStuff', 'INVALID_PARAMETER'],
    ['permanent=true&deletable=true', 'INVALID_BLOB_PERSISTENCE'],
    ['send_object_to=me', 'INVALID_OBJECT_ID'],
    ['epoch=5', 'UNKNOWN_PARAMETER'],
    ['share=true', 'UNKNOWN_PARAMETER'],
    ['quilt_version=v1', 'UNKNOWN_PARAMETER'],
  ])('refuses %s before it reads the body', async (query, reason) => {
    const { client, stored } = recording();
    const response = await put(client, `/v1/blobs?${query}`);
    expect([response.status, await reasonOf(response)]).toEqual([400, reason]);
    expect(stored).toEqual([]);
  });

  it('says what is there already: by event, or by object', async () => {
    const base = { kind: 'alreadyCertified', blobId: BLOB_ID, sizeBytes: 5, encodedLength: 9, timings: {} } as const;
    const endEpoch = 9 as Epoch;
    const event = { txDigest: 'digest', eventSeq: '0' };
    const byEvent = fakeClient({ store: async () => ({ ...base, endEpoch, proof: { event } }) });
    const alreadyCertified = { blobId: BLOB_ID, event, endEpoch: 9 };
    expect(await (await put(byEvent, '/v1/blobs')).json()).toEqual({ alreadyCertified });
    const byObject = fakeClient({ store: async () => ({ ...base, endEpoch, proof: { objectId: OBJECT_ID } }) });
    expect(await (await put(byObject, '/v1/blobs')).json()).toEqual({
      alreadyCertified: { blobId: BLOB_ID, object: OBJECT_ID, endEpoch: 9 },
    });
  });

  it('says that a blob was marked invalid, as no success', async () => {
    const event = { txDigest: 'digest', eventSeq: '1' };
    const response = await put(failing(clientErrors.BLOB_MARKED_INVALID({ blobId: BLOB_ID, ...event })), '/v1/blobs');
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ markedInvalid: { blobId: BLOB_ID, event } });
  });

  it.each([
    [clientErrors.INVALID_EPOCHS({ epochs: 99, maxEpochs: 53 }), 400, 'INVALID_EPOCHS'],
    [protocolErrors.BLOB_TOO_LARGE({ sizeBytes: 9, maxBytes: 8, nShards: 4 }), 413, 'BLOB_TOO_LARGE'],
    [
      clientErrors.NOT_ENOUGH_CONFIRMATIONS({ blobId: BLOB_ID, got: 3, need: 67, reasons: [] }),
      504,
      'INSUFFICIENT_CONFIRMATIONS',
    ],
    [clientErrors.STORE_TIMEOUT({ blobId: BLOB_ID, timeoutMs: 1, stage: 'uploading' }), 504, 'STORE_TIMEOUT'],
    [ledgerErrors.INSUFFICIENT_WAL({ owner: '0xfee', needed: 5n, available: 1n }), 503, 'INSUFFICIENT_WAL'],
    [ledgerErrors.INSUFFICIENT_SUI({ owner: '0xfee', reason: 'no coins' }), 503, 'INSUFFICIENT_SUI'],
    [ledgerErrors.LEDGER_UNREACHABLE({ url: 'u', call: 'c', reason: 'r' }), 503, 'LEDGER_UNREACHABLE'],
    [ledgerErrors.LEDGER_REJECTED({ call: 'c', reason: 'r' }), 500, 'LEDGER_REJECTED'],
  ])('turns a failed store into a status: %s', async (error, status, reason) => {
    const response = await put(failing(error), '/v1/blobs');
    expect([response.status, await reasonOf(response)]).toEqual([status, reason]);
  });

  it('refuses a body over the limit, declared or not', async () => {
    const { client, stored } = recording();
    const options = { maxBlobBodyBytes: 1000 };
    const declared = await put(client, '/v1/blobs', { body: pattern(1001) as BodyInit }, options);
    expect([declared.status, await reasonOf(declared)]).toEqual([413, 'BODY_TOO_LARGE']);
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(pattern(300));
      },
    });
    const chunked = await put(client, '/v1/blobs', { body, duplex: 'half' } as RequestInit, options);
    expect([chunked.status, await reasonOf(chunked)]).toEqual([413, 'BODY_TOO_LARGE']);
    expect(stored).toEqual([]);
    expect((await put(client, '/v1/blobs', { body: pattern(1000) as BodyInit }, options)).status).toBe(200);
  });

  it('takes the body in once, stores it again after a refill, and lets go of it', async () => {
    const short = ledgerErrors.INSUFFICIENT_WAL({ owner: '0xfee', needed: 5n, available: 1n });
    const log: string[] = [];
    const client = fakeClient({
      spool: async (stream) => {
        const parts: Uint8Array[] = [];
        for await (const part of stream as AsyncIterable<Uint8Array>) parts.push(part);
        log.push('taken in');
        return new SpooledBlob(joinBytes(parts), async () => void log.push('let go'));
      },
      store: async (blob) => {
        log.push(new TextDecoder().decode(bytesOf(blob)));
        if (!log.includes('refilled')) throw short;
        return newlyCreated();
      },
    });
    const refill = async () => void log.push('refilled');
    expect((await put(client, '/v1/blobs', {}, {}, { refill })).status).toBe(200);
    expect(log).toEqual(['taken in', 'hello', 'refilled', 'hello', 'let go']);
    log.length = 0;
    expect((await put(client, '/v1/blobs')).status).toBe(503);
    expect(log).toEqual(['taken in', 'hello', 'let go']);
  });

  it('says that there is no room on its disk, as something that passes', async () => {
    const full = redstuffErrors.SCRATCH_FULL({ sizeBytes: 9, place: 'somewhere' });
    const response = await put(fakeClient({ spool: () => Promise.reject(full) }), '/v1/blobs');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('takes slow bodies in beside the stores: they hold no place of those', async () => {
    const body = new ReadableStream({ pull: () => new Promise(() => undefined) });
    const client = fakeClient({ store: async () => newlyCreated() });
    const { handler } = createGateway({ maxStores: 1, maxWaitingStores: 0 }, { client, signer: SIGNER });
    void handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body, duplex: 'half' } as RequestInit));
    const other = new Request('http://gateway/v1/blobs', { method: 'PUT', body: 'hello' });
    expect((await handler(other)).status).toBe(200);
    const { handler: narrow } = createGateway({ maxUploads: 1, maxWaitingStores: 0 }, { client, signer: SIGNER });
    void narrow(
      new Request('http://gateway/v1/blobs', {
        method: 'PUT',
        body: new ReadableStream(),
        duplex: 'half',
      } as RequestInit),
    );
    const past = new Request('http://gateway/v1/blobs', { method: 'PUT', body: 'hello' });
    expect((await narrow(past)).status).toBe(429);
  });

  it.each(['blobs', 'quilts'])('takes others in beside slow %s that do not say how large they are', async (what) => {
    const client = fakeClient({ store: async () => newlyCreated() });
    const options = { maxUploads: 20, maxStores: 2, maxWaitingStores: 2 };
    const { handler } = createGateway(options, { client, signer: SIGNER });
    const headers = { 'content-type': 'multipart/form-data; boundary=xyz' };
    for (let slow = 0; slow < 10; slow += 1) {
      const init = { method: 'PUT', headers, body: new ReadableStream(), duplex: 'half' } as RequestInit;
      void handler(new Request(`http://gateway/v1/${what}`, init));
    }
    const sized = { method: 'PUT', body: 'hello', headers: { 'content-length': '5' } };
    expect((await handler(new Request('http://gateway/v1/blobs', sized))).status).toBe(200);
  });

  it('takes more of a body that does not say how large it is while there is room, then refuses it', async () => {
    const part = new Uint8Array(10 * 1024 * 1024);
    let [sent, kept] = [0, 0];
    const spool: FloeClient['spool'] = async (stream) => {
      for await (const bytes of stream as AsyncIterable<Uint8Array>) kept += bytes.length;
      return new SpooledBlob(new Uint8Array(0), async () => undefined);
    };
    const client = fakeClient({ spool, store: async () => newlyCreated() });
    const { handler } = createGateway({ maxUploadBytes: 5 * part.length }, { client, signer: SIGNER });
    const send = async (parts: number, headers: Record<string, string> = {}) => {
      [sent, kept] = [0, 0];
      const body = new ReadableStream({
        pull(controller) {
          if (sent === parts) return controller.close();
          sent += 1;
          controller.enqueue(part);
        },
      });
      return handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body, headers, duplex: 'half' } as never));
    };
    expect((await send(5)).status).toBe(200);
    const body = new ReadableStream();
    const headers = { 'content-length': String(part.length) };
    void handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body, headers, duplex: 'half' } as never));
    const refused = await send(9);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect([await reasonOf(refused), kept]).toEqual(['NO_ROOM_FOR_BODY', 4 * part.length]);
    expect((await send(4)).status).toBe(200);
  });

  it('leaves room for others beside an address that sends all it can', async () => {
    const client = fakeClient({ store: async () => newlyCreated() });
    const { handler } = createGateway({ maxUploads: 4, maxWaitingStores: 4 }, { client, signer: SIGNER });
    const from = (address: string, body: BodyInit) => {
      const request = new Request('http://gateway/v1/blobs', { method: 'PUT', body, duplex: 'half' } as RequestInit);
      setPeerAddress(request, address);
      return handler(request);
    };
    for (let slow = 0; slow < 4; slow += 1) void from('203.0.113.7', new ReadableStream());
    expect((await from('203.0.113.7', 'hello')).status).toBe(429);
    expect((await from('203.0.113.8', 'hello')).status).toBe(200);
  });

  it('turns away what comes past the line, and lets it in later', async () => {
    const gate = deferred<void>();
    const client = fakeClient({ store: () => gate.promise.then(() => newlyCreated()) });
    const { handler } = createGateway({ maxStores: 1, maxWaitingStores: 1 }, { client, signer: SIGNER });
    const store = async () => handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body: 'hello' }));
    const [first, second] = [store(), store()];
    const third = await store();
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
    gate.resolve();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect((await store()).status).toBe(200);
  });

  it('ends a store whose client has left', async () => {
    const controller = new AbortController();
    const client = fakeClient({
      store: (_blob, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
          controller.abort(new Error('gone'));
        }),
    });
    const response = await put(client, '/v1/blobs', { signal: controller.signal });
    expect(response.status).toBe(500);
  });
});

describe('a store that pays already', () => {
  it('goes on without its client, in its place, until it ends or the gateway is closed', async () => {
    const leaving = new AbortController();
    const [left, gate] = [deferred<void>(), deferred<void>()];
    const client = fakeClient({
      store: async (_blob, { signal, onProgress }) => {
        onProgress?.({ stage: 'registering' });
        leaving.abort(new Error('gone'));
        left.resolve();
        await raceAbort(gate.promise, signal as AbortSignal);
        return newlyCreated();
      },
    });
    const options = { maxStores: 1, maxWaitingStores: 0 };
    const { handler, close } = createGateway(options, { client, signer: SIGNER });
    const send = async (signal?: AbortSignal) =>
      handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body: 'hello', signal } as RequestInit));
    const first = send(leaving.signal);
    await left.promise;
    expect((await send()).status).toBe(429);
    gate.resolve();
    expect((await first).status).toBe(200);
    expect((await send()).status).toBe(200);
    await close();
    expect(await reasonOf(await send())).toBe('GATEWAY_CLOSED');
  });
});

describe('the wallet of the gateway', () => {
  const short = ledgerErrors.INSUFFICIENT_WAL({ owner: '0xfee', needed: 5n, available: 1n });

  it('is refilled once for all stores that run out together, and they succeed', async () => {
    let funds = false;
    let refills = 0;
    const gate = deferred<void>();
    const client = fakeClient({ store: async () => (funds ? newlyCreated() : Promise.reject(short)) });
    const refill = async () => {
      refills += 1;
      await gate.promise;
      funds = true;
    };
    const { handler } = createGateway({}, { client, signer: SIGNER, refill });
    const stores = [1, 2, 3].map(async () =>
      handler(new Request('http://gateway/v1/blobs', { method: 'PUT', body: 'hello' })),
    );
    await new Promise((resolve) => setImmediate(resolve));
    gate.resolve();
    expect((await Promise.all(stores)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(refills).toBe(1);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('no faucet'))],
    ['does not help', () => Promise.resolve()],
  ])('that stays empty because the refill %s is reported as such', async (_how, refill) => {
    const response = await put(failing(short), '/v1/blobs', {}, {}, { refill });
    expect([response.status, await reasonOf(response)]).toEqual([503, 'INSUFFICIENT_WAL']);
  });

  it.each(['blobs', 'quilts'])('that ran out after a registration of %s pays for no second one', async (what) => {
    const registration = {
      objectId: OBJECT_ID,
      operation: { kind: 'registerFromScratch', encodedLength: 9, epochsAhead: 1 },
      cost: 5n as Frost,
    } as const;
    const handed: unknown[] = [];
    const attempt = async (options: StoreOptions): Promise<NewlyCreated> => {
      const { reuse, registration: given } = options;
      handed.push([reuse, typeof given === 'function' ? given(BLOB_ID) : given]);
      if (handed.length === 2) return newlyCreated();
      options.onRegistered?.(registration);
      throw short;
    };
    const client = fakeClient({
      store: (_blob, options) => attempt(options),
      storeQuilt: async (_patches, options) => ({ store: await attempt(options), patches: [] }),
    });
    const form = new FormData();
    form.append('a', 'first');
    const body = what === 'quilts' ? form : 'hello';
    const response = await put(client, `/v1/${what}`, { body }, {}, { refill: () => Promise.resolve() });
    expect(response.status).toBe(200);
    expect(handed).toEqual([
      [false, undefined],
      [false, registration],
    ]);
  });

  it('is not refilled for other failures', async () => {
    let refills = 0;
    const refill = async () => void (refills += 1);
    const other = clientErrors.INVALID_EPOCHS({ epochs: 99, maxEpochs: 53 });
    expect((await put(failing(other), '/v1/blobs', {}, {}, { refill })).status).toBe(400);
    expect(refills).toBe(0);
  });
});

describe('PUT of a quilt', () => {
  const patchId = quiltPatchId({ blobId: BLOB_ID, startIndex: 1, endIndex: 2 });

  it('stores each field of the form as a patch, with its tags', async () => {
    const form = new FormData();
    form.append('a.txt', new Blob([utf8('first') as Uint8Array<ArrayBuffer>]), 'other-name.txt');
    form.append('b', 'second');
    form.append('_metadata', JSON.stringify([{ identifier: 'b', tags: { kind: 'text', count: 3 } }]));
    const stored: { patches: readonly QuiltPatchInput[]; options: StoreOptions }[] = [];
    const client = fakeClient({
      spool: async (stream) => {
        const parts: Uint8Array[] = [];
        for await (const part of stream as AsyncIterable<Uint8Array>) parts.push(part);
        const bytes = joinBytes(parts);
        const read = async (at: number, into: Uint8Array) => into.set(bytes.subarray(at, at + into.length));
        return new SpooledBlob({ sizeBytes: bytes.length, read }, async () => undefined);
      },
      storeQuilt: async (patches, options) => {
        stored.push({ patches, options });
        return {
          store: newlyCreated(),
          patches: [{ identifier: 'a.txt', tags: {}, startIndex: 1, endIndex: 2, patchId }],
        };
      },
    });
    const response = await put(client, '/v1/quilts?epochs=3&quilt_version=v1', { body: form });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      blobStoreResult: { newlyCreated: { cost: 132_300 } },
      storedQuiltBlobs: [{ identifier: 'a.txt', quiltPatchId: patchId, range: [1, 2] }],
    });
    const texts = stored[0]?.patches.map(({ identifier, tags, contents }) => [
      identifier,
      tags,
      new TextDecoder().decode(contents),
    ]);
    expect(texts).toEqual([
      ['a.txt', {}, 'first'],
      ['b', { kind: 'text', count: '3' }, 'second'],
    ]);
    expect(stored[0]?.options).toMatchObject({ epochs: 3, deletable: true });
  });

  it('counts a quilt by what its columns come to, not by its files: it waits for others, and they for it', async () => {
    const gates = { blob: deferred<void>(), quilt: deferred<void>() };
    const measured = deferred<void>();
    const log: string[] = [];
    const logged = async <T>(what: 'blob' | 'quilt', result: T): Promise<T> => {
      log.push(`${what} begins`);
      await gates[what].promise;
      log.push(`${what} ends`);
      return result;
    };
    const client = fakeClient({
      committees: async () => {
        measured.resolve();
        return COMMITTEES;
      },
      store: () => logged('blob', newlyCreated()),
      storeQuilt: (patches) => {
        expect(patches).toHaveLength(6);
        measured.resolve();
        return logged('quilt', { store: newlyCreated(), patches: [] });
      },
    });
    const { handler } = createGateway({ maxStoreBytes: 10_000 }, { client, signer: SIGNER });
    const send = async (what: string, body: BodyInit) =>
      handler(new Request(`http://gateway/v1/${what}`, { method: 'PUT', body }));
    const turns = async () => {
      for (let i = 0; i < 30; i += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    // In each of seven columns the large file would fit, so that they come to 5,600 bytes; the form has 1,600.
    const form = new FormData();
    form.append('large', new Blob([pattern(780) as Uint8Array<ArrayBuffer>]));
    for (const name of ['a', 'b', 'c', 'd', 'e']) form.append(name, 'x');
    const first = send('blobs', pattern(4_500) as BodyInit);
    await turns();
    const quilt = send('quilts', form);
    await measured.promise;
    await turns();
    gates.blob.resolve();
    await first;
    const second = send('blobs', pattern(4_500) as BodyInit);
    await turns();
    gates.quilt.resolve();
    expect([(await quilt).status, (await second).status]).toEqual([200, 200]);
    const inTurn = ['blob begins', 'blob ends', 'quilt begins', 'quilt ends', 'blob begins', 'blob ends'];
    expect(log).toEqual(inTurn);
  });

  it('refuses what would make too large a quilt before anything is stored', async () => {
    const form = new FormData();
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) form.append(name, 'x');
    const response = await put(fakeClient({}), '/v1/quilts', { body: form });
    expect([response.status, await reasonOf(response)]).toEqual([400, 'TOO_MANY_PATCHES']);
  });

  it.each([{}, { 'content-length': '1001' }])('refuses a form over the limit, declared or not: %j', async (headers) => {
    const form = new FormData();
    form.append('a', new Blob([pattern(1000) as Uint8Array<ArrayBuffer>]));
    const type = { 'content-type': 'multipart/form-data; boundary=xyz' };
    const init = { body: form, headers: 'content-length' in headers ? { ...type, ...headers } : headers };
    const response = await put(fakeClient({}), '/v1/quilts', init as RequestInit, { maxQuiltBodyBytes: 1000 });
    expect([response.status, await reasonOf(response)]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('refuses what is no form', async () => {
    const response = await put(fakeClient({}), '/v1/quilts', { body: 'hello' });
    expect([response.status, await reasonOf(response)]).toEqual([400, 'MALFORMED_REQUEST']);
  });
});
