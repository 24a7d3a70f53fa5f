import { datatypeDeclarations, functionSignatures } from '@floe/contracts';
import { GrpcTypes } from '@mysten/sui/grpc';
import { expect, it } from 'vitest';
import { clientOfLedger, rpcErrorOf } from './support/client.ts';
import { ADDRESSES, createFakeLedger } from './support/fake-ledger.ts';

const { movePackageService: packages } = clientOfLedger(createFakeLedger([]));
const Kind = GrpcTypes.DatatypeDescriptor_DatatypeKind;
const Type = GrpcTypes.OpenSignatureBody_Type;

const datatype = async (moduleName: string, name: string, packageId: string = ADDRESSES.walrus) => {
  const { response } = await packages.getDatatype({ packageId, moduleName, name });
  return response.datatype;
};

it('describes a struct by its fields in order, with their types in full', async () => {
  const blob = await datatype('blob', 'Blob');
  expect(blob).toMatchObject({
    typeName: `${ADDRESSES.walrus}::blob::Blob`,
    definingId: ADDRESSES.walrus,
    kind: Kind.STRUCT,
    abilities: [GrpcTypes.Ability.KEY, GrpcTypes.Ability.STORE],
    variants: [],
  });
  expect(blob?.fields.map(({ name, position }) => [position, name])).toEqual([
    [0, 'id'],
    [1, 'registered_epoch'],
    [2, 'blob_id'],
    [3, 'size'],
    [4, 'encoding_type'],
    [5, 'certified_epoch'],
    [6, 'storage'],
    [7, 'deletable'],
  ]);
  expect(blob?.fields[5]?.type).toEqual({
    type: Type.DATATYPE,
    typeName: `${ADDRESSES.std}::option::Option`,
    typeParameterInstantiation: [{ type: Type.U32, typeParameterInstantiation: [] }],
  });
  expect(blob?.fields[6]?.type?.typeName).toBe(`${ADDRESSES.walrus}::storage_resource::Storage`);
});

it('describes an enum by its variants, with and without fields', async () => {
  const rate = await datatype('pool_exchange_rate', 'PoolExchangeRate');
  expect(rate).toMatchObject({ kind: Kind.ENUM, fields: [] });
  expect(rate?.variants.map(({ name, position, fields }) => [position, name, fields.map((f) => f.name)])).toEqual([
    [0, 'Flat', []],
    [1, 'Variable', ['wal_amount', 'share_amount']],
  ]);
});

it('describes type parameters with what is asked of them', async () => {
  const field = await datatype('dynamic_field', 'Field', '0x2');
  const { COPY, DROP, STORE } = GrpcTypes.Ability;
  expect(field?.typeParameters).toEqual([
    { constraints: [COPY, DROP, STORE], isPhantom: false },
    { constraints: [STORE], isPhantom: false },
  ]);
  expect(field?.fields[2]?.type).toEqual({
    type: Type.TYPE_PARAMETER,
    typeParameter: 1,
    typeParameterInstantiation: [],
  });
  expect((await datatype('coin', 'Coin', '0x2'))?.typeParameters).toEqual([{ constraints: [], isPhantom: true }]);
});

it('gives every package whole: modules, datatypes and functions, each as it is given alone', async () => {
  let datatypes = 0;
  let functions = 0;
  for (const packageId of Object.values(ADDRESSES)) {
    const { package: found } = (await packages.getPackage({ packageId })).response;
    expect(found).toMatchObject({ storageId: packageId, originalId: packageId, version: 1n });
    for (const module of found?.modules ?? []) {
      for (const declared of module.datatypes) {
        expect(await datatype(module.name ?? '', declared.name ?? '', packageId)).toEqual(declared);
        expect(found?.typeOrigins).toContainEqual({
          moduleName: module.name,
          datatypeName: declared.name,
          packageId,
        });
      }
      for (const declared of module.functions) {
        const request = { packageId, moduleName: module.name, name: declared.name };
        expect((await packages.getFunction(request)).response.function).toEqual(declared);
      }
      datatypes += module.datatypes.length;
      functions += module.functions.length;
    }
  }
  expect(datatypes).toBe(datatypeDeclarations.length);
  expect(functions).toBe(functionSignatures.length);
});

it('names only types that it can describe', async () => {
  const { package: walrus } = (await packages.getPackage({ packageId: ADDRESSES.walrus })).response;
  const names = new Set<string>();
  const collect = (body: GrpcTypes.OpenSignatureBody | undefined): void => {
    if (body?.typeName !== undefined) names.add(body.typeName);
    for (const inner of body?.typeParameterInstantiation ?? []) collect(inner);
  };
  for (const module of walrus?.modules ?? []) {
    for (const declared of module.functions) {
      for (const parameter of [...declared.parameters, ...declared.returns]) collect(parameter.body);
    }
    for (const { fields, variants } of module.datatypes) {
      for (const field of [...fields, ...variants.flatMap((variant) => variant.fields)]) collect(field.type);
    }
  }
  expect(names.size).toBeGreaterThan(40);
  for (const name of names) {
    const [packageId, module, struct] = name.split('::') as [string, string, string];
    expect(await datatype(module, struct, packageId)).toMatchObject({ typeName: name });
  }
});

it('tells which functions are private, and the packages that a package calls', async () => {
  const { package: walrus } = (await packages.getPackage({ packageId: ADDRESSES.walrus })).response;
  const migrate = walrus?.modules.find(({ name }) => name === 'init')?.functions.find((f) => f.name === 'migrate_v2');
  expect(migrate).toMatchObject({ visibility: GrpcTypes.FunctionDescriptor_Visibility.PRIVATE, isEntry: true });
  expect(walrus?.linkage.map(({ originalId }) => originalId)).toEqual([ADDRESSES.std, ADDRESSES.sui, ADDRESSES.wal]);
});

it('lists the one version of a package', async () => {
  const { response } = await packages.listPackageVersions({ packageId: ADDRESSES.walrus });
  expect(response).toEqual({ versions: [{ packageId: ADDRESSES.walrus, version: 1n }] });
});

it('says what is not there and what is missing in a request', async () => {
  const { walrus } = ADDRESSES;
  expect(await rpcErrorOf(packages.getPackage({ packageId: '0x77' }))).toMatchObject({ code: 'NOT_FOUND' });
  expect(await rpcErrorOf(packages.listPackageVersions({ packageId: '0x77' }))).toMatchObject({ code: 'NOT_FOUND' });
  expect(await rpcErrorOf(packages.getPackage({}))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  const unknown = packages.getDatatype({ packageId: walrus, moduleName: 'blob', name: 'Blub' });
  expect(await rpcErrorOf(unknown)).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('Blub') });
  const nameless = packages.getDatatype({ packageId: walrus, moduleName: 'blob' });
  expect(await rpcErrorOf(nameless)).toMatchObject({ code: 'INVALID_ARGUMENT' });
});
