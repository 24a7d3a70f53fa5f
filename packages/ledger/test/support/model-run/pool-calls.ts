/** Random calls of storage pools, held by the caller or in a bucket, and of the blobs in them. */
import type { layouts } from '@floe/contracts';
import { blobIdFromU256 } from '@floe/protocol';
import type { Ref } from '../../../src/execution/call.ts';
import { OFFER, type Pair, type PairCall, type PoolTwin } from './pair.ts';
import { runAttributes, someAttributes, someCertificate, someSize, someTerms } from './storage-calls.ts';
import type { ModelPool, ModelSpace } from './storage-model.ts';

const MOST = 8;
const MOST_BLOBS = 10;

/** What can be seen of a pool. */
export function poolView({ chain }: Pair, pool: layouts.StoragePool): unknown[] {
  return ['start_epoch', 'end_epoch', 'reserved_encoded_capacity_bytes', 'used_encoded_bytes', 'blob_count'].map(
    (name) => chain.run(`storage_pool::${name}`, pool),
  );
}

export function poolViewOf({ space, used, blobs }: ModelPool): unknown[] {
  return [space.start, space.end, space.size, used, BigInt(blobs.size)];
}

export function poolCall(pair: Pair): PairCall {
  const { pick, pools } = pair;
  const pool = pair.some(pools);
  if (pool === undefined || (pools.length < MOST && pick(6) === 0)) return createCall(pair);
  if (pool.bucket !== undefined) return bucketCall(pair, pool, pool.bucket);
  const kind = pick(14);
  if (kind <= 3) return pool.model.blobs.size < MOST_BLOBS ? registerCall(pair, pool) : removeCall(pair, pool, 'burn');
  if (kind <= 6) return certifyCall(pair, pool);
  if (kind === 7) return removeCall(pair, pool, 'delete');
  if (kind === 8) return removeCall(pair, pool, 'burn');
  if (kind === 9) return attributesCall(pair, pool);
  return sizeCall(pair, pool);
}

function createCall(pair: Pair): PairCall {
  const { chain, storage, pick } = pair;
  const kind = pick(4);
  const space = pair.some(pair.spaces);
  if (kind === 0 && space !== undefined) {
    let made: layouts.StoragePool;
    return [
      'create pool with space',
      () => {
        made = chain.run('system::create_storage_pool_with_storage', chain.system.value, space.chain);
        return poolView(pair, made);
      },
      () => {
        const model = storage.createPoolWithSpace(space.model);
        pair.spaces.splice(pair.spaces.indexOf(space), 1);
        pair.pools.push({ chain: made, model, roots: new Map() });
        return poolViewOf(model);
      },
    ];
  }
  const size = someSize(pair) * 2n;
  const epochs = pick(4) === 0 ? pick(pair.model.epochsAhead + 2) : pair.model.epochsAhead;
  const purse = pair.coin(OFFER);
  const isBucket = kind === 1;
  let made: layouts.StoragePool;
  let bucket: PoolTwin['bucket'];
  return [
    isBucket ? 'new bucket' : 'create pool',
    () => {
      if (isBucket) {
        const cap = chain.run<layouts.BlobBucketCap>(
          'blob_bucket::blob_bucket::new',
          chain.system,
          size,
          epochs,
          purse,
        );
        bucket = { chain: pair.made<layouts.BlobBucket>(), cap };
        made = { id: chain.run('blob_bucket::blob_bucket::storage_pool_id', bucket.chain), version: 1n };
      } else made = chain.run('system::create_storage_pool', chain.system, size, epochs, purse);
      return [OFFER - purse.value.balance, ...poolView(pair, made)];
    },
    () => {
      const { space: bought, cost } = storage.reserveAhead(size, epochs, OFFER);
      const model = storage.createPool(bought);
      pair.pools.push({ chain: made, model, roots: new Map(), ...(bucket === undefined ? {} : { bucket }) });
      pair.wallet -= cost;
      return [cost, ...poolViewOf(model)];
    },
  ];
}

/** The name of a blob that the pool has, or now and then of one that it has not. */
function someName({ pick }: Pair, { model, roots }: PoolTwin): string {
  const names = pick(10) === 0 ? [...roots.keys()] : [...model.blobs.keys()];
  return names[pick(Math.max(1, names.length))] ?? 'none';
}

const idOf = (name: string): bigint => (name === 'none' ? 1n : BigInt(name));

function registration(pair: Pair, pool: PoolTwin) {
  const fresh = someTerms(pair);
  const again = pair.pick(12) === 0 ? pair.some([...pool.model.blobs.keys()]) : undefined;
  const old = again === undefined ? undefined : pool.model.blobs.get(again);
  if (again === undefined || old === undefined) return { ...fresh, name: String(fresh.blobId) };
  // The same blob once more: it has its id already.
  const terms = { size: old.size, encodingType: 1, deletable: old.deletable, isIdRight: true };
  return { terms, blobId: idOf(again), root: pool.roots.get(again)!, name: again };
}

