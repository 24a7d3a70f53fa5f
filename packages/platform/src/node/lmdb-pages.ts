/**
 * The file format of LMDB (data version 2, pages of 4 KiB, little-endian), read without trusting a byte of it and without LMDB, whose
 * code follows whatever numbers a page holds. Everything that does not hold throws {@link LmdbDamage}.
 *
 * A page begins with its number u64, the transaction that wrote it u64, 0 u16, its kind u16, and two u16 that say how long its list of node
 * offsets is and where its nodes begin; offsets count from behind this header. A long value has pages of its own, one header for all.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export const PAGE_SIZE = 4096;
const HEADER_SIZE = 24;
const NODE_HEADER_SIZE = 8;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** The root of a tree without rows. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Deepest tree that LMDB's cursors can walk. */
const MAX_DEPTH = 32;
/** Largest file that makes sense, 1 PiB. */
const MAX_MAP_BYTES = 2 ** 50;

export const PAGE_KIND = { branch: 1, leaf: 2, long: 4, meta: 8 } as const;
/** Flags of trees: keys are u64 in the machine's order. */
const INTEGER_KEYS = 8;

/** The file is not what LMDB writes. */
export class LmdbDamage extends Error {}

export function damage(why: string): never {
  throw new LmdbDamage(why);
}

/** One tree as its record describes it. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly longPages: number;
  readonly entries: number;
  /** Undefined when the tree has no rows. */
  readonly root: number | undefined;
}

/** What one commit left. */
export interface Snapshot {
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** A node of a leaf. */
export interface LeafNode {
  readonly key: Uint8Array;
  /** What stands in the leaf: the value, the record of a tree, or where the long value is. */
  readonly data: Uint8Array;
  readonly kind: 'value' | 'tree' | 'long';
  /** Of the value. */
  readonly sizeBytes: number;
}

export interface BranchNode {
  readonly key: Uint8Array;
  readonly page: number;
}

/** The file of an environment, for reading. */
export class PageFile {
  readonly #descriptor: number;
  /** Pages that the file has whole. */
  readonly pages: number;

