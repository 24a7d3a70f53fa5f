/** `floe storage …`: space that is paid for and holds nothing yet. */
import {
  buySpace,
  destroyStorage,
  fuseStorage,
  spaceCost,
  splitStorageByEpoch,
  splitStorageBySize,
  type StorageResource,
  typeNames,
} from '@floe/contracts';
import { clientErrors } from '@floe/client';
import { type Epoch, type ObjectId, parseObjectId } from '@floe/protocol';
import { cliErrors } from '../errors.ts';
import { formatBytes, formatCoin, type Output } from '../output.ts';
import { createdObject, execute, openWallet, receipt, type Session, withPayer, withSession } from '../session.ts';
import type { NetworkOptions } from './blob-options.ts';

export async function runStorageList(options: NetworkOptions, output: Output, signal: AbortSignal): Promise<void> {
  await withSession(options, async (session) => {
    const { address } = await openWallet(session, options, { fund: false });
    const { epoch } = await session.client.systemState({ signal });
    const spaces: StorageResource[] = [];
    for await (const space of session.ledger.ownedStorages(address, { signal })) spaces.push(space);
    if (spaces.length === 0) output.line(`${address} has no space`);
    for (const space of spaces) output.line(storageLine(space, epoch));
    output.result(spaces.map((space) => ({ ...storageJson(space), expired: space.endEpoch <= epoch })));
  });
}

export interface StorageBuyOptions extends NetworkOptions {
  readonly epochs: number;
  readonly from?: number;
}

export async function runStorageBuy(
  sizeBytes: bigint,
  options: StorageBuyOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    const startEpoch = (options.from ?? system.epoch) as Epoch;
    if (startEpoch < system.epoch) {
      throw cliErrors.USAGE({ detail: `--from: epoch ${startEpoch} is over; it is epoch ${system.epoch}` });
    }
    const maxEpochs = Math.max(0, system.epoch + system.maxEpochsAhead - startEpoch);
    const { epochs } = options;
    if (epochs > maxEpochs) throw clientErrors.INVALID_EPOCHS({ epochs, maxEpochs });
    const endEpoch = (startEpoch + epochs) as Epoch;
    const cost = spaceCost(system, { sizeBytes, epochs });
    const order = { sizeBytes, startEpoch, endEpoch, owner: wallet.address };
    const executed = await execute(payer, (transaction) => buySpace(transaction, system, order), signal);
    const storageId = createdObject(executed, typeNames(system.originalPackageId).storage);
    const space = await ownedStorage(session, wallet.address, storageId, signal);
    output.line(`${storageLine(space, system.epoch)}  for ${formatCoin(cost, 'WAL')}`);
    output.result({ ...storageJson(space), cost, ...receipt(executed) });
  });
}

export interface StorageSplitOptions extends NetworkOptions {
  readonly size?: bigint;
  readonly epoch?: number;
}

export async function runStorageSplit(
  id: string,
  options: StorageSplitOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { size, epoch } = options;
  if ((size === undefined) === (epoch === undefined))
    throw cliErrors.USAGE({ detail: 'give either --size or --epoch' });
  const storage = parseObjectId(id);
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    const space = await ownedStorage(session, wallet.address, storage, signal);
    const fits = size === undefined ? isInside(space, epoch ?? 0) : size > 0n && size < space.sizeBytes;
    if (!fits) {
      const expected = size === undefined ? `an epoch between its own` : `a size below its own`;
      throw cliErrors.STORAGE_UNFIT({ storageId: storage, expected, came: `${size ?? epoch}` });
    }
    const executed = await execute(
      payer,
      (transaction) => {
        const rest =
          size === undefined
            ? splitStorageByEpoch(transaction, system, { storage, epoch: epoch as Epoch })
            : splitStorageBySize(transaction, system, { storage, sizeBytes: size });
        transaction.transferObjects([rest], wallet.address);
      },
      signal,
    );
    const restId = createdObject(executed, typeNames(system.originalPackageId).storage);
    const [left, right] = [
      await ownedStorage(session, wallet.address, storage, signal),
      await ownedStorage(session, wallet.address, restId, signal),
    ];
    for (const part of [left, right]) output.line(storageLine(part, system.epoch));
    output.result({ parts: [storageJson(left), storageJson(right)], ...receipt(executed) });
  });
}

function isInside({ startEpoch, endEpoch }: StorageResource, epoch: number): boolean {
  return epoch > startEpoch && epoch < endEpoch;
}

export async function runStorageFuse(
  ids: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const [into, ...others] = ids.map((id) => parseObjectId(id)) as [ObjectId, ...ObjectId[]];
  if (others.length === 0) throw cliErrors.USAGE({ detail: 'give at least two spaces to put together' });
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    for (const id of [into, ...others]) await ownedStorage(session, wallet.address, id, signal);
    const executed = await execute(
      payer,
      (transaction) => {
        for (const other of others) fuseStorage(transaction, system, { into, other });
      },
      signal,
    );
    const space = await ownedStorage(session, wallet.address, into, signal);
    output.line(storageLine(space, system.epoch));
    output.result({ ...storageJson(space), ...receipt(executed) });
  });
}

export async function runStorageDestroy(
  ids: readonly string[],
  options: NetworkOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const storageIds = [...new Set(ids.map((id) => parseObjectId(id)))];
  await withPayer(options, signal, async (payer) => {
    const { session, system, wallet } = payer;
    for (const id of storageIds) await ownedStorage(session, wallet.address, id, signal);
    const executed = await execute(
      payer,
      (transaction) => {
        for (const id of storageIds) destroyStorage(transaction, system, id);
      },
      signal,
    );
    for (const id of storageIds) output.line(`ended space ${id}`);
    output.result({ destroyed: storageIds, ...receipt(executed) });
  });
}

/** The wallet's space of that id. @throws STORAGE_NOT_OWNED */
export async function ownedStorage(
  session: Session,
  owner: ObjectId,
  storageId: ObjectId,
  signal: AbortSignal,
): Promise<StorageResource> {
  for await (const space of session.ledger.ownedStorages(owner, { signal })) {
    if (space.objectId === storageId) return space;
  }
  throw cliErrors.STORAGE_NOT_OWNED({ storageId, owner });
}

function storageLine(space: StorageResource, epoch: number): string {
  const { objectId, sizeBytes, startEpoch, endEpoch } = space;
  const state = endEpoch <= epoch ? '  expired' : '';
  return `${objectId}  ${formatBytes(Number(sizeBytes))}  from epoch ${startEpoch} to the start of ${endEpoch}${state}`;
}

function storageJson({ objectId, sizeBytes, startEpoch, endEpoch }: StorageResource): object {
  return { storageId: objectId, sizeBytes, startEpoch, endEpoch };
}
