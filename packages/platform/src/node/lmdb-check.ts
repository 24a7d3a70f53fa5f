/**
 * Proves that the file of an LMDB store is whole, before LMDB, which would follow a damaged page wherever it points, is let at it.
 *
 * What is proven: every page up to the last is reached exactly once or listed as free, so that no pointer can have been changed, to an old
 * copy of its page either; every page says of itself what is expected of it; keys are in order, within their branches' bounds; trees have the
 * depth, pages and rows that their records say; every row matches its checksum. Not looked at: what lies between the nodes of a
 * page and on free pages, which nobody reads.
 */
import { setTimeout } from 'node:timers/promises';
import { compareBytes } from '../bytes.ts';
import type { VerifyOptions } from '../key-value-store.ts';
import {
  branchNodes,
  checkHeader,
  damage,
  leafNodes,
  type LeafNode,
  LmdbDamage,
  longPlace,
  longValue,
  PAGE_KIND,
  PAGE_SIZE,
  PageFile,
  readSnapshot,
  readTree,
  type Snapshot,
  type Tree,
} from './lmdb-pages.ts';
import { openedValue, tableSeed } from './lmdb-rows.ts';

export interface LmdbCheckReport {
  /** What is wrong first of all; undefined when nothing is. */
  readonly damage: string | undefined;
  readonly rows: number;
  readonly pages: number;
}

/** Pages between two turns of the event loop, about 2 ms. */
const PAGES_PER_TURN = 128;

/**
 * Checks the file at `path`. Nothing may free pages of its newest commit meanwhile: it is not open, or a reader holds it.
 * @throws errors of the file system; the signal's reason.
 */
export async function checkLmdbFile(path: string, options: VerifyOptions = {}): Promise<LmdbCheckReport> {
  const file = new PageFile(path);
  const count = { pages: 0, rows: 0 };
  try {
    const snapshot = readSnapshot(file);
    await new Check(file, snapshot, count, options).run();
    return { damage: undefined, ...count };
  } catch (error) {
    if (error instanceof LmdbDamage) return { damage: error.message, ...count };
    throw error;
  } finally {
    file.close();
  }
}

type Bound = Uint8Array | undefined;
type Visit = (node: LeafNode, value: Buffer) => Promise<void> | void;

interface Counted {
  branchPages: number;
  leafPages: number;
  longPages: number;
  entries: number;
}

interface Walk {
  readonly tree: Tree;
  readonly name: string;
  readonly counted: Counted;
  readonly compare: (a: Uint8Array, b: Uint8Array) => number;
  readonly visit: Visit;
}

class Check {
  readonly #file: PageFile;
  readonly #snapshot: Snapshot;
  readonly #options: VerifyOptions;
  readonly #count: { pages: number; rows: number };
  #turnEnds = PAGES_PER_TURN;
  /** One byte per page: 1 when it was reached or is free. */
  readonly #seen: Uint8Array;

  constructor(file: PageFile, snapshot: Snapshot, count: { pages: number; rows: number }, options: VerifyOptions) {
    this.#file = file;
    this.#snapshot = snapshot;
    this.#count = count;
    this.#options = options;
    // The free pages at the end may not have been written yet, but are not many: the file grows by what it is written.
    if (snapshot.lastPage > 16 * file.pages + 65_536)
      damage(`last page ${snapshot.lastPage} of a file with ${file.pages}`);
    this.#seen = new Uint8Array(snapshot.lastPage + 1);
    this.#seen.fill(1, 0, 2);
  }

