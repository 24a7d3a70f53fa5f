/** What several test files of this package share. */
import { readFileSync } from 'node:fs';
import { type Axis, geometryOf, type Sliver, type SliverIndex } from '@floe/protocol';
import type { EncodedBlob } from '../src/codec.ts';
import { seededNumbers } from './support/contents.ts';
export { contentOf, lengthFor, seededBytes, seededNumbers } from './support/contents.ts';

export interface BlobVector {
  n_shards: number;
  content: string;
  length: number;
  symbol_size: number;
  root_hash: string;
  blob_id_base64url: string;
  blob_metadata_bcs_sha256?: string;
  pairs?: {
    pair_index: number;
    primary_sliver_index: number;
    secondary_sliver_index: number;
    primary_hash: string;
    secondary_hash: string;
    primary_data_sha256: string;
    secondary_data_sha256: string;
    primary_bcs_sha256: string;
    secondary_bcs_sha256: string;
  }[];
  all_primary_data_sha256?: string;
  all_secondary_data_sha256_by_pair_index?: string;
}

export interface Vectors {
  blobs: BlobVector[];
  decode: {
    n_shards: number;
    content: string;
    length: number;
    subset: string;
    /** A list, or at 1,000 shards the rule of it in words, which the subset's name stands for. */
    primary_sliver_indices: number[] | string;
    slivers_bcs_sha256_in_order: string;
    result_sha256: string;
  }[];
  recovery_symbols: {
    n_shards: number;
    content: string;
    length: number;
    symbols: {
      kind: 'Primary' | 'Secondary';
      target_sliver_index: number;
      source_sliver_index: number;
      symbol: string;
      recovery_symbol_bcs: string;
      general_recovery_symbol_bcs: string;
    }[];
  }[];
  quilts: {
    n_shards: number;
    inputs: { identifier: string; contents: string | { rule: string; length: number }; tags: Record<string, string> }[];
    quilt_length: number;
    symbol_size: number;
    quilt_sha256: string;
    blob_id_base64url: string;
    index_bcs: string;
    patches: { identifier: string; start_index: number; end_index: number; quilt_patch_id: string }[];
  }[];
  quilt_symbol_size: {
    sizes: number[];
    columns: number;
    rows: number;
    max_index_columns: number;
    symbol_size: number;
  }[];
}

export const vectors = JSON.parse(readFileSync(new URL('vectors/encoding.json', import.meta.url), 'utf8')) as Vectors;

/** The primary slivers that a decode vector starts from, in order. */
export function decodeIndices(vector: Vectors['decode'][number]): number[] {
  if (typeof vector.primary_sliver_indices !== 'string') return vector.primary_sliver_indices;
  const { nShards, rows } = geometryOf(vector.n_shards);
  const rules: Record<string, (i: number) => number> = {
    last: (i) => nShards - 1 - i,
    spread: (i) => Math.floor((i * nShards) / rows),
    first_reversed: (i) => rows - 1 - i,
  };
  const rule = rules[vector.subset];
  if (rule === undefined) throw new Error(`unknown subset ${vector.subset}`);
  return Array.from({ length: rows }, (_, i) => rule(i));
}

/** Whether both hold the same bytes; matchers that print differences are slow on large arrays. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** `count` distinct integers below `bound`, in random order. */
export function seededSubset(count: number, bound: number, seed: number): number[] {
  const next = seededNumbers(seed);
  const all = Array.from({ length: bound }, (_, i) => i);
  for (let i = bound - 1; i > 0; i -= 1) {
    const j = next() % (i + 1);
    [all[i], all[j]] = [all[j] as number, all[i] as number];
  }
  return all.slice(0, count);
}

/** Slivers of an axis by index. */
export function sliversOf(encoded: EncodedBlob, axis: Axis, indices: readonly number[]): Sliver[] {
  return indices.map((index) => encoded.sliver(axis, index as SliverIndex));
}

/** A shard count that is often small and sometimes large, from two random numbers. */
export function shardCount(kind: number, value: number): number {
  const [low, high] = kind < 7 ? [4, 40] : kind < 9 ? [41, 130] : [131, 300];
  return low + (value % (high - low + 1));
}
