import { seededRng } from '@floe/platform/memory';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { quotedCase, type Tally } from './support/quote-cases.ts';
import { openQuoteWorld, type QuoteWorld } from './support/quote-world.ts';

/** The rest of a thousand runs with the commands. */
const CASES = 10;
const seed = Number(process.env['FLOE_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const rng = seededRng(seed);
let world: QuoteWorld;
beforeAll(async () => {
  world = await openQuoteWorld(rng);
});
afterAll(() => world?.close());

it(`what a store charges is what was quoted, WAL and gas (seed ${seed})`, async () => {
  const tally: Tally = new Map();
  for (let i = 0; i < CASES; i += 1) await quotedCase(world, rng, tally);
  // Which kinds of store there are is chance; the thousand have them all.
  expect([...tally.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(CASES);
}, 60_000);
