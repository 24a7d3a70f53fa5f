import { test } from 'vitest';
import { runAgainstModel, type Tally } from './support/model-run.ts';

const budgetS = process.env['FLOE_TEST_BUDGET_S'];
const firstSeed = Number(process.env['FLOE_TEST_SEED'] ?? '1');
const FULL_SEEDS = 4000;
const SHORT_STEPS = 250;
const LONG_STEPS = 10_000;

test('the contracts agree with the model over thousands of seeds, the first of 10 000 steps', () => {
  const until = budgetS === undefined ? Infinity : performance.now() + Number(budgetS) * 1000;
  const tally: Tally = new Map();
  let seeds = 0;
  while (seeds < FULL_SEEDS && performance.now() < until) {
    runAgainstModel(firstSeed + seeds, seeds === 0 ? LONG_STEPS : SHORT_STEPS, tally);
    seeds += 1;
  }
  const counts = [...tally].map(([name, { succeeded, aborted }]) => `${name} ${succeeded}+${aborted}`);
  console.info(`${seeds} seeds from ${firstSeed}; calls that succeeded+aborted: ${counts.join(', ')}`);
});
