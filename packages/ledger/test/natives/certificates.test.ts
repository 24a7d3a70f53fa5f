import { expect, test } from 'vitest';
import { createCertificateVerifier } from '../../src/natives/certificates.ts';
import { trustingBls } from '../support/world.ts';

const bytes = (size: number, value: number) => new Uint8Array(size).fill(value);

test('a proof of possession is checked once: simulation and execution ask the same', () => {
  const asked: Uint8Array[] = [];
  const verifier = createCertificateVerifier({
    ...trustingBls,
    verify(_key, _message, signature) {
      asked.push(signature);
      return signature[0] === 1;
    },
  });
  const [key, message] = [bytes(48, 5), bytes(40, 6)];
  for (let i = 0; i < 3; i += 1) {
    expect(verifier.verifyPossession(key, message, bytes(96, 1))?.slice(0, 48)).toEqual(key);
    expect(verifier.verifyPossession(key, message, bytes(96, 2))).toBeUndefined();
  }
  expect(asked).toHaveLength(2);
  expect(verifier.verifyPossession(bytes(48, 9), message, bytes(96, 1))?.[0]).toBe(9);
  expect(verifier.verifyPossession(key, bytes(40, 9), bytes(96, 1))?.[0]).toBe(5);
  expect(asked).toHaveLength(4);
});
