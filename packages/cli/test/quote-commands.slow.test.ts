/** A thousand random stores, each quoted first: sizes, epochs, prices, deletions, reused space and stores that were interrupted, as chance has it. */
import { slowSuite } from '@floe/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { quotedCase, type Tally } from './support/quote-cases.ts';
import { openQuoteWorld, type QuoteWorld } from './support/quote-world.ts';

const CASES = 1_000;

const suite = slowSuite('quotes');
let world: QuoteWorld;
beforeAll(async () => {
  world = await openQuoteWorld(suite.rng);
});
afterAll(() => world?.close());

it('what a store charges is what was quoted, WAL and gas', async () => {
  const tally: Tally = new Map();
  let cases = 0;
  for (; cases < CASES && !suite.spent(); cases += 1) {
    try {
      await quotedCase(world, suite.rng, tally);
    } catch (error) {
      throw new Error(`case ${cases} of seed ${suite.seed}`, { cause: error });
    }
  }
  process.stdout.write(`quotes: ${cases} cases, ${JSON.stringify(Object.fromEntries(tally))}\n`);
  if (!suite.full) return;
  // Chance brings each kind about many times over.
  const kinds = ['registerFromScratch', 'reuseStorage', 'reuseAndExtend', 'alreadyCertified', 'reuseRegistration'];
  for (const kind of [...kinds, 'reuseAndExtendNonCertified']) {
    expect(tally.get(kind), kind).toBeGreaterThan(20);
  }
});
