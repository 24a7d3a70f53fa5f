import { expect, test } from 'vitest';
import { runAgainstModel, type Tally } from './support/model-run/run.ts';

/** Seeds of which the first turn an epoch before they begin, and the second do not. */
const SEEDS = [2, 4, 6, 8, 10, 1, 3];
const STEPS = 500;
/** Kinds of calls that a run makes. */
const KINDS = 73;

test(
  'all contracts agree, step by step, with a model written apart from them; nothing is lost or made',
  { timeout: 120_000 },
  () => {
    const tally: Tally = new Map();
    for (const seed of SEEDS) runAgainstModel(seed, STEPS, tally);
    for (const [name, { succeeded }] of tally) expect(succeeded, name).toBeGreaterThan(0);
    expect(tally.size).toBe(KINDS);
  },
);
