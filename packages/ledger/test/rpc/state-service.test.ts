import { describe, expect, it } from 'vitest';
import { clientOfLedger, rpcErrorOf } from './support/client.ts';
import { SUI_COIN, WAL_COIN, coinOf, createFakeLedger, idOf } from './support/fake-ledger.ts';

const OWNER = idOf(0xabc);

describe('what an address owns', () => {
  const coins = Array.from({ length: 7 }, (_, i) => coinOf(i + 1, OWNER, BigInt(i), i % 2 === 0 ? SUI_COIN : WAL_COIN));
  const client = clientOfLedger(createFakeLedger(coins));

  it('pages to the end with a token on every page but the last', async () => {
    const seen: string[] = [];
    const tokens: boolean[] = [];
    let pageToken: Uint8Array | undefined;
    do {
      const { response } = await client.stateService.listOwnedObjects({ owner: OWNER, pageSize: 3, pageToken });
      seen.push(...response.objects.map(({ objectId }) => objectId ?? ''));
      ({ nextPageToken: pageToken } = response);
      tokens.push(pageToken !== undefined);
    } while (pageToken !== undefined);
    expect(seen).toEqual(coins.map(({ id }) => id));
    expect(tokens).toEqual([true, true, false]);
  });

  it('lists coins with their balances for the high-level client', async () => {
    const page = await client.listCoins({ owner: OWNER, coinType: '0x2::sui::SUI' });
    expect(page.objects.map(({ balance }) => balance)).toEqual(['0', '2', '4', '6']);
    expect(page).toMatchObject({ hasNextPage: false, cursor: null });
    const all = await client.stateService.listOwnedObjects({
      owner: OWNER,
      objectType: SUI_COIN,
      readMask: { paths: ['balance', 'object_type'] },
    });
    expect(all.response.objects.map(({ balance }) => balance)).toEqual([0n, 2n, 4n, 6n]);
    expect(all.response.objects[0]?.objectId).toBeUndefined();
  });

  it('refuses the token of another list, a missing owner and a malformed one', async () => {
    const { response } = await client.stateService.listBalances({ owner: OWNER, pageSize: 1 });
    const mixed = client.stateService.listOwnedObjects({ owner: OWNER, pageToken: response.nextPageToken });
    expect(await rpcErrorOf(mixed)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('page_token'),
    });
    expect(await rpcErrorOf(client.stateService.listOwnedObjects({}))).toMatchObject({ message: 'missing owner' });
    expect(await rpcErrorOf(client.stateService.listOwnedObjects({ owner: '0xxyz' }))).toMatchObject({
      message: expect.stringContaining('invalid owner'),
    });
  });

  it('reports balances as coins only', async () => {
    const { balance } = await client.getBalance({ owner: OWNER });
    expect(balance).toMatchObject({ balance: '42', coinBalance: '42', addressBalance: '0' });
    expect(balance.coinType).toBe(`${idOf(2)}::sui::SUI`);
    const missing = client.stateService.getBalance({ owner: OWNER });
    expect(await rpcErrorOf(missing)).toMatchObject({ message: 'missing coin_type' });
    expect((await client.getCoinMetadata({ coinType: '0x5::x::X' })).coinMetadata).toBeNull();
  });
});
