/**
 * Takes out of a damaged LMDB file what is still intact of tables whose rows never change once written: every page is looked at, reached or not,
 * and a row counts when it matches its checksum. Rows that were removed may come back.
 */
import { setImmediate } from 'node:timers/promises';
import {
  checkHeader,
  leafNodes,
  type LeafNode,
  LmdbDamage,
  longPlace,
  longValue,
  PAGE_KIND,
  PageFile,
} from './lmdb-pages.ts';
import { openedValue, tableSeed } from './lmdb-rows.ts';

export interface SalvagedRow {
  readonly table: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Pages between two turns of the event loop. */
const PAGES_PER_TURN = 128;

/** @throws errors of the file system. */
export async function* salvageRows(path: string, tables: readonly string[]): AsyncGenerator<SalvagedRow> {
  const file = new PageFile(path);
  try {
    const seeds = tables.map((table) => ({ table, seed: tableSeed(table) }));
    for (let number = 2; number < file.pages; number += 1) {
      if (number % PAGES_PER_TURN === 0) await setImmediate();
      for (const node of intact(() => leafOf(file, number)) ?? []) {
        const stored = intact(() => storedOf(file, node));
        if (stored === undefined) continue;
        for (const { table, seed } of seeds) {
          const value = openedValue(seed, node.key, stored);
          if (value !== undefined) yield { table, key: node.key.slice(), value: value.slice() };
        }
      }
    }
  } finally {
    file.close();
  }
}

function leafOf(file: PageFile, number: number): readonly LeafNode[] {
  const page = file.read(number);
  const isLeaf = checkHeader(page, number, Number.MAX_SAFE_INTEGER) === PAGE_KIND.leaf;
  return isLeaf ? leafNodes(page) : [];
}

function storedOf(file: PageFile, node: LeafNode): Uint8Array | undefined {
  if (node.kind === 'tree') return undefined;
  if (node.kind === 'value') return node.data;
  const { page, pages } = longPlace(node);
  return page + pages > file.pages ? undefined : longValue(file.read(page, pages), pages, node.sizeBytes);
}

function intact<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LmdbDamage) return undefined;
    throw error;
  }
}
