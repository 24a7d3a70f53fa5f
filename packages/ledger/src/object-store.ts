/**
 * The newest version of every object, and the indexes by owner and by coin balance.
 *
 * Reads see what is durable. A checkpoint's changes are turned into operations (`prepare`), written by the caller in one
 * atomic write together with the journal and the state tree, and only then seen (`commit`). So no reader ever sees a
 * state that a crash could take back, and indexes never disagree with objects. While they are written, the next
 * checkpoint's changes may be prepared on top of them (`stage`, `newest`).
 */
import { compareBytes, concatBytes, type KeyValueOperation, type KeyValueStore, utf8 } from '@floe/platform';
import { BcsReader, BcsWriter, objectIdBytes, objectIdFromBytes, type ObjectId, type SuiAddress } from '@floe/protocol';
import { Ahead } from './ahead.ts';
import type { CoinBalance, LedgerObject, Owner, OwnedQuery, Page, TypeName } from './api.ts';
import { BoundedCache } from './bounded-cache.ts';
import { coinValue } from './coin-value.ts';
import { errors } from './errors.ts';
import { blake2b256 } from './hash.ts';
import {
  BALANCE_CACHE_ENTRIES,
  MAX_PAGE_SIZE,
  MAX_SCANNED_ENTRIES,
  OBJECT_CACHE_BYTES,
  TYPE_CACHE_ENTRIES,
} from './limits.ts';
import { decodeStoredObject, encodeStoredObject } from './object-codec.ts';
import { TABLES } from './tables.ts';
import { coinTypeName } from './type-constants.ts';
import { canonicalType, formatTypeTag, parseTypeTag } from './type-tag.ts';

/** What became of objects: the new version, or undefined when it left the store. */
export type ObjectWrites = ReadonlyMap<ObjectId, LedgerObject | undefined>;

/** Reads objects; the executor needs no more of a state than this. */
export interface ObjectReader {
  getObject(id: ObjectId): LedgerObject | undefined;
}

/** Dropped without a trace when neither is called. */
export interface PreparedWrites {
  readonly operations: readonly KeyValueOperation[];
  /** What is prepared from now on builds on these writes. */
  stage(): void;
  /** The operations are durable. */
  commit(): void;
}

const PRESENT = Uint8Array.of(1);
const BALANCE_VERSION = 1;
const OWNER_ADDRESS = 0;
const OWNER_OBJECT = 1;
const TYPE_HASH_BYTES = 16;
const typeHashes = new BoundedCache<TypeName, Uint8Array>(TYPE_CACHE_ENTRIES);

/** Rough bytes of a cached object beyond its contents. */
const OBJECT_OVERHEAD_BYTES = 600;

