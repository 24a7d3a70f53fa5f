import { keyValueStoreCompliance } from '@floe/testkit';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { createMemoryStore } from '../../src/memory/memory-store.ts';
import { seededRng } from '../../src/memory/rng.ts';

keyValueStoreCompliance('memory', async () => {
  let store = createMemoryStore();
  return {
    store,
    async reopen() {
      await store.close();
      store = store.reopen();
      return store;
    },
    dispose: () => store.close(),
  };
});

const put = (key: string) => [{ kind: 'put', table: 't', key: utf8(key), value: utf8(key) }] as const;

describe('a store in memory', () => {
  it('keeps what resolved through a crash, and of the writes under way a prefix', async () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 40; seed += 1) {
      const store = createMemoryStore({ rng: seededRng(seed) });
      await store.write(put('safe'));
      store.holdWrites();
      let settled = false;
      for (const key of ['1', '2', '3']) {
        store.write(put(key)).then(
          () => (settled = true),
          () => (settled = true),
        );
      }
      const after = store.crash();
      const keys = [...after.entries('t')].map(([key]) => new TextDecoder().decode(key));
      expect(keys).toEqual(['1', '2', '3'].slice(0, keys.length - 1).concat('safe'));
      kept.add(keys.length - 1);
      await Promise.resolve();
      expect(settled).toBe(false);
      expect(() => store.get('t', utf8('safe'))).toThrow('closed');
    }
    expect([...kept].sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  it('refuses rotten values until they are written again', async () => {
    const store = createMemoryStore();
    await store.write(put('k'));
    store.corrupt('t', utf8('k'));
    expect(() => store.get('t', utf8('k'))).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    await store.write(put('k'));
    expect(store.get('t', utf8('k'))).toEqual(utf8('k'));
  });

  it('refuses writes while it is full', async () => {
    const store = createMemoryStore();
    store.setFull(true);
    await expect(store.write(put('k'))).rejects.toMatchObject({ code: 'STORE_FULL', kind: 'exhausted' });
    store.setFull(false);
    await store.write(put('k'));
    expect(store.count('t')).toBe(1);
  });
});