  async run(): Promise<void> {
    const { free, main } = this.#snapshot;
    await this.#walk(free, 'free pages', compareIntegers, (node, value) => this.#free(node.key, value));
    await this.#walk(main, 'tables', compareBytes, async (node, record) => {
      if (node.kind !== 'tree') damage('a row among the tables');
      const name = tableName(node.key);
      const tree = readTree(record, 0);
      if (tree.flags !== 0) damage(`table ${name} has flags ${tree.flags}`);
      const seed = tableSeed(name);
      await this.#walk(tree, `table ${name}`, compareBytes, ({ key, kind }, value) => {
        this.#count.rows += 1;
        if (kind === 'tree' || openedValue(seed, key, value) === undefined) {
          damage(`row ${Buffer.from(key).toString('hex')} of table ${name} does not match its checksum`);
        }
      });
    });
    const lost = this.#seen.indexOf(0);
    if (lost !== -1) damage(`page ${lost} is neither used nor free`);
  }

  async #walk(tree: Tree, name: string, compare: Walk['compare'], visit: Visit): Promise<void> {
    const counted: Counted = { branchPages: 0, leafPages: 0, longPages: 0, entries: 0 };
    const walk: Walk = { tree, name, counted, compare, visit };
    if (tree.root === undefined) {
      if (tree.depth !== 0) damage(`${name} have no root`);
    } else {
      if (tree.depth === 0) damage(`${name} have no depth`);
      await this.#page(walk, tree.root, 1, undefined, undefined);
    }
    for (const what of ['branchPages', 'leafPages', 'longPages', 'entries'] as const) {
      if (counted[what] !== tree[what]) damage(`${name}: ${what} should be ${tree[what]}, are ${counted[what]}`);
    }
  }

  async #page(walk: Walk, number: number, depth: number, lower: Bound, upper: Bound): Promise<void> {
    this.#mark(number, 1);
    if (this.#count.pages >= this.#turnEnds) await this.#rest();
    const page = this.#file.read(number);
    const kind = checkHeader(page, number, this.#snapshot.transaction);
    const isLeaf = depth === walk.tree.depth;
    if (kind !== (isLeaf ? PAGE_KIND.leaf : PAGE_KIND.branch))
      damage(`page ${number} of ${walk.name} is of kind ${kind}`);
    if (isLeaf) return this.#leaf(walk, leafNodes(page), lower, upper);
    walk.counted.branchPages += 1;
    const nodes = branchNodes(page);
    if (nodes.length < 2) damage(`page ${number} of ${walk.name} has ${nodes.length} branches`);
    // The key of the first branch says nothing: it reaches down to the page's own bound.
    const bounds: Bound[] = [lower, ...nodes.slice(1).map(({ key }) => key), upper];
    for (const [index, { page: child }] of nodes.entries()) {
      const [from, to] = [bounds[index], bounds[index + 1]];
      if (from !== undefined && to !== undefined && walk.compare(from, to) >= 0)
        damage(`page ${number} is out of order`);
      await this.#page(walk, child, depth + 1, from, to);
    }
  }

  async #leaf(walk: Walk, nodes: readonly LeafNode[], lower: Bound, upper: Bound): Promise<void> {
    walk.counted.leafPages += 1;
    walk.counted.entries += nodes.length;
    if (nodes.length === 0) damage(`a page of ${walk.name} is empty`);
    let before: Bound;
    for (const node of nodes) {
      const { key } = node;
      const isInOrder = before === undefined || walk.compare(before, key) < 0;
      const isAbove = lower === undefined || walk.compare(lower, key) <= 0;
      const isBelow = upper === undefined || walk.compare(key, upper) < 0;
      if (!isInOrder || !isAbove || !isBelow) damage(`${walk.name} are out of order`);
      before = key;
      const visited = walk.visit(node, node.kind === 'long' ? this.#long(walk, node) : (node.data as Buffer));
      if (visited !== undefined) await visited;
    }
  }

  #long(walk: Walk, node: LeafNode): Buffer {
    const { page, pages } = longPlace(node);
    this.#mark(page, pages);
    walk.counted.longPages += pages;
    const bytes = this.#file.read(page, pages);
    const kind = checkHeader(bytes, page, this.#snapshot.transaction);
    if (kind !== PAGE_KIND.long) damage(`page ${page} of ${walk.name} is of kind ${kind}`);
    return longValue(bytes, pages, node.sizeBytes);
  }

  /**
   * A list of free pages: how many numbers follow, i64; then page numbers, a negative number before one that stands for so many pages from
   * there on, and zeros for room.
   */
  #free(key: Uint8Array, list: Buffer): void {
    if (key.length !== 8 || (key as Buffer).readBigUInt64LE(0) > BigInt(this.#snapshot.transaction))
      damage('a list of free pages');
    const count = list.length < 8 ? -1n : list.readBigInt64LE(0);
    if (count < 0n || (count + 1n) * 8n > BigInt(list.length)) damage('the length of a list of free pages');
    let pages = 1;
    for (let at = 8; at <= Number(count) * 8; at += 8) {
      const number = Number(list.readBigInt64LE(at));
      if (number < 0) pages = -number;
      else if (number > 0) {
        this.#mark(number, pages);
        pages = 1;
      }
    }
  }

  async #rest(): Promise<void> {
    const { bytesPerSecond = Number.POSITIVE_INFINITY, signal } = this.#options;
    signal?.throwIfAborted();
    await setTimeout((PAGES_PER_TURN * PAGE_SIZE * 1000) / bytesPerSecond, undefined, { signal });
    this.#turnEnds = this.#count.pages + PAGES_PER_TURN;
  }

  #mark(number: number, pages: number): void {
    this.#count.pages += 1;
    if (number < 2 || pages > this.#seen.length || number + pages > this.#seen.length)
      damage(`there is no page ${number}`);
    for (let page = number; page < number + pages; page += 1) {
      if (this.#seen[page] === 1) damage(`page ${page} is used twice`);
      this.#seen[page] = 1;
    }
  }
}

function compareIntegers(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== 8 || b.length !== 8) damage('the key of a list of free pages');
  const [left, right] = [(a as Buffer).readBigUInt64LE(0), (b as Buffer).readBigUInt64LE(0)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Table names are stored with a zero byte at their end. */
function tableName(key: Uint8Array): string {
  const text = new TextDecoder().decode(key);
  return text.endsWith('\0') ? text.slice(0, -1) : text;
}
