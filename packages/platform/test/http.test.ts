import { describe, expect, it } from 'vitest';
import { utf8 } from '../src/bytes.ts';
import { iterateStream, readBody, responseSource, setBodyReader, streamBody, streamResponse } from '../src/http.ts';

const put = (body: BodyInit | null, headers: Record<string, string> = {}): Request =>
  new Request('http://x/', { method: 'PUT', body, headers, duplex: 'half' } as RequestInit);

const chunked = (...parts: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(utf8(part));
      controller.close();
    },
  });

describe('reading a request', () => {
  it('collects its chunks', async () => {
    expect(await readBody(put(chunked('ab', '', 'cd')), 4)).toEqual(utf8('abcd'));
    expect(await readBody(put(null), 0)).toEqual(new Uint8Array(0));
  });

  it('refuses more than the maximum, declared or not', async () => {
    await expect(readBody(put(chunked('ab', 'cd')), 3)).rejects.toMatchObject({
      code: 'BODY_TOO_LARGE',
      kind: 'invalid',
    });
    await expect(readBody(put('abcd', { 'content-length': '4' }), 3)).rejects.toMatchObject({
      data: { sizeBytes: 4, maxBytes: 3 },
    });
  });

  it('refuses more than the maximum while it streams, declared at once', async () => {
    const parts: Uint8Array[] = [];
    const read = async (request: Request) => {
      for await (const part of streamBody(request, 3)) parts.push(part);
    };
    await expect(read(put(chunked('ab', 'cd')))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(parts).toEqual([utf8('ab')]);
    await expect(read(put('abcd', { 'content-length': '4' }))).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(parts).toHaveLength(1);
  });

  it('uses the way that the server registered', async () => {
    const request = put('slow');
    const parts = async function* (): AsyncGenerator<Uint8Array> {
      yield utf8('fa');
      yield utf8('st');
    };
    setBodyReader(request, { whole: async (maxBytes) => utf8(`fast ${maxBytes}`), parts });
    expect(await readBody(request, 9)).toEqual(utf8('fast 9'));
    const streamed: Uint8Array[] = [];
    for await (const part of streamBody(request)) streamed.push(part);
    expect(streamed).toEqual([utf8('fa'), utf8('st')]);
  });

  it('cancels the stream when the reader leaves early', async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8('x')),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const chunk of iterateStream(endless)) {
      expect(chunk).toEqual(utf8('x'));
      break;
    }
    expect(cancelled).toBe(true);
    const parts: Uint8Array[] = [];
    for await (const part of streamBody(put(chunked('a', 'b')))) parts.push(part);
    expect(parts.length).toBe(2);
  });
});

describe('a response from a source', () => {
  it('pulls nothing before it is read, then chunk by chunk', async () => {
    let pulled = 0;
    const source = (async function* () {
      for (; pulled < 3;) {
        pulled += 1;
        yield utf8(String(pulled));
      }
    })();
    const response = streamResponse(source, { status: 206, headers: { 'x-a': 'b' } });
    await Promise.resolve();
    expect(pulled).toBe(0);
    expect(responseSource(response)).toBe(source);
    expect([response.status, response.headers.get('x-a')]).toEqual([206, 'b']);
    expect(await response.text()).toBe('123');
  });

  it('returns its source when the reader cancels', async () => {
    let returned = false;
    const source = (async function* () {
      try {
        for (;;) yield utf8('x');
      } finally {
        returned = true;
      }
    })();
    const reader = (streamResponse(source).body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    expect(returned).toBe(true);
  });

  it('returns its source when the reader cancels before it read anything', async () => {
    let returned = false;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('nobody reads')),
        return: async () => {
          returned = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    await streamResponse(source).body?.cancel();
    expect(returned).toBe(true);
  });

  it("is nobody else's response", () => {
    expect(responseSource(new Response('x'))).toBeUndefined();
  });
});
