/** Asking many nodes the same. */
import { pause } from '@floe/platform';
import { createVirtualTime, type VirtualTime } from '@floe/platform/memory';
import { describe, expect, test } from 'vitest';
import { fanOut, type Verdict } from '../src/fan-out.ts';
import type { NodeClient } from '../src/node-client.ts';

type Behaviour = { readonly afterMs: number; readonly fails?: boolean } | 'silent';

function ask(behaviours: readonly Behaviour[], options: { initial: number; need: number; impatient?: boolean }) {
  const time = createVirtualTime();
  const asked: { index: number; atMs: number }[] = [];
  const stalled: number[] = [];
  let replies = 0;
  const nodes = behaviours.map((_, index) => ({ index, reportStall: () => stalled.push(index) }));
  const result = fanOut({
    nodes: nodes as unknown as NodeClient[],
    initial: options.initial,
    impatient: options.impatient,
    hedgeDelayMs: () => 100,
    ask: (node, signal) => answer(time, asked, behaviours, (node as unknown as { index: number }).index, signal),
    onReply(): Verdict {
      replies += 1;
      return replies >= options.need ? 'enough' : 'continue';
    },
    scheduler: time,
    signal: new AbortController().signal,
  });
  return { time, asked, stalled, result: time.run(result) };
}

async function answer(
  time: VirtualTime,
  asked: { index: number; atMs: number }[],
  behaviours: readonly Behaviour[],
  index: number,
  signal: AbortSignal,
): Promise<void> {
  asked.push({ index, atMs: time.monotonicMs() });
  const behaviour = behaviours[index] as Behaviour;
  await pause(time, behaviour === 'silent' ? 1e9 : behaviour.afterMs, signal);
  if (behaviour !== 'silent' && behaviour.fails === true) throw new Error('refused');
}

const quick: Behaviour = { afterMs: 10 };

describe('fanOut', () => {
  test('asks no more nodes than it needs when they answer in time', async () => {
    const { asked, stalled, result } = ask([quick, quick, quick, quick], { initial: 2, need: 2 });
    expect(await result).toBe(true);
    expect(asked.map(({ index }) => index)).toEqual([0, 1]);
    expect(stalled).toEqual([]);
  });

  test('asks another node for each that is silent past its hedge, and remembers who was', async () => {
    const { asked, stalled, result } = ask(['silent', quick, quick], { initial: 2, need: 2 });
    expect(await result).toBe(true);
    expect(asked).toEqual([
      { index: 0, atMs: 0 },
      { index: 1, atMs: 0 },
      { index: 2, atMs: 100 },
    ]);
    expect(stalled).toEqual([0]);
  });

  test('replaces failures at once, by ever more', async () => {
    const refusing: Behaviour = { afterMs: 1, fails: true };
    const { asked, time, result } = ask([...Array.from({ length: 20 }, () => refusing), quick], {
      initial: 1,
      need: 1,
    });
    expect(await result).toBe(true);
    expect(time.monotonicMs()).toBeLessThan(20);
    expect(asked).toHaveLength(21);
  });

  test('says when all were asked and it was not enough', async () => {
    const { result } = ask([quick, { afterMs: 5, fails: true }], { initial: 2, need: 2 });
    expect(await result).toBe(false);
  });

  test('waits for silent nodes, unless it may turn elsewhere', async () => {
    const { time, result } = ask([quick, 'silent'], { initial: 2, need: 2, impatient: true });
    expect(await result).toBe(false);
    expect(time.monotonicMs()).toBe(400);
    const patient = ask([quick, { afterMs: 5_000 }], { initial: 2, need: 2 });
    expect(await patient.result).toBe(true);
  });
});
