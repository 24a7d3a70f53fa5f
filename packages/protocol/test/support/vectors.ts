/** Loads the vectors under test/vectors; each file says where it is from. */
import { readFileSync } from 'node:fs';

type Node = 'Empty' | { readonly Digest: string };

export interface EncodingVectors {
  readonly config: readonly {
    readonly n_shards: number;
    readonly f: number;
    readonly primary_source_symbols: number;
    readonly secondary_source_symbols: number;
    readonly max_blob_size: number;
    readonly quorum_2f_plus_1: number;
    readonly min_n_correct_n_minus_f: number;
    readonly validity_f_plus_1: number;
    readonly onchain_quorum_min_weight: number;
    readonly onchain_one_correct_min_weight: number;
    readonly metadata_length: number;
    readonly encoded_length_0_bytes: number;
    readonly encoded_length_1_byte: number;
    readonly encoded_length_1MiB: number;
    readonly storage_units_1_byte: number;
  }[];
  readonly blobs: readonly {
    readonly n_shards: number;
    readonly length: number;
    readonly symbol_size: number;
    readonly root_hash: string;
    readonly blob_id: string;
    readonly blob_id_base64url: string;
    readonly blob_id_u256_decimal?: string;
    readonly rotation_offset?: number;
    readonly encoded_length?: number;
    readonly primary_sliver_bytes?: number;
    readonly secondary_sliver_bytes?: number;
    readonly blob_metadata_bcs_length?: number;
    readonly blob_metadata_bcs_sha256?: string;
    readonly blob_metadata_with_id_bcs_sha256?: string;
    readonly pairs: readonly {
      readonly pair_index: number;
      readonly shard_index: number;
      readonly primary_sliver_index: number;
      readonly secondary_sliver_index: number;
      readonly primary_hash: string;
      readonly secondary_hash: string;
    }[];
  }[];
  readonly merkle: readonly {
    readonly leaves_utf8: readonly string[];
    readonly leaf_hashes?: readonly string[];
    readonly root: string;
    readonly proofs?: readonly (readonly Node[])[];
  }[];
  readonly bcs: readonly { readonly what: string; readonly bcs: string }[];
  readonly messages: readonly {
    readonly name: string;
    readonly epoch: number;
    readonly blob_id: string;
    readonly object_id_or_address: string;
    readonly message: string;
    readonly secret_keys_be: readonly string[];
    readonly public_keys: readonly string[];
    readonly signatures: readonly string[];
    readonly aggregate_signature: string;
  }[];
  readonly bitmaps: readonly {
    readonly signers: readonly number[];
    readonly committee_size: number;
    readonly bitmap: string;
  }[];
  readonly rotation: readonly {
    readonly n_shards: number;
    readonly blob_id: string;
    readonly pair_index: number;
    readonly shard_index: number;
  }[];
  readonly recovery_symbols: readonly {
    readonly n_shards: number;
    readonly symbols: readonly {
      readonly kind: 'Primary' | 'Secondary';
      readonly target_sliver_index: number;
      readonly source_sliver_index: number;
      readonly symbol_id: string;
      readonly symbol: string;
      readonly expected_root: string;
      readonly proof_path: readonly Node[];
      readonly recovery_symbol_bcs: string;
      readonly general_recovery_symbol_bcs: string;
    }[];
  }[];
}

export interface ContractVectors {
  readonly encoded_length: readonly {
    readonly unencoded_length: string;
    readonly n_shards: number;
    readonly encoded_length?: string;
    readonly abort?: string;
  }[];
  readonly blob_id: readonly {
    readonly root_hash_hex: string;
    readonly root_hash_u256: string;
    readonly encoding_type: number;
    readonly size: string;
    readonly blob_id_hex: string;
    readonly blob_id_u256: string;
  }[];
  readonly certificate: readonly {
    readonly member_weights: readonly number[];
    readonly committee_epoch: number;
    readonly threshold: 'quorum' | 'one_honest';
    readonly signers_bitmap_hex: string;
    readonly message_hex: string;
    readonly signed_weight?: number;
    readonly abort?: { readonly module: string; readonly name: string };
  }[];
}

export const encoding = load<EncodingVectors>('encoding.json');
export const contracts = load<ContractVectors>('contracts.json');

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

export function path(nodes: readonly Node[]): (Uint8Array | undefined)[] {
  return nodes.map((node) => (node === 'Empty' ? undefined : bytes(node.Digest)));
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T;
}
