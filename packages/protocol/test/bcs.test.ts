import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BcsReader, decodeBcs, encodeBcs, ulebSize } from '../src/bcs.ts';
import { bytes, encoding, hex } from './support/vectors.ts';
import { bytesOf, u64 } from './support/arbitraries.ts';

const read = <T>(raw: Uint8Array | readonly number[], use: (reader: BcsReader) => T): T =>
  decodeBcs(Uint8Array.from(raw), 'test value', use);

describe('ULEB128', () => {
  it('round-trips every u32, in its shortest form', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (value) => {
        const encoded = encodeBcs((writer) => writer.uleb(value));
        expect(encoded.length).toBe(ulebSize(value));
        expect(read(encoded, (reader) => reader.uleb())).toBe(value);
      }),
    );
  });

  it('takes the largest u32 and refuses the next number', () => {
    expect(read([0xff, 0xff, 0xff, 0xff, 0x0f], (reader) => reader.uleb())).toBe(0xffff_ffff);
    expect(() => read([0x80, 0x80, 0x80, 0x80, 0x10], (reader) => reader.uleb())).toThrow(
      'malformed test value at byte 0: expected a length up to 4294967295, came a larger one',
    );
  });

  it.each([[[0x80, 0x00]], [[0x81, 0x00]], [[0xff, 0xff, 0x00]], [[0x80, 0x80, 0x80, 0x80, 0x00]]])(
    'refuses the non-minimal form %j',
    (raw) => {
      expect(() => read(raw, (reader) => reader.uleb())).toThrow('in its shortest form, came a longer one');
    },
  );

  it('refuses a sixth byte', () => {
    const raw = [0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    expect(() => read(raw, (reader) => reader.uleb())).toThrow('at most 5 bytes, came more');
  });
});

describe('reader and writer', () => {
  it('round-trip integers of every width', () => {
    fc.assert(
      fc.property(fc.nat(0xff), fc.nat(0xffff), fc.nat(0xffff_ffff), u64, (a, b, c, d) => {
        const encoded = encodeBcs((writer) => writer.u8(a).u16(b).u32(c).u64(d));
        expect(encoded.length).toBe(15);
        expect(read(encoded, (reader) => [reader.u8(), reader.u16(), reader.u32(), reader.u64()])).toEqual([
          a,
          b,
          c,
          d,
        ]);
      }),
    );
  });

  it('write integers little-endian', () => {
    expect(hex(encodeBcs((writer) => writer.u16(0x0102).u32(0x03040506).u64(7n)))).toBe('0201060504030700000000000000');
  });

  it('round-trip bytes and texts', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'grapheme' }), (data, text) => {
        const encoded = encodeBcs((writer) => writer.bytes(data).string(text));
        expect(read(encoded, (reader) => [reader.bytes(), reader.string()])).toEqual([data, text]);
      }),
    );
  });

  it('name the thing, the place, what was expected and what came', () => {
    expect(() => read([1, 2], (reader) => reader.u32('the epoch'))).toThrow(
      'malformed test value at byte 0: expected the epoch (4 bytes), came 2 bytes and the end',
    );
    expect(() => read([5], (reader) => reader.variant(['a', 'b'], 'the axis'))).toThrow(
      'expected the axis, one of a, b, came tag 5',
    );
    expect(() => read([1, 2], (reader) => reader.u8())).toThrow('at byte 1: expected the end, came 1 more bytes');
  });

  it('refuse a u64 that a double cannot hold', () => {
    const tooLarge = encodeBcs((writer) => writer.u64(2n ** 53n));
    expect(() => read(tooLarge, (reader) => reader.u64Number('the length'))).toThrow('the length below 2^53');
    const largest = encodeBcs((writer) => writer.u64(2n ** 53n - 1n));
    expect(read(largest, (reader) => reader.u64Number())).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('refuse a text that is not UTF-8', () => {
    expect(() => read([2, 0xc3, 0x28], (reader) => reader.string())).toThrow('in UTF-8');
  });

  it('give views, not copies', () => {
    const raw = Uint8Array.of(3, 1, 2, 3);
    const data = new BcsReader(raw, 'test value').bytes();
    expect(data.buffer).toBe(raw.buffer);
  });

  it('give plain arrays also from a Buffer, whose slice would not copy', () => {
    const data = new BcsReader(Buffer.from([3, 1, 2, 3]), 'test value').bytes();
    expect(Object.getPrototypeOf(data)).toBe(Uint8Array.prototype);
    expect(data.slice().buffer).not.toBe(data.buffer);
  });

  it('refuse a count that the bytes left cannot hold, before making anything from it', () => {
    const claim = encodeBcs((writer) => writer.uleb(0xffff_ffff).u8(1));
    expect(() => read(claim, (reader) => reader.vector((r) => r.u8(), 1, Number.MAX_SAFE_INTEGER))).toThrow(
      'expected a list of at most 1 elements, came 4294967295',
    );
    expect(() => read(claim, (reader) => reader.bytes('the data'))).toThrow('expected the data');
  });

  it('refuse more elements than the caller allows', () => {
    expect(() => read([3, 0, 0, 0], (reader) => reader.vector((r) => r.u8(), 1, 2, 'a short list'))).toThrow(
      'a short list of at most 2 elements, came 3',
    );
  });
});

