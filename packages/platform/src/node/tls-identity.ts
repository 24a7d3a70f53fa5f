/**
 * What a server proves to be: a P-256 key with a certificate, signed by itself or by an authority.
 *
 * A self-signed certificate says nothing that its key does not: whoever calls such a server knows the key beforehand and
 * compares it (`serverKey` of an `HttpRequest`). It is made in memory at each start and never expires.
 */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import { assert } from '../errors.ts';
import { utf8 } from '../bytes.ts';
import { httpErrors } from '../http.ts';
import {
  derBits,
  derGeneralizedTime,
  derInteger,
  derObjectId,
  derOctets,
  derSequence,
  derSet,
  derUtcTime,
  derUtf8,
  derValue,
} from './der.ts';

/** For {@link ServeOptions} `tls`. */
export interface TlsIdentity {
  /** PEM: the server's own certificate first. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** 33 bytes: the compressed point, as ledgers record it. */
  readonly publicKey: Uint8Array;
}

export interface SelfSignedOptions {
  /** 32 bytes: a P-256 scalar. */
  readonly secretKey: Uint8Array;
  readonly commonName: string;
  /** Host names and addresses that the certificate is for, besides the common name. */
  readonly hosts: readonly string[];
}

/** Makes a certificate that its own key signs (RFC 5280; ECDSA with SHA-256), valid from 1975 to 4096. */
export function createSelfSignedIdentity({ secretKey, commonName, hosts }: SelfSignedOptions): TlsIdentity {
  const key = privateKeyOf(secretKey);
  const publicKey = createPublicKey(key);
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const name = derSequence(derSet(derSequence(derObjectId(OID.commonName), derUtf8(commonName))));
  const algorithm = derSequence(derObjectId(OID.ecdsaWithSha256));
  const body = derSequence(
    derValue(CONTEXT_0, derInteger(Uint8Array.of(VERSION_3))),
    derInteger(serialOf(spki)),
    algorithm,
    name,
    derSequence(derUtcTime('750101000000Z'), derGeneralizedTime('40960101000000Z')),
    name,
    spki,
    derValue(CONTEXT_3, derSequence(alternativeNames([commonName, ...hosts]))),
  );
  const signature = new Uint8Array(sign('sha256', body, key));
  const certificate = derSequence(body, algorithm, derBits(signature));
  return { certificate: pem(certificate), key: pkcs8(key), publicKey: compressedKey(publicKey) as Uint8Array };
}

/**
 * A certificate of an authority for a key that the server holds.
 * @param chain PEM: the server's own certificate first
 * @throws CERTIFICATE_UNUSABLE when it is none, or is for another key
 */
export function createCertifiedIdentity(options: { secretKey: Uint8Array; chain: string }): TlsIdentity {
  const key = privateKeyOf(options.secretKey);
  const publicKey = compressedKey(createPublicKey(key)) as Uint8Array;
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(options.chain);
  } catch (error) {
    throw httpErrors.CERTIFICATE_UNUSABLE({ reason: 'it is not a certificate in PEM' }, error);
  }
  if (!leaf.checkPrivateKey(key)) {
    const reason = `it is for another key than ${Buffer.from(publicKey).toString('hex')}`;
    throw httpErrors.CERTIFICATE_UNUSABLE({ reason });
  }
  return { certificate: options.chain, key: pkcs8(key), publicKey };
}

/** A P-256 key as its 33-byte compressed point; undefined for any other key. */
export function compressedKey(key: KeyObject): Uint8Array | undefined {
  if (key.asymmetricKeyType !== 'ec') return undefined;
  const { crv, x, y } = key.export({ format: 'jwk' });
  if (crv !== 'P-256' || x === undefined || y === undefined) return undefined;
  const isOdd = ((Buffer.from(y, 'base64url').at(-1) ?? 0) & 1) === 1;
  return Uint8Array.of(isOdd ? 3 : 2, ...Buffer.from(x, 'base64url'));
}

const OID = {
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;
const VERSION_3 = 2;
const CONTEXT_0 = 0xa0;
const CONTEXT_3 = 0xa3;
const SAN_DNS = 0x82;
const SAN_IP = 0x87;

/** The same for the same key, as its holder signs only this one certificate. At most 20 bytes, positive (RFC 5280 §4.1.2.2). */
function serialOf(spki: Uint8Array): Uint8Array {
  const serial = new Uint8Array(createHash('sha256').update(spki).digest()).slice(0, 20);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return serial;
}

function alternativeNames(hosts: readonly string[]): Uint8Array {
  const names = [...new Set(hosts)].map((host) =>
    isIP(host) === 0 ? derValue(SAN_DNS, utf8(host)) : derValue(SAN_IP, addressBytes(host)),
  );
  return derSequence(derObjectId(OID.subjectAltName), derOctets(derSequence(...names)));
}

/** 4 or 16 bytes in network order. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number));
  // The URL parser knows every way to write one, and gives eight groups with at most one gap.
  const [head = '', tail] = new URL(`http://[${address.split('%', 1)[0] as string}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const gap = tail === undefined ? 0 : 8 - first.length - last.length;
  return Uint8Array.from(
    [...first, ...Array<number>(gap).fill(0), ...last].flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function privateKeyOf(secretKey: Uint8Array): KeyObject {
  assert(secretKey.length === 32, 'a P-256 secret key has 32 bytes', { came: secretKey.length });
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(secretKey);
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33, 65)].map((part) => part.toString('base64url'));
  const d = Buffer.from(secretKey).toString('base64url');
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' });
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
