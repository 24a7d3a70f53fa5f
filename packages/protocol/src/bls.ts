/**
 * BLS12-381 signatures, "minimal public key" variant: keys in G1 (48 bytes compressed), signatures in G2 (96 bytes),
 * ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_ (basic scheme), so aggregates over one message are safe only
 * for keys with a proof of possession, which registration demands.
 *
 * A port with two implementations that give the same bytes: noble here (pure JavaScript, the reference) and mcl
 * (`@floe/protocol/bls-mcl`, WASM). Both check that points are on the curve and in the subgroup, and refuse the point at
 * infinity as key or signature.
 */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { assert, toHex } from '@floe/platform';
import { boundedCache } from './bounded-cache.ts';
import { errors } from './errors.ts';
import { MAX_CACHED_PUBLIC_KEYS } from './limits.ts';
import { BLS_PUBLIC_KEY_SIZE_BYTES, BLS_SIGNATURE_SIZE_BYTES } from './messages.ts';

/** Domain of hash-to-G2. */
export const BLS_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_';

export const BLS_SECRET_KEY_SIZE_BYTES = 32;
export const BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES = 96;

/**
 * Signing and verifying. `verify…` answer false for anything malformed; the others throw INVALID_PUBLIC_KEY,
 * INVALID_SECRET_KEY or INVALID_SIGNATURE.
 */
export interface Bls {
  /** 48 bytes from a big-endian secret of 32 bytes, 1..r-1. */
  publicKey(secretKey: Uint8Array): Uint8Array;
  /** 96 bytes; the same for the same key and message. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Sum of at least one signature. */
  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array;
  /** Whether `signature` is the sum of one signature per key over the same message; false without keys. */
  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean;
  /** Sum of at least one key, 48 bytes. */
  aggregatePublicKeys(publicKeys: readonly Uint8Array[]): Uint8Array;
  /** `total` minus the sum of `publicKeys`; the point at infinity (0xc0 00…) when nothing is left. */
  subtractPublicKeys(total: Uint8Array, publicKeys: readonly Uint8Array[]): Uint8Array;
  /** 96 bytes uncompressed; checks the key as a registration must. */
  expandPublicKey(publicKey: Uint8Array): Uint8Array;
  /** 48 bytes from 96 uncompressed. */
  compressPublicKey(expandedKey: Uint8Array): Uint8Array;
}

/** First byte of a compressed point at infinity; zeros follow. */
const INFINITY_FLAGS = 0xc0;

type PublicPoint = InstanceType<typeof bls12_381.G1.Point>;
type SignaturePoint = InstanceType<typeof bls12_381.G2.Point>;

/** The reference implementation. */
export function createNobleBls(): Bls {
  const scheme = bls12_381.longSignatures;
  const keys = boundedCache<PublicPoint>(MAX_CACHED_PUBLIC_KEYS);
  const parseKey = (bytes: Uint8Array): PublicPoint => keys.get(bytes, () => parsePublicPoint(bytes));
  const sum = (publicKeys: readonly Uint8Array[]): PublicPoint =>
    publicKeys.reduce((total, key) => total.add(parseKey(key)), bls12_381.G1.Point.ZERO);
  const check = (key: () => PublicPoint, message: Uint8Array, signature: Uint8Array): boolean =>
    answersFalse(() => {
      const point = key();
      // A sum of keys may vanish; a key of infinity would accept an infinite signature for any message.
      if (point.is0()) return false;
      return scheme.verify(parseSignaturePoint(signature), scheme.hash(message, BLS_DOMAIN), point);
    });
  return {
    publicKey: (secretKey) => withSecret(secretKey, () => scheme.getPublicKey(secretKey).toBytes(true)),
    sign: (secretKey, message) =>
      withSecret(secretKey, () => scheme.sign(scheme.hash(message, BLS_DOMAIN), secretKey).toBytes(true)),
    verify: (publicKey, message, signature) => check(() => parseKey(publicKey), message, signature),
    aggregateSignatures(signatures) {
      assert(signatures.length > 0, 'at least one signature to aggregate');
      return compressed(scheme.aggregateSignatures(signatures.map(parseSignaturePoint)), BLS_SIGNATURE_SIZE_BYTES);
    },
    verifyAggregate: (publicKeys, message, signature) => check(() => sum(publicKeys), message, signature),
    aggregatePublicKeys(publicKeys) {
      assert(publicKeys.length > 0, 'at least one public key to aggregate');
      return compressed(sum(publicKeys), BLS_PUBLIC_KEY_SIZE_BYTES);
    },
    subtractPublicKeys: (total, publicKeys) =>
      compressed(parseKey(total).subtract(sum(publicKeys)), BLS_PUBLIC_KEY_SIZE_BYTES),
    expandPublicKey: (publicKey) => parseKey(publicKey).toBytes(false),
    compressPublicKey: (expandedKey) => parseExpandedPoint(expandedKey).toBytes(true),
  };
}

