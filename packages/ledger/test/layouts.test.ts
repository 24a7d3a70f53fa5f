/** Every object that a ledger stores, read by what others know of it: the official bindings, and the served descriptors. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { eventLayouts, packageAt } from '@floe/contracts';
import { bcs, type BcsType } from '@mysten/sui/bcs';
import { GrpcTypes } from '@mysten/sui/grpc';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LedgerObject } from '../src/api.ts';
import { parseTypeTag, type TypeTag } from '../src/type-tag.ts';
import { clientOfLedger } from './rpc/support/client.ts';
import { RandomRun } from './support/random-run.ts';
import { everyObject } from './support/wal.ts';

const STEPS = 300;
const SEEDS = [11, 12];

type Layout = BcsType<unknown>;
interface StoredValue {
  readonly type: string;
  readonly contents: Uint8Array;
}

let run: RandomRun;
/** Every version of every object that the runs made, by object id and version. */
const objects = new Map<string, LedgerObject>();
const events: StoredValue[] = [];
const succeeded = new Map<string, number>();

beforeAll(async () => {
  for (const seed of SEEDS) {
    run = await RandomRun.open(seed);
    const keep = () =>
      everyObject(run.world).forEach((object) => objects.set(`${object.id} ${object.version}`, object));
    for (let i = 0; i < STEPS; i += 1) {
      events.push(...((await run.step())?.events ?? []));
      if (i % 10 === 9) keep();
    }
    keep();
    for (const [name, count] of run.succeeded) succeeded.set(name, (succeeded.get(name) ?? 0) + count);
    if (seed !== SEEDS.at(-1)) await run.close();
  }
});
afterAll(() => run.close());

const walrusDirectory = createRequire(import.meta.url).resolve('@mysten/walrus');

/** What the official SDK generated from the contracts for a module of Walrus; undefined where it has nothing. */
async function officialBindings(module: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const url = new URL(`contracts/walrus/${module}.mjs`, pathToFileURL(walrusDirectory));
  return import(/* @vite-ignore */ url.href).catch((error: { code?: string }) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }) as Promise<Readonly<Record<string, unknown>> | undefined>;
}

/** The official layout of a type: of the SDK's bindings, or of its framework types. */
async function officialLayout(type: string): Promise<Layout | undefined> {
  const tag = parseTypeTag(type);
  if (tag.kind !== 'struct') return undefined;
  const owner = packageAt(tag.address, run.world.ledger.chain.addresses);
  if (owner === 'sui' && tag.name === 'Coin') {
    return bcs.struct('Coin', { id: bcs.Address, balance: bcs.u64() }) as unknown as Layout;
  }
  if (owner === 'sui' && tag.name === 'Field') {
    const value = tag.typeArguments[1] as TypeTag;
    const name = NAMES[(tag.typeArguments[0] as TypeTag).kind];
    if (value.kind !== 'struct' || name === undefined) return undefined;
    const inner = (await officialBindings(value.module))?.[value.name] as Layout | undefined;
    return inner === undefined
      ? undefined
      : (bcs.struct('Field', { id: bcs.Address, name, value: inner }) as unknown as Layout);
  }
  return owner === 'walrus' ? ((await officialBindings(tag.module))?.[tag.name] as Layout | undefined) : undefined;
}

const NAMES: Readonly<Record<string, Layout>> = {
  u64: bcs.u64() as unknown as Layout,
  u32: bcs.u32() as unknown as Layout,
  vector: bcs.byteVector() as unknown as Layout,
};

test('the runs reach what the contracts can do', () => {
  expect([...succeeded].filter(([, count]) => count === 0)).toEqual([]);
});

test('what the official bindings know of is read by them and written back to the same bytes', async () => {
  const covered = new Map<string, number>();
  for (const { type, contents } of objects.values()) {
    const layout = type === 'package' ? undefined : await officialLayout(type);
    if (layout === undefined) continue;
    expect(layout.serialize(layout.parse(contents)).toBytes(), type).toEqual(contents);
    const name = type.replaceAll(/0x[0-9a-f]{64}::/g, '');
    covered.set(name, (covered.get(name) ?? 0) + 1);
  }
  expect([...covered.keys()].toSorted()).toEqual([
    'blob::Blob',
    'coin::Coin<sui::SUI>',
    'coin::Coin<wal::WAL>',
    'dynamic_field::Field<u64,staking_inner::StakingInnerV1>',
    'dynamic_field::Field<u64,system_state_inner::SystemStateInnerV1>',
    'dynamic_field::Field<vector<u8>,metadata::Metadata>',
    'staking::Staking',
    'staking_pool::StakingPool',
    'storage_resource::Storage',
    'system::System',
  ]);
});

test('every object and event is read by the descriptors that the ledger serves, and written back to the same bytes', async () => {
  const layoutOf = descriptorLayouts();
  const types = new Set<string>();
  const packages = new Set<string>();
  for (const { type, contents } of [...objects.values(), ...events]) {
    if (type === 'package') {
      const { id, moduleMap } = bcs.MovePackage.parse(contents);
      packages.add(id);
      expect(moduleMap.size).toBeGreaterThan(0);
      expect(bcs.MovePackage.serialize(bcs.MovePackage.parse(contents)).toBytes()).toEqual(contents);
      continue;
    }
    const layout = await layoutOf(parseTypeTag(type));
    expect(layout.serialize(layout.parse(contents)).toBytes(), type).toEqual(contents);
    types.add(type.replaceAll(/0x[0-9a-f]{64}::/g, ''));
  }
  expect(packages.size).toBe(8);
  // Every kind of object that the contracts keep, also inside fields of their own.
  for (const kind of STORED_KINDS)
    expect(
      [...types].some((type) => kind.test(type)),
      String(kind),
    ).toBe(true);
  const emitted = new Set([...types].filter((type) => type.startsWith('events::')).map((type) => type.slice(8)));
  expect(emitted.size).toBeGreaterThan(12);
  for (const name of emitted) expect(Object.keys(eventLayouts)).toContain(name);
});

