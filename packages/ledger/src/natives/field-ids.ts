/** Ids of dynamic fields are hashes over parsed types; those asked for again and again are kept. */
import type { ObjectId } from '@floe/protocol';
import { BoundedCache } from '../bounded-cache.ts';
import { FIELD_ID_CACHE_ENTRIES } from '../limits.ts';

const ids = new BoundedCache<string, ObjectId>(FIELD_ID_CACHE_ENTRIES);

/** The id that `derive` gives for `key`, which must name everything that it depends on. */
export function cachedId(key: string, derive: () => ObjectId): ObjectId {
  let id = ids.get(key);
  if (id === undefined) {
    id = derive();
    ids.set(key, id);
  }
  return id;
}
