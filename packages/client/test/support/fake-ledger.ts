/**
 * A ledger for tests: reads the transactions that the client builds, command by command, and keeps blob objects. It
 * checks what the contracts check: certificates, deletability, expiry, and that prices are paid to the unit.
 */
import type {
  BlobObject,
  ContractEvent,
  ExecutedTransaction,
  LedgerEvent,
  PooledBlobInfo,
  SimulatedTransaction,
  StoragePoolInfo,
  StorageResource,
  SystemInfo,
} from '@floe/contracts';
import { assert, FloeError, isFloeError, Semaphore } from '@floe/platform';
import {
  type BlobId,
  blobIdFromBytes,
  blobIdOf,
  type Bls,
  type Committees,
  decodeMessage,
  encodedLength,
  type Epoch,
  type Frost,
  type ObjectId,
  parseObjectId,
  parseSignersBitmap,
  storageUnits,
  type SuiAddress,
  verifyCertificate,
} from '@floe/protocol';
import { bcs } from '@mysten/sui/bcs';
import type { Transaction } from '@mysten/sui/transactions';
import type { LedgerPort, Signer } from '../../src/index.ts';
import { type MoveCall, readTransaction } from './read-transaction.ts';

const PACKAGE = `0x${'ab'.repeat(32)}` as ObjectId;

export class FakeLedger implements LedgerPort {
  committeesNow: Committees;
  wal = 10_000_000_000_000n;
  storagePrice = 100n;
  writePrice = 20n;
  /** Space that the sender owns. */
  readonly storages = new Map<ObjectId, StorageResource>();
  /** The only one; its blobs are objects that it owns. */
  pool: StoragePoolInfo | undefined;
  /** In ledger order; nodes follow them. */
  readonly events: LedgerEvent[] = [];
  readonly objects = new Map<ObjectId, BlobObject>();
  /** Transactions that were executed, by the functions they called. */
  readonly executed: (readonly string[])[] = [];
  /** Runs before each execution; may throw. */
  beforeExecute: (functions: readonly string[]) => void | Promise<void> = () => undefined;
  readonly #bls: Bls;
  readonly #attributes = new Map<ObjectId, Map<string, string>>();
  readonly #lane = new Semaphore({ name: 'transactions', permits: 1, maxWaiting: 1_000 });
  #transactions = 0;
  #reserved: { sizeBytes: bigint; epochs: number } | undefined;

  constructor(committees: Committees, bls: Bls) {
    this.committeesNow = committees;
    this.#bls = bls;
  }

  get epoch(): Epoch {
    return this.committeesNow.current.epoch;
  }

  /** Blob objects of that id that have not ended. */
  living(blobId: BlobId): BlobObject[] {
    return [...this.objects.values()].filter((object) => object.blobId === blobId && object.endEpoch > this.epoch);
  }

  async systemState(): Promise<SystemInfo> {
    return {
      epoch: this.epoch,
      nShards: this.committeesNow.current.geometry.nShards,
      version: 1n,
      packageId: PACKAGE,
      originalPackageId: PACKAGE,
      systemObjectId: parseObjectId('0x51'),
      stakingObjectId: parseObjectId('0x52'),
      walType: `${PACKAGE}::wal::WAL`,
      storagePrice: this.storagePrice as Frost,
      writePrice: this.writePrice as Frost,
      totalCapacity: 1n << 50n,
      usedCapacity: 0n,
      maxEpochsAhead: 53,
      epochDurationMs: 86_400_000,
      phase: this.committeesNow.phase,
    };
  }

  async committees(): Promise<Committees> {
    return this.committeesNow;
  }

  async blobObject(objectId: ObjectId): Promise<BlobObject | undefined> {
    return this.objects.get(objectId);
  }

  async *ownedBlobs(owner: SuiAddress): AsyncIterable<BlobObject> {
    for (const object of this.objects.values()) if (object.owner === owner) yield object;
  }

  async *ownedStorages(): AsyncIterable<StorageResource> {
    yield* this.storages.values();
  }

