import { noMetrics } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import { Admission, Lease } from '../../src/http/admission.ts';
import { defaultLimits, type NodeLimits } from '../../src/limits.ts';
import { createNodeMetrics } from '../../src/node-metrics.ts';

const fresh = (): AbortSignal => new AbortController().signal;
const admissionOf = (limits: Partial<NodeLimits>): Admission =>
  new Admission({ limits: { ...defaultLimits, ...limits } }, { metrics: createNodeMetrics(noMetrics) });

/** What became of each: 'in', 'waits', or the code of its refusal. */
async function outcomes(entering: readonly Promise<void>[]): Promise<string[]> {
  const settled = entering.map((each) =>
    each.then(
      () => 'in',
      (error: { code: string }) => error.code,
    ),
  );
  // Whatever is let in or refused is so within some turns.
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return Promise.all(settled.map((each) => Promise.race([each, Promise.resolve('waits')])));
}

describe('admission', () => {
  const limits = { dataWrites: 4, dataWritesWaiting: 4 };

  it('leaves room for others, however much one address asks for', async () => {
    const admission = admissionOf(limits);
    const leases = Array.from({ length: 5 }, () => new Lease('203.0.113.1'));
    expect(await outcomes(leases.map((lease) => admission.enter('writes', lease, fresh())))).toEqual([
      'in',
      'in',
      'waits',
      'waits',
      'TOO_MANY_REQUESTS',
    ]);
    const others = ['198.51.100.1', '198.51.100.2'].map((address) => new Lease(address));
    expect(await outcomes(others.map((lease) => admission.enter('writes', lease, fresh())))).toEqual(['in', 'in']);
    // Full: now all wait, and each address only for what is its own.
    const late = new Lease('198.51.100.3');
    const entering = admission.enter('writes', late, fresh());
    expect(await outcomes([entering])).toEqual(['waits']);
    leases[0]?.release();
    others[0]?.release();
    await entering;
    for (const lease of [...leases, ...others, late]) lease.release();
  });

  it('counts an IPv6 network as one, and callers on this machine not at all', async () => {
    const admission = admissionOf(limits);
    const enter = (address: string): Promise<void> => admission.enter('writes', new Lease(address), fresh());
    expect(await outcomes(['2001:db8::1', '2001:db8::2', '2001:db8::3'].map(enter))).toEqual(['in', 'in', 'waits']);
    const local = admissionOf(limits);
    const enterLocal = (address: string): Promise<void> => local.enter('writes', new Lease(address), fresh());
    expect(await outcomes(['127.0.0.1', '::1', '127.0.0.1', '::ffff:127.0.0.1', '127.0.0.1'].map(enterLocal))).toEqual([
      'in',
      'in',
      'in',
      'in',
      'waits',
    ]);
  });

  it('holds the bytes of many slow uploads within half the memory for one address, and all of it for all', async () => {
    const MIB = 1 << 20;
    const admission = admissionOf({ writeBytes: 8 * MIB, dataWrites: 100, dataWritesWaiting: 100 });
    const upload = async (address: string, lease: Lease): Promise<void> => {
      await admission.enter('writes', lease, fresh());
      await admission.reserve('writes', MIB, lease, fresh());
      expect(address).toBe(lease.address);
    };
    const uploads = ['203.0.113.1', '203.0.113.2', '203.0.113.3'].flatMap((address) =>
      Array.from({ length: 6 }, () => new Lease(address)),
    );
    const held = await outcomes(uploads.map((lease) => upload(lease.address as string, lease)));
    const inside = (from: number): number => held.slice(from, from + 6).filter((outcome) => outcome === 'in').length;
    expect([inside(0), inside(6), inside(12)]).toEqual([4, 4, 0]);
    for (const lease of uploads.slice(0, 6)) lease.release();
    expect((await outcomes([upload('203.0.113.4', new Lease('203.0.113.4'))]))[0]).not.toBe('TOO_MANY_REQUESTS');
  });

  it('refuses symbols as Walrus nodes do', async () => {
    const admission = admissionOf({ symbolRequests: 2 });
    const leases = Array.from({ length: 2 }, () => new Lease('203.0.113.1'));
    expect(await outcomes(leases.map((lease) => admission.enter('symbols', lease, fresh())))).toEqual([
      'in',
      'NODE_BUSY',
    ]);
  });
});
