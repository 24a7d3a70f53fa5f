/** `floe extend`, `floe burn`, `floe share`, `floe fund`, `floe attributes`: what can be done with blob objects. */
import {
  type BlobObject,
  burnBlobs,
  extendBlobWithStorage,
  extendSharedBlob,
  extensionCost,
  fundSharedBlob,
  shareBlob,
  splitStorageByEpoch,
  splitStorageBySize,
  typeNames,
} from '@floe/contracts';
import { clientErrors } from '@floe/client';
import { type Frost, type ObjectId, parseObjectId } from '@floe/protocol';
import type { TransactionObjectArgument } from '@mysten/sui/transactions';
import { cliErrors } from '../errors.ts';
import { formatCoin, type Output } from '../output.ts';
import { createdObject, execute, openWallet, type Payer, receipt, withPayer, withSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';
import { findBlobObject } from './owned-blobs.ts';
import { ownedStorage } from './storages.ts';

export interface ExtendOptions extends NetworkOptions {
  readonly epochs?: number;
  readonly storage?: string;
}

export async function runExtend(
  id: string,
  options: ExtendOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { epochs, storage } = options;
  if ((epochs === undefined) === (storage === undefined)) {
    throw cliErrors.USAGE({ detail: 'give either --epochs or --storage' });
  }
  const storageId = storage === undefined ? undefined : parseObjectId(storage);
  await withPayer(options, signal, async (payer) => {
    const object = await findBlobObject(id, payer.session, payer.wallet.address, signal);
    const { objectId, blobId, shared } = object;
    const done =
      storageId !== undefined
        ? await extendWith(payer, object, storageId, signal)
        : shared === undefined
          ? await extendOwned(payer, object, epochs ?? 0, signal)
          : await extendShared(payer, object, epochs ?? 0, signal);
    const { cost, executed } = done;
    const endEpoch = (await payer.session.client.blobObject(objectId, { signal }))?.endEpoch;
    output.line(`${blobId} is now stored until the start of epoch ${endEpoch}, for ${formatCoin(cost, 'WAL')}`);
    const paidBy = storageId !== undefined ? 'storage' : shared === undefined ? 'wallet' : 'funds';
    output.result({ blobId, objectId, endEpoch, cost, paidBy, ...receipt(executed) });
  });
}

type Extended = { readonly cost: bigint; readonly executed: Parameters<typeof receipt>[0] };

async function extendOwned(payer: Payer, object: BlobObject, epochs: number, signal: AbortSignal): Promise<Extended> {
  const { session, wallet } = payer;
  const { cost, transaction } = await session.client.extend(object.objectId, {
    epochs,
    signer: wallet.keypair,
    signal,
  });
  return { cost, executed: transaction };
}

async function extendShared(payer: Payer, object: BlobObject, epochs: number, signal: AbortSignal): Promise<Extended> {
  const { system } = payer;
  const { objectId, endEpoch, storage, shared } = object;
  if (endEpoch <= system.epoch) throw clientErrors.BLOB_EXPIRED({ objectId, endEpoch, epoch: system.epoch });
  const maxEpochs = system.epoch + system.maxEpochsAhead - endEpoch;
  if (epochs > maxEpochs) throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs });
  const cost = extensionCost(system, epochs, storage.sizeBytes);
  const funds = shared?.funds ?? 0n;
  if (cost > funds) throw cliErrors.FUNDS_TOO_LOW({ objectId, funds, cost });
  const order = { sharedBlobObjectId: objectId, epochs };
  return {
    cost,
    executed: await execute(payer, (transaction) => extendSharedBlob(transaction, system, order), signal),
  };
}

/** With space of the wallet from the blob's end on, of its size; what is larger or begins earlier is cut off. */
async function extendWith(
  payer: Payer,
  { objectId, endEpoch, storage }: BlobObject,
  storageId: ObjectId,
  signal: AbortSignal,
): Promise<Extended> {
  const { system, wallet } = payer;
  const space = await ownedStorage(payer.session, wallet.address, storageId, signal);
  if (space.sizeBytes < storage.sizeBytes || space.startEpoch > endEpoch || space.endEpoch <= endEpoch) {
    const expected = `${storage.sizeBytes} bytes or more from epoch ${endEpoch} on`;
    const came = `${space.sizeBytes} bytes from epoch ${space.startEpoch} to ${space.endEpoch}`;
    throw cliErrors.STORAGE_UNFIT({ storageId, expected, came });
  }
  const executed = await execute(
    payer,
    (transaction) => {
      const whole = transaction.object(storageId);
      const kept: TransactionObjectArgument[] = [];
      if (space.sizeBytes > storage.sizeBytes) {
        kept.push(splitStorageBySize(transaction, system, { storage: whole, sizeBytes: storage.sizeBytes }));
      }
      const isLater = space.startEpoch < endEpoch;
      const used = isLater ? splitStorageByEpoch(transaction, system, { storage: whole, epoch: endEpoch }) : whole;
      extendBlobWithStorage(transaction, system, { blobObjectId: objectId, storage: used });
      // What comes before the blob's end stays under the id of the whole, which is the wallet's already.
      if (kept.length > 0) transaction.transferObjects(kept, wallet.address);
    },
    signal,
  );
  return { cost: 0n, executed };
}

