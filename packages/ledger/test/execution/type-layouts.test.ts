import { parseObjectId } from '@floe/protocol';
import { packageAddresses } from '@floe/contracts';
import { bcs } from '@mysten/sui/bcs';
import { expect, test } from 'vitest';
import { Datatypes, decodePure } from '../../src/execution/datatypes.ts';

const addresses = packageAddresses({ walrus: parseObjectId('0xa'), wal: parseObjectId('0xb') });
const types = new Datatypes(addresses);
const nested = (element: string, depth: number) => `${'vector<'.repeat(depth)}${element}${'>'.repeat(depth)}`;
const decoded = (type: string, bytes: Uint8Array) => decodePure(types.get(type), bytes);

/** 4095 MiB in ULEB128. */
const HUGE = [0xff, 0xff, 0xff, 0x0f];

test('lengths that the bytes do not bear out set no memory aside', () => {
  const bytes = Uint8Array.from(Array.from({ length: 16 }, () => HUGE).flat());
  const before = process.memoryUsage().rss;
  for (const type of [
    nested('bool', 16),
    nested('u8', 16),
    nested('u64', 1),
    nested(`${addresses.std}::string::String`, 8),
  ]) {
    expect(decoded(type, bytes), type).toBeUndefined();
  }
  expect(decoded(nested(`${addresses.std}::option::Option<u64>`, 8), bytes)).toBeUndefined();
  expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
});

test('a length has at most five bytes, whatever follows', () => {
  const endless = new Uint8Array(16_384).fill(0xff);
  for (const type of ['vector<u64>', 'vector<vector<u8>>', `vector<${addresses.std}::string::String>`]) {
    const bytes = type === 'vector<u64>' ? endless : Uint8Array.of(1, ...endless.subarray(1));
    for (let i = 0; i < 20; i += 1) expect(decoded(type, bytes), type).toBeUndefined();
  }
});

test('only the shortest form of a length is taken', () => {
  expect(decoded('vector<bool>', Uint8Array.of(0x81, 0x00, 1))).toBeUndefined();
  expect(decoded('vector<vector<u8>>', Uint8Array.of(1, 0x80, 0x00))).toBeUndefined();
  expect(decoded('vector<bool>', Uint8Array.of(1, 1))).toEqual({ value: [true] });
});

test('vectors, options and strings within vectors are read as they are written', () => {
  const options = bcs.vector(bcs.option(bcs.u64())).serialize([null, 7n, 300n]).toBytes();
  expect(decoded(`vector<${addresses.std}::option::Option<u64>>`, options)).toEqual({ value: [null, 7n, 300n] });
  const texts = bcs
    .vector(bcs.string())
    .serialize(['', 'grüße', '\ufeffmarked', 'x'.repeat(300)])
    .toBytes();
  expect(decoded(`vector<${addresses.std}::string::String>`, texts)?.value).toEqual([
    '',
    'grüße',
    '\ufeffmarked',
    'x'.repeat(300),
  ]);
  const bytes = bcs
    .vector(bcs.byteVector())
    .serialize([Uint8Array.of(), Uint8Array.of(1, 2)])
    .toBytes();
  expect(decoded('vector<vector<u8>>', bytes)?.value).toEqual([Uint8Array.of(), Uint8Array.of(1, 2)]);
});
