import { describe, expect, test } from 'vitest';
import type { ObjectId } from '@floe/protocol';
import {
  addressOf,
  balanceOf,
  coinIdOf,
  created,
  failureText,
  keypair,
  openWorld,
  type Program,
  send,
  SUI_COIN_TYPE,
  succeed,
  transactionOf,
  type World,
} from '../support/world.ts';

const alice = keypair(2);
const bob = addressOf(keypair(3));

async function resultOf(build: (program: Program, world: World) => void): Promise<string> {
  const world = await openWorld();
  const record = await send(world, alice, (program) => build(program, world));
  await world.ledger.close();
  return failureText(record);
}

const coinOf = (program: Program, world: World) => program.owned(coinIdOf(world, addressOf(alice), world.walType));

describe('commands', () => {
  test('coins are split and merged, and results are named alone and by position', async () => {
    const world = await openWorld();
    const record = await succeed(world, alice, (program) => {
      const wal = coinOf(program, world);
      const [a, b, c] = program.split(wal, 5n, 7n, 11n) as [never, never, never];
      program.merge(a, b);
      const d = program.split(c, 1n)[0]!;
      program.merge(wal, c);
      program.transfer(bob, a, d);
    });
    const got = created(world, record, 'WAL>').map(balanceOf);
    expect(got.sort((a, b) => Number(a - b))).toEqual([1n, 12n]);
    expect(record.balanceChanges).toContainEqual({ address: bob, coinType: world.walType, amount: 13n });
    await world.ledger.close();
  });

  test('an empty program only costs gas', async () => {
    expect(await resultOf(() => {})).toBe('success');
  });

  test('a vector of coins is made and used up', async () => {
    expect(
      await resultOf((program) => {
        const coins = program.split(program.gas, 1n, 2n);
        program.vector(undefined, ...coins);
      }),
    ).toBe('UnusedValueWithoutDrop');
    expect(await resultOf((program) => void program.vector('u64', program.u64(1n), program.u64(2n)))).toBe('success');
  });

  test.each<[string, (program: Program, world: World) => void, string]>([
    ['a coin that nothing takes', (p) => void p.split(p.gas, 1n), 'UnusedValueWithoutDrop'],
    ['too much is split off', (p) => void p.split(p.gas, 10n ** 15n), 'InsufficientCoinBalance'],
    ['an input that is not there', (p) => p.merge(p.gas, { kind: 'input', index: 9 }), 'IndexOutOfBounds@1'],
    ['a result of a later command', (p) => p.merge(p.gas, { kind: 'result', command: 5 }), 'IndexOutOfBounds@1'],
    [
      'a second result of a command that has one',
      (p) => {
        const coin = p.split(p.gas, 1n)[0]!;
        p.merge(p.gas, p.nested(coin, 1));
      },
      'SecondaryIndexOutOfBounds@1',
    ],
    [
      'many results named as one',
      (p) => {
        p.split(p.gas, 1n, 2n);
        p.merge(p.gas, { kind: 'result', command: 0 });
      },
      'InvalidResultArity@1',
    ],
    [
      'a value used twice',
      (p) => {
        const coin = p.split(p.gas, 1n)[0]!;
        p.transfer(bob, coin);
        p.transfer(bob, coin);
      },
      'ArgumentWithoutValue@0',
    ],
    [
      'a value given twice to one command',
      (p) => {
        const coin = p.split(p.gas, 1n)[0]!;
        p.transfer(bob, coin, coin);
      },
      'InvalidValueUsage@1',
    ],
    [
      'a value both written and taken',
      (p) => {
        const coin = p.split(p.gas, 1n)[0]!;
        p.merge(coin, coin);
      },
      'CannotMoveBorrowedValue@1',
    ],
    [
      'the gas coin taken by a function',
      (p) => void p.call('0x2::coin::into_balance', [p.gas], [SUI_COIN_TYPE]),
      'InvalidGasCoinUsage@0',
    ],
    ['the gas coin merged away', (p, w) => p.merge(coinOf(p, w), p.gas), 'TypeMismatch@1'],
    ['pure bytes where an object is needed', (p) => p.merge(p.gas, p.u64(1n)), 'InvalidUsageOfPureArg@1'],
    [
      'pure bytes of another length',
      (p) => void p.call('0x2::coin::zero', [], [SUI_COIN_TYPE, SUI_COIN_TYPE]),
      'TypeArityMismatch',
    ],
    [
      'bytes that are no such value',
      (p) => void p.call('walrus::encoding::encoded_blob_length', [p.u8(1), p.u8(1), p.u16(10)]),
      'InvalidBCSBytes@0',
    ],
    ['an unknown function', (p) => void p.call('0x2::coin::mint'), 'FunctionNotFound'],
    [
      'a stake with a node that does not exist',
      (p, w) =>
        void p.call('walrus::staking::stake_with_pool', [
          p.shared(w.genesis.stakingObjectId, true),
          coinOf(p, w),
          p.address(bob),
        ]),
      'dynamic_field::1',
    ],
    ['too few arguments', (p) => void p.call('0x2::coin::value', [], [SUI_COIN_TYPE]), 'ArityMismatch'],
    [
      'a type argument that does not exist',
      (p) => void p.call('0x2::coin::zero', [], ['0x5::a::B']),
      'TypeArgumentError',
    ],
    [
      'a type argument without the abilities',
      (p) => void p.call('0x2::transfer::public_transfer', [p.u64(1n), p.address(bob)], ['u64']),
      'TypeArgumentError',
    ],
    ['a coin of another type', (p, w) => p.merge(p.gas, coinOf(p, w)), 'TypeMismatch@1'],
    [
      'a reference as result',
      (p, w) => void p.call('walrus::blob::storage', [coinOf(p, w)]),
      'InvalidPublicFunctionReturnType',
    ],
    [
      'a value that is no object transferred',
      (p) => p.transfer(bob, p.call('walrus::metadata::new')),
      'InvalidTransferObject@0',
    ],
    ['a shared object transferred', (p) => p.transfer(bob, p.system()), 'InvalidTransferObject@0'],
    [
      'a read-only shared object written',
      (p, w) => void p.call('walrus::system::reserve_space', [p.system(false), p.u64(1n), p.u32(1), coinOf(p, w)]),
      'InvalidObjectByMutRef@0',
    ],
    [
      'a vector of pure values without a type',
      (p) => void p.vector(undefined, p.u64(1n)),
      'InvalidMakeMoveVecNonObjectArgument@0',
    ],
  ])('%s fails, with the error that Sui gives', async (_name, build, expected) => {
    expect(await resultOf(build)).toBe(expected);
  });

  test('the gas coin can be given away whole; what is charged comes off it', async () => {
    const world = await openWorld();
    const before = world.ledger.balance(bob, SUI_COIN_TYPE).balance;
    const had = world.ledger.balance(addressOf(alice), SUI_COIN_TYPE).balance;
    const record = await succeed(world, alice, (program) => program.transfer(bob, program.gas));
    const { computationCost, storageCost, storageRebate } = record.effects.gasUsed;
    const cost = computationCost + storageCost - storageRebate;
    expect(world.ledger.balance(bob, SUI_COIN_TYPE).balance).toBe(before + had - cost);
    expect(world.ledger.balance(addressOf(alice), SUI_COIN_TYPE)).toMatchObject({ balance: 0n, coinCount: 0 });
    await world.ledger.close();
  });

  test('an object that was frozen is read by anyone and written by nobody', async () => {
    const world = await openWorld();
    const record = await succeed(world, alice, (program) => {
      const coin = program.split(coinOf(program, world), 5n)[0]!;
      program.call(
        '0x2::transfer::public_freeze_object',
        [coin],
        [`0x2::coin::Coin<${world.walType}>`.replace('0x2', `0x${'2'.padStart(64, '0')}`)],
      );
    });
    const frozen = created(world, record, 'WAL>')[0]!.id;
    const other = keypair(3);
    const read = await send(world, other, (p) => void p.call('0x2::coin::value', [p.owned(frozen)], [world.walType]));
    expect(failureText(read)).toBe('success');
    expect(read.effects.changedObjects.map(({ id }) => id)).not.toContain(frozen);
    const written = await send(world, other, (p) => void p.split(p.owned(frozen), 1n));
    expect(failureText(written)).toBe('InvalidObjectByMutRef@0');
    const taken = await send(world, other, (p) => p.transfer(bob, p.owned(frozen)));
    expect(failureText(taken)).toBe('InvalidObjectByValue@0');
    await world.ledger.close();
  });
});

