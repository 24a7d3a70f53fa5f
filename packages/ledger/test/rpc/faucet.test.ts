import { bcs } from '@mysten/sui/bcs';
import { requestSuiFromFaucetV2 } from '@mysten/sui/faucet';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { parseObjectId } from '@floe/protocol';
import { serveHttp } from '@floe/platform/node';
import { describe, expect, it } from 'vitest';
import type { TransactionRecord } from '../../src/api.ts';
import { createFaucetHandler } from '../../src/rpc/faucet/handler.ts';
import { type TransactionData, decodeTransactionData } from '../../src/transaction-data.ts';
import { SUI_COIN, WAL_COIN, coinOf, createFakeLedger, digestOf, idOf, simulationOf } from './support/fake-ledger.ts';

const signer = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(5));
const ACCOUNT = parseObjectId(signer.toSuiAddress());
const AMOUNTS = { sui: 1_000_000_000n, wal: 500n };

const addressOf = (number: number) => idOf(0xf00 + number);

/** A faucet over a ledger that records what it is told to execute. */
function faucet(funds: { sui: bigint; wal: readonly bigint[] }, status: 'success' | 'failure' = 'success') {
  const executed: TransactionData[] = [];
  const ledger = createFakeLedger([
    coinOf(1, ACCOUNT, funds.sui),
    ...funds.wal.map((balance, i) => coinOf(i + 10, ACCOUNT, balance, WAL_COIN)),
  ]);
  ledger.answerExecution((bytes, signatures): TransactionRecord => {
    expect(signatures).toHaveLength(1);
    const transaction = decodeTransactionData(bytes);
    executed.push(transaction);
    const result = simulationOf(transaction, { digest: digestOf(executed.length) });
    const recipients = recipientsOf(transaction);
    return {
      ...result,
      effects: {
        ...result.effects,
        status:
          status === 'success' ? { success: true } : { success: false, error: { kind: 'InsufficientGas' }, command: 0 },
        changedObjects: recipients.map((address, i) => ({
          id: idOf(0x900 + i),
          input: undefined,
          output: { digest: digestOf(1), owner: { kind: 'address', address } },
          idOperation: 'created',
        })),
      },
      objectTypes: recipients.map(() => SUI_COIN),
      transactionBytes: bytes,
      signatures,
      checkpoint: 1n,
      timestampMs: 1,
    };
  });
  const handler = createFaucetHandler(AMOUNTS, { ledger, signer });
  const post = async (body: string) => handler(new Request('http://faucet/', { method: 'POST', body }));
  const ask = async (address: unknown) => post(JSON.stringify({ address }));
  return { executed, handler, post, ask };
}

function recipientsOf(transaction: TransactionData) {
  return transaction.commands.flatMap((command) => {
    if (command.kind !== 'transfer-objects' || command.address.kind !== 'input') return [];
    const input = transaction.inputs[command.address.index];
    return input?.kind === 'pure' ? [parseObjectId(bcs.Address.parse(input.bytes))] : [];
  });
}

