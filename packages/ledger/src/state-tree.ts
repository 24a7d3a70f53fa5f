/**
 * The authenticated set of all objects: a sparse binary Merkle tree whose root every checkpoint carries.
 *
 * A leaf stands at `blake2b256(object id)`, so that no id, chosen or ground, makes deep paths on purpose.
 *
 *     leaf(id, digest)   blake2b256(00 ‖ key ‖ object digest)
 *     node(left, right)  blake2b256(01 ‖ left ‖ right); 32 zero bytes for an empty side
 *     a subtree with one leaf is that leaf; with none, 32 zero bytes
 *
 * The root depends on the set alone, not on the order of changes. An update costs O(log n) hashes.
 *
 * On disk the tree is cut into pages of four levels. The page of a prefix (in hex digits) exists exactly when at least
 * two leaves share that prefix (the root page always); a slot of it is empty, a leaf, or the hash of the page below. So
 * one million objects are some 330 000 pages of about 300 bytes, and a change touches about five of them.
 *
 * The pages of the three levels at the top change with nearly every checkpoint. They are kept in memory and, while they
 * hold no leaf, not on disk: opening the tree derives them from the 4096 pages below, and whoever opens it compares the
 * root.
 */
import { assert, equalBytes } from '@floe/platform';
import type { KeyValueOperation, KeyValueStore } from '@floe/platform';
import { BcsWriter, objectIdBytes, type ObjectId } from '@floe/protocol';
import { Ahead } from './ahead.ts';
import type { Digest } from './api.ts';
import { BoundedCache } from './bounded-cache.ts';
import { errors } from './errors.ts';
import { blake2b256 } from './hash.ts';
import { TREE_CACHE_PAGES } from './limits.ts';
import type { PreparedWrites } from './object-store.ts';
import { TABLES } from './tables.ts';
import { nodeHash, type Slot, TreePage } from './tree-page.ts';

const EMPTY = new Uint8Array(32);
/** Levels of pages at the top that are kept in memory: at most 273 pages. */
const TOP_LEVELS = 3;

/** A leaf that was set (its hash) or removed. */
export interface LeafChange {
  readonly key: Uint8Array;
  readonly leafHash: Uint8Array | undefined;
}

/** From the root down: the sibling at every level above the leaf, 32 zero bytes where it is empty. */
export interface MembershipProof {
  readonly siblings: readonly Uint8Array[];
}

/** Where an object's leaf stands. */
export function treeKey(id: ObjectId): Uint8Array {
  return blake2b256(objectIdBytes(id));
}

export function leafHash(key: Uint8Array, digest: Digest): Uint8Array {
  return new BcsWriter(65).u8(0).fixed(key).fixed(digest).with(blake2b256);
}

/** Whether `digest` is the digest of object `id` in the state with this root. */
export function verifyMembership(root: Uint8Array, id: ObjectId, digest: Digest, proof: MembershipProof): boolean {
  if (proof.siblings.length > 256) return false;
  const key = treeKey(id);
  let hash = leafHash(key, digest);
  for (let level = proof.siblings.length - 1; level >= 0; level -= 1) {
    const sibling = proof.siblings[level] as Uint8Array;
    if (sibling.length !== 32) return false;
    hash = bitAt(key, level) === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
  }
  return equalBytes(hash, root);
}

/** What an update changes; `stage` it to build on it, `commit` it once its operations are on disk, or drop it. */
export interface TreeUpdate extends PreparedWrites {
  readonly root: Uint8Array;
}

export class StateTree {
  readonly #store: KeyValueStore;
  readonly #cache = new BoundedCache<string, TreePage>(TREE_CACHE_PAGES);
  readonly #ahead = new Ahead<string, TreePage>();
  /** Pages of the top levels, all of them once they were looked for. */
  readonly #top = new Map<string, TreePage | undefined>();

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  /** The root of what is on disk. */
  root(): Uint8Array {
    const page = this.#load('');
    return page === undefined ? EMPTY : page.hash().slice();
  }

  /** The tree after `changes`, each to another key, on top of what is staged. */
  update(changes: readonly LeafChange[]): TreeUpdate {
    const written = new Map<string, TreePage | undefined>();
    const page = this.#updatePage('', this.#loadNewest(''), changes, written);
    written.set('', page);
    const operations: KeyValueOperation[] = [];
    for (const [path, next] of written) {
      const key = pageKey(path);
      if (isTop(path) && next?.isDerivable === true) {
        if (this.#loadNewest(path)?.isDerivable !== true) operations.push({ kind: 'remove', table: TABLES.tree, key });
      } else if (next !== undefined) operations.push({ kind: 'put', table: TABLES.tree, key, value: next.encode() });
      else operations.push({ kind: 'remove', table: TABLES.tree, key });
    }
    const stage = () => this.#ahead.add(written);
    const commit = () => {
      this.#ahead.settle(written);
      for (const [path, next] of written) {
        if (isTop(path)) this.#top.set(path, next);
        else if (next === undefined) this.#cache.delete(path);
        else this.#cache.set(path, next);
      }
    };
    return { root: page.hash().slice(), operations, stage, commit };
  }

  /** Takes back all that was staged and not committed. */
  forget(): void {
    this.#ahead.clear();
  }

  /** Undefined when the object is not in the tree. */
  prove(id: ObjectId): MembershipProof | undefined {
    const key = treeKey(id);
    const siblings: Uint8Array[] = [];
    for (let depth = 0, path = ''; ; depth += 1) {
      const page = this.#load(path);
      if (page === undefined) return undefined;
      const nibble = nibbleAt(key, depth);
      const slot = page.slot(nibble);
      if (slot === undefined || (slot.kind === 'leaf' && !equalBytes(slot.key, key))) return undefined;
      for (let bit = 0; bit < 4; bit += 1) {
        // A node that is one leaf is ours: it rose to here, and nothing stands below.
        if (page.node((1 << bit) | (nibble >> (4 - bit)))?.single === true) return { siblings };
        siblings.push((page.node(((1 << (bit + 1)) | (nibble >> (3 - bit))) ^ 1)?.hash ?? EMPTY).slice());
      }
      if (slot.kind === 'leaf') return { siblings };
      path += nibble.toString(16);
    }
  }

  #load(path: string): TreePage | undefined {
    return isTop(path) ? this.#loadTop(path) : this.#loadCached(path);
  }

