import { utf8 } from '@floe/platform';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataFrame, encodeStatusMessage, requestMessage, trailerFrame } from '../../src/rpc/frames.ts';
import { rpcLimits } from '../../src/rpc/limits.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('frames', () => {
  it('gives back the message that a data frame wraps', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        expect(requestMessage(dataFrame(message))).toEqual(message);
      }),
    );
  });

  it('reads a frame that does not start at the beginning of its buffer', () => {
    const frame = dataFrame(Uint8Array.of(7, 8));
    const shifted = new Uint8Array(frame.length + 3);
    shifted.set(frame, 3);
    expect(requestMessage(shifted.subarray(3))).toEqual(Uint8Array.of(7, 8));
  });

  it('accepts a trailer frame after the message and nothing else', () => {
    const frame = dataFrame(Uint8Array.of(1));
    const trailer = trailerFrame({ code: 0, message: '' });
    expect(requestMessage(Uint8Array.of(...frame, ...trailer))).toEqual(Uint8Array.of(1));
    expect(() => requestMessage(Uint8Array.of(...frame, ...frame))).toThrow('follow its only message');
    expect(() => requestMessage(Uint8Array.of(...frame, 0))).toThrow('1 bytes follow');
  });

  it('names what is wrong with a short, cut, compressed or unknown frame', () => {
    expect(() => requestMessage(new Uint8Array(4))).toThrow('at least 5 bytes, 4 came');
    expect(() => requestMessage(Uint8Array.of(0, 0, 0, 0, 2, 9))).toThrow('2 bytes was announced, 1 came');
    expect(() => requestMessage(Uint8Array.of(1, 0, 0, 0, 0))).toThrow('message compression');
    expect(() => requestMessage(Uint8Array.of(0x80, 0, 0, 0, 0))).toThrow('flags 0x80');
  });

  it('writes trailers with lower-case keys and a percent-encoded message', () => {
    expect(text(trailerFrame({ code: 0, message: '' }).subarray(5))).toBe('grpc-status:0\r\n');
    expect(text(trailerFrame({ code: 5, message: 'größe: 5%\n' }).subarray(5))).toBe(
      'grpc-status:5\r\ngrpc-message:gr%C3%B6%C3%9Fe: 5%25%0A\r\n',
    );
  });

  it('keeps any message decodable and under the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 4000 }), (message) => {
        const encoded = encodeStatusMessage(message);
        expect(encoded.length).toBeLessThanOrEqual(rpcLimits.statusMessageBytes + 3);
        expect(/^[\x20-\x7e]*$/.test(encoded)).toBe(true);
        const decoded = decodeURIComponent(encoded);
        if (decoded !== message) expect(utf8(message).length * 3).toBeGreaterThan(rpcLimits.statusMessageBytes);
      }),
    );
  });
});