function registerCall(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage } = pair;
  const { terms, blobId, root, name } = registration(pair, pool);
  const purse = pair.coin(OFFER);
  const { size, encodingType, deletable } = terms;
  const args = [blobId, root, size, encodingType, deletable, purse];
  const { bucket } = pool;
  const cap = someCap(pair, pool);
  return [
    bucket === undefined ? 'register pooled' : 'register in bucket',
    () => {
      if (bucket === undefined) chain.run('system::register_pooled_blob', chain.system, { value: pool.chain }, ...args);
      else {
        const held = [{ value: bucket.chain }, cap.chain, chain.system];
        chain.run('blob_bucket::blob_bucket::register_blob', ...held, ...args);
      }
      return [OFFER - purse.value.balance, ...poolView(pair, pool.chain)];
    },
    () => {
      if (bucket !== undefined) storage.requireBucket(pool.model, cap.isRight);
      const cost = storage.registerPooled(pool.model, name, terms, OFFER);
      pool.roots.set(name, root);
      pair.wallet -= cost;
      return [cost, ...poolViewOf(pool.model)];
    },
  ];
}

function certifyCall(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage } = pair;
  const name = someName(pair, pool);
  const blobId = idOf(name);
  const known = pool.model.blobs.get(name);
  const objectId =
    known === undefined ? pool.chain.id : chain.run<never>('storage_pool::blob_object_id', pool.chain, blobId);
  const of = { blobId: blobIdFromU256(blobId), objectId, deletable: known?.deletable ?? true };
  const { args, certificate } = someCertificate(pair, of);
  const { bucket } = pool;
  return [
    bucket === undefined ? 'certify pooled' : 'certify in bucket',
    () => {
      const system = chain.system.value;
      if (bucket === undefined) {
        chain.run('system::certify_pooled_blob', system, { value: pool.chain }, blobId, ...args);
      } else chain.run('blob_bucket::blob_bucket::certify_blob', { value: bucket.chain }, system, blobId, ...args);
    },
    () => {
      if (bucket !== undefined) storage.requireBucket(pool.model, true);
      storage.certifyPooled(pool.model, name, certificate);
    },
  ];
}

function removeCall(pair: Pair, pool: PoolTwin, how: 'delete' | 'burn'): PairCall {
  const { chain, storage } = pair;
  const name = someName(pair, pool);
  const { bucket } = pool;
  const cap = someCap(pair, pool);
  const target = how === 'delete' ? 'system::delete_pooled_blob' : 'system::burn_expired_pooled_blob';
  return [
    bucket !== undefined ? 'delete in bucket' : how === 'delete' ? 'delete pooled' : 'burn expired',
    () => {
      const system = chain.system.value;
      if (bucket === undefined) chain.run(target, system, { value: pool.chain }, idOf(name));
      else {
        const held = [{ value: bucket.chain }, cap.chain, system];
        chain.run('blob_bucket::blob_bucket::delete_blob', ...held, idOf(name));
      }
      return poolView(pair, pool.chain);
    },
    () => {
      if (bucket !== undefined) storage.requireBucket(pool.model, cap.isRight);
      if (how === 'delete') storage.deletePooled(pool.model, name);
      else storage.burnExpired(pool.model, name);
      return poolViewOf(pool.model);
    },
  ];
}

function attributesCall(pair: Pair, pool: PoolTwin): PairCall {
  const name = someName(pair, pool);
  const { call, name: change, args } = someAttributes(pair);
  const target = `storage_pool::${change.replace('metadata', 'blob_metadata')}`;
  return [
    'pooled attributes',
    () => runAttributes(pair, target, [{ value: pool.chain }, idOf(name)], args),
    () => pair.storage.changeAttributes(pair.storage.pooled(pool.model, name), call, 'storage_pool'),
  ];
}

/** Calls that change how much, or how long, a pool holds. */
function sizeCall(pair: Pair, pool: PoolTwin): PairCall {
  const { pick } = pair;
  switch (pick(7)) {
    case 0:
      return extendCall(pair, pool);
    case 1:
    case 2:
      return growCall(pair, pool);
    case 3:
      return growWithSpace(pair, pool);
    case 4:
      return shrinkCall(pair, pool);
    case 5:
      return shrinkByPercent(pair, pool);
    default:
      return destroyCall(pair, pool);
  }
}

/** A call that buys for the pool, as it is made for those in buckets and for others. */
function buying(
  pair: Pair,
  pool: PoolTwin,
  what: { name: string; function: string; argument: bigint | number },
  onModel: () => bigint,
): PairCall {
  const { chain, storage } = pair;
  const purse = pair.coin(OFFER);
  const { bucket } = pool;
  const cap = someCap(pair, pool);
  return [
    bucket === undefined ? `${what.name} pool` : `${what.name} bucket`,
    () => {
      const ref: Ref<layouts.StoragePool> = { value: pool.chain };
      if (bucket === undefined) chain.run(`system::${what.function}`, chain.system, ref, what.argument, purse);
      else {
        const held = [{ value: bucket.chain }, cap.chain, chain.system];
        chain.run(`blob_bucket::blob_bucket::${what.function}`, ...held, what.argument, purse);
      }
      return [OFFER - purse.value.balance, ...poolView(pair, pool.chain)];
    },
    () => {
      if (bucket !== undefined) storage.requireBucket(pool.model, cap.isRight);
      const cost = onModel();
      pair.wallet -= cost;
      return [cost, ...poolViewOf(pool.model)];
    },
  ];
}