  #loadTop(path: string): TreePage | undefined {
    if (!this.#top.has(path)) this.#top.set(path, this.#read(path) ?? this.#derive(path));
    return this.#top.get(path);
  }

  #loadCached(path: string): TreePage | undefined {
    let page = this.#cache.get(path);
    if (page === undefined) {
      page = this.#read(path);
      if (page !== undefined) this.#cache.set(path, page);
    }
    return page;
  }

  #read(path: string): TreePage | undefined {
    const bytes = this.#store.get(TABLES.tree, pageKey(path));
    return bytes === undefined ? undefined : TreePage.decode(path, bytes);
  }

  /** A page of the top levels from those below it; undefined when there are none. */
  #derive(path: string): TreePage | undefined {
    // A new store: nothing has to be looked for four thousand times.
    if (path === '' && this.#store.count(TABLES.tree) === 0) return undefined;
    const page = TreePage.empty();
    for (let slot = 0; slot < 16; slot += 1) {
      const below = this.#load(path + slot.toString(16));
      if (below !== undefined) page.set(slot, { kind: 'page', hash: below.hash() });
    }
    return page.isDerivable ? page : undefined;
  }

  #loadNewest(path: string): TreePage | undefined {
    const ahead = this.#ahead.get(path);
    return ahead === undefined ? this.#load(path) : ahead.value;
  }

  #updatePage(
    path: string,
    before: TreePage | undefined,
    changes: readonly LeafChange[],
    written: Map<string, TreePage | undefined>,
  ): TreePage {
    const page = before?.copy() ?? TreePage.empty();
    for (const [nibble, group] of groupByNibble(changes, path.length)) {
      const below = path + nibble.toString(16);
      if (page.hasPage(nibble)) page.set(nibble, this.#updateChild(below, group, written));
      else page.set(nibble, this.#updateLeaves(below, page.slot(nibble), group, written));
    }
    return page;
  }

  #updateChild(
    path: string,
    changes: readonly LeafChange[],
    written: Map<string, TreePage | undefined>,
  ): Slot | undefined {
    const before = this.#loadNewest(path);
    if (before === undefined) throw errors.LEDGER_CORRUPT({ what: 'state tree', reason: `page ${path} is missing` });
    const page = this.#updatePage(path, before, changes, written);
    if (page.isWorthKeeping) {
      written.set(path, page);
      return { kind: 'page', hash: page.hash() };
    }
    written.set(path, undefined);
    return page.firstSlot();
  }

  #updateLeaves(
    path: string,
    slot: Slot | undefined,
    changes: readonly LeafChange[],
    written: Map<string, TreePage | undefined>,
  ): Slot | undefined {
    const leaves = changes.filter(({ leafHash: hash }) => hash !== undefined);
    if (slot?.kind === 'leaf' && !changes.some(({ key }) => equalBytes(key, slot.key))) {
      leaves.push({ key: slot.key, leafHash: slot.hash });
    }
    const [only] = leaves;
    if (only === undefined) return undefined;
    if (leaves.length === 1) return { kind: 'leaf', key: only.key, hash: only.leafHash as Uint8Array };
    assert(path.length < 64, 'two objects have the same key in the state tree');
    const page = this.#updatePage(path, undefined, leaves, written);
    written.set(path, page);
    return { kind: 'page', hash: page.hash() };
  }
}

function isTop(path: string): boolean {
  return path.length < TOP_LEVELS;
}

function groupByNibble(changes: readonly LeafChange[], depth: number): Map<number, LeafChange[]> {
  const groups = new Map<number, LeafChange[]>();
  for (const change of changes) {
    const nibble = nibbleAt(change.key, depth);
    const group = groups.get(nibble);
    if (group === undefined) groups.set(nibble, [change]);
    else group.push(change);
  }
  return groups;
}

function nibbleAt(key: Uint8Array, depth: number): number {
  const byte = key[depth >> 1] as number;
  return depth % 2 === 0 ? byte >> 4 : byte & 15;
}

function bitAt(key: Uint8Array, level: number): number {
  return ((key[level >> 3] as number) >> (7 - (level & 7))) & 1;
}

/** Depth first, so that the upper levels lie together on disk. */
function pageKey(path: string): Uint8Array {
  const key = new Uint8Array(1 + Math.ceil(path.length / 2));
  key[0] = path.length;
  for (let i = 0; i < path.length; i += 1) {
    const nibble = Number.parseInt(path[i] as string, 16);
    key[1 + (i >> 1)] = (key[1 + (i >> 1)] as number) | (i % 2 === 0 ? nibble << 4 : nibble);
  }
  return key;
}