describe('options and vectors', () => {
  const STD = `0x${'1'.padStart(64, '0')}`;
  const SUI = `0x${'2'.padStart(64, '0')}`;
  const optionOf = (type: string) => `${STD}::option::Option<${type}>`;
  const returned = (world: World, build: (program: Program) => void) => {
    const { effects, commandResults } = world.ledger.simulate(transactionOf(world, alice, build));
    expect(effects.status).toEqual({ success: true });
    return commandResults.map(({ returnValues }) => returnValues.map(({ bytes }) => [...bytes]));
  };

  test('an option of none is not none', async () => {
    const world = await openWorld();
    const inner = optionOf('u8');
    const values = returned(world, (p) => {
      const none = p.call('0x1::option::none', [], ['u8']);
      const some = p.call('0x1::option::some', [none], [inner]);
      p.call('0x1::option::is_some', [some], [inner]);
      const deep = p.call('0x1::option::some', [some], [optionOf(inner)]);
      p.call('0x1::option::is_none', [p.call('0x1::option::destroy_some', [deep], [optionOf(inner)])], [inner]);
      p.call('0x1::option::is_none', [p.call('0x1::option::destroy_some', [some], [inner])], ['u8']);
    });
    expect(values).toEqual([[[0]], [[1, 0]], [[1]], [[1, 1, 0]], [[1, 0]], [[0]], [[0]], [[1]]]);
    await world.ledger.close();
  });

  test.each<[bytes: number[], isSome: number, innerIsSome: number | undefined]>([
    [[0], 0, undefined],
    [[1, 0], 1, 0],
    [[1, 1, 7], 1, 1],
  ])('a pure input %j is read as an option of an option', async (bytes, isSome, innerIsSome) => {
    const world = await openWorld();
    const values = returned(world, (p) => {
      const input = p.pure(Uint8Array.from(bytes));
      p.call('0x1::option::is_some', [input], [optionOf('u8')]);
      if (innerIsSome === undefined) return;
      const inner = p.call('0x1::option::destroy_some', [input], [optionOf('u8')]);
      p.call('0x1::option::is_some', [inner], ['u8']);
    });
    expect(values[0]).toEqual([[isSome]]);
    expect(values[2]?.[0]?.[0]).toBe(innerIsSome);
    await world.ledger.close();
  });

  test('an option of two values is refused', async () => {
    const build = (p: Program) => void p.call('0x1::option::is_some', [p.pure(Uint8Array.of(2, 1, 1))], ['u8']);
    expect(await resultOf(build)).toBe('InvalidBCSBytes@0');
  });

  test.each<[string, number[]]>([
    [`${SUI}::object::ID`, [2, ...new Uint8Array(64)]],
    ['u64', [1, ...new Uint8Array(8)]],
    [`${STD}::string::String`, [2, 1, 97, 0]],
    ['vector<u8>', [2, 1, 97, 0]],
    [optionOf('u16'), [2, 0, 1, 5, 0]],
  ])('a vector of %s comes as pure bytes', async (type, bytes) => {
    const world = await openWorld();
    const values = returned(world, (p) => {
      p.call('0x1::option::some', [p.pure(Uint8Array.from(bytes))], [`vector<${type}>`]);
    });
    expect(values).toEqual([[[1, ...bytes]]]);
    await world.ledger.close();
  });
});

