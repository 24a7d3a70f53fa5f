import { concatBytes, fromHex, toHex } from '@floe/platform';
import { describe, expect, it } from 'vitest';
import * as layouts from '../src/layouts.ts';

const ID_1 = `0x${'11'.repeat(32)}`;
const ID_2 = `0x${'22'.repeat(32)}`;
const BLOB_ID = '0feD2hCliaAiHCTbLHHthOwFznSjX-pPm0GvUTq-3qo';

function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(`not hex: ${text}`);
  return bytes;
}

const storage = { id: ID_2, startEpoch: 1, endEpoch: 54, storageSize: 66_034_000n };
const blob = {
  id: ID_1,
  registeredEpoch: 1,
  blobId: BLOB_ID,
  size: 1_048_576n,
  encodingType: 1,
  certifiedEpoch: null,
  storage,
  deletable: true,
};
// By hand from the field order: id, u32, u256, u64, u8, Option<u32>, Storage (48 bytes), bool.
const storageHex = `${'22'.repeat(32)} 01000000 36000000 5099ef0300000000`;
const blobHex = `${'11'.repeat(32)} 01000000 d1f783da10a589a0221c24db2c71ed84ec05ce74a35fea4f9b41af513abedeaa 0000100000000000 01 00 ${storageHex} 01`;
const certifiedHex = blobHex.replace(' 01 00 22', ' 01 0107000000 22');

describe('layouts', () => {
  it('writes a storage reservation as 48 bytes', () => {
    expect(toHex(layouts.Storage.serialize(storage).toBytes())).toBe(toHex(hex(storageHex)));
    expect(hex(storageHex)).toHaveLength(48);
  });

  it('writes a blob as 127 bytes while registered and 131 once certified', () => {
    expect(toHex(layouts.Blob.serialize(blob).toBytes())).toBe(toHex(hex(blobHex)));
    expect(hex(blobHex)).toHaveLength(127);
    const certified = layouts.Blob.serialize({ ...blob, certifiedEpoch: 7 }).toBytes();
    expect(toHex(certified)).toBe(toHex(hex(certifiedHex)));
    expect(certified).toHaveLength(131);
  });

  it('reads back what it wrote, with the same values', () => {
    expect(layouts.Blob.parse(hex(blobHex))).toEqual(blob);
    expect(layouts.Blob.parse(hex(certifiedHex))).toEqual({ ...blob, certifiedEpoch: 7 });
  });

  it('refuses a blob with bytes missing', () => {
    expect(() => layouts.Blob.parse(hex(blobHex).subarray(0, 126))).toThrow();
  });

  it('writes staked WAL as 77 bytes while staked and 81 while withdrawing', () => {
    const staked = { id: ID_1, nodeId: ID_2, principal: 1_000_000_000n, activationEpoch: 2 };
    expect(layouts.StakedWal.serialize({ ...staked, state: { Staked: null } }).toBytes()).toHaveLength(77);
    const withdrawing = layouts.StakedWal.serialize({ ...staked, state: { Withdrawing: { withdrawEpoch: 9 } } });
    expect(withdrawing.toBytes()).toHaveLength(81);
    expect(layouts.StakedWal.parse(withdrawing.toBytes()).state.Withdrawing).toEqual({ withdrawEpoch: 9 });
  });

  it('numbers the variants of the epoch state 0, 1 and 2 in the contracts’ order', () => {
    const write = (state: Parameters<typeof layouts.EpochState.serialize>[0]) =>
      toHex(layouts.EpochState.serialize(state).toBytes());
    expect(write({ EpochChangeSync: 258 })).toBe('000201');
    expect(write({ EpochChangeDone: 1n })).toBe('010100000000000000');
    expect(write({ NextParamsSelected: 2n })).toBe('020200000000000000');
  });

  it('keeps attributes in insertion order behind the field’s 32-byte id and 9-byte name', () => {
    const field = layouts.MetadataField.serialize({
      id: ID_1,
      name: new TextEncoder().encode('metadata'),
      value: {
        metadata: [
          { key: 'b', value: '2' },
          { key: 'a', value: '1' },
        ],
      },
    }).toBytes();
    expect(toHex(field.subarray(32))).toBe('086d65746164617461' + '02' + '0162' + '0132' + '0161' + '0131');
    expect(layouts.MetadataField.parse(field).value.metadata.map(({ key }) => key)).toEqual(['b', 'a']);
  });

  it('writes an empty committee of epoch 0 with the identity as its key', () => {
    const key = concatBytes(hex('c0'), new Uint8Array(47));
    const bytes = layouts.BlsCommittee.serialize({ members: [], nShards: 0, epoch: 0, totalAggregatedKey: key });
    expect(toHex(bytes.toBytes())).toBe(`00 0000 00000000 30 c0${'00'.repeat(47)}`.replaceAll(' ', ''));
  });

  it('refuses keys of another size than the chain’s', () => {
    expect(() =>
      layouts.BlsCommitteeMember.serialize({ publicKey: new Uint8Array(48), weight: 1, nodeId: ID_1 }),
    ).toThrow(/96 bytes/);
  });

  it('round-trips a whole staking pool', () => {
    const pool = {
      id: ID_1,
      state: { Active: null },
      votingParams: { storagePrice: 100_000n, writePrice: 20_000n, nodeCapacity: 1_000_000_000_000n },
      nodeInfo: {
        name: 'node-0',
        nodeId: ID_1,
        networkAddress: '127.0.0.1:9185',
        publicKey: new Uint8Array(96).fill(3),
        nextEpochPublicKey: null,
        networkPublicKey: new Uint8Array(33).fill(4),
        metadata: ID_2,
      },
      activationEpoch: 1,
      latestEpoch: 1,
      walBalance: 1_000n,
      numShares: 1_000n,
      pendingSharesWithdraw: [],
      preActiveWithdrawals: [],
      pendingCommissionRate: [{ key: 3, value: 6000n }],
      commissionRate: 0,
      exchangeRates: { id: ID_2, size: 1n },
      pendingStake: [],
      rewardsPool: 0n,
      commission: 0n,
      commissionReceiver: { ObjectID: ID_2 },
      governanceAuthorized: { Address: ID_1 },
      extraFields: { id: ID_2, size: 0n },
    };
    const bytes = layouts.StakingPool.serialize(pool).toBytes();
    const parsed = layouts.StakingPool.parse(bytes);
    expect(parsed).toMatchObject({
      ...pool,
      state: { $kind: 'Active' },
      commissionReceiver: { $kind: 'ObjectID', ObjectID: ID_2 },
      governanceAuthorized: { $kind: 'Address', Address: ID_1 },
    });
    expect(layouts.StakingPool.serialize(parsed).toBytes()).toEqual(bytes);
  });
});
