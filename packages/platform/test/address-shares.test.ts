import { describe, expect, it } from 'vitest';
import { addressGroup, AddressShares, sharingAddress } from '../src/address-shares.ts';

describe('shares of addresses', () => {
  it('leave room for others, whoever takes all that it can', () => {
    const shares = new AddressShares(4, 0.5);
    const [first, second] = [shares.enter('a'), shares.enter('a')];
    expect(shares.enter('a')).toBeUndefined();
    expect([shares.enter('b'), shares.enter('c')].map((leave) => typeof leave)).toEqual(['function', 'function']);
    expect(shares.enter('d')).toBeUndefined();
    first?.();
    first?.();
    expect(shares.enter('d')).toBeDefined();
    expect(shares.enter('a')).toBeUndefined();
    second?.();
    expect(shares.enter('a')).toBeDefined();
  });

  it('give one thing that is larger than a part to an address that has none', () => {
    const shares = new AddressShares(100, 0.5);
    const large = shares.enter('a', 80);
    expect(large).toBeDefined();
    expect(shares.enter('a', 1)).toBeUndefined();
    expect(shares.enter('b', 30)).toBeUndefined();
    large?.();
    expect([shares.enter('a', 20), shares.enter('a', 30), shares.enter('a', 1)].map(Boolean)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('know one client by its network', () => {
    expect(
      [
        '203.0.113.7',
        '::ffff:203.0.113.7',
        '2001:db8::1',
        '2001:db8:0:0:ffff::',
        '2001:db8:0:1::',
        'fe80::1%eth0',
        '::1',
      ].map(addressGroup),
    ).toEqual([
      '203.0.113.7',
      '203.0.113.7',
      '2001:db8:0:0::/64',
      '2001:db8:0:0::/64',
      '2001:db8:0:1::/64',
      'fe80:0:0:0::/64',
      '0:0:0:0::/64',
    ]);
    expect(addressGroup(undefined)).toBe('unknown');
    expect(['203.0.113.7', '127.0.0.9', '::ffff:127.0.0.1', '::1', undefined].map(sharingAddress)).toEqual([
      '203.0.113.7',
      ...Array<undefined>(4).fill(undefined),
    ]);
  });
});
