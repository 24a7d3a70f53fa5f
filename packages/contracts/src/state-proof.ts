/**
 * Proofs by which a client sees, without trusting whoever answers, that an object is in the state of a checkpoint. The
 * ledger of this project answers them over HTTP (docs/EXTENSIONS.md); its checkpoints commit to the root of a sparse
 * Merkle tree over all objects:
 *
 *     key  = blake2b256(object id)                  the path from the root down, most significant bit first
 *     leaf = blake2b256(00 ‖ key ‖ object digest)   object digest = blake2b256("Object::" ‖ BCS of the object), as Sui's
 *     node = blake2b256(01 ‖ left ‖ right)          an empty subtree counts as 32 zero bytes
 *
 * The root stands as the only commitment in the `CheckpointSummary`, which the chain's Ed25519 key signs.
 */
import { blake2b256 } from '@floe/kernels';
import { concatBytes, equalBytes, fromBase64, utf8 } from '@floe/platform';
import { BcsReader, objectIdBytes, objectIdFromBytes, type Epoch, type ObjectId, type BlobId } from '@floe/protocol';
import { bcs, TypeTagSerializer } from '@mysten/sui/bcs';
import { Ed25519PublicKey } from '@mysten/sui/keypairs/ed25519';
import { ledgerErrors } from './errors.ts';
import * as layouts from './layouts.ts';
import { MAX_PROOF_SIBLINGS } from './limits.ts';

/** What a proof says, once it was checked. */
export interface ProvenObject {
  readonly id: ObjectId;
  readonly version: bigint;
  /** Canonical text. */
  readonly type: string;
  /** BCS of the Move value. */
  readonly contents: Uint8Array;
  readonly checkpoint: ProvenCheckpoint;
}

/** The checkpoint in whose state the object is. */
export interface ProvenCheckpoint {
  readonly sequence: bigint;
  /** blake2b256("CheckpointSummary::" ‖ summary). */
  readonly digest: Uint8Array;
  readonly timestampMs: number;
  /** Ed25519 key that signed it: the chain's, if the caller said which that is; else compare it. */
  readonly publicKey: Uint8Array;
}

/** A blob's certification, as an object of the state shows it. */
export interface ProvenCertification {
  readonly blobId: BlobId;
  /** Epoch in which it was certified. */
  readonly certifiedEpoch: Epoch;
  /** First epoch in which it is not stored any more. Undefined: as long as the pool that the object belongs to. */
  readonly endEpoch: Epoch | undefined;
  readonly deletable: boolean;
  readonly object: ProvenObject;
}

/** A proof on the wire: base64 of bytes; siblings from the root down, null for an empty one. */
export interface StateProof {
  readonly publicKey: string;
  /** BCS of `CheckpointSummary`. */
  readonly summary: string;
  readonly signature: string;
  /** BCS of `Object`. */
  readonly object: string;
  readonly siblings: readonly (string | null)[];
}

const HASH_BYTES = 32;
const EMPTY = new Uint8Array(HASH_BYTES);
/** Sui's intent for a checkpoint summary: scope 2, version 0, application 0. */
const SUMMARY_INTENT = Uint8Array.of(2, 0, 0);

/**
 * Checks a proof from its bytes up.
 *
 * @param expected.publicKey the chain's key (32 bytes); without it the proof's own key is taken, and returned
 * @throws STATE_PROOF_INVALID
 */
export async function verifyStateProof(
  proof: unknown,
  expected: { readonly objectId: ObjectId; readonly publicKey?: Uint8Array },
): Promise<ProvenObject> {
  const { publicKey, summary, signature, object, siblings } = readProof(proof);
  if (expected.publicKey !== undefined && !equalBytes(expected.publicKey, publicKey)) {
    throw invalid("it is signed by another key than the chain's");
  }
  const message = concatBytes(SUMMARY_INTENT, summary);
  if (!(await isSignedBy(publicKey, message, signature))) throw invalid('the signature of its checkpoint is wrong');
  const { stateRoot, ...checkpoint } = readSummary(summary);
  const found = readObject(object);
  if (found.id !== expected.objectId) throw invalid(`it is of object ${found.id}`);
  const digest = blake2b256(concatBytes(utf8('Object::'), object));
  if (!equalBytes(rootOf(found.id, digest, siblings), stateRoot)) throw invalid('it does not lead to the state root');
  return { ...found, checkpoint: { ...checkpoint, publicKey } };
}

/**
 * The certification that a proven object shows: of a blob, a shared blob, or a blob in a storage pool.
 *
 * @param packageId original id of the Walrus package
 * @throws STATE_PROOF_INVALID when the object is no blob, or none that is certified
 */
export function provenCertification(object: ProvenObject, packageId: ObjectId): ProvenCertification {
  const read = CERTIFIED[object.type.startsWith(`${packageId}::`) ? object.type.slice(packageId.length + 2) : ''];
  if (read === undefined) throw invalid(`object ${object.id} is no blob`);
  const { certifiedEpoch, ...blob } = read(object.contents);
  if (certifiedEpoch === null) throw invalid(`the blob ${blob.blobId} of object ${object.id} is not certified`);
  return { ...blob, certifiedEpoch, object };
}

type BlobState = Omit<ProvenCertification, 'object' | 'certifiedEpoch'> & { readonly certifiedEpoch: Epoch | null };

