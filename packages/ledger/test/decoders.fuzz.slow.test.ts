/**
 * Mutated inputs by the million: transactions, requests and frames made from real ones, fed to the decoders, the services
 * and the execution of a chain. Whatever comes must be answered or refused, soon, in little memory, and change nothing that
 * no valid transaction changes.
 *
 * FLOE_TEST_SEED repeats a run; FLOE_FUZZ_INPUTS is how many inputs a run without a budget takes; FLOE_FUZZ_INPUT feeds
 * the one of that number alone.
 */
import { createMemoryStore } from '@floe/platform/memory';
import { expect, test } from 'vitest';
import { createSignatureVerifier } from '../src/node/index.ts';
import { verifyLedger } from '../src/replay.ts';
import { createCorpus } from './support/fuzz/corpus.ts';
import { chanceOf, createTargets, targetOf } from './support/fuzz/targets.ts';
import { walInState, walSupply } from './support/wal.ts';
import { trustingBls } from './support/world.ts';

const budgetS = process.env['FLOE_TEST_BUDGET_S'];
const seed = Number(process.env['FLOE_TEST_SEED'] ?? '1');
const only = process.env['FLOE_FUZZ_INPUT'];
const limit = Number(process.env['FLOE_FUZZ_INPUTS'] ?? '10000000');

/** Inputs between two looks at time, memory and state. */
const SLICE = 2000;
/** Longest that one input may take, on a busy machine. */
const MAX_INPUT_MS = 5_000;
/** Growth of memory within one slice. A length that is believed costs gigabytes. */
const MAX_JUMP_BYTES = 512 * 1024 * 1024;
const CORPUS_STEPS = 250;
/** Inputs between two lines of progress. */
const PROGRESS = 1_000_000;

test('the ledger stands ten million mutated inputs', async () => {
  const until = budgetS === undefined ? Infinity : performance.now() + Number(budgetS) * 1000;
  const corpus = await createCorpus(seed, CORPUS_STEPS);
  const { world } = corpus.run;
  const targets = createTargets(corpus);
  const counts = new Map(targets.map(({ name }) => [name, { accepted: 0, refused: 0 }]));
  const started = performance.now();
  let slowest = { ms: 0, target: '', input: 0 };
  let jump = 0;
  let input = Number(only ?? 0);
  const last = only === undefined ? limit : input + 1;
  let memory = process.memoryUsage().rss;
  while (input < last && performance.now() < until) {
    const end = Math.min(last, input + SLICE);
    for (; input < end; input += 1) {
      const random = chanceOf(seed, input);
      const target = targetOf(targets, random);
      const at = performance.now();
      let outcome: 'accepted' | 'refused';
      try {
        outcome = await target.feed(random);
      } catch (error) {
        throw new Error(`${target.name}: again with FLOE_TEST_SEED=${seed} FLOE_FUZZ_INPUT=${input}`, { cause: error });
      }
      const ms = performance.now() - at;
      if (ms > slowest.ms) slowest = { ms, target: target.name, input };
      if (ms > MAX_INPUT_MS) throw new Error(`input ${input} of seed ${seed} (${target.name}) took ${ms} ms`);
      const count = counts.get(target.name);
      if (count !== undefined) count[outcome] += 1;
    }
    const now = process.memoryUsage().rss;
    jump = Math.max(jump, now - memory);
    if (now - memory > MAX_JUMP_BYTES)
      throw new Error(`memory grew by ${now - memory} bytes before input ${input}, seed ${seed}`);
    memory = now;
    if (input % PROGRESS === 0) console.info(`${input} inputs, ${(memory / 2 ** 20).toFixed(0)} MiB resident`);
  }
  // Whatever the inputs did, the state is what the signed transactions on record make of the genesis.
  expect(walInState(world)).toBe(walSupply(world));
  const verified = await verifyLedger(world.store, {
    target: createMemoryStore(),
    bls: trustingBls,
    signatures: createSignatureVerifier(),
    verifyCheckpoint: () => true,
  });
  const latest = world.ledger.getCheckpoint('latest');
  expect(verified.digest).toEqual(latest?.digest);
  const seconds = (performance.now() - started) / 1000;
  console.info(
    [
      `${input} inputs of seed ${seed} in ${seconds.toFixed(0)} s, ${latest?.sequence} checkpoints verified`,
      `slowest ${slowest.ms.toFixed(0)} ms (${slowest.target}, input ${slowest.input}); largest growth of memory within ${SLICE} inputs ${(jump / 2 ** 20).toFixed(0)} MiB; resident ${(memory / 2 ** 20).toFixed(0)} MiB`,
      ...[...counts].map(([name, { accepted, refused }]) => `${name}: ${accepted} accepted, ${refused} refused`),
    ].join('\n'),
  );
  if (only !== undefined) return;
  for (const [name, { accepted, refused }] of counts) {
    if (accepted + refused > 2000) expect([name, accepted > 0, refused > 0]).toEqual([name, true, true]);
  }
  await corpus.run.close();
});
