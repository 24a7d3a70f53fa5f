/**
 * BLS over mcl (WebAssembly): the same bytes as the reference in `../bls.ts`, several times as fast. Runs in Node.js and
 * in browsers; its instance is shared by the process, as mcl keeps one.
 *
 * mcl's own hash-to-curve has its domain compiled in, so the message is hashed to the field here (RFC 9380, sections 5.2
 * and 5.3.1) and mcl maps the two field elements to the curve.
 */
import mcl from 'mcl-wasm';
import { assert, fromHex, isFloeError, toHex } from '@floe/platform';
import { BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES, BLS_SECRET_KEY_SIZE_BYTES, type Bls } from '../bls.ts';
import { type BoundedCache, boundedCache } from '../bounded-cache.ts';
import { errors } from '../errors.ts';
import { MAX_CACHED_PUBLIC_KEYS } from '../limits.ts';
import { BLS_PUBLIC_KEY_SIZE_BYTES, BLS_SIGNATURE_SIZE_BYTES } from '../messages.ts';
import { hashToField } from './hash-to-field.ts';

type Fp = InstanceType<typeof mcl.Fp>;
type G1 = InstanceType<typeof mcl.G1>;
type G2 = InstanceType<typeof mcl.G2>;

const FIELD_SIZE_BYTES = 48;
/** Top bits of the first byte of a point's encoding: compressed, infinity, sign of y. */
const POINT_FLAGS = 0xe0;

/** The standard base point of G1, compressed (as in every BLS12-381 suite). */
const GENERATOR = bytesOf(
  '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58' + '6c55e83ff97a1aeffb3af00adb22c6bb',
);

let started: Promise<void> | undefined;

/** Starts mcl, once per process, and gives the scheme over it. */
export async function createMclBls(): Promise<Bls> {
  started ??= start();
  await started;
  return new MclBls();
}

async function start(): Promise<void> {
  await mcl.init(mcl.BLS12_381);
  mcl.setETHserialization(true); // compressed points and big-endian numbers, as the protocol has them
  mcl.setMapToMode(mcl.IRTF);
  mcl.verifyOrderG1(true); // deserialize() refuses points outside the subgroups
  mcl.verifyOrderG2(true);
}

/** Keeps parsed keys: parsing with its subgroup check costs a third of a millisecond. */
class MclBls implements Bls {
  readonly #keys: BoundedCache<G1> = boundedCache(MAX_CACHED_PUBLIC_KEYS);
  readonly #generator: G1 = parseKey(GENERATOR);
  readonly #negatedGenerator: G1 = mcl.neg(this.#generator);