const STORED_KINDS = [
  /^clock::Clock$/,
  /^coin::TreasuryCap</,
  /^wal::ProtectedTreasury$/,
  /^staked_wal::StakedWal$/,
  /^shared_blob::SharedBlob$/,
  /^storage_pool::StoragePool$/,
  /^storage_pool::PooledBlob$/,
  /Field<u64,storage_pool::StoragePoolInnerV1>/,
  /Wrapper<u256>/,
  /Field<extended_field::Key,active_set::ActiveSet>/,
  /Field<extended_field::Key,node_metadata::NodeMetadata>/,
  /Field<extended_field::Key,vec_map::VecMap<object::ID,u64>>/,
  /Field<extended_field::Key,vec_map::VecMap<object::ID,group_ops::Element<bls12381::UncompressedG1>>>/,
  /Field<u32,pool_exchange_rate::PoolExchangeRate>/,
  /Field<staking_pool::NewEpochCommissionBlockedForCollection,u64>/,
  /^upgrade::UpgradeManager$/,
  /^upgrade::EmergencyUpgradeCap$/,
  /Field<upgrade::PackageDigest,upgrade::UpgradeProposal>/,
  /^slashing::SlashingManager$/,
  /Field<object::ID,slashing::SlashingProposal>/,
  /^wal_exchange::Exchange$/,
  /^wal_exchange::AdminCap$/,
  /^subsidies::Subsidies$/,
  /^subsidies::AdminCap$/,
  /^walrus_subsidies::WalrusSubsidies$/,
  /Field<walrus_subsidies::SubsidiesInnerKey,walrus_subsidies_inner::WalrusSubsidiesInnerV1>/,
  /^blob_bucket::BlobBucket$/,
  /^blob_bucket::BlobBucketCap$/,
  /Field<u64,blob_bucket_inner_v1::BlobBucketInnerV1>/,
  /^display::ObjectDisplay$/,
  /^display::Display<blob::Blob>$/,
  /^package::Publisher$/,
];

/** Layouts as a client makes them from what `GetDatatype` answers, knowing Move's primitive types alone. */
function descriptorLayouts(): (tag: TypeTag) => Promise<Layout> {
  const { movePackageService } = clientOfLedger(run.world.ledger);
  const Type = GrpcTypes.OpenSignatureBody_Type;
  const descriptors = new Map<string, Promise<GrpcTypes.DatatypeDescriptor>>();
  const describe = (typeName: string) => {
    const [packageId, moduleName, name] = typeName.split('::') as [string, string, string];
    const found =
      descriptors.get(typeName) ??
      movePackageService
        .getDatatype({ packageId, moduleName, name })
        .then(({ response }) => response.datatype as GrpcTypes.DatatypeDescriptor);
    descriptors.set(typeName, found);
    return found;
  };
  const primitives: Readonly<Record<number, Layout>> = Object.fromEntries(
    [
      [Type.ADDRESS, bcs.Address],
      [Type.BOOL, bcs.bool()],
      [Type.U8, bcs.u8()],
      [Type.U16, bcs.u16()],
      [Type.U32, bcs.u32()],
      [Type.U64, bcs.u64()],
      [Type.U128, bcs.u128()],
      [Type.U256, bcs.u256()],
    ].map(([kind, layout]) => [kind, layout as unknown as Layout]),
  );
  const ofBody = async (body: GrpcTypes.OpenSignatureBody, context: readonly Layout[]): Promise<Layout> => {
    if (body.type === Type.TYPE_PARAMETER) return context[body.typeParameter ?? 0] as Layout;
    const inner = await Promise.all(body.typeParameterInstantiation.map((argument) => ofBody(argument, context)));
    if (body.type === Type.VECTOR) return bcs.vector(inner[0] as Layout) as unknown as Layout;
    if (body.type === Type.DATATYPE) return ofDatatype(body.typeName ?? '', inner);
    return primitives[body.type ?? 0] as Layout;
  };
  const ofFields = async (name: string, fields: readonly GrpcTypes.FieldDescriptor[], context: readonly Layout[]) => {
    const layouts = await Promise.all(fields.map(({ type }) => ofBody(type as GrpcTypes.OpenSignatureBody, context)));
    return bcs.struct(name, Object.fromEntries(fields.map((field, i) => [field.name, layouts[i] as Layout])));
  };
  const ofDatatype = async (typeName: string, context: readonly Layout[]): Promise<Layout> => {
    const { kind, fields, variants } = await describe(typeName);
    if (kind === GrpcTypes.DatatypeDescriptor_DatatypeKind.STRUCT) {
      return (await ofFields(typeName, fields, context)) as unknown as Layout;
    }
    const entries = await Promise.all(
      variants.map(async (variant) => [variant.name, await ofFields('variant', variant.fields, context)] as const),
    );
    return bcs.enum(typeName, Object.fromEntries(entries)) as unknown as Layout;
  };
  const ofTag = async (tag: TypeTag): Promise<Layout> => {
    if (tag.kind === 'vector') return bcs.vector(await ofTag(tag.element)) as unknown as Layout;
    if (tag.kind !== 'struct') return primitives[Type[tag.kind.toUpperCase() as 'U8']] as Layout;
    const context = await Promise.all(tag.typeArguments.map(ofTag));
    return ofDatatype(`${tag.address}::${tag.module}::${tag.name}`, context);
  };
  return ofTag;
}