function extendCall(pair: Pair, pool: PoolTwin): PairCall {
  const epochs = pair.pick(3) === 0 ? pair.pick(pair.model.epochsAhead + 2) : 1;
  const what = { name: 'extend', function: 'extend_storage_pool', argument: epochs };
  return buying(pair, pool, what, () => pair.storage.extendPool(pool.model, epochs, OFFER));
}

function growCall(pair: Pair, pool: PoolTwin): PairCall {
  const size = someSize(pair);
  const what = { name: 'grow', function: 'increase_storage_pool_capacity', argument: size };
  return buying(pair, pool, what, () => pair.storage.growPool(pool.model, size, OFFER));
}

function growWithSpace(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage, spaces } = pair;
  const { end } = pool.model.space;
  const space = spaces.find(({ model }) => model.end === end) ?? pair.some(spaces);
  if (space === undefined) return growCall(pair, pool);
  return [
    'grow pool with space',
    () => {
      const args = [chain.system.value, { value: pool.chain }, space.chain];
      chain.run('system::increase_storage_pool_capacity_with_storage', ...args);
      return poolView(pair, pool.chain);
    },
    () => {
      storage.growPoolWithSpace(pool.model, space.model);
      spaces.splice(spaces.indexOf(space), 1);
      return poolViewOf(pool.model);
    },
  ];
}

/** A call that gives space back; the run keeps it. */
function freeing(pair: Pair, name: string, onChain: () => layouts.Storage, onModel: () => ModelSpace): PairCall {
  let made: layouts.Storage;
  return [
    name,
    () => {
      made = onChain();
      return [made.startEpoch, made.endEpoch, made.storageSize];
    },
    () => {
      const space = { ...onModel() };
      pair.spaces.push({ chain: made, model: space });
      return [space.start, space.end, space.size];
    },
  ];
}

function shrinkCall(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage } = pair;
  const size = someSize(pair);
  const args = [chain.system.value, { value: pool.chain }, size];
  return freeing(
    pair,
    'shrink pool',
    () => chain.run('system::decrease_storage_pool_capacity_by_size', ...args),
    () => storage.shrinkPool(pool.model, size),
  );
}

function shrinkByPercent(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage, pick } = pair;
  const percent = [0, 1, 50, 99, 100, 101][pick(6)]!;
  const args = [chain.system.value, { value: pool.chain }, percent];
  return freeing(
    pair,
    'shrink pool by percent',
    () => chain.run('system::decrease_storage_pool_unused_capacity_by_percent', ...args),
    () => storage.shrinkPoolByPercent(pool.model, percent),
  );
}

function destroyCall(pair: Pair, pool: PoolTwin): PairCall {
  const { chain, storage, pools } = pair;
  return freeing(
    pair,
    'destroy pool',
    () => chain.run('storage_pool::destroy', pool.chain),
    () => {
      const space = storage.destroyPool(pool.model);
      pools.splice(pools.indexOf(pool), 1);
      return space;
    },
  );
}

/** The bucket's cap, or now and then another's. */
function someCap({ pick }: Pair, { chain, bucket }: PoolTwin): { chain: layouts.BlobBucketCap; isRight: boolean } {
  const isRight = pick(10) > 0;
  const cap = bucket?.cap ?? { id: chain.id, bucketId: chain.id };
  return { chain: isRight ? cap : { ...cap, bucketId: chain.id }, isRight };
}

function bucketCall(pair: Pair, pool: PoolTwin, bucket: NonNullable<PoolTwin['bucket']>): PairCall {
  const { pick, pools, model } = pair;
  const hasEnded = pool.model.space.end <= model.epoch;
  // No call takes a bucket away: a run looks away from one that has ended, once it has tried it then.
  if (hasEnded && pick(4) === 0) {
    pools.splice(pools.indexOf(pool), 1);
    return [
      'leave bucket',
      () => pair.chain.run('blob_bucket::blob_bucket::storage_pool_id', bucket.chain),
      () => pool.chain.id,
    ];
  }
  switch (pick(7)) {
    case 0:
      return extendCall(pair, pool);
    case 1:
      return growCall(pair, pool);
    case 2:
      return removeCall(pair, pool, 'delete');
    case 3:
    case 4:
      return certifyCall(pair, pool);
    default:
      return pool.model.blobs.size < MOST_BLOBS ? registerCall(pair, pool) : removeCall(pair, pool, 'delete');
  }
}