export class ObjectStore implements ObjectReader {
  readonly #store: KeyValueStore;
  readonly #cache = new BoundedCache<ObjectId, LedgerObject>(
    OBJECT_CACHE_BYTES,
    (object) => object.contents.length + OBJECT_OVERHEAD_BYTES,
  );

  readonly #ahead = new Ahead<ObjectId, LedgerObject>();
  /** Durable ones, of owners who come often. */
  readonly #balances = new BoundedCache<string, CoinBalance>(BALANCE_CACHE_ENTRIES);
  /** By owner and coin type, as `#countBalance` names them. */
  readonly #balancesAhead = new Ahead<string, CoinBalance>();
  /** Objects as the writes that were staged leave them. */
  readonly newest: ObjectReader = {
    getObject: (id) => {
      const ahead = this.#ahead.get(id);
      return ahead === undefined ? this.getObject(id) : ahead.value;
    },
  };

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  getObject(id: ObjectId): LedgerObject | undefined {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const bytes = this.#store.get(TABLES.objects, objectIdBytes(id));
    if (bytes === undefined) return undefined;
    const object = decodeStoredObject(id, bytes);
    this.#cache.set(id, object);
    return object;
  }

  /** Objects of an address, ordered by type and id. @throws INVALID_QUERY, INVALID_TYPE */
  listOwned(query: OwnedQuery): Page<LedgerObject> {
    const filter = query.type === undefined ? undefined : ownedFilter(query.type);
    return this.#list(OWNER_ADDRESS, query.owner, filter, query);
  }

  /** Objects owned by the object `parent`. @throws INVALID_QUERY */
  listChildren(query: { parent: ObjectId; cursor?: Uint8Array; limit: number }): Page<LedgerObject> {
    return this.#list(OWNER_OBJECT, query.parent, undefined, query);
  }

  balance(owner: SuiAddress, coinType: string): CoinBalance {
    const type = canonicalType(coinType);
    const found = this.#store.get(TABLES.balances, balanceKey(owner, type));
    return found === undefined ? { coinType: type, balance: 0n, coinCount: 0 } : decodeBalance(found);
  }

  /** Balances of an address by coin type. @throws INVALID_QUERY */
  listBalances(query: { owner: SuiAddress; cursor?: Uint8Array; limit: number }): Page<CoinBalance> {
    const prefix = objectIdBytes(query.owner);
    const items: CoinBalance[] = [];
    let last: Uint8Array | undefined;
    for (const [key, value] of this.#store.entries(TABLES.balances, pageRange(prefix, query))) {
      if (items.length === query.limit) return { items, nextCursor: last };
      items.push(decodeBalance(value));
      last = key.slice(prefix.length);
    }
    return { items, nextCursor: undefined };
  }

  /** Coins of `owner`, largest first; `type` is that of the coin objects. */
  largestCoins(owner: SuiAddress, type: TypeName, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[] {
    const coins: LedgerObject[] = [];
    let cursor: Uint8Array | undefined;
    do {
      const page = this.listOwned({ owner, type, cursor, limit: MAX_PAGE_SIZE });
      coins.push(...page.items.filter(({ id }) => !except.has(id)));
      cursor = page.nextCursor;
    } while (cursor !== undefined && coins.length < MAX_SCANNED_ENTRIES);
    coins.sort((a, b) => {
      const [left, right] = [coinValue(a), coinValue(b)];
      return left === right ? (a.id < b.id ? -1 : 1) : left > right ? -1 : 1;
    });
    return coins.slice(0, limit);
  }

  /**
   * Operations that bring objects and indexes from what is staged, or else durable, to `writes`.
   *
   * @param fresh ids that surely name no object yet
   */
  prepare(writes: ObjectWrites, fresh: ReadonlySet<ObjectId> = new Set()): PreparedWrites {
    const operations: KeyValueOperation[] = [];
    const balances = new Map<string, { key: Uint8Array; entry: CoinBalance }>();
    for (const [id, after] of writes) {
      const before = fresh.has(id) ? undefined : this.newest.getObject(id);
      if (before === undefined && after === undefined) continue;
      const key = objectIdBytes(id);
      if (after === undefined) operations.push({ kind: 'remove', table: TABLES.objects, key });
      else operations.push({ kind: 'put', table: TABLES.objects, key, value: encodeStoredObject(after) });
      this.#indexOwner(before, after, operations);
      this.#countBalance(before, -1, balances);
      this.#countBalance(after, 1, balances);
    }
    for (const { key, entry } of balances.values()) {
      if (entry.coinCount === 0) operations.push({ kind: 'remove', table: TABLES.balances, key });
      else operations.push({ kind: 'put', table: TABLES.balances, key, value: encodeBalance(entry) });
    }
    const entries = new Map([...balances].map(([name, { entry }]) => [name, entry]));
    const stage = () => {
      this.#ahead.add(writes);
      this.#balancesAhead.add(entries);
    };
    const commit = () => {
      this.#ahead.settle(writes);
      this.#balancesAhead.settle(entries);
      for (const [name, entry] of entries) this.#balances.set(name, entry);
      for (const [id, after] of writes) {
        if (after === undefined) this.#cache.delete(id);
        else this.#cache.set(id, after);
      }
    };
    return { operations, stage, commit };
  }

  /** Takes back all that was staged and not committed. */
  forget(): void {
    this.#ahead.clear();
    this.#balancesAhead.clear();
  }

  #indexOwner(
    before: LedgerObject | undefined,
    after: LedgerObject | undefined,
    operations: KeyValueOperation[],
  ): void {
    const from = before === undefined ? undefined : ownedKey(before);
    const to = after === undefined ? undefined : ownedKey(after);
    if (from !== undefined && to !== undefined && compareBytes(from, to) === 0) return;
    if (from !== undefined) operations.push({ kind: 'remove', table: TABLES.owned, key: from });
    if (to !== undefined) operations.push({ kind: 'put', table: TABLES.owned, key: to, value: PRESENT });
  }

  #countBalance(
    object: LedgerObject | undefined,
    sign: 1 | -1,
    balances: Map<string, { key: Uint8Array; entry: CoinBalance }>,
  ): void {
    if (object?.owner.kind !== 'address') return;
    const coinType = coinTypeName(object.type);
    if (coinType === undefined) return;
    const name = `${object.owner.address}${coinType}`;
    const known = balances.get(name);
    const entry = known?.entry ?? this.#newestBalance(name, object.owner.address, coinType);
    balances.set(name, {
      key: known?.key ?? balanceKey(object.owner.address, coinType),
      entry: {
        coinType,
        balance: entry.balance + BigInt(sign) * coinValue(object),
        coinCount: entry.coinCount + sign,
      },
    });
  }

  #newestBalance(name: string, owner: SuiAddress, coinType: TypeName): CoinBalance {
    return this.#balancesAhead.get(name)?.value ?? this.#balances.get(name) ?? this.balance(owner, coinType);
  }

  #list(
    kind: number,
    owner: ObjectId,
    filter: OwnedFilter | undefined,
    query: { cursor?: Uint8Array; limit: number },
  ): Page<LedgerObject> {
    const ownerPrefix = concatBytes(Uint8Array.of(kind), objectIdBytes(owner));
    const prefix = filter?.fullType === undefined ? ownerPrefix : concatBytes(ownerPrefix, typeHash(filter.fullType));
    const items: LedgerObject[] = [];
    let last: Uint8Array | undefined;
    let scanned = 0;
    for (const [key] of this.#store.entries(TABLES.owned, pageRange(prefix, query))) {
      if (items.length === query.limit || scanned === MAX_SCANNED_ENTRIES) return { items, nextCursor: last };
      const id = objectIdFromBytes(key.slice(key.length - 32));
      const object = this.getObject(id);
      if (object === undefined)
        throw errors.LEDGER_CORRUPT({ what: 'owner index', reason: `it names ${id}, which is not there` });
      if (filter === undefined || filter.matches(object.type)) items.push(object);
      last = key.slice(prefix.length);
      scanned += 1;
    }
    return { items, nextCursor: undefined };
  }
}

