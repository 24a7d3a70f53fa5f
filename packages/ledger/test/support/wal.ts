/** Where all WAL is: what conservation is checked against. */
import { layouts } from '@floe/contracts';
import { objectIdFromBytes } from '@floe/protocol';
import type { LedgerObject } from '../../src/api.ts';
import { coinValue } from '../../src/coin-value.ts';
import { decodeStoredObject } from '../../src/object-codec.ts';
import { TABLES } from '../../src/tables.ts';
import type { World } from './world.ts';

export function everyObject(world: World): LedgerObject[] {
  return [...world.store.entries(TABLES.objects)].map(([key, value]) =>
    decodeStoredObject(objectIdFromBytes(key), value),
  );
}

/** FROST that an object holds, by the end of its type's name. */
const HOLDERS: readonly [string, (contents: Uint8Array) => bigint][] = [
  ['::shared_blob::SharedBlob', (contents) => layouts.SharedBlob.parse(contents).funds],
  ['::staked_wal::StakedWal', (contents) => layouts.StakedWal.parse(contents).principal],
  [
    '::staking_pool::StakingPool',
    (contents) => {
      const pool = layouts.StakingPool.parse(contents);
      return pool.rewardsPool + pool.commission;
    },
  ],
  ['::wal_exchange::Exchange', (contents) => layouts.Exchange.parse(contents).wal],
  ['::subsidies::Subsidies', (contents) => layouts.Subsidies.parse(contents).subsidyPool],
  [
    '::walrus_subsidies_inner::WalrusSubsidiesInnerV1>',
    (contents) => layouts.WalrusSubsidiesInnerField.parse(contents).value.subsidyPool,
  ],
  [
    '::system_state_inner::SystemStateInnerV1>',
    (contents) =>
      layouts.SystemInnerField.parse(contents).value.futureAccounting.ringBuffer.reduce(
        (sum, entry) => sum + entry.rewardsToDistribute,
        0n,
      ),
  ],
];

/** WAL wherever it can be: coins, the ring, pools, stakes, funds of shared blobs, of exchanges and of subsidies. */
export function walInState(world: World): bigint {
  let sum = 0n;
  for (const object of everyObject(world)) {
    if (object.type.endsWith('::wal::WAL>') && object.type.includes('::coin::Coin<')) sum += coinValue(object);
    const holder = HOLDERS.find(([end]) => object.type.endsWith(end));
    if (holder !== undefined) sum += holder[1](object.contents);
  }
  return sum;
}

/** WAL that exists by the treasury's count. */
export function walSupply(world: World): bigint {
  const cap = everyObject(world).find(({ type }) => type.includes('::coin::TreasuryCap<'));
  if (cap === undefined) throw new Error('no treasury cap');
  return layouts.TreasuryCap.parse(cap.contents).totalSupply;
}