describe('sharing', () => {
  const type = (world: World) => `0x${'2'.padStart(64, '0')}::coin::Coin<${world.walType}>`;

  test('a new object is shared and anybody uses it', async () => {
    const world = await openWorld();
    const record = await succeed(world, alice, (p) => {
      p.call('0x2::transfer::public_share_object', [p.split(coinOf(p, world), 5n)[0]!], [type(world)]);
    });
    const shared = created(world, record, 'WAL>')[0]!;
    expect(shared.owner).toEqual({ kind: 'shared', initialVersion: record.effects.lamportVersion });
    const used = await send(world, keypair(3), (p) => {
      p.transfer(bob, p.split(p.shared(shared.id, true), 2n)[0]!);
    });
    expect(failureText(used)).toBe('success');
    await world.ledger.close();
  });

  test('an object that was there before stays what it is, as on Sui', async () => {
    const world = await openWorld();
    const before = coinIdOf(world, addressOf(alice), world.walType);
    const record = await send(world, alice, (p) => {
      p.call('0x2::transfer::public_share_object', [coinOf(p, world)], [type(world)]);
    });
    expect(failureText(record)).toBe('transfer::0');
    expect(world.ledger.getObject(before)?.owner).toEqual({ kind: 'address', address: addressOf(alice) });
    await world.ledger.close();
  });
});

