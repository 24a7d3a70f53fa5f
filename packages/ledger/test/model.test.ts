import { expect, test } from 'vitest';
import { runAgainstModel, type Tally } from './support/model-run.ts';

test('staking and economics agree, step by step, with a model written apart from them; nothing is lost or made', () => {
  const tally: Tally = new Map();
  for (let seed = 1; seed <= 24; seed += 1) runAgainstModel(seed, 300, tally);
  // The runs reach everything that can be called, and past what aborts.
  for (const [name, { succeeded }] of tally) {
    expect(succeeded, name).toBeGreaterThan(name.endsWith('pool') ? 2 : 10);
  }
  expect([...tally.keys()].toSorted()).toEqual([
    'add commission',
    'collect',
    'create pool',
    'deny list',
    'epoch change',
    'extend pool',
    'grow pool',
    'next rate',
    'register',
    'request',
    'reserve',
    'stake',
    'subsidise',
    'sync done',
    'update prices',
    'vote',
    'voting end',
    'withdraw',
  ]);
});
