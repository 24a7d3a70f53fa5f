/** `floe pool …`: storage pools, one reservation that many blobs share. */
import {
  burnExpiredPooledBlob,
  createStoragePool,
  createStoragePoolFrom,
  deletePooledBlob,
  destroyStoragePool,
  extendStoragePool,
  growStoragePool,
  growStoragePoolWith,
  type PooledBlobInfo,
  shrinkStoragePool,
  spaceCost,
  type StoragePoolInfo,
  typeNames,
} from '@floe/contracts';
import { clientErrors, type PooledStoreResult } from '@floe/client';
import { type ObjectId, parseBlobId, parseObjectId } from '@floe/protocol';
import type { Transaction } from '@mysten/sui/transactions';
import { cliErrors } from '../errors.ts';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import {
  createdObject,
  execute,
  openWallet,
  type Payer,
  receipt,
  type Session,
  withPayer,
  withSession,
} from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';
import { nameOf, openInput, STAGE_TEXT, type StoreInput } from './store-inputs.ts';

export interface PoolCreateOptions extends NetworkOptions {
  readonly epochs?: number;
  readonly storage?: string;
}

export async function runPoolCreate(
  capacity: bigint | undefined,
  options: PoolCreateOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { epochs, storage } = options;
  const bought = capacity !== undefined && epochs !== undefined && storage === undefined;
  const made = capacity === undefined && epochs === undefined && storage !== undefined;
  if (!bought && !made) throw cliErrors.USAGE({ detail: 'give a size and --epochs to buy a pool, or --storage alone' });
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    const owner = wallet.address;
    if (bought) checkEpochs(epochs, system.maxEpochsAhead);
    const cost = bought ? spaceCost(system, { sizeBytes: capacity, epochs }) : 0n;
    const executed = await execute(
      payer,
      (transaction) => {
        if (bought) createStoragePool(transaction, system, { capacityBytes: capacity, epochs, owner });
        else createStoragePoolFrom(transaction, system, { storage: parseObjectId(storage ?? ''), owner });
      },
      signal,
    );
    const poolId = createdObject(executed, typeNames(system.originalPackageId).storagePool);
    const pool = await poolOf(session, poolId, signal);
    output.line(`pool ${poolId}`);
    output.line(`  ${summary(pool)}, for ${formatCoin(cost, 'WAL')}`);
    output.result({ ...poolJson(pool), cost, ...receipt(executed) });
  });
}

export async function runPoolList(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const { address } = await openWallet(session, options, { fund: false });
    const pools: StoragePoolInfo[] = [];
    for await (const pool of session.ledger.storagePools(address, { signal })) pools.push(pool);
    if (pools.length === 0) output.line(`${address} owns no storage pools`);
    for (const pool of pools) output.line(`${pool.objectId}  ${summary(pool)}`);
    output.result(pools.map(poolJson));
  });
}

export async function runPoolShow(
  id: string,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const poolId = parseObjectId(id);
  await withSession(options, async (session) => {
    const pool = await poolOf(session, poolId, signal);
    const blobs: PooledBlobInfo[] = [];
    for await (const blob of session.ledger.pooledBlobs(pool, { signal })) blobs.push(blob);
    output.line(`pool ${poolId}`);
    output.line(`  ${summary(pool)}`);
    for (const { blobId, sizeBytes, certifiedEpoch, deletable } of blobs) {
      const state = certifiedEpoch === undefined ? 'not certified' : 'certified';
      output.line(`  ${blobId}  ${formatBytes(sizeBytes)}  ${deletable ? 'deletable' : 'permanent'}  ${state}`);
    }
    const listed = blobs.map(({ certifiedEpoch, ...blob }) => ({ ...blob, certified: certifiedEpoch !== undefined }));
    output.result({ ...poolJson(pool), blobs: listed });
  });
}

export interface PoolStoreOptions extends NetworkOptions {
  readonly permanent?: boolean;
}