interface OwnedFilter {
  /** Set when the filter names exactly one type. */
  readonly fullType: TypeName | undefined;
  matches(type: TypeName): boolean;
}

/** A package, a module, a type without its arguments, or a whole type. */
function ownedFilter(text: string): OwnedFilter {
  const parts = /^(0x[0-9a-fA-F]{1,64}|[0-9a-fA-F]{1,64})(?:::([A-Za-z_]\w*))?$/.exec(text.trim());
  if (parts !== null) {
    const sample = parseTypeTag(`${parts[1]}::${parts[2] ?? 'm'}::T`);
    const start = formatTypeTag(sample).slice(0, parts[2] === undefined ? -'m::T'.length : -'T'.length);
    return { fullType: undefined, matches: (type) => type.startsWith(start) };
  }
  const type = canonicalType(text);
  // `Coin` without arguments names a family; a type that has none is its own family.
  if (!type.includes('<')) {
    return { fullType: undefined, matches: (candidate) => candidate === type || candidate.startsWith(`${type}<`) };
  }
  return { fullType: type, matches: (candidate) => candidate === type };
}

/** Cursor: the rest, after the prefix, of the last key that was looked at. */
function pageRange(prefix: Uint8Array, query: { cursor?: Uint8Array; limit: number }) {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > MAX_PAGE_SIZE) {
    throw errors.INVALID_QUERY({ reason: `page size ${query.limit} is not from 1 to ${MAX_PAGE_SIZE}` });
  }
  if (query.cursor === undefined) return { prefix };
  if (query.cursor.length > 128) throw errors.INVALID_QUERY({ reason: 'the cursor is not one of this list' });
  // The next key after the last one: the same with a zero byte appended.
  return { prefix, from: concatBytes(prefix, query.cursor, Uint8Array.of(0)) };
}

function typeHash(type: TypeName): Uint8Array {
  let hash = typeHashes.get(type);
  if (hash === undefined) {
    hash = blake2b256(utf8(type)).slice(0, TYPE_HASH_BYTES);
    typeHashes.set(type, hash);
  }
  return hash;
}

function ownedKey(object: LedgerObject): Uint8Array | undefined {
  const owner = ownerPart(object.owner);
  return owner === undefined ? undefined : concatBytes(owner, typeHash(object.type), objectIdBytes(object.id));
}

function ownerPart(owner: Owner): Uint8Array | undefined {
  if (owner.kind === 'address') return concatBytes(Uint8Array.of(OWNER_ADDRESS), objectIdBytes(owner.address));
  if (owner.kind === 'object') return concatBytes(Uint8Array.of(OWNER_OBJECT), objectIdBytes(owner.parent));
  return undefined;
}

function balanceKey(owner: SuiAddress, coinType: TypeName): Uint8Array {
  return concatBytes(objectIdBytes(owner), typeHash(coinType));
}

function encodeBalance(entry: CoinBalance): Uint8Array {
  const writer = new BcsWriter(128);
  writer
    .u8(BALANCE_VERSION)
    .u64(entry.balance & 0xffff_ffff_ffff_ffffn)
    .u64(entry.balance >> 64n);
  return writer.u32(entry.coinCount).string(entry.coinType).finish();
}

function decodeBalance(bytes: Uint8Array): CoinBalance {
  const reader = new BcsReader(bytes, 'balance');
  const version = reader.u8();
  if (version !== BALANCE_VERSION) throw errors.LEDGER_CORRUPT({ what: 'balance', reason: `format ${version}` });
  const low = reader.u64();
  const balance = low | (reader.u64() << 64n);
  return { balance, coinCount: reader.u32(), coinType: reader.string() };
}

/** For messages: the owner as text. */
export function describeOwner(owner: Owner): string {
  switch (owner.kind) {
    case 'address':
      return owner.address;
    case 'object':
      return `object ${owner.parent}`;
    default:
      return `nobody (${owner.kind})`;
  }
}
