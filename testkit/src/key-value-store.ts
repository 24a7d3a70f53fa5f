/** What every {@link KeyValueStore} must do. */
import {
  compareBytes,
  isFloeError,
  type KeyRange,
  type KeyValueOperation,
  type KeyValueStore,
  toHex,
  utf8,
} from '@floe/platform';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface StoreFixture {
  readonly store: KeyValueStore;
  /** Closes the store and opens it again. */
  reopen(): Promise<KeyValueStore>;
  dispose(): Promise<void>;
}

const put = (table: string, key: string | Uint8Array, value: string | Uint8Array): KeyValueOperation => ({
  kind: 'put',
  table,
  key: bytesOf(key),
  value: bytesOf(value),
});
const remove = (table: string, key: string | Uint8Array): KeyValueOperation => ({
  kind: 'remove',
  table,
  key: bytesOf(key),
});
const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? utf8(text) : text);
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** Declares the suite; call it at the top level of a test file. */
export function keyValueStoreCompliance(name: string, open: () => Promise<StoreFixture>): void {
  describe(`${name} is a key-value store`, () => {
    let fixture: StoreFixture;
    let store: KeyValueStore;
    beforeEach(async () => {
      fixture = await open();
      store = fixture.store;
    });
    afterEach(async () => {
      await fixture.dispose();
    });

    it('gives undefined for a key that is not there', () => {
      expect(store.get('table', utf8('key'))).toBeUndefined();
      expect([...store.entries('table')]).toEqual([]);
      expect(store.count('table')).toBe(0);
    });

    it('reads a write as soon as it resolves, also after a read that found nothing', async () => {
      for (let round = 0; round < 20; round += 1) {
        const key = utf8(`key ${round}`);
        expect(store.get('table', key)).toBeUndefined();
        await store.write([put('table', key, `value ${round}`)]);
        expect(textOf(store.get('table', key))).toBe(`value ${round}`);
      }
      expect(store.count('table')).toBe(20);
    });

    it('does not show a write before it resolves', () => {
      void store.write([put('table', 'key', 'value')]);
      expect(store.get('table', utf8('key'))).toBeUndefined();
    });

    it('replaces, removes and keeps empty values', async () => {
      await store.write([put('table', 'a', 'one'), put('table', 'b', '')]);
      await store.write([put('table', 'a', 'two'), remove('table', 'missing')]);
      expect(textOf(store.get('table', utf8('a')))).toBe('two');
      expect(store.get('table', utf8('b'))).toEqual(new Uint8Array(0));
      await store.write([remove('table', 'a')]);
      expect(store.get('table', utf8('a'))).toBeUndefined();
      expect(store.count('table')).toBe(1);
    });

    it('applies the operations of a write in order', async () => {
      await store.write([
        put('t', 'k', '1'),
        remove('t', 'k'),
        put('t', 'k', '2'),
        put('t', 'gone', 'x'),
        remove('t', 'gone'),
      ]);
      expect([...store.entries('t')].map(([key, value]) => [textOf(key), textOf(value)])).toEqual([['k', '2']]);
    });

    it('keeps tables apart and writes several at once', async () => {
      await store.write([put('one', 'key', '1'), put('two', 'key', '2')]);
      expect(textOf(store.get('one', utf8('key')))).toBe('1');
      expect(textOf(store.get('two', utf8('key')))).toBe('2');
    });

    it('does nothing of a write that holds an impossible key', async () => {
      for (const key of [new Uint8Array(0), new Uint8Array(257)]) {
        await expect(store.write([put('t', 'good', '1'), put('t', key, '2')])).rejects.toMatchObject({
          code: 'STORE_KEY_SIZE',
        });
      }
      await store.write([put('t', new Uint8Array(256), 'longest')]);
      expect(store.count('t')).toBe(1);
      expect(() => store.get('t', new Uint8Array(0))).toThrow('must have 1 to 256 bytes');
    });

    it('keeps its own copy of what is written, and gives a copy of what is read', async () => {
      const value = utf8('value');
      const key = utf8('key');
      const written = store.write([put('t', key, value)]);
      value.fill(0);
      key.fill(0);
      await written;
      const first = store.get('t', utf8('key'));
      expect(textOf(first)).toBe('value');
      first?.fill(0);
      store.get('t', utf8('other'));
      expect(textOf(store.get('t', utf8('key')))).toBe('value');
    });

    it('keeps earlier results intact while later ones are read', async () => {
      await store.write([put('t', 'a', 'A'.repeat(3000)), put('t', 'b', 'B'.repeat(3000))]);
      const a = store.get('t', utf8('a'));
      const all = [...store.entries('t')];
      store.get('t', utf8('b'));
      expect(textOf(a)).toBe('A'.repeat(3000));
      expect(textOf(all[0]?.[1])).toBe('A'.repeat(3000));
    });

    it('gives plain byte arrays', async () => {
      await store.write([put('t', 'k', 'v')]);
      const [key, value] = [...store.entries('t')][0] as readonly [Uint8Array, Uint8Array];
      for (const bytes of [key, value, store.get('t', utf8('k'))]) expect(bytes?.constructor).toBe(Uint8Array);
    });

    it('finds everything again after it was closed and opened', async () => {
      await store.write([put('t', 'a', '1'), put('u', 'b', '2')]);
      await store.write([remove('t', 'a'), put('t', 'c', 'large'.repeat(100_000))]);
      const again = await fixture.reopen();
      expect(again.get('t', utf8('a'))).toBeUndefined();
      expect(textOf(again.get('u', utf8('b')))).toBe('2');
      expect(textOf(again.get('t', utf8('c')))).toBe('large'.repeat(100_000));
    });

    it('finishes the writes under way when it is closed, and refuses later ones', async () => {
      const writes = Array.from({ length: 50 }, (_, index) => store.write([put('t', `k${index}`, 'v')]));
      await store.close();
      await store.close();
      await Promise.all(writes);
      await expect(store.write([put('t', 'late', 'v')])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      expect(() => store.get('t', utf8('k0'))).toThrow('closed');
      const again = await fixture.reopen();
      expect(again.count('t')).toBe(50);
    });

    it('takes many writes at once and applies them in the order of the calls', async () => {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => store.write([put('t', `k${index % 7}`, `${index}`)])),
      );
      for (let index = 493; index < 500; index += 1)
        expect(textOf(store.get('t', utf8(`k${index % 7}`)))).toBe(`${index}`);
    });

    it('orders and bounds entries like a sorted list, whatever the range', async () => {
      const key = fc
        .uint8Array({ minLength: 1, maxLength: 3, max: 255 })
        .map((bytes) => bytes.map((byte) => (byte % 4 === 3 ? 255 : byte % 4)));
      const range = fc.record(
        { from: key, to: key, prefix: key, reverse: fc.boolean(), limit: fc.nat(6) },
        { requiredKeys: [] },
      );
      const keys = fc.sample(key, 60);
      await store.write(keys.map((each) => put('t', each, toHex(each))));
      const model = new Map(keys.map((each) => [toHex(each), each]));
      const sorted = [...model.values()].sort(compareBytes);
      expect(store.count('t')).toBe(sorted.length);
      fc.assert(
        fc.property(range, (bounds: KeyRange) => {
          const found = [...store.entries('t', bounds)];
          expect(found.map(([each]) => toHex(each))).toEqual(expectedKeys(sorted, bounds).map(toHex));
          for (const [each, value] of found) expect(textOf(value)).toBe(toHex(each));
        }),
        { numRuns: 300 },
      );
    });

    it('errors are FloeErrors', async () => {
      const error: unknown = await store.write([put('t', new Uint8Array(0), '')]).catch((reason: unknown) => reason);
      expect(isFloeError(error)).toBe(true);
    });
  });
}

function expectedKeys(sorted: readonly Uint8Array[], range: KeyRange): Uint8Array[] {
  const { from, to, prefix } = range;
  const inRange = sorted.filter(
    (key) =>
      (from === undefined || compareBytes(key, from) >= 0) &&
      (to === undefined || compareBytes(key, to) < 0) &&
      (prefix === undefined || compareBytes(key.subarray(0, prefix.length), prefix) === 0),
  );
  if (range.reverse === true) inRange.reverse();
  return inRange.slice(0, range.limit ?? inRange.length);
}
