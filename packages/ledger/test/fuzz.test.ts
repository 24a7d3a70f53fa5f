import { functionSignatures, formatMoveType } from '@floe/contracts';
import { isFloeError } from '@floe/platform';
import type { ObjectId } from '@floe/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Argument,
  type CallArg,
  type Command,
  decodeTransactionData,
  encodeTransactionData,
} from '../src/transaction-data.ts';
import { createdBlob, registerBlob } from './support/blobs.ts';
import { addressOf, keypair, openWorld, SUI_COIN_TYPE, toHex, transactionOf, type World } from './support/world.ts';

const alice = keypair(2);

const argument: fc.Arbitrary<Argument> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'gas' } as const) },
  { weight: 5, arbitrary: fc.nat(14).map((index) => ({ kind: 'input', index }) as const) },
  { weight: 3, arbitrary: fc.nat(6).map((command) => ({ kind: 'result', command }) as const) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(6), fc.nat(2)).map(([command, index]) => ({ kind: 'nested', command, index }) as const),
  },
);
const args = fc.array(argument, { maxLength: 5 });

/** Commands that fit together by chance: any function with any arguments. */
function commands(world: World): fc.Arbitrary<Command> {
  const { addresses } = world.ledger.chain;
  const types = [
    SUI_COIN_TYPE,
    world.walType,
    'u64',
    'vector<u8>',
    `${addresses.walrus}::blob::Blob`,
    `0x${'5'.repeat(64)}::a::B`,
  ];
  const type = fc.constantFrom(...types);
  // Half of the calls go to few modules, so that some fit together.
  const common = functionSignatures.filter(({ package: from, module }) => from === 'sui' || module === 'blob');
  const call = fc.oneof(fc.constantFrom(...functionSignatures), fc.constantFrom(...common)).chain((signature) => {
    const fitting = Math.max(0, signature.parameters.length - 1);
    const count = fc.constantFrom(fitting, fitting, fitting + 1, signature.parameters.length);
    return fc.record({
      kind: fc.constant('move-call' as const),
      package: fc.constant(addresses[signature.package]),
      module: fc.constant(signature.module),
      function: fc.constant(signature.name),
      typeArguments: fc.array(type, {
        minLength: signature.typeParameters.length,
        maxLength: signature.typeParameters.length,
      }),
      arguments: count.chain((length) => fc.array(argument, { minLength: length, maxLength: length })),
    });
  });
  return fc.oneof(
    { weight: 6, arbitrary: call },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('split-coins' as const), coin: argument, amounts: args }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('merge-coins' as const), destination: argument, sources: args }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('transfer-objects' as const), objects: args, address: argument }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('make-move-vec' as const),
        type: fc.option(type, { nil: undefined }),
        elements: args,
      }),
    },
  );
}

test('programs thrown together at random either run, fail as Move fails, or are refused; nothing else happens', async () => {
  const world = await openWorld();
  const blob = createdBlob(world, await registerBlob(world, alice, { root: 1n }));
  const owned = world.ledger
    .listOwned({ owner: addressOf(alice), limit: 10 })
    .items.filter(({ type }) => !type.includes('SUI>'));
  const base: CallArg[] = [
    ...owned.map((object): CallArg => ({ kind: 'owned', ref: object })),
    { kind: 'shared', id: world.genesis.systemObjectId, initialVersion: 1n, mutable: true },
    { kind: 'shared', id: world.genesis.stakingObjectId, initialVersion: 1n, mutable: true },
    { kind: 'shared', id: `0x${'6'.padStart(64, '0')}` as ObjectId, initialVersion: 1n, mutable: false },
    ...[0, 1, 2, 4, 8, 8, 16, 32, 33, 97].map((size, i): CallArg => ({
      kind: 'pure',
      bytes: new Uint8Array(size).fill(i % 3),
    })),
    { kind: 'pure', bytes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) },
  ];
  const template = decodeTransactionData(transactionOf(world, alice, () => {}));
  const root = toHex(world.ledger.getCheckpoint('latest')!.stateRoot);
  const outcomes = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(commands(world), { minLength: 1, maxLength: 5 }), fc.boolean(), (list, isUnchecked) => {
      let outcome: string;
      try {
        const bytes = encodeTransactionData({ ...template, inputs: base, commands: list });
        const { effects } = world.ledger.simulate(bytes, { checks: isUnchecked ? 'disabled' : 'enabled' });
        outcome = effects.status.success ? 'success' : effects.status.error.kind;
      } catch (error) {
        if (!isFloeError(error)) throw error;
        outcome = error.code;
      }
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }),
    { numRuns: 4000, seed: 11 },
  );
  // The generator reaches past the first check: all these are met.
  for (const kind of [
    'success',
    'CommandArgumentError',
    'MoveAbort',
    'UnusedValueWithoutDrop',
    'FunctionNotFound',
    'INVALID_TRANSACTION',
  ]) {
    expect(outcomes.get(kind) ?? 0, kind).toBeGreaterThan(0);
  }
  expect(toHex(world.ledger.getCheckpoint('latest')!.stateRoot)).toBe(root);
  expect(world.ledger.getObject(blob.id as ObjectId)?.version).toBeGreaterThan(1n);
  await world.ledger.close();
});

test('every declared function answers to arguments of its types without an internal failure', async () => {
  const world = await openWorld();
  const { addresses } = world.ledger.chain;
  for (const signature of functionSignatures) {
    const bytes = transactionOf(world, alice, (p) => {
      const parameters = signature.parameters.filter(
        ({ type }) => !(type.kind === 'struct' && type.name === 'TxContext'),
      );
      const values = parameters.map(({ type }) => {
        const text = formatMoveType(
          type,
          addresses,
          signature.typeParameters.map(() => SUI_COIN_TYPE),
        );
        const size = { bool: 1, u8: 1, u16: 2, u32: 4, u64: 8, u256: 32, address: 32 }[text];
        return size === undefined ? p.bytes(new Uint8Array(0)) : p.pure(new Uint8Array(size));
      });
      p.call(
        `${addresses[signature.package]}::${signature.module}::${signature.name}`,
        values,
        signature.typeParameters.map(() => SUI_COIN_TYPE),
      );
    });
    const { effects } = world.ledger.simulate(bytes);
    expect(effects.status.success ? 'ok' : effects.status.error.kind).toMatch(
      /^(ok|CommandArgumentError|MoveAbort|MovePrimitiveRuntimeError|UnusedValueWithoutDrop|FunctionNotFound|InvalidPublicFunctionReturnType|TypeArgumentError)$/,
    );
  }
  await world.ledger.close();
});