  /** @throws what `openSync` throws. */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.pages = Math.floor(fstatSync(this.#descriptor).size / PAGE_SIZE);
  }

  read(page: number, count = 1): Buffer {
    const bytes = Buffer.allocUnsafeSlow(count * PAGE_SIZE);
    const length = this.#readInto(bytes, page);
    return length === bytes.length ? bytes : damage(`page ${page} lies behind the end of the file`);
  }

  #readInto(bytes: Buffer, page: number): number {
    try {
      return readSync(this.#descriptor, bytes, 0, bytes.length, page * PAGE_SIZE);
    } catch (error) {
      // A broken place on the disk is lost as much as one that holds something else.
      if ((error as NodeJS.ErrnoException).code === 'EIO') damage(`page ${page} cannot be read`);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The newest commit, when both records of commits are sound: the one before is what LMDB falls back to. */
export function readSnapshot(file: PageFile): Snapshot {
  const pages = file.read(0, 2);
  const metas = [0, 1].map((index) => readMeta(pages.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE), index));
  const [even, odd] = metas as [Snapshot, Snapshot];
  const [newest, other] = even.transaction >= odd.transaction ? [even, odd] : [odd, even];
  // Commits take turns; before the first one both records are of transaction 0.
  if (newest.transaction - other.transaction !== 1 && newest.transaction !== 0) {
    damage(`records of commits ${even.transaction} and ${odd.transaction} do not follow each other`);
  }
  if (newest.transaction % 2 !== (newest === even ? 0 : 1))
    damage(`commit ${newest.transaction} is in the wrong place`);
  return newest;
}

function readMeta(page: Buffer, index: number): Snapshot {
  const at = HEADER_SIZE;
  const what = `record of commits ${index}`;
  if (Number(page.readBigUInt64LE(0)) !== index || page.readUInt16LE(18) !== PAGE_KIND.meta) damage(`${what}: header`);
  if (page.readUInt32LE(at) !== MAGIC || page.readUInt32LE(at + 4) !== DATA_VERSION) damage(`${what}: format`);
  const mapSize = sizeAt(page, at + 16);
  const isMap = page.readBigUInt64LE(at + 8) === 0n && mapSize % PAGE_SIZE === 0 && mapSize <= MAX_MAP_BYTES;
  if (!isMap || page.readUInt32LE(at + 24) !== PAGE_SIZE) damage(`${what}: sizes`);
  const free = readTree(page.subarray(at + 24, at + 72), PAGE_SIZE);
  const main = readTree(page.subarray(at + 72, at + 120), 0);
  const [lastPage, transaction] = [sizeAt(page, at + 120), sizeAt(page, at + 128)];
  if (free.flags !== INTEGER_KEYS || main.flags !== 0) damage(`${what}: trees`);
  if (lastPage < 1 || (lastPage + 1) * PAGE_SIZE > mapSize) damage(`${what}: last page ${lastPage}`);
  return { transaction, lastPage, free, main };
}

/** The record of a tree, 48 bytes. */
export function readTree(record: Buffer, pad: number): Tree {
  if (record.length !== 48 || record.readUInt32LE(0) !== pad) damage('the record of a tree');
  const depth = record.readUInt16LE(6);
  if (depth > MAX_DEPTH) damage(`a tree of depth ${depth}`);
  const root = record.readBigUInt64LE(40);
  return {
    flags: record.readUInt16LE(4),
    depth,
    branchPages: sizeAt(record, 8),
    leafPages: sizeAt(record, 16),
    longPages: sizeAt(record, 24),
    entries: sizeAt(record, 32),
    root: root === NO_PAGE ? undefined : sizeAt(record, 40),
  };
}

/** @returns the kind; it is one of a page with nodes or of a long value. */
export function checkHeader(page: Buffer, number: number, transaction: number): number {
  const [kind, wrote] = [page.readUInt16LE(18), sizeAt(page, 8)];
  if (sizeAt(page, 0) !== number || page.readUInt16LE(16) !== 0) damage(`page ${number}: header`);
  if (wrote > transaction) damage(`page ${number} is of transaction ${wrote}, which is to come`);
  return kind;
}

/** The transaction that wrote a page. */
export function transactionOf(page: Buffer): number {
  return sizeAt(page, 8);
}

export function leafNodes(page: Buffer): LeafNode[] {
  return nodeOffsets(page).map((at) => {
    const sizeBytes = page.readUInt32LE(at);
    const [flags, keySize] = [page.readUInt16LE(at + 4), page.readUInt16LE(at + 6)];
    const kind = (['value', 'long', 'tree'] as const)[flags] ?? damage(`a node with flags ${flags}`);
    const start = at + NODE_HEADER_SIZE + keySize;
    const end = start + (kind === 'long' ? 24 : sizeBytes);
    if (end > PAGE_SIZE) damage('a node that ends behind its page');
    return { key: page.subarray(at + NODE_HEADER_SIZE, start), data: page.subarray(start, end), kind, sizeBytes };
  });
}

export function branchNodes(page: Buffer): BranchNode[] {
  return nodeOffsets(page).map((at) => {
    const keySize = page.readUInt16LE(at + 6);
    const end = at + NODE_HEADER_SIZE + keySize;
    if (end > PAGE_SIZE) damage('a node that ends behind its page');
    return { key: page.subarray(at + NODE_HEADER_SIZE, end), page: page.readUIntLE(at, 6) };
  });
}

/** Where the nodes of a page begin, in the order of their keys. */
function nodeOffsets(page: Buffer): number[] {
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
  if (lower % 2 !== 0 || lower > upper || upper > PAGE_SIZE - HEADER_SIZE) damage('the bounds of a page');
  return Array.from({ length: lower / 2 }, (_, index) => {
    const offset = page.readUInt16LE(HEADER_SIZE + 2 * index);
    if (offset < upper || offset % 2 !== 0) damage('a node outside of its place');
    const at = HEADER_SIZE + offset;
    return at + NODE_HEADER_SIZE <= PAGE_SIZE ? at : damage('a node that ends behind its page');
  });
}

/** Where a long value is. */
export function longPlace(node: LeafNode): { readonly page: number; readonly pages: number } {
  const record = node.data as Buffer;
  const [page, pages] = [sizeAt(record, 0), sizeAt(record, 16)];
  // More than it needs when a longer one stood there before it.
  if (pages < Math.ceil((HEADER_SIZE + node.sizeBytes) / PAGE_SIZE)) damage(`a long value on ${pages} pages`);
  return { page, pages };
}

/** The long value that `bytes`, its pages, hold. */
export function longValue(bytes: Buffer, pages: number, sizeBytes: number): Buffer {
  if (bytes.readUInt32LE(20) !== pages) damage('the length of a long value');
  return bytes.subarray(HEADER_SIZE, HEADER_SIZE + sizeBytes);
}

function sizeAt(bytes: Buffer, offset: number): number {
  const value = bytes.readBigUInt64LE(offset);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : damage(`the number ${value}`);
}
