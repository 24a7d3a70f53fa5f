/** What one transaction can make the ledger do, and how that is charged. */
import { isFloeError } from '@floe/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Arena, pureSlot } from '../../src/execution/arena.ts';
import { Datatypes } from '../../src/execution/datatypes.ts';
import { MAX_OUTPUT_BYTES } from '../../src/limits.ts';
import { everyObject } from '../support/wal.ts';
import { failureText, keypair, openWorld, type Program, send, transactionOf, type World } from '../support/world.ts';

const alice = keypair(2);
const BUCKET = 1000n * 1000n;

/** A vector of 16,381 elements of no content: an array each. */
const EMPTIES = Uint8Array.of(0xfd, 0x7f, ...new Uint8Array(16_381));
const nested = (element: string, depth: number) => `${'vector<'.repeat(depth)}${element}${'>'.repeat(depth)}`;

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.ledger.close());

function simulated(
  build: (program: Program) => void,
  options: { checks?: 'enabled' | 'disabled'; outputs?: boolean } = {},
) {
  return world.ledger.simulate(transactionOf(world, alice, build), options);
}

describe('pure inputs', () => {
  test('are read once for each type, however often a command names them', () => {
    const result = simulated(
      (p) => {
        const input = p.pure(EMPTIES);
        for (let i = 0; i < 100; i += 1) p.vector('vector<vector<u8>>', input);
      },
      { outputs: false },
    );
    expect(failureText(result)).toBe('success');
    // 100 commands, one input, 17 KiB of transaction, and nothing for what was read.
    expect(result.effects.gasUsed.computationCost).toBe(6n * BUCKET);
    const types = new Datatypes(world.ledger.chain.addresses);
    let reads = 0;
    const slots = { gas: pureSlot(EMPTIES), inputs: [pureSlot(EMPTIES)] };
    const arena = new Arena(slots, { types, meter: { decode: () => (reads += 1) } });
    const taken = [1, 2, 3].map(() => arena.take({ kind: 'input', index: 0 }, 0, types.get('vector<vector<u8>>')));
    expect(new Set(taken).size).toBe(1);
    expect(reads).toBe(1);
  });

  test('cost what is read of them beyond the size of the transaction', () => {
    const cost = (types: readonly string[]) =>
      simulated(
        (p) => {
          const input = p.pure(EMPTIES);
          for (const type of types) p.vector(type, input);
        },
        { outputs: false },
      ).effects.gasUsed.computationCost;
    expect(cost(['vector<vector<u8>>'])).toBe(BUCKET);
    expect(cost(['vector<vector<u8>>', 'vector<vector<u8>>'])).toBe(BUCKET);
    expect(cost(['vector<vector<u8>>', 'vector<vector<u16>>'])).toBe(17n * BUCKET);
  });

  test('taken as ever more types, end at what one transaction may use, also where no budget binds', () => {
    const types = ['u8', 'u16', 'u32', 'u64', 'u128', 'u256', 'bool', 'address'].flatMap((element) =>
      Array.from({ length: 13 }, (_, depth) => nested(element, depth + 2)),
    );
    const result = simulated(
      (p) => {
        const input = p.pure(EMPTIES);
        for (const type of types) p.vector(type, input);
      },
      { checks: 'disabled', outputs: false },
    );
    expect(failureText(result)).toBe('InsufficientGas');
  });
});

test('vectors of vectors of one another end before they name gigabytes', async () => {
  const build = (p: Program) => {
    let made = p.vector(
      'u8',
      ...Array.from({ length: 500 }, () => (p.inputs.length === 0 ? p.u8(7) : ({ kind: 'input', index: 0 } as const))),
    );
    for (let depth = 1; depth < 8; depth += 1)
      made = p.vector(nested('u8', depth), ...Array.from({ length: 500 }, () => made));
  };
  expect(simulated(build).effects.status).toMatchObject({
    success: false,
    error: { kind: 'MoveVectorElemTooBig' },
    command: 2,
  });
  const record = await send(world, alice, build);
  expect(failureText(record)).toBe('MoveVectorElemTooBig');
  expect(world.ledger.getTransaction(record.digest)?.effects).toEqual(record.effects);
});

test('what commands return is encoded when it is asked for, and up to a bound', () => {
  const build = (p: Program) => {
    const input = p.bytes(new Uint8Array(16_000).fill(97));
    for (let i = 0; i < 600; i += 1) p.call('0x1::string::utf8', [input]);
  };
  expect(failureText(simulated(build, { outputs: false }))).toBe('success');
  expect(simulated(build, { outputs: false }).commandResults).toEqual([]);
  const refused = (() => {
    try {
      return simulated(build);
    } catch (error) {
      return error;
    }
  })();
  expect(isFloeError(refused) && refused.code).toBe('LIMIT_EXCEEDED');
  expect(String(refused)).toContain(`${MAX_OUTPUT_BYTES}`);
});

describe('a type as deep as types can be', () => {
  const deepest = nested('u64', 16);
  const cases: readonly [string, (p: Program) => void][] = [
    ['as the element of a vector', (p) => void p.vector(deepest)],
    ['as what a function returns', (p) => void p.call('0x2::balance::zero', [], [deepest])],
    ['as what a function takes', (p) => void p.call('0x2::coin::value', [p.gas], [deepest])],
  ];
  test.each(cases)('%s fails the transaction, which is charged and on record', async (_where, build) => {
    const record = await send(world, alice, build);
    expect(failureText(record)).toMatch(/^TypeArgumentError$|^TypeMismatch@0$/);
    expect(record.effects.gasUsed.computationCost).toBe(BUCKET);
    expect(world.ledger.getTransaction(record.digest)?.digest).toEqual(record.digest);
  });
});

test('a list of elements to look up costs by element, from the hundred and twenty-ninth on', () => {
  const manager = everyObject(world).find(({ type }) => type.endsWith('::slashing::SlashingManager'))!;
  const cleaning = (count: number, times = 1) =>
    simulated(
      (p) => {
        const list = p.pure(
          Uint8Array.of(...(count < 128 ? [count] : [(count & 127) | 128, count >> 7]), ...new Uint8Array(32 * count)),
        );
        const [slashing, staking] = [p.shared(manager.id, true), p.shared(world.genesis.stakingObjectId, false)];
        for (let i = 0; i < times; i += 1)
          p.call('walrus::slashing::cleanup_slashing_proposals', [slashing, staking, list]);
      },
      { checks: 'disabled' },
    );
  expect(failureText(cleaning(100))).toBe('success');
  expect(cleaning(100).effects.gasUsed.computationCost).toBe(BUCKET);
  expect(cleaning(500).effects.gasUsed.computationCost).toBe(20n * BUCKET);
  expect(failureText(cleaning(500, 70))).toBe('InsufficientGas');
});
