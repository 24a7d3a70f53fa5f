import { parseObjectId } from '@floe/protocol';
import { describe, expect, it } from 'vitest';
import {
  abilitiesOf,
  callParameters,
  type FunctionSignature,
  functionSignature,
  functionSignatures,
  packageAt,
  datatypeDeclaration,
  datatypeDeclarations,
} from '../src/functions.ts';
import { eventLayouts } from '../src/events.ts';
import { formatMoveType, type MoveType, packageAddresses } from '../src/move-type.ts';
import { parseDeclarations } from '../src/signature-text.ts';
import { walTypeOf } from '../src/type-names.ts';

const addresses = packageAddresses({ walrus: parseObjectId('0xa1'), wal: parseObjectId('0xa2') });

function signature(path: string): FunctionSignature {
  const [packageName, module, name] = path.split('::') as ['walrus', string, string];
  const found = functionSignature(packageName, module, name);
  if (found === undefined) throw new Error(`no ${path}`);
  return found;
}

const refs = (path: string) => callParameters(signature(path)).map(({ ref }) => ref);

/** Calls that the official SDK makes, with how it passes each argument (its own argument tables). */
const SDK_CALLS: readonly [string, readonly string[]][] = [
  ['walrus::system::reserve_space', ['mut', 'value', 'value', 'mut']],
  ['walrus::system::register_blob', ['mut', 'value', 'value', 'value', 'value', 'value', 'value', 'mut']],
  ['walrus::system::certify_blob', ['imm', 'mut', 'value', 'value', 'value']],
  ['walrus::system::extend_blob', ['mut', 'mut', 'value', 'mut']],
  ['walrus::system::delete_blob', ['imm', 'value']],
  ['walrus::metadata::new', []],
  ['walrus::blob::add_metadata', ['mut', 'value']],
  ['walrus::blob::insert_or_update_metadata_pair', ['mut', 'value', 'value']],
  ['walrus::blob::remove_metadata_pair', ['mut', 'imm']],
  ['sui::coin::destroy_zero', ['value']],
  ['sui::coin::zero', []],
];

describe('function signatures', () => {
  it.each(SDK_CALLS)('takes the arguments of %s as the SDK passes them', (path, expected) => {
    expect(refs(path)).toEqual(expected);
  });

  it('takes System mutably exactly where the contracts do', () => {
    const mutable = functionSignatures
      .filter((declared) => declared.package === 'walrus')
      .filter((declared) => declared.parameters.some(({ ref, type }) => ref === 'mut' && isStruct(type, 'System')))
      .map((declared) => declared.name);
    expect(mutable.toSorted()).toEqual([
      'add_per_epoch_subsidies',
      'add_subsidy',
      'certify_event_blob',
      'commit_upgrade',
      'create_storage_pool',
      'extend',
      'extend_blob',
      'extend_storage_pool',
      'increase_storage_pool_capacity',
      'initiate_epoch_change',
      'initiate_epoch_change_v2',
      'migrate',
      'migrate_v2',
      'register_blob',
      'register_deny_list_update',
      'register_pooled_blob',
      'reserve_space',
      'reserve_space_for_epochs',
      'update_deny_list',
      'update_prices',
      'update_protocol_version',
    ]);
  });

  it('shows stake_with_pool with the WAL coin as its second parameter, from which clients learn WAL’s type', () => {
    const coin = signature('walrus::staking::stake_with_pool').parameters[1];
    expect(coin?.ref).toBe('value');
    expect(coin && formatMoveType(coin.type, addresses)).toBe(
      `${addresses.sui}::coin::Coin<${walTypeOf(addresses.wal)}>`,
    );
  });

  it('keeps TxContext in the signature and out of the arguments', () => {
    expect(signature('walrus::system::reserve_space').parameters).toHaveLength(5);
    expect(callParameters(signature('walrus::system::reserve_space'))).toHaveLength(4);
    expect(callParameters(signature('walrus::system::extend_blob'))).toHaveLength(4);
  });

  it('has no function twice, and no return of a mutable reference but of what a field holds', () => {
    const names = functionSignatures.map((declared) => `${declared.package}::${declared.module}::${declared.name}`);
    expect(new Set(names).size).toBe(names.length);
    const mutable = functionSignatures.filter(({ returns }) => returns.some(({ ref }) => ref === 'mut'));
    expect(mutable.map(({ module, name }) => `${module}::${name}`)).toEqual(['extended_field::borrow_mut']);
  });

  it('finds a package by its address', () => {
    expect(packageAt(addresses.walrus, addresses)).toBe('walrus');
    expect(packageAt(parseObjectId('0xff'), addresses)).toBeUndefined();
  });
});

describe('datatypes', () => {
  it('knows the fields of structs, of generic ones by their parameters', () => {
    const field = datatypeDeclaration('sui', 'dynamic_field', 'Field');
    expect(field?.typeParameters.map(({ abilities, phantom }) => [abilities, phantom])).toEqual([
      [['copy', 'drop', 'store'], false],
      [['store'], false],
    ]);
    expect(field?.fields.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'struct'],
      ['name', 'parameter'],
      ['value', 'parameter'],
    ]);
  });

  it('has no datatype twice, and events for every kind that is declared', () => {
    const names = datatypeDeclarations.map((declared) => `${declared.package}::${declared.module}::${declared.name}`);
    expect(new Set(names).size).toBe(names.length);
    const events = datatypeDeclarations.filter(({ module }) => module === 'events').map(({ name }) => name);
    expect(events.toSorted()).toEqual(Object.keys(eventLayouts).toSorted());
  });
});

describe('abilities', () => {
  const struct = (name: string, ...typeArguments: MoveType[]): MoveType => {
    const declared = datatypeDeclarations.find((candidate) => candidate.name === name);
    if (declared === undefined) throw new Error(`no ${name}`);
    return { kind: 'struct', package: declared.package, module: declared.module, name, typeArguments };
  };

  it('lets blobs, storage and coins be transferred and never dropped', () => {
    for (const type of [struct('Blob'), struct('Storage'), struct('Coin', struct('WAL'))]) {
      expect(abilitiesOf(type).toSorted()).toEqual(['key', 'store']);
    }
  });

  it('lets metadata be dropped, and an option of it', () => {
    expect(abilitiesOf(struct('Metadata'))).toContain('drop');
    expect(abilitiesOf(struct('Option', struct('Metadata')))).toEqual(['drop', 'store']);
    expect(abilitiesOf(struct('Option', struct('Blob')))).toEqual(['store']);
  });

  it('gives a vector what its element has, without key', () => {
    expect(abilitiesOf({ kind: 'vector', element: { kind: 'u8' } })).toEqual(['copy', 'drop', 'store']);
    expect(abilitiesOf({ kind: 'vector', element: struct('Blob') })).toEqual(['store']);
  });

  it('gives a type parameter the abilities of its argument', () => {
    expect(abilitiesOf({ kind: 'parameter', index: 0 }, [['key', 'store']])).toEqual(['key', 'store']);
  });
});

describe('declarations', () => {
  it.each([
    ['fun before_any_module()', /outside a module/],
    ['module walrus::a\nfun f(Unknown)', /undeclared type/],
    ['module walrus::a\nstruct S<T> has drop\nfun f(S)', /wrong number of type arguments/],
    ['module walrus::a\nfun f(', /malformed function/],
  ])('refuses %j', (text, reason) => {
    expect(() => parseDeclarations(text)).toThrow(reason);
  });
});

function isStruct(type: MoveType, name: string): boolean {
  return type.kind === 'struct' && type.name === name;
}