describe('versions and effects', () => {
  test('all writes take one more than the highest input version; inputs rise even when unchanged', async () => {
    const world = await openWorld();
    await succeed(world, keypair(3), (p) => void p.call('walrus::system::epoch', [p.system()]));
    const systemId = world.genesis.systemObjectId;
    const before = world.ledger.getObject(systemId)!;
    const walId = coinIdOf(world, addressOf(alice), world.walType);
    const record = await succeed(world, alice, (p) => {
      p.call('walrus::system::epoch', [p.system()]);
      coinOf(p, world);
    });
    expect(record.effects.lamportVersion).toBe(before.version + 1n);
    for (const id of [systemId, walId]) {
      expect(world.ledger.getObject(id)).toMatchObject({
        version: record.effects.lamportVersion,
        previousTransaction: record.digest,
      });
    }
    expect(world.ledger.getObject(systemId)!.contents).toEqual(before.contents);
    const ids = record.effects.changedObjects.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(record.effects.changedObjects[record.effects.gasObjectIndex!]?.id).toBe(
      world.ledger.listOwned({ owner: addressOf(alice), type: `0x2::coin::Coin<${SUI_COIN_TYPE}>`, limit: 5 }).items[0]
        ?.id,
    );
    await world.ledger.close();
  });

  test('shared objects that are only read stay as they are, and the effects name them', async () => {
    const world = await openWorld();
    const systemId = world.genesis.systemObjectId;
    const before = world.ledger.getObject(systemId)!;
    const record = await succeed(world, alice, (p) => void p.call('walrus::system::epoch', [p.system(false)]));
    expect(world.ledger.getObject(systemId)).toEqual(before);
    expect(record.effects.unchangedShared).toEqual([{ id: systemId, version: before.version, digest: before.digest }]);
    await world.ledger.close();
  });

  test('a failed transaction changes nothing but gas and versions', async () => {
    const world = await openWorld();
    const walId = coinIdOf(world, addressOf(alice), world.walType);
    const before = world.ledger.getObject(walId)!;
    const record = await send(world, alice, (p) => {
      const wal = coinOf(p, world);
      p.transfer(bob, p.split(wal, 5n)[0]!);
      p.call('0x2::coin::destroy_zero', [wal], [world.walType]);
    });
    expect(failureText(record)).toBe('balance::0');
    expect(record.effects.status).toMatchObject({ success: false, command: 2 });
    const after = world.ledger.getObject(walId)!;
    expect(after.contents).toEqual(before.contents);
    expect(after.version).toBe(record.effects.lamportVersion);
    expect(record.events).toEqual([]);
    expect(world.ledger.balance(bob, world.walType).coinCount).toBe(1);
    expect(record.effects.changedObjects.every(({ idOperation }) => idOperation === 'none')).toBe(true);
    await world.ledger.close();
  });

  test('the clock holds the time of the checkpoint, and reading it does not change it', async () => {
    const world = await openWorld();
    await world.time.advance(5000);
    const clock = `0x${'6'.padStart(64, '0')}` as ObjectId;
    const record = await succeed(
      world,
      alice,
      (p) => void p.call('0x2::clock::timestamp_ms', [p.shared(clock, false)]),
    );
    const { contents } = world.ledger.getObject(clock)!;
    expect(new DataView(contents.buffer, contents.byteOffset).getBigUint64(32, true)).toBe(BigInt(record.timestampMs));
    expect(record.effects.changedObjects.map(({ id }) => id)).not.toContain(clock);
    await world.ledger.close();
  });
});