const CERTIFIED: Readonly<Record<string, (contents: Uint8Array) => BlobState>> = {
  'blob::Blob': (contents) => blobState(layouts.Blob.parse(contents)),
  'shared_blob::SharedBlob': (contents) => blobState(layouts.SharedBlob.parse(contents).blob),
  'storage_pool::PooledBlob': (contents) => {
    const { blobId, certifiedEpoch, deletable } = layouts.PooledBlob.parse(contents);
    return { blobId, certifiedEpoch, deletable, endEpoch: undefined };
  },
};

function blobState({ blobId, certifiedEpoch, deletable, storage }: layouts.Blob): BlobState {
  return { blobId, certifiedEpoch, deletable, endEpoch: storage.endEpoch };
}

interface ProofBytes {
  readonly publicKey: Uint8Array;
  readonly summary: Uint8Array;
  readonly signature: Uint8Array;
  readonly object: Uint8Array;
  readonly siblings: readonly Uint8Array[];
}

function readProof(proof: unknown): ProofBytes {
  const fields = (typeof proof === 'object' && proof !== null ? proof : {}) as Readonly<Record<string, unknown>>;
  const bytes = (name: keyof StateProof, value: unknown = fields[name], size?: number): Uint8Array => {
    const decoded = typeof value === 'string' ? fromBase64(value) : undefined;
    if (decoded === undefined || (size !== undefined && decoded.length !== size))
      throw invalid(`its ${name} is malformed`);
    return decoded;
  };
  const { siblings } = fields;
  if (!Array.isArray(siblings) || siblings.length > MAX_PROOF_SIBLINGS) throw invalid('its siblings are malformed');
  return {
    publicKey: bytes('publicKey', fields['publicKey'], 32),
    summary: bytes('summary'),
    signature: bytes('signature', fields['signature'], 64),
    object: bytes('object'),
    siblings: siblings.map((one: unknown) => (one === null ? EMPTY : bytes('siblings', one, HASH_BYTES))),
  };
}

async function isSignedBy(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await new Ed25519PublicKey(publicKey).verify(message, signature);
  } catch {
    return false;
  }
}

/** The parts of Sui's `CheckpointSummary` that a proof needs. */
function readSummary(bytes: Uint8Array): Omit<ProvenCheckpoint, 'publicKey'> & { readonly stateRoot: Uint8Array } {
  const reader = new BcsReader(bytes, 'checkpoint summary');
  try {
    reader.u64();
    const sequence = reader.u64();
    reader.u64();
    reader.bytes();
    if (reader.u8() === 1) reader.bytes();
    for (let i = 0; i < GAS_TOTALS; i += 1) reader.u64();
    const timestampMs = reader.u64Number();
    if (reader.uleb() !== 1 || reader.uleb() !== 0) throw invalid('its checkpoint commits to no state');
    const stateRoot = reader.bytes().slice();
    return { sequence, timestampMs, stateRoot, digest: blake2b256(concatBytes(utf8('CheckpointSummary::'), bytes)) };
  } catch (error) {
    throw invalid('its checkpoint is malformed', error);
  }
}

const GAS_TOTALS = 4;

function readObject(bytes: Uint8Array): Omit<ProvenObject, 'checkpoint'> {
  try {
    const { data } = bcs.Object.parse(bytes);
    if (data.Move === undefined) throw invalid('it is of no Move object');
    const { type, version, contents } = data.Move;
    const value = Uint8Array.from(contents);
    return {
      id: objectIdFromBytes(value.slice(0, 32)),
      version: BigInt(version),
      type: typeText(type),
      contents: value,
    };
  } catch (error) {
    throw invalid('its object is malformed', error);
  }
}

type MoveType = NonNullable<(typeof bcs.Object.$inferType)['data']['Move']>['type'];

const FRAMEWORK = `0x${'2'.padStart(64, '0')}`;

function typeText(type: MoveType): string {
  if (type.Other !== undefined) return canonical(TypeTagSerializer.tagToString({ struct: type.Other }));
  if (type.Coin !== undefined) return `${FRAMEWORK}::coin::Coin<${canonical(type.Coin)}>`;
  return type.GasCoin === undefined
    ? `${FRAMEWORK}::staking_pool::StakedSui`
    : `${FRAMEWORK}::coin::Coin<${FRAMEWORK}::sui::SUI>`;
}

/** As the ledger writes types: no spaces between arguments. */
function canonical(text: string): string {
  return text.replaceAll(', ', ',');
}

/** The root that an object's digest leads to. */
function rootOf(id: ObjectId, digest: Uint8Array, siblings: readonly Uint8Array[]): Uint8Array {
  const key = blake2b256(objectIdBytes(id));
  let hash = blake2b256(concatBytes(Uint8Array.of(0), key, digest));
  for (let level = siblings.length - 1; level >= 0; level -= 1) {
    const sibling = siblings[level] as Uint8Array;
    const isRight = (((key[level >> 3] as number) >> (7 - (level & 7))) & 1) === 1;
    hash = blake2b256(concatBytes(Uint8Array.of(1), ...(isRight ? [sibling, hash] : [hash, sibling])));
  }
  return hash;
}

function invalid(reason: string, cause?: unknown): Error {
  return ledgerErrors.STATE_PROOF_INVALID({ reason }, cause);
}
