/** What suites that run for minutes have in common: a seed that is printed, and a budget of time. */
import { performance } from 'node:perf_hooks';
import { seededRng } from '@floe/platform/memory';
import type { Rng } from '@floe/platform';

export interface SlowSuite {
  readonly seed: number;
  readonly rng: Rng;
  /** Whether this is the whole run (no budget was given). */
  readonly full: boolean;
  /** Whether the budget is used up; never in a whole run. */
  spent(): boolean;
}

/**
 * The seed is `FLOE_TEST_SEED` or a random one, printed either way; the budget `FLOE_TEST_BUDGET_S`, in seconds, or
 * none.
 *
 * @param share - the part of the budget that is this test's, where a file has several
 */
export function slowSuite(name: string, share = 1): SlowSuite {
  const seed = Number(process.env['FLOE_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const budget = process.env['FLOE_TEST_BUDGET_S'];
  const budgetSeconds = budget === undefined ? undefined : Number(budget) * share;
  const startMs = performance.now();
  process.stdout.write(`${name}: FLOE_TEST_SEED=${seed}${budgetSeconds === undefined ? '' : `, ${budgetSeconds} s`}\n`);
  return {
    seed,
    rng: seededRng(seed),
    full: budgetSeconds === undefined,
    spent: () => budgetSeconds !== undefined && performance.now() - startMs > budgetSeconds * 1000,
  };
}
