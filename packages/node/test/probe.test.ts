import { noMetrics } from '@floe/platform';
import { createVirtualTime, seededRng } from '@floe/platform/memory';
import type { Epoch } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../src/limits.ts';
import { Probe, type ProbeModules } from '../src/probe.ts';
import { outcomeOf, startNode } from './node-harness.ts';

const { probePauseMs, probeTimeoutMs } = defaultLimits;

function probeOf(slivers: Partial<ProbeModules['slivers']>): {
  probe: Probe;
  time: ReturnType<typeof createVirtualTime>;
} {
  const time = createVirtualTime({ startMs: 0 });
  let stored: Uint8Array | undefined;
  const working: ProbeModules['slivers'] = {
    put: (_key, payload) => {
      stored = payload;
      return Promise.resolve('stored');
    },
    get: () => Promise.resolve(stored),
    remove: (keys) => Promise.resolve(keys.length),
  };
  const committees = { epoch: 3 as Epoch };
  const modules = { committees, clock: time, scheduler: time, rng: seededRng('probe'), metrics: noMetrics };
  return { time, probe: new Probe(defaultLimits, { ...modules, slivers: { ...working, ...slivers } }) };
}

describe('a trial of storing', () => {
  it('goes through the disk of a node, leaves nothing, and is told with its health', async () => {
    const { node, call, store, fileSystem, time } = await startNode();
    expect(await node.probe()).toMatchObject({ ok: true });
    expect([node.status().store.slivers, store.count('slivers')]).toEqual([0, 0]);
    fileSystem.failNext('sync', 1, 'slivers');
    await time.advance(probePauseMs);
    expect(await outcomeOf(call({ name: 'getHealth', detailed: true }))).toMatchObject([
      200,
      { probe: { ok: false, problem: expect.stringContaining('sync') as string } },
    ]);
    await time.advance(probePauseMs);
    expect(await outcomeOf(call({ name: 'getHealth', detailed: true }))).toMatchObject([200, { probe: { ok: true } }]);
    await node.close();
    await time.advance(probePauseMs);
    expect(await node.probe()).toMatchObject({ ok: false, problem: expect.stringContaining('closed') as string });
  });

  it.each([
    ['a write fails', { put: () => Promise.reject(new Error('no space left')) }, 'no space left'],
    ['nothing comes back', { get: () => Promise.resolve(undefined) }, 'not there'],
    ['something else comes back', { get: () => Promise.resolve(new Uint8Array(4111)) }, 'not what was stored'],
    ['it cannot be removed', { remove: () => Promise.resolve(0) }, 'not removed'],
  ])('says why when %s', async (_, slivers, why) => {
    const { probe } = probeOf(slivers);
    expect(await probe.result()).toMatchObject({ ok: false, problem: expect.stringContaining(why) as string });
  });

  it('says that a disk does not answer, and asks it no second time meanwhile', async () => {
    let puts = 0;
    const { probe, time } = probeOf({
      put: () => {
        puts += 1;
        return new Promise(() => undefined);
      },
    });
    const first = probe.result();
    await time.advance(probeTimeoutMs);
    expect(await first).toEqual({
      ok: false,
      problem: expect.stringContaining(`longer than ${probeTimeoutMs} ms`) as string,
      tookMs: probeTimeoutMs,
      ageMs: 0,
    });
    await time.advance(probePauseMs);
    expect(await probe.result()).toMatchObject({
      ok: false,
      problem: expect.stringContaining('not answered') as string,
    });
    expect(puts).toBe(1);
  });

  it('is made once for all who ask within the pause', async () => {
    let puts = 0;
    const { probe, time } = probeOf({
      put: () => {
        puts += 1;
        return Promise.reject(new Error('bad'));
      },
    });
    await Promise.all([probe.result(), probe.result()]);
    await time.advance(probePauseMs - 1);
    expect([puts, (await probe.result()).ageMs]).toEqual([1, probePauseMs - 1]);
    await time.advance(1);
    expect([(await probe.result()).ageMs, puts]).toEqual([0, 2]);
  });
});