export async function runBurn(
  ids: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const objects: BlobObject[] = [];
    for (const id of ids) {
      const object = await findBlobObject(id, payer.session, payer.wallet.address, signal);
      if (object.shared !== undefined) throw cliErrors.BLOB_NOT_OWNED({ id, owner: payer.wallet.address });
      if (!objects.some(({ objectId }) => objectId === object.objectId)) objects.push(object);
    }
    const objectIds = objects.map(({ objectId }) => objectId);
    const executed = await execute(payer, (transaction) => burnBlobs(transaction, payer.system, objectIds), signal);
    for (const { blobId, objectId, endEpoch } of objects) {
      output.line(`burned object ${objectId}; blob ${blobId} stays stored until the start of epoch ${endEpoch}`);
    }
    const burned = objects.map(({ blobId, objectId, endEpoch }) => ({ blobId, objectId, endEpoch }));
    output.result({ burned, ...receipt(executed) });
  });
}

export async function runShare(
  id: string,
  options: NetworkOptions & { readonly fund?: bigint },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const object = await findBlobObject(id, session, wallet.address, signal);
    const { blobId, shared, objectId: blobObjectId } = object;
    if (shared !== undefined) throw cliErrors.BLOB_SHARED({ id });
    const funds = (options.fund ?? 0n) as Frost;
    const executed = await execute(payer, (tx) => shareBlob(tx, system, { blobObjectId, funds }), signal);
    const objectId = createdObject(executed, typeNames(system.originalPackageId).sharedBlob);
    output.line(`shared ${blobId} with ${formatCoin(funds, 'WAL')}: anyone can fund and extend it now`);
    output.line(`  shared object ${objectId}`);
    output.result({ blobId, objectId, blobObjectId, funds, endEpoch: object.endEpoch, ...receipt(executed) });
  });
}

export async function runFund(
  id: string,
  amount: Frost,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const sharedBlobObjectId = parseObjectId(id);
  await withPayer(options, signal, async (payer) => {
    const { session, wallet, system } = payer;
    const { shared } = await findBlobObject(id, session, wallet.address, signal);
    if (shared === undefined) throw cliErrors.BLOB_NOT_SHARED({ id });
    const order = { sharedBlobObjectId, funds: amount };
    const executed = await execute(payer, (transaction) => fundSharedBlob(transaction, system, order), signal);
    const after = await session.client.blobObject(sharedBlobObjectId, { signal });
    const funds = after?.shared?.funds ?? 0n;
    output.line(`shared object ${sharedBlobObjectId} now has ${formatCoin(funds, 'WAL')}`);
    output.result({ blobId: after?.blobId, objectId: sharedBlobObjectId, added: amount, funds, ...receipt(executed) });
  });
}

export async function runAttributesGet(
  id: string,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withSession(options, async (session) => {
    const { address } = await openWallet(session, options, { fund: false });
    // Attributes are for all to read: an object id need not be the wallet's.
    const objectId = id.startsWith('0x')
      ? parseObjectId(id)
      : (await findBlobObject(id, session, address, signal)).objectId;
    const object = await session.client.blobObject(objectId, { signal });
    if (object === undefined) throw clientErrors.BLOB_OBJECT_NOT_FOUND({ objectId });
    // Those of a shared blob lie on the blob inside.
    const attributes = await session.client.attributes(object.shared?.blobObjectId ?? objectId, { signal });
    if (attributes.size === 0) output.line(`blob object ${objectId} has no attributes`);
    for (const [key, value] of attributes) output.line(`${key}: ${value}`);
    output.result({ blobId: object.blobId, objectId, attributes: Object.fromEntries(attributes) });
  });
}

/** `key=value` texts. @throws USAGE */
export function readPairs(texts: readonly string[]): Record<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const [, key, value = ''] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
    if (key === undefined) throw cliErrors.USAGE({ detail: `expected an attribute as key=value, got "${text}"` });
    if (pairs.has(key)) throw cliErrors.USAGE({ detail: `attribute "${key}" is given twice` });
    pairs.set(key, value);
  }
  return Object.fromEntries(pairs);
}

export async function runAttributesChange(
  id: string,
  changes: Readonly<Record<string, string | null>>,
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async ({ session, wallet }) => {
    const { objectId, blobId, shared } = await findBlobObject(id, session, wallet.address, signal);
    if (shared !== undefined) throw cliErrors.BLOB_SHARED({ id });
    const executed = await session.client.writeAttributes(objectId, changes, { signer: wallet.keypair, signal });
    const attributes = await session.client.attributes(objectId, { signal });
    output.line(executed === undefined ? 'there was nothing to change' : `changed the attributes of ${blobId}`);
    for (const [key, value] of attributes) output.line(`  ${key}: ${value}`);
    output.result({
      blobId,
      objectId,
      changed: executed !== undefined,
      attributes: Object.fromEntries(attributes),
      ...(executed === undefined ? {} : receipt(executed)),
    });
  });
}
