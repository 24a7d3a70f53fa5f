/** A small Walrus network's ledger state as objects, for a fake ledger to serve. */
import { createNobleBls, type ObjectId, parseObjectId } from '@floe/protocol';
import { type GrpcTypes, RpcError } from '@mysten/sui/grpc';
import * as layouts from '../src/layouts.ts';
import { innerStateFieldId, typeNames, walTypeOf } from '../src/type-names.ts';

export const PACKAGE = parseObjectId('0xa1');
export const WAL = walTypeOf(parseObjectId('0xa2'));
export const SYSTEM = parseObjectId('0x5ca1ab1e');
export const STAKING = parseObjectId('0x57a6');
export const names = typeNames(PACKAGE);

const bls = createNobleBls();
const id = (text: string) => parseObjectId(text);

export interface FakeObject {
  readonly type: string;
  readonly contents: Uint8Array;
  readonly owner?: string;
}

/** Secret keys of the nodes, which the tests check the compressed keys against. */
export function secretKeyOf(node: number): Uint8Array {
  const key = new Uint8Array(32);
  key[31] = node + 1;
  return key;
}

export function nodeIdOf(node: number): ObjectId {
  return id(`0x${(node + 1).toString(16)}00`);
}

/** Objects of a network with `nodes` nodes that share `nShards` shards evenly. */
export function networkObjects(options: { nodes: number; nShards: number; epoch: number; version?: bigint }) {
  const { nodes, nShards, epoch, version = 4n } = options;
  const objects = new Map<string, FakeObject>();
  const keys = Array.from({ length: nodes }, (_, i) => bls.expandPublicKey(bls.publicKey(secretKeyOf(i))));
  const assignment = keys.map((_key, i) => ({
    key: nodeIdOf(i),
    value: Array.from({ length: nShards }, (_, shard) => shard).filter((shard) => shard % nodes === i),
  }));
  const put = (objectId: string, type: string, contents: Uint8Array, owner?: string) =>
    objects.set(objectId, { type, contents, owner });

  put(
    SYSTEM,
    names.system,
    layouts.System.serialize({ id: SYSTEM, version, packageId: PACKAGE, newPackageId: null }).toBytes(),
  );
  put(
    STAKING,
    names.staking,
    layouts.Staking.serialize({ id: STAKING, version, packageId: PACKAGE, newPackageId: null }).toBytes(),
  );
  const systemField = innerStateFieldId(SYSTEM, version);
  put(
    systemField,
    '0x2::dynamic_field::Field<u64,0xa1::system_state_inner::SystemStateInnerV1>',
    layouts.SystemInnerField.serialize({
      id: systemField,
      name: version,
      value: {
        committee: {
          members: keys.map((publicKey, i) => ({
            publicKey,
            weight: assignment[i]?.value.length ?? 0,
            nodeId: nodeIdOf(i),
          })),
          nShards,
          epoch,
          totalAggregatedKey: new Uint8Array(48),
        },
        totalCapacitySize: 1_000_000n,
        usedCapacitySize: 10n,
        storagePricePerUnitSize: 100_000n,
        writePricePerUnitSize: 20_000n,
        futureAccounting: { currentIndex: 0, length: 53, ringBuffer: [] },
        eventBlobCertificationState: { latestCertifiedBlob: null, aggregateWeightPerBlob: [] },
        denyListSizes: id('0xd1'),
      },
    }).toBytes(),
  );
  const stakingField = innerStateFieldId(STAKING, version);
  put(
    stakingField,
    '0x2::dynamic_field::Field<u64,0xa1::staking_inner::StakingInnerV1>',
    layouts.StakingInnerField.serialize({
      id: stakingField,
      name: version,
      value: {
        nShards,
        epochDuration: 3_600_000n,
        firstEpochStart: 0n,
        pools: { id: id('0xd2'), size: BigInt(nodes) },
        epoch,
        activeSet: id('0xd3'),
        nextCommittee: null,
        committee: assignment,
        previousCommittee: [],
        nextEpochParams: null,
        epochState: { EpochChangeDone: 1_234n },
        nextEpochPublicKeys: id('0xd4'),
      },
    }).toBytes(),
  );
  keys.forEach((publicKey, i) => put(nodeIdOf(i), names.stakingPool, poolContents(i, publicKey)));
  return objects;
}

function poolContents(node: number, publicKey: Uint8Array): Uint8Array {
  return layouts.StakingPool.serialize({
    id: nodeIdOf(node),
    state: { Active: null },
    votingParams: { storagePrice: 1n, writePrice: 1n, nodeCapacity: 1n },
    nodeInfo: {
      name: `node-${node}`,
      nodeId: nodeIdOf(node),
      networkAddress: `127.0.0.1:${9000 + node}`,
      publicKey,
      nextEpochPublicKey: null,
      networkPublicKey: new Uint8Array(33).fill(node),
      metadata: id('0xe1'),
    },
    activationEpoch: 1,
    latestEpoch: 1,
    walBalance: 0n,
    numShares: 0n,
    pendingSharesWithdraw: [],
    preActiveWithdrawals: [],
    pendingCommissionRate: [],
    commissionRate: 0,
    exchangeRates: { id: id('0xe2'), size: 0n },
    pendingStake: [],
    rewardsPool: 0n,
    commission: 0n,
    commissionReceiver: { Address: id('0x1') },
    governanceAuthorized: { Address: id('0x1') },
    extraFields: { id: id('0xe3'), size: 0n },
  }).toBytes();
}

/** Serves reads of those objects as a ledger does. */
export function objectHandlers(objects: ReadonlyMap<string, FakeObject>) {
  const object = (objectId: string, { type, contents, owner }: FakeObject) => ({
    objectId,
    version: 1n,
    digest: '11111111111111111111111111111111',
    objectType: type,
    owner: owner === undefined ? { kind: 3 } : { kind: 1, address: owner },
    contents: { value: contents },
  });
  return {
    BatchGetObjects: ({ requests }: GrpcTypes.BatchGetObjectsRequest) => ({
      objects: requests.map(({ objectId = '' }) => {
        const found = objects.get(objectId);
        return found === undefined
          ? { result: { oneofKind: 'error', error: { code: 5, message: `no object ${objectId}`, details: [] } } }
          : { result: { oneofKind: 'object', object: object(objectId, found) } };
      }),
    }),
    GetFunction: ({ moduleName, name }: GrpcTypes.GetFunctionRequest) => {
      if (moduleName !== 'staking' || name !== 'stake_with_pool') throw new RpcError('no such function', 'NOT_FOUND');
      const coin = { type: 10, typeName: '0x2::coin::Coin', typeParameterInstantiation: [{ type: 10, typeName: WAL }] };
      return { function: { name, parameters: [{ reference: 2, body: { type: 10 } }, { body: coin }] } };
    },
    ListOwnedObjects: ({ owner, objectType, pageToken, pageSize = 1 }: GrpcTypes.ListOwnedObjectsRequest) => {
      const owned = [...objects].filter(([, found]) => found.owner === owner && found.type === objectType);
      const start = pageToken === undefined ? 0 : (pageToken[0] as number);
      const next = start + pageSize;
      return {
        objects: owned.slice(start, next).map(([objectId, found]) => object(objectId, found)),
        nextPageToken: next < owned.length ? Uint8Array.of(next) : undefined,
      };
    },
  };
}