describe('the faucet', () => {
  it('pays SUI and WAL by a transaction of its own account', async () => {
    const { executed, ask } = faucet({ sui: 100_000_000_000n, wal: [300n, 900n] });
    const response = await ask(addressOf(1));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      address: addressOf(1),
      digest: expect.any(String),
      sui: AMOUNTS.sui.toString(),
      wal: '500',
    });
    const [transaction] = executed;
    expect(transaction?.sender).toBe(ACCOUNT);
    expect(recipientsOf(transaction as TransactionData)).toEqual([addressOf(1)]);
    expect(transaction?.commands.map(({ kind }) => kind)).toEqual([
      'split-coins',
      'merge-coins',
      'split-coins',
      'transfer-objects',
    ]);
  });

  it('pays requests that come together in few transactions, never two at once, each exactly once', async () => {
    const { executed, ask } = faucet({ sui: 1_000_000_000_000n, wal: [1_000_000n] });
    const responses = await Promise.all(Array.from({ length: 100 }, (_, i) => ask(addressOf(i))));
    expect(responses.map(({ status }) => status)).toEqual(Array(100).fill(200));
    expect(executed.length).toBeLessThanOrEqual(4);
    const paid = executed.flatMap(recipientsOf);
    expect([...paid].sort()).toEqual(Array.from({ length: 100 }, (_, i) => addressOf(i)).sort());
  });

  it('pays those it can afford and tells the others that it is empty', async () => {
    const { executed, ask } = faucet({ sui: 100_000_000_000n, wal: [1200n] });
    const responses = await Promise.all([ask(addressOf(0)), ...[1, 2, 3].map((i) => ask(addressOf(i)))]);
    const refused = responses.filter(({ status }) => status === 503);
    // The stand-in ledger does not take the coins: two requests fit each time.
    expect(executed.flatMap(recipientsOf)).toHaveLength(3);
    expect(refused).toHaveLength(1);
    expect(await refused[0]?.json()).toMatchObject({
      error: { code: 'FAUCET_EMPTY', message: expect.stringContaining(ACCOUNT) },
    });
    expect((await faucet({ sui: 5n, wal: [1200n] }).ask(addressOf(0))).status).toBe(503);
    expect((await faucet({ sui: 100_000_000_000n, wal: [] }).ask(addressOf(0))).status).toBe(503);
  });

  it('reports a transaction that failed', async () => {
    const response = await faucet({ sui: 100_000_000_000n, wal: [900n] }, 'failure').ask(addressOf(0));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({
      error: { code: 'FAUCET_FAILED', message: expect.stringContaining('Insufficient gas') },
    });
  });

  it.each([
    ['', 'is not JSON'],
    ['{', 'is not JSON'],
    ['[]', 'no JSON object'],
    ['"0x1"', 'no JSON object'],
    ['null', 'no JSON object'],
    ['{}', '"address" is missing'],
    ['{"address": 5}', '"address" is missing'],
    ['{"address": "0x12"}', '0x and 64 hex digits'],
    [`{"address": "0x${'g'.repeat(64)}"}`, '0x and 64 hex digits'],
  ])('refuses %s', async (body, message) => {
    const response = await faucet({ sui: 100_000_000_000n, wal: [900n] }).post(body);
    expect(response.status).toBe(400);
    const answer = (await response.json()) as { error: { code: string; message: string } };
    expect(answer.error.code).toBe('FAUCET_BAD_REQUEST');
    expect(answer.error.message).toContain(message);
  });

  it('refuses long bodies and other methods, and lets any web page call', async () => {
    const { handler, post, ask } = faucet({ sui: 100_000_000_000n, wal: [900n] });
    expect((await post(' '.repeat(5000))).status).toBe(413);
    expect((await handler(new Request('http://faucet/', { method: 'DELETE' }))).status).toBe(405);
    const preflight = await handler(new Request('http://faucet/', { method: 'OPTIONS' }));
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect((await ask(addressOf(0))).headers.get('access-control-allow-origin')).toBe('*');
    const state = await handler(new Request('http://faucet/'));
    expect(await state.json()).toMatchObject({ status: 'ok', address: ACCOUNT, holds: { wal: '900' } });
  });

  it("serves the Sui SDK's faucet client", async () => {
    const { handler } = faucet({ sui: 100_000_000_000n, wal: [900n] });
    const server = await serveHttp(handler, { host: '127.0.0.1', port: 0 });
    try {
      const response = await requestSuiFromFaucetV2({ host: server.url, recipient: addressOf(3) });
      expect(response).toMatchObject({
        status: 'Success',
        coins_sent: [{ amount: 1_000_000_000, id: idOf(0x900), transferTxDigest: expect.any(String) }],
      });
      const bad = requestSuiFromFaucetV2({ host: server.url, recipient: '0x1' });
      await expect(bad).rejects.toThrow('64 hex digits');
    } finally {
      await server.close(0);
    }
  });
});
