/** `floe exchange …`: WAL for SUI and back. */
import {
  createExchange,
  exchangeCoins,
  exchangedAmount,
  type ExchangeInfo,
  packageAddresses,
  setExchangeRate,
} from '@floe/contracts';
import { assert } from '@floe/platform';
import { type Frost, type ObjectId, parseObjectId } from '@floe/protocol';
import type { Amount } from '../amounts.ts';
import { cliErrors } from '../errors.ts';
import { formatCoin, type Output } from '../output.ts';
import { balanceChange, createdObject, execute, receipt, type Session, withPayer, withSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

export async function runExchange(
  { coin, value }: Amount,
  options: NetworkOptions & { readonly exchange: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const exchangeId = parseObjectId(options.exchange);
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    const info = await exchangeOf(session, exchangeId, signal);
    const side = coin === 'SUI' ? 'sui' : 'wal';
    const [other, unit] = side === 'sui' ? (['wal', 'FROST'] as const) : (['sui', 'MIST'] as const);
    const due = exchangedAmount(info.rate, side, value);
    if (due > info[other]) throw cliErrors.EXCHANGE_TOO_POOR({ exchangeId, has: info[other], needed: due, unit });
    const target = { packageId: info.packageId, walType: system.walType };
    const order = { exchangeId, side, amount: value, owner: wallet.address } as const;
    const executed = await execute(payer, (transaction) => exchangeCoins(transaction, target, order), signal);
    const received = side === 'sui' ? balanceChange(executed, wallet.address, system.walType) : due;
    const got = formatCoin(received, side === 'sui' ? 'WAL' : 'SUI');
    output.line(`gave ${formatCoin(value, coin)}, got ${got}`);
    output.result({
      exchangeId,
      gave: { coin, amount: value },
      received: { unit, amount: received },
      ...receipt(executed),
    });
  });
}

export async function runExchangeShow(
  id: string,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const exchangeId = parseObjectId(id);
  await withSession(options, async (session) => {
    const info = await exchangeOf(session, exchangeId, signal);
    output.line(`exchange ${exchangeId}`);
    output.line(`  has ${formatCoin(info.wal, 'WAL')} and ${formatCoin(info.sui, 'SUI')}`);
    output.line(`  gives ${info.rate.wal} FROST for ${info.rate.sui} MIST`);
    output.result(exchangeJson(info));
  });
}

export async function runExchangeCreate(
  funds: Frost,
  options: NetworkOptions & { readonly package?: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    const walrus = system.originalPackageId;
    const wal = parseObjectId(system.walType.slice(0, system.walType.indexOf('::')));
    const packageId =
      options.package === undefined ? packageAddresses({ walrus, wal }).wal_exchange : parseObjectId(options.package);
    const target = { packageId, walType: system.walType };
    const executed = await execute(
      payer,
      (transaction) => createExchange(transaction, target, { funds, owner: wallet.address }),
      signal,
    );
    const made = executed.created.find(({ type }) => type.endsWith('::wal_exchange::Exchange'));
    assert(made !== undefined, 'the transaction made an exchange', { digest: executed.digest });
    const capId = createdObject(executed, made.type.replace(/Exchange$/, 'AdminCap'));
    const info = await exchangeOf(session, made.objectId, signal);
    output.line(`exchange ${info.objectId} with ${formatCoin(info.wal, 'WAL')}, one WAL for one SUI`);
    output.line(`  its rate is set with the capability ${capId}`);
    output.result({ ...exchangeJson(info), ...receipt(executed) });
  });
}

export async function runExchangeRate(
  id: string,
  rate: { readonly wal: bigint; readonly sui: bigint },
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const exchangeId = parseObjectId(id);
  if (rate.wal === 0n || rate.sui === 0n) throw cliErrors.USAGE({ detail: 'no side of a rate can be nothing' });
  await withPayer(options, signal, async (payer) => {
    const { packageId, adminCapId: capId } = await exchangeOf(payer.session, exchangeId, signal);
    const order = { exchangeId, capId, rate };
    const executed = await execute(payer, (transaction) => setExchangeRate(transaction, { packageId }, order), signal);
    const info = await exchangeOf(payer.session, exchangeId, signal);
    output.line(`exchange ${exchangeId} now gives ${info.rate.wal} FROST for ${info.rate.sui} MIST`);
    output.result({ ...exchangeJson(info), ...receipt(executed) });
  });
}

async function exchangeOf(session: Session, exchangeId: ObjectId, signal: AbortSignal): Promise<ExchangeInfo> {
  const info = await session.ledger.exchange(exchangeId, { signal });
  if (info === undefined) throw cliErrors.EXCHANGE_NOT_FOUND({ exchangeId });
  return info;
}

function exchangeJson({ objectId, packageId, wal, sui, rate, adminCapId }: ExchangeInfo): object {
  return { exchangeId: objectId, packageId, wal, sui, rate, adminCapId };
}
