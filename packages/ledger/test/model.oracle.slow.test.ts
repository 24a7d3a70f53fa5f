/**
 * `npm run test:oracle -- model` runs 4,000 seeds, the first of 10,000 steps. FLOE_MODEL_STEPS gives every seed that
 * many, FLOE_MODEL_SEEDS how many seeds there are: 10,000 and 2,000 are a night's work.
 */
import { test } from 'vitest';
import { runAgainstModel, type Tally } from './support/model-run/run.ts';

const budgetS = process.env['FLOE_TEST_BUDGET_S'];
const firstSeed = Number(process.env['FLOE_TEST_SEED'] ?? '1');
const seedCount = Number(process.env['FLOE_MODEL_SEEDS'] ?? '4000');
const LONG_STEPS = 10_000;
const stepsOfOthers = Number(process.env['FLOE_MODEL_STEPS'] ?? '250');

test('the contracts agree with the model over thousands of seeds, the first of 10 000 steps', () => {
  const until = budgetS === undefined ? Infinity : performance.now() + Number(budgetS) * 1000;
  const tally: Tally = new Map();
  let [seeds, steps] = [0, 0];
  while (seeds < seedCount && performance.now() < until) {
    const length = seeds === 0 ? LONG_STEPS : stepsOfOthers;
    runAgainstModel(firstSeed + seeds, length, tally);
    seeds += 1;
    steps += length;
    if (seeds % 100 === 0) console.info(`${seeds} seeds, ${steps} steps`);
  }
  const counts = [...tally].map(([name, { succeeded, aborted }]) => `${name} ${succeeded}+${aborted}`);
  console.info(`${seeds} seeds from ${firstSeed}, ${steps} steps; succeeded+aborted: ${counts.join(', ')}`);
});