export async function runPoolStore(
  id: string,
  files: readonly string[],
  options: PoolStoreOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const poolId = parseObjectId(id);
  await withPayer(options, signal, async ({ session, wallet }) => {
    const inputs: StoreInput[] = [];
    const results: unknown[] = [];
    try {
      // All first: a list with one that cannot be read or is too large is refused before anything is paid.
      for (const path of files) inputs.push({ path, ...(await openInput(path, session, output, signal)) });
      for (const { path, blob } of inputs) {
        const progress = output.progress(nameOf(path));
        const result = await session.client
          .storeInPool(blob, {
            poolId,
            permanent: options.permanent === true,
            signer: wallet.keypair,
            signal,
            onProgress: ({ stage, fraction }) => progress.update(STAGE_TEXT[stage], fraction),
          })
          .finally(() => progress.done());
        output.line(`${result.blobId}  ${nameOf(path)}`);
        output.line(`  ${storedText(result)}`);
        const { encodedLength, kind, ...rest } = result;
        results.push({ path, ...rest, result: kind, encodedSizeBytes: encodedLength });
      }
    } finally {
      // What was stored before a failure is paid for: its ids are not kept back.
      output.result(results);
      // Uploads that go on after their store read from the inputs.
      await session.client.close();
      for (const { blob } of inputs) await blob.close();
    }
  });
}

function storedText({ kind, sizeBytes, encodedLength, deletable, endEpoch, cost }: PooledStoreResult): string {
  const until = `until the start of epoch ${endEpoch}`;
  if (kind === 'alreadyCertified') return `in the pool already, ${until}: nothing was paid`;
  const how = deletable ? 'deletable' : 'permanent';
  const sizes = `${formatBytes(sizeBytes)} stored as ${formatBytes(encodedLength)}`;
  return `${sizes}, ${how}, ${until}, for ${formatCoin(cost, 'WAL')}`;
}

export async function runPoolDelete(
  id: string,
  blobIds: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const poolId = parseObjectId(id);
  const wanted = [...new Set(blobIds.map((blobId) => parseBlobId(blobId)))];
  await withPayer(options, signal, async (payer) => {
    const { session, system } = payer;
    const pool = await poolOf(session, poolId, signal);
    const expired = pool.endEpoch <= system.epoch;
    for (const blobId of wanted) {
      const blob = await session.ledger.pooledBlob(pool, blobId, { signal });
      if (blob === undefined) throw cliErrors.BLOB_NOT_IN_POOL({ blobId, poolId });
      if (!blob.deletable && !expired) throw cliErrors.BLOB_NOT_DELETABLE({ id: blobId });
    }
    const executed = await execute(
      payer,
      (transaction) => {
        const remove = expired ? burnExpiredPooledBlob : deletePooledBlob;
        for (const blobId of wanted) remove(transaction, system, { poolId, blobId });
      },
      signal,
    );
    for (const blobId of wanted) output.line(`deleted ${blobId}`);
    const after = await poolOf(session, poolId, signal);
    output.line(`pool ${poolId}: ${summary(after)}`);
    output.result({ ...poolJson(after), deleted: wanted, ...receipt(executed) });
  });
}

export async function runPoolExtend(
  id: string,
  epochs: number,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await changePool(id, options, output, signal, ({ system }, pool) => {
    const { endEpoch, objectId: poolId, capacityBytes } = pool;
    checkEpochs(epochs, system.epoch + system.maxEpochsAhead - endEpoch);
    return {
      cost: spaceCost(system, { sizeBytes: capacityBytes, epochs }),
      build: (transaction) => extendStoragePool(transaction, system, { poolId, capacityBytes, epochs }),
    };
  });
}

export async function runPoolGrow(
  id: string,
  additional: bigint | undefined,
  options: NetworkOptions & { readonly storage?: string },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { storage } = options;
  if ((additional === undefined) === (storage === undefined)) {
    throw cliErrors.USAGE({ detail: 'give either a size to buy, or --storage' });
  }
  await changePool(id, options, output, signal, ({ system }, { objectId: poolId, endEpoch }) => {
    if (additional === undefined) {
      const storageId = parseObjectId(storage ?? '');
      return { cost: 0n, build: (tx) => growStoragePoolWith(tx, system, { poolId, storage: storageId }) };
    }
    const epochs = endEpoch - system.epoch;
    const order = { poolId, additionalBytes: additional, epochs };
    return {
      cost: spaceCost(system, { sizeBytes: additional, epochs }),
      build: (transaction) => growStoragePool(transaction, system, order),
    };
  });
}

