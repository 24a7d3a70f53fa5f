import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compressedKey, createCertifiedIdentity, createSelfSignedIdentity } from '../../src/node/tls-identity.ts';

const secretKey = new Uint8Array(32).fill(7);

describe('a self-signed identity', () => {
  const identity = createSelfSignedIdentity({
    secretKey,
    commonName: '2abc.network.walrus.alt',
    hosts: ['node.example', '203.0.113.9', '2001:db8::5'],
  });
  const certificate = new X509Certificate(identity.certificate);

  it('names whom it is for, and holds for as long as anybody looks', () => {
    expect(certificate.subject).toBe('CN=2abc.network.walrus.alt');
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.subjectAltName).toBe(
      'DNS:2abc.network.walrus.alt, DNS:node.example, IP Address:203.0.113.9, IP Address:2001:DB8:0:0:0:0:0:5',
    );
    expect([certificate.validFrom, certificate.validTo]).toEqual([
      'Jan  1 00:00:00 1975 GMT',
      'Jan  1 00:00:00 4096 GMT',
    ]);
    expect(certificate.ca).toBe(false);
  });

  it('is signed with its own key, the one that ledgers record', () => {
    expect(certificate.verify(createPublicKey(identity.key))).toBe(true);
    expect(compressedKey(certificate.publicKey)).toEqual(identity.publicKey);
    expect([identity.publicKey.length, [2, 3].includes(identity.publicKey[0] as number)]).toEqual([33, true]);
    expect(createSelfSignedIdentity({ secretKey, commonName: 'x', hosts: [] }).publicKey).toEqual(identity.publicKey);
  });

  it('takes no certificate for another key, and no key of another curve', () => {
    expect(createCertifiedIdentity({ secretKey, chain: identity.certificate })).toEqual(identity);
    const other = new Uint8Array(32).fill(8);
    expect(() => createCertifiedIdentity({ secretKey: other, chain: identity.certificate })).toThrow(/for another key/);
    expect(() => createCertifiedIdentity({ secretKey, chain: 'nothing' })).toThrow(/not a certificate/);
    expect(compressedKey(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey)).toBeUndefined();
    expect(compressedKey(generateKeyPairSync('ed25519').publicKey)).toBeUndefined();
  });
});