describe('maps', () => {
  const tags = encoding.bcs.find(({ what }) => what.startsWith('tags map'));

  it('order text keys by their bytes with the length first, as the official encoder', () => {
    const entries = Object.entries({ bb: '2', a: '1', ccc: '3' });
    const encoded = encodeBcs((writer) =>
      writer.map(
        entries,
        (w, key) => w.string(key),
        (w, value) => w.string(value),
      ),
    );
    expect(hex(encoded)).toBe(tags?.bcs);
    const decoded = read(bytes(tags?.bcs ?? ''), (reader) =>
      reader.map(
        (r) => r.string(),
        (r) => r.string(),
        2,
        10,
      ),
    );
    expect(Object.fromEntries(decoded)).toEqual({ a: '1', bb: '2', ccc: '3' });
  });

  it('order u16 keys by their little-endian bytes, not by number', () => {
    const encoded = encodeBcs((writer) =>
      writer.map(
        [
          [1, 'x'],
          [256, 'y'],
        ] as const,
        (w, key) => w.u16(key),
        (w, value) => w.string(value),
      ),
    );
    expect(hex(encoded)).toBe('02' + '00010179' + '01000178');
  });

  it('refuse unsorted and repeated keys', () => {
    const parse = (raw: readonly number[]) => () =>
      read(raw, (reader) =>
        reader.map(
          (r) => r.u8(),
          (r) => r.u8(),
          2,
          10,
        ),
      );
    expect(parse([2, 1, 0, 2, 0])()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(parse([2, 2, 0, 1, 0])).toThrow('keys of a map in ascending order');
    expect(parse([2, 1, 0, 1, 0])).toThrow('keys of a map in ascending order');
  });

  it('refuse to write a key twice', () => {
    const write = () =>
      encodeBcs((w) =>
        w.map(
          [
            [1, 1],
            [1, 2],
          ] as const,
          (k, key) => k.u8(key),
          (v, x) => v.u8(x),
        ),
      );
    expect(write).toThrow('keys of a map are distinct');
  });

  it('round-trip', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(fc.nat(0xffff), bytesOf(3)), { selector: ([key]) => key }), (entries) => {
        const encoded = encodeBcs((w) =>
          w.map(
            entries,
            (k, key) => k.u16(key),
            (v, value) => v.fixed(value),
          ),
        );
        const decoded = read(encoded, (r) =>
          r.map(
            (k) => k.u16(),
            (v) => v.fixed(3),
            5,
            65_536,
          ),
        );
        expect(new Map(decoded)).toEqual(new Map(entries));
      }),
    );
  });
});

it('the writer keeps every byte whichever field makes its buffer grow', () => {
  for (const field of ['u8', 'u16', 'u32', 'u64', 'uleb'] as const) {
    for (let before = 0; before < 8; before += 1) {
      const encoded = encodeBcs((writer) => {
        writer.fixed(new Uint8Array(before).fill(9));
        for (let i = 0; i < 40; i += 1) writer[field](7);
      }, 8);
      const reader = new BcsReader(encoded, 'test value');
      reader.fixed(before);
      for (let i = 0; i < 40; i += 1) expect(Number(reader[field]())).toBe(7);
      reader.end();
    }
  }
});

it('the writer refuses numbers out of range, as a bug of the caller', () => {
  expect(() => encodeBcs((writer) => writer.u8(256))).toThrow('an integer in range');
  expect(() => encodeBcs((writer) => writer.u16(-1))).toThrow('an integer in range');
  expect(() => encodeBcs((writer) => writer.u32(0.5))).toThrow('an integer in range');
  expect(() => encodeBcs((writer) => writer.u64(1n << 64n))).toThrow('a u64');
});