export async function runPoolShrink(
  id: string,
  sizeBytes: bigint,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await changePool(id, options, output, signal, ({ system, wallet }, pool) => {
    const { objectId: poolId, capacityBytes, usedBytes } = pool;
    const freeBytes = capacityBytes - usedBytes;
    if (sizeBytes > freeBytes) throw clientErrors.POOL_FULL({ poolId, neededBytes: sizeBytes, freeBytes });
    const order = { poolId, sizeBytes, owner: wallet.address };
    return { cost: 0n, build: (transaction) => shrinkStoragePool(transaction, system, order) };
  });
}

export async function runPoolDestroy(
  id: string,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const poolId = parseObjectId(id);
  await withPayer(options, signal, async (payer) => {
    const { system, wallet } = payer;
    const { blobCount } = await poolOf(payer.session, poolId, signal);
    if (blobCount > 0n) throw cliErrors.POOL_NOT_EMPTY({ poolId, blobs: blobCount });
    const order = { poolId, owner: wallet.address };
    const executed = await execute(payer, (transaction) => destroyStoragePool(transaction, system, order), signal);
    const storageId = createdOrWritten(executed, typeNames(system.originalPackageId).storage);
    output.line(`ended pool ${poolId}; its space is the wallet's: ${storageId}`);
    output.result({ poolId, storageId, ...receipt(executed) });
  });
}

/** Space comes out of a pool under the id that it went in with. */
function createdOrWritten(executed: Parameters<typeof createdObject>[0], type: string): string | undefined {
  return [...executed.created, ...executed.mutated].find((object) => object.type === type)?.objectId;
}

/** One change of a living pool of the wallet. */
async function changePool(
  id: string,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
  plan: (payer: Payer, pool: StoragePoolInfo) => { cost: bigint; build: (transaction: Transaction) => void },
): Promise<void> {
  const poolId = parseObjectId(id);
  await withPayer(options, signal, async (payer) => {
    const { session, system } = payer;
    const pool = await poolOf(session, poolId, signal);
    const { endEpoch } = pool;
    if (endEpoch <= system.epoch) throw clientErrors.POOL_EXPIRED({ poolId, endEpoch, epoch: system.epoch });
    const { cost, build } = plan(payer, pool);
    const executed = await execute(payer, build, signal);
    const after = await poolOf(session, poolId, signal);
    output.line(`pool ${poolId}: ${summary(after)}, for ${formatCoin(cost, 'WAL')}`);
    output.result({ ...poolJson(after), cost, ...receipt(executed) });
  });
}

async function poolOf(session: Session, poolId: ObjectId, signal: AbortSignal): Promise<StoragePoolInfo> {
  const pool = await session.ledger.storagePool(poolId, { signal });
  if (pool === undefined) throw clientErrors.POOL_NOT_FOUND({ poolId });
  return pool;
}

function checkEpochs(epochs: number, maxEpochs: number): void {
  if (epochs < 1 || epochs > maxEpochs) throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs });
}

function summary({ capacityBytes, usedBytes, blobCount, endEpoch }: StoragePoolInfo): string {
  const used = `${formatBytes(Number(usedBytes))} of ${formatBytes(Number(capacityBytes))} used`;
  const blobs = blobCount === 1n ? 'one blob' : `${blobCount} blobs`;
  return `${used} by ${blobs}, until the start of epoch ${endEpoch}`;
}

function poolJson(pool: StoragePoolInfo): object {
  const { objectId, owner, startEpoch, endEpoch, capacityBytes, usedBytes, blobCount } = pool;
  return { poolId: objectId, owner, startEpoch, endEpoch, capacityBytes, usedBytes, blobCount };
}