  publicKey(secretKey: Uint8Array): Uint8Array {
    return normalized(mcl.mul(this.#generator, parseSecret(secretKey))).serialize();
  }

  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array {
    return normalized(mcl.mul(hashToG2(message), parseSecret(secretKey))).serialize();
  }

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return this.#check(() => this.#parseKey(publicKey), message, signature);
  }

  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array {
    assert(signatures.length > 0, 'at least one signature to aggregate');
    const total = signatures.map(parseSignature).reduce((sum, point) => mcl.add(sum, point));
    return normalized(total).serialize();
  }

  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean {
    return publicKeys.length > 0 && this.#check(() => this.#sum(publicKeys), message, signature);
  }

  aggregatePublicKeys(publicKeys: readonly Uint8Array[]): Uint8Array {
    assert(publicKeys.length > 0, 'at least one public key to aggregate');
    return normalized(this.#sum(publicKeys)).serialize();
  }

  subtractPublicKeys(total: Uint8Array, publicKeys: readonly Uint8Array[]): Uint8Array {
    const rest = publicKeys.reduce((sum, key) => mcl.sub(sum, this.#parseKey(key)), this.#parseKey(total));
    return normalized(rest).serialize();
  }

  expandPublicKey(publicKey: Uint8Array): Uint8Array {
    const point = normalized(this.#parseKey(publicKey));
    const expanded = new Uint8Array(BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES);
    expanded.set(fieldBytes(point.getX()), 0);
    expanded.set(fieldBytes(point.getY()), FIELD_SIZE_BYTES);
    return expanded;
  }

  compressPublicKey(expandedKey: Uint8Array): Uint8Array {
    return parseExpanded(expandedKey).serialize();
  }

  #parseKey(bytes: Uint8Array): G1 {
    return this.#keys.get(bytes, () => parseKey(bytes));
  }

  #sum(publicKeys: readonly Uint8Array[]): G1 {
    return publicKeys.reduce((sum, key) => mcl.add(sum, this.#parseKey(key)), new mcl.G1());
  }

  /** e(key, H(message)) = e(G, signature), as one product of two Miller loops and one final exponentiation. */
  #check(key: () => G1, message: Uint8Array, signature: Uint8Array): boolean {
    try {
      const keyPoint = key();
      // A sum of keys may vanish; a key of infinity would accept an infinite signature for any message.
      if (keyPoint.isZero()) return false;
      const signaturePoint = parseSignature(signature);
      const left = mcl.millerLoop(keyPoint, hashToG2(message));
      const right = mcl.millerLoop(this.#negatedGenerator, signaturePoint);
      return mcl.finalExp(mcl.mul(left, right)).isOne();
    } catch (error) {
      if (isFloeError(error, 'INVALID_PUBLIC_KEY') || isFloeError(error, 'INVALID_SIGNATURE')) return false;
      throw error;
    }
  }
}

function hashToG2(message: Uint8Array): G2 {
  const [a, b] = hashToField(message).map((element) => toFp2(element).mapToG2()) as [G2, G2];
  return mcl.add(a, b);
}

function toFp2([real, imaginary]: readonly [Uint8Array, Uint8Array]) {
  const element = new mcl.Fp2();
  element.set_a(toFp(real));
  element.set_b(toFp(imaginary));
  return element;
}

/** A big-endian number of 64 bytes, modulo p. */
function toFp(bytes: Uint8Array): Fp {
  const element = new mcl.Fp();
  element.setBigEndianMod(bytes);
  return element;
}

function parseSecret(bytes: Uint8Array) {
  if (bytes.length !== BLS_SECRET_KEY_SIZE_BYTES) {
    throw errors.INVALID_SECRET_KEY({ reason: `expected ${BLS_SECRET_KEY_SIZE_BYTES} bytes, came ${bytes.length}` });
  }
  const secret = new mcl.Fr();
  try {
    secret.setStr(toHex(bytes), 16);
  } catch {
    // No cause: mcl's message would repeat the key.
    throw errors.INVALID_SECRET_KEY({ reason: 'not a number from 1 to r - 1' });
  }
  if (secret.isZero()) throw errors.INVALID_SECRET_KEY({ reason: 'not a number from 1 to r - 1' });
  return secret;
}

function parseKey(bytes: Uint8Array): G1 {
  if (bytes.length !== BLS_PUBLIC_KEY_SIZE_BYTES) {
    throw errors.INVALID_PUBLIC_KEY({ reason: `expected ${BLS_PUBLIC_KEY_SIZE_BYTES} bytes, came ${bytes.length}` });
  }
  const point = new mcl.G1();
  try {
    point.deserialize(bytes);
  } catch (cause) {
    throw errors.INVALID_PUBLIC_KEY({ reason: 'not a point of the subgroup G1' }, cause);
  }
  if (point.isZero()) throw errors.INVALID_PUBLIC_KEY({ reason: 'it is the point at infinity' });
  return point;
}

function parseSignature(bytes: Uint8Array): G2 {
  if (bytes.length !== BLS_SIGNATURE_SIZE_BYTES) {
    throw errors.INVALID_SIGNATURE({ reason: `expected ${BLS_SIGNATURE_SIZE_BYTES} bytes, came ${bytes.length}` });
  }
  const point = new mcl.G2();
  try {
    point.deserialize(bytes);
  } catch (cause) {
    throw errors.INVALID_SIGNATURE({ reason: 'not a point of the subgroup G2' }, cause);
  }
  if (point.isZero()) throw errors.INVALID_SIGNATURE({ reason: 'it is the point at infinity' });
  return point;
}

/** mcl parses compressed points only, so coordinates are set and checked here. */
function parseExpanded(bytes: Uint8Array): G1 {
  if (bytes.length !== BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES) {
    const expected = BLS_EXPANDED_PUBLIC_KEY_SIZE_BYTES;
    throw errors.INVALID_PUBLIC_KEY({ reason: `expected ${expected} bytes, came ${bytes.length}` });
  }
  const point = new mcl.G1();
  try {
    if (((bytes[0] as number) & POINT_FLAGS) !== 0) throw new Error('flags of another form');
    point.setX(parseField(bytes.subarray(0, FIELD_SIZE_BYTES)));
    point.setY(parseField(bytes.subarray(FIELD_SIZE_BYTES)));
    const one = new mcl.Fp();
    one.setInt(1);
    point.setZ(one);
    if (!point.isValid() || !point.isValidOrder()) throw new Error('not on the curve or not of its order');
  } catch (cause) {
    throw errors.INVALID_PUBLIC_KEY({ reason: 'not a point of the subgroup G1' }, cause);
  }
  return point;
}

function parseField(bytes: Uint8Array): Fp {
  const element = new mcl.Fp();
  element.setStr(toHex(bytes), 16);
  return element;
}

function fieldBytes(element: Fp): Uint8Array {
  return element.serialize();
}

function normalized<T extends G1 | G2>(point: T): T {
  return mcl.normalize(point);
}

function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  assert(bytes !== undefined, 'a constant in hex');
  return bytes;
}