  async storagePool(poolId: ObjectId): Promise<StoragePoolInfo | undefined> {
    return this.pool?.objectId === poolId ? this.pool : undefined;
  }

  async pooledBlob(pool: StoragePoolInfo, blobId: BlobId): Promise<PooledBlobInfo | undefined> {
    return this.living(blobId).find(({ owner }) => owner === pool.objectId);
  }

  async simulate(): Promise<SimulatedTransaction> {
    throw new Error('this ledger does not simulate');
  }

  async balances(): Promise<{ sui: bigint; wal: Frost }> {
    return { sui: 10n ** 12n, wal: this.wal as Frost };
  }

  async attributes(objectId: ObjectId): Promise<ReadonlyMap<string, string>> {
    return this.#attributes.get(objectId) ?? new Map();
  }

  /** One after another, as a ledger client executes what one address signs. */
  async execute(source: Parameters<LedgerPort['execute']>[0], signer: Signer): Promise<ExecutedTransaction> {
    return await this.#lane.run(() => this.#execute(source, signer));
  }

  async #execute(source: Parameters<LedgerPort['execute']>[0], signer: Signer): Promise<ExecutedTransaction> {
    const made = (async () => (typeof source === 'function' ? source() : source))();
    const built = (await made.catch((error: unknown) => {
      throw isFloeError(error) ? error : new Error('the transaction cannot be built', { cause: error });
    })) as Transaction;
    const { calls, payment, transfers } = readTransaction(built);
    const functions = calls.map((call) => call.function);
    await this.beforeExecute(functions);
    const sender = parseObjectId(signer.toSuiAddress());
    if (payment > this.wal) throw insufficientWal(sender, payment, this.wal);
    this.#transactions += 1;
    const events: ContractEvent[] = [];
    let due = 0n;
    for (const call of calls) due += this.#apply(call, sender, events);
    assert(due === payment, 'the client pays exactly what things cost', { due, payment });
    this.wal -= due;
    for (const { objectIds, to } of transfers) for (const objectId of objectIds) this.#change(objectId, { owner: to });
    this.executed.push(functions);
    const digest = `D${'1'.repeat(40)}${this.#transactions}`.slice(0, 43);
    const logged = events.map((event, eventSeq) => ({ txDigest: digest, eventSeq, event }));
    this.events.push(...logged);
    return { digest, created: [], mutated: [], deleted: [], events: logged, balanceChanges: [], gas: 1n };
  }

  /** Applies one call; returns what it costs. */
  #apply(call: MoveCall, sender: SuiAddress, events: ContractEvent[]): bigint {
    switch (call.function) {
      case 'system::reserve_space': {
        const [sizeBytes, epochs] = [BigInt(bcs.u64().parse(call.pure(1))), bcs.u32().parse(call.pure(2))];
        this.#reserved = { sizeBytes, epochs };
        return storageUnits(sizeBytes) * this.storagePrice * BigInt(epochs);
      }
      case 'storage_resource::split_by_size': {
        const storage = this.#storage(call.objectId(0));
        const sizeBytes = BigInt(bcs.u64().parse(call.pure(1)));
        this.#putStorage({ ...storage, objectId: this.#newId(call), sizeBytes: storage.sizeBytes - sizeBytes });
        this.#putStorage({ ...storage, sizeBytes });
        return 0n;
      }
      case 'storage_resource::split_by_epoch': {
        const storage = this.#storage(call.objectId(0));
        const endEpoch = bcs.u32().parse(call.pure(1)) as Epoch;
        this.#putStorage({ ...storage, objectId: this.#newId(call), startEpoch: endEpoch });
        this.#putStorage({ ...storage, endEpoch });
        return 0n;
      }
      case 'system::register_blob':
        return this.#register(call, sender, events);
      case 'system::certify_blob':
        return this.#certify(call, this.#object(call.objectId(1)), events);
      case 'system::register_pooled_blob':
        return this.#registerPooled(call, events);
      case 'system::certify_pooled_blob': {
        const [object] = this.living(blobIdFromBytes(call.pure(2)));
        assert(object?.owner === call.objectId(1), 'a blob that is certified is in the pool');
        return this.#certify(call, object, events);
      }
      case 'system::extend_blob': {
        const object = this.#object(call.objectId(1));
        const epochs = bcs.u32().parse(call.pure(2));
        if (object.certifiedEpoch === undefined) throw abort('blob', 'ENotCertified');
        this.#change(object.objectId, { endEpoch: (object.endEpoch + epochs) as Epoch });
        return storageUnits(object.storage.sizeBytes) * this.storagePrice * BigInt(epochs);
      }
      case 'system::delete_blob': {
        const object = this.#object(call.objectId(1));
        if (!object.deletable) throw abort('blob', 'EBlobNotDeletable');
        this.objects.delete(object.objectId);
        const { storage, startEpoch, endEpoch } = object;
        this.storages.set(storage.objectId, { ...storage, startEpoch, endEpoch });
        return 0n;
      }
      case 'blob::insert_or_update_metadata_pair': {
        const { objectId } = this.#object(call.objectId(0));
        const pairs = this.#attributes.get(objectId) ?? new Map<string, string>();
        pairs.set(bcs.string().parse(call.pure(1)), bcs.string().parse(call.pure(2)));
        this.#attributes.set(objectId, pairs);
        return 0n;
      }
      case 'blob::remove_metadata_pair_if_exists':
        this.#attributes.get(call.objectId(0))?.delete(bcs.string().parse(call.pure(1)));
        return 0n;
      case 'coin::destroy_zero':
        return 0n;
      default:
        throw new Error(`unknown function ${call.function}`);
    }
  }

  #register(call: MoveCall, sender: SuiAddress, events: ContractEvent[]): bigint {
    const reserved = this.#spaceFor(call);
    const blobId = blobIdFromBytes(call.pure(2));
    const sizeBytes = Number(bcs.u64().parse(call.pure(4)));
    if (blobIdOf({ rootHash: call.pure(3), unencodedLength: sizeBytes }) !== blobId)
      throw abort('blob', 'EInvalidBlobId');
    const needed = encodedLength(this.committeesNow.current.geometry, sizeBytes);
    assert(reserved.sizeBytes === BigInt(needed), 'the client reserves exactly what is needed', { needed });
    const objectId = this.#newId(call);
    const object: BlobObject = {
      objectId,
      version: BigInt(this.#transactions),
      owner: sender,
      blobId,
      sizeBytes,
      encodingType: 1,
      registeredEpoch: this.epoch,
      startEpoch: this.epoch,
      endEpoch: (this.epoch + reserved.epochs) as Epoch,
      storage: { objectId: parseObjectId(`0x${this.#transactions.toString(16)}f`), sizeBytes: reserved.sizeBytes },
      deletable: bcs.bool().parse(call.pure(6)),
    };
    this.objects.set(objectId, object);
    const { endEpoch, deletable } = object;
    const size = BigInt(sizeBytes) as never;
    events.push({
      kind: 'BlobRegistered',
      epoch: this.epoch,
      blobId,
      size,
      encodingType: 1,
      endEpoch,
      deletable,
      objectId,
    });
    return storageUnits(reserved.sizeBytes) * this.writePrice;
  }

  /** The space that a registration names, used up by it, else what was reserved in this transaction. */
  #spaceFor(call: MoveCall): { sizeBytes: bigint; epochs: number } {
    if (!call.isInput(1)) {
      assert(this.#reserved !== undefined, 'space is reserved before a blob is registered');
      return this.#reserved;
    }
    const { objectId, sizeBytes, endEpoch } = this.#storage(call.objectId(1));
    this.storages.delete(objectId);
    return { sizeBytes, epochs: endEpoch - this.epoch };
  }

  #storage(objectId: ObjectId): StorageResource {
    const storage = this.storages.get(objectId);
    if (storage === undefined) {
      const data = { call: 'the transaction', reason: `Object ${objectId} not found` };
      throw new FloeError({ code: 'LEDGER_REJECTED', kind: 'invalid', message: data.reason, data });
    }
    return storage;
  }

  #putStorage(storage: StorageResource): void {
    this.storages.set(storage.objectId, storage);
  }

  #newId(call: MoveCall): ObjectId {
    return parseObjectId(`0x${(this.#transactions * 256 + call.place).toString(16)}`);
  }

  #registerPooled(call: MoveCall, events: ContractEvent[]): bigint {
    const { pool, epoch } = this;
    assert(pool?.objectId === call.objectId(1), 'a blob is registered in a pool that is there');
    const blobId = blobIdFromBytes(call.pure(2));
    const sizeBytes = Number(bcs.u64().parse(call.pure(4)));
    const needed = BigInt(encodedLength(this.committeesNow.current.geometry, sizeBytes));
    const objectId = this.#newId(call);
    const deletable = bcs.bool().parse(call.pure(6));
    this.objects.set(objectId, {
      objectId,
      version: BigInt(this.#transactions),
      owner: pool.objectId,
      blobId,
      sizeBytes,
      encodingType: 1,
      registeredEpoch: epoch,
      startEpoch: epoch,
      endEpoch: pool.endEpoch,
      storage: { objectId: pool.objectId, sizeBytes: needed },
      deletable,
    });
    const storagePoolId = pool.objectId;
    const size = { unencodedSize: BigInt(sizeBytes) as never, encodingType: 1 };
    events.push({ kind: 'PooledBlobRegistered', epoch, blobId, ...size, deletable, objectId, storagePoolId });
    return storageUnits(needed) * this.writePrice;
  }

  /** The certificate is made of the last three arguments. */
  #certify(call: MoveCall, object: BlobObject, events: ContractEvent[]): bigint {
    if (object.certifiedEpoch !== undefined) throw abort('blob', 'EAlreadyCertified');
    const first = object.owner === this.pool?.objectId ? 3 : 2;
    const [signature, bitmap, message] = [0, 1, 2].map((i) =>
      Uint8Array.from(bcs.byteVector().parse(call.pure(first + i))),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    const committee = this.committeesNow.current;
    const said = decodeMessage(message);
    if (said.kind !== 'confirmation' || said.epoch !== committee.epoch) throw abort('bls_aggregate', 'EInvalidEpoch');
    if (said.blobId !== object.blobId) throw abort('blob', 'EInvalidBlobId');
    const forObject = said.persistence.kind === 'deletable' ? said.persistence.objectId : undefined;
    if (forObject !== (object.deletable ? object.objectId : undefined)) throw abort('blob', 'EInvalidBlobObject');
    const signers = parseSignersBitmap(bitmap, committee.members.length);
    verifyCertificate(committee, { signers, message, signature }, this.#bls);
    this.#change(object.objectId, { certifiedEpoch: this.epoch });
    const { blobId, objectId, endEpoch, deletable } = object;
    events.push({
      kind: 'BlobCertified',
      epoch: this.epoch,
      blobId,
      endEpoch,
      deletable,
      objectId,
      isExtension: false,
    });
    return 0n;
  }

  #object(objectId: ObjectId): BlobObject {
    const object = this.objects.get(objectId);
    assert(object !== undefined, 'a command names an object that exists', { objectId });
    return object;
  }

  #change(objectId: ObjectId, change: Partial<BlobObject>): void {
    this.objects.set(objectId, { ...this.#object(objectId), ...change });
  }
}

export function abort(module: string, name: string): FloeError {
  const data = { module, function: '', abortCode: '0', name, command: 0 };
  return new FloeError({ code: 'MOVE_ABORT', kind: 'conflict', message: `aborted with ${module}::${name}`, data });
}

function insufficientWal(owner: string, needed: bigint, available: bigint): FloeError {
  const message = `${owner} has ${available} FROST of WAL; ${needed} are needed`;
  return new FloeError({ code: 'INSUFFICIENT_WAL', kind: 'exhausted', message, data: { owner, needed, available } });
}