function parsePublicPoint(bytes: Uint8Array): PublicPoint {
  return parsePoint(bytes, BLS_PUBLIC_KEY_SIZE_BYTES);
}

function parseExpandedPoint(bytes: Uint8Array): PublicPoint {
  return parsePoint(bytes, BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES);
}

function parsePoint(bytes: Uint8Array, sizeBytes: number): PublicPoint {
  if (bytes.length !== sizeBytes) {
    throw errors.INVALID_PUBLIC_KEY({ reason: `expected ${sizeBytes} bytes, came ${bytes.length}` });
  }
  let point: PublicPoint;
  try {
    point = bls12_381.G1.Point.fromBytes(bytes);
    point.assertValidity();
  } catch (cause) {
    throw errors.INVALID_PUBLIC_KEY({ reason: 'not a point of the subgroup G1' }, cause);
  }
  if (point.is0()) throw errors.INVALID_PUBLIC_KEY({ reason: 'it is the point at infinity' });
  return point;
}

function parseSignaturePoint(bytes: Uint8Array): SignaturePoint {
  if (bytes.length !== BLS_SIGNATURE_SIZE_BYTES) {
    throw errors.INVALID_SIGNATURE({ reason: `expected ${BLS_SIGNATURE_SIZE_BYTES} bytes, came ${bytes.length}` });
  }
  let point: SignaturePoint;
  try {
    point = bls12_381.G2.Point.fromBytes(bytes);
    point.assertValidity();
  } catch (cause) {
    throw errors.INVALID_SIGNATURE({ reason: 'not a point of the subgroup G2' }, cause);
  }
  if (point.is0()) throw errors.INVALID_SIGNATURE({ reason: 'it is the point at infinity' });
  return point;
}

/** Compressed form of a sum, which may be the point at infinity; noble itself does not encode that one. */
function compressed(point: PublicPoint | SignaturePoint, sizeBytes: number): Uint8Array {
  if (!point.is0()) return point.toBytes(true);
  const infinity = new Uint8Array(sizeBytes);
  infinity[0] = INFINITY_FLAGS;
  return infinity;
}

function withSecret<T>(secretKey: Uint8Array, use: () => T): T {
  if (secretKey.length !== BLS_SECRET_KEY_SIZE_BYTES) {
    throw errors.INVALID_SECRET_KEY({
      reason: `expected ${BLS_SECRET_KEY_SIZE_BYTES} bytes, came ${secretKey.length}`,
    });
  }
  if (!bls12_381.fields.Fr.isValidNot0(BigInt(`0x${toHex(secretKey)}`))) {
    throw errors.INVALID_SECRET_KEY({ reason: 'not a number from 1 to r - 1' });
  }
  return use();
}

/** Malformed keys and signatures verify as false. */
function answersFalse(verify: () => boolean): boolean {
  try {
    return verify();
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'INVALID_PUBLIC_KEY' || code === 'INVALID_SIGNATURE';
}
