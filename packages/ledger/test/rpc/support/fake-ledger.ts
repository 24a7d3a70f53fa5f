/**
 * A ledger without execution, for tests of the service alone: holds what a test puts in, answers simulations with what
 * the test says, and appends a checkpoint for each transaction it is told was committed.
 */
import { FloeError, deferred } from '@floe/platform';
import { datatypeDeclaration, functionSignature, packageAddresses, packageAt } from '@floe/contracts';
import { type ObjectId, objectIdBytes, parseObjectId } from '@floe/protocol';
import type {
  CheckpointRecord,
  Digest,
  GasUsed,
  LedgerApi,
  LedgerEvent,
  LedgerObject,
  Owner,
  Page,
  SimulationResult,
  TransactionRecord,
} from '../../../src/api.ts';
import type { Command, TransactionData } from '../../../src/transaction-data.ts';
import { canonicalType } from '../../../src/type-tag.ts';

export const ADDRESSES = packageAddresses({
  walrus: parseObjectId(`0x${'a1'.repeat(32)}`),
  wal: parseObjectId(`0x${'b2'.repeat(32)}`),
});
const SUI = `${ADDRESSES.sui}::sui::SUI`;
export const SUI_COIN = `${ADDRESSES.sui}::coin::Coin<${SUI}>`;
export const WAL_COIN = `${ADDRESSES.sui}::coin::Coin<${ADDRESSES.wal}::wal::WAL>`;

/** A 32-byte digest that names itself by its first bytes. */
export function digestOf(number: number): Digest {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, number);
  return digest;
}

export function idOf(number: number): ObjectId {
  return parseObjectId(`0x${number.toString(16)}`);
}

export function objectOf(
  number: number,
  owner: Owner,
  type: string,
  value: Uint8Array = new Uint8Array(0),
): LedgerObject {
  const id = idOf(number);
  return {
    id,
    version: 3n,
    digest: digestOf(number),
    owner,
    type,
    hasPublicTransfer: true,
    contents: Uint8Array.of(...objectIdBytes(id), ...value),
    previousTransaction: digestOf(0),
    storageRebate: 100n,
  };
}

export function coinOf(number: number, owner: ObjectId, balance: bigint, type = SUI_COIN): LedgerObject {
  const value = new Uint8Array(8);
  new DataView(value.buffer).setBigUint64(0, balance, true);
  return objectOf(number, { kind: 'address', address: owner }, type, value);
}

const NO_GAS: GasUsed = { computationCost: 0n, storageCost: 0n, storageRebate: 0n, nonRefundableStorageFee: 0n };

export function transactionData(sender: ObjectId, commands: readonly Command[] = []): TransactionData {
  return {
    sender,
    inputs: [],
    commands,
    gas: { payment: [], owner: sender, price: 1000n, budget: 1_000_000n },
    expiration: { kind: 'none' },
  };
}

export function simulationOf(transaction: TransactionData, changes: Partial<SimulationResult> = {}): SimulationResult {
  const digest = changes.digest ?? digestOf(1);
  return {
    digest,
    transaction,
    effects: {
      status: { success: true },
      executedEpoch: 0n,
      gasUsed: NO_GAS,
      transactionDigest: digest,
      gasObjectIndex: undefined,
      eventsDigest: (changes.events?.length ?? 0) > 0 ? digestOf(77) : undefined,
      dependencies: [],
      lamportVersion: 4n,
      changedObjects: [],
      unchangedShared: [],
      ...changes.effects,
    },
    effectsBytes: Uint8Array.of(1),
    effectsDigest: digestOf(2),
    events: [],
    objectTypes: [],
    balanceChanges: [],
    commandResults: [],
    outputObjects: [],
    ...omitEffects(changes),
  };
}

function omitEffects({ effects: _effects, ...rest }: Partial<SimulationResult>): Partial<SimulationResult> {
  return rest;
}

export interface FakeLedger extends LedgerApi {
  readonly objects: Map<ObjectId, LedgerObject>;
  readonly simulated: { transaction: TransactionData; checks: string }[];
  answerSimulation(answer: (transaction: TransactionData) => SimulationResult): void;
  answerExecution(answer: (bytes: Uint8Array, signatures: readonly Uint8Array[]) => TransactionRecord): void;
  /** Appends a checkpoint with one transaction for each entry. */
  commit(
    transactions: readonly { sender: ObjectId; events?: readonly LedgerEvent[]; commands?: readonly Command[] }[],
  ): void;
  readonly subscribers: number;
}

export function createFakeLedger(objects: readonly LedgerObject[] = []): FakeLedger {
  return new Fake(objects);
}

class Fake implements FakeLedger {
  readonly objects: Map<ObjectId, LedgerObject>;
  readonly simulated: { transaction: TransactionData; checks: string }[] = [];
  readonly chain: LedgerApi['chain'] = {
    chainIdentifier: digestOf(9),
    addresses: ADDRESSES,
    systemObjectId: idOf(0x51),
    stakingObjectId: idOf(0x52),
    treasuryObjectId: idOf(0x53),
    publicKey: new Uint8Array(32),
  };
  subscribers = 0;
  #closed = false;
  #tip = deferred<void>();
  #nextDigest = 1000;
  readonly #checkpoints: CheckpointRecord[] = [];
  readonly #transactions = new Map<number, TransactionRecord>();
  #simulation: (transaction: TransactionData) => SimulationResult = (transaction) => simulationOf(transaction);
  #execution: (bytes: Uint8Array, signatures: readonly Uint8Array[]) => TransactionRecord = () => {
    throw new FloeError({ code: 'UNEXPECTED', kind: 'internal', message: 'no execution expected' });
  };

  constructor(objects: readonly LedgerObject[]) {
    this.objects = new Map(objects.map((object) => [object.id, object]));
  }

  answerSimulation(answer: (transaction: TransactionData) => SimulationResult): void {
    this.#simulation = answer;
  }

  answerExecution(answer: (bytes: Uint8Array, signatures: readonly Uint8Array[]) => TransactionRecord): void {
    this.#execution = answer;
  }

  commit(
    transactions: readonly { sender: ObjectId; events?: readonly LedgerEvent[]; commands?: readonly Command[] }[],
  ): void {
    const sequence = BigInt(this.#checkpoints.length);
    const digests = transactions.map(({ sender, events = [], commands = [] }) => {
      const number = (this.#nextDigest += 1);
      const result = simulationOf(transactionData(sender, commands), { digest: digestOf(number), events });
      const record = {
        ...result,
        transactionBytes: Uint8Array.of(5),
        signatures: [],
        checkpoint: sequence,
        timestampMs: 1_700_000_000_123,
      };
      this.#transactions.set(number, record);
      return { digest: record.digest, effectsDigest: record.effectsDigest };
    });
    this.#checkpoints.push({
      sequence,
      digest: digestOf(5000 + Number(sequence)),
      previousDigest: sequence === 0n ? undefined : digestOf(4999 + Number(sequence)),
      epoch: 0n,
      timestampMs: 1_700_000_000_123,
      totalTransactions: BigInt(this.#transactions.size),
      contentDigest: digestOf(3),
      stateRoot: digestOf(4),
      transactions: digests,
      summaryBytes: Uint8Array.of(6),
      signature: new Uint8Array(64),
      gasTotals: NO_GAS,
    });
    this.#wake();
  }

  #wake(): void {
    const woken = this.#tip;
    this.#tip = deferred<void>();
    woken.resolve();
  }

  epochInfo(): ReturnType<LedgerApi['epochInfo']> {
    return {
      epoch: 0n,
      referenceGasPrice: 1000n,
      startTimestampMs: 1_700_000_000_000,
      protocolVersion: 1n,
      firstCheckpoint: 0n,
    };
  }

  getObject(id: ObjectId, version?: bigint): LedgerObject | undefined {
    const object = this.objects.get(id);
    return version === undefined || object?.version === version ? object : undefined;
  }

  listOwned({ owner, type, cursor, limit }: Parameters<LedgerApi['listOwned']>[0]): Page<LedgerObject> {
    const owned = [...this.objects.values()].filter(
      (object) =>
        object.owner.kind === 'address' &&
        object.owner.address === owner &&
        (type === undefined || object.type === canonicalType(type)),
    );
    return page(owned, cursor, limit);
  }

  listDynamicFields(): ReturnType<LedgerApi['listDynamicFields']> {
    return { items: [], nextCursor: undefined };
  }

  balance(_owner: ObjectId, coinType: string): ReturnType<LedgerApi['balance']> {
    return { coinType, balance: 42n, coinCount: 1 };
  }

  listBalances({ cursor, limit }: Parameters<LedgerApi['listBalances']>[0]): ReturnType<LedgerApi['listBalances']> {
    const balances = [1n, 2n, 3n].map((balance) => ({ coinType: `0x${balance}::a::A`, balance, coinCount: 1 }));
    return page(balances, cursor, limit);
  }

  coinInfo(): undefined {
    return undefined;
  }

  proveObject(): undefined {
    return undefined;
  }

  packageFunction(packageId: ObjectId, module: string, name: string): ReturnType<LedgerApi['packageFunction']> {
    const packageName = packageAt(packageId, ADDRESSES);
    return packageName === undefined ? undefined : functionSignature(packageName, module, name);
  }

  packageDatatype(packageId: ObjectId, module: string, name: string): ReturnType<LedgerApi['packageDatatype']> {
    const packageName = packageAt(packageId, ADDRESSES);
    return packageName === undefined ? undefined : datatypeDeclaration(packageName, module, name);
  }

  largestCoins(owner: ObjectId, coinType: string, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[] {
    const coins = this.listOwned({ owner, type: canonicalType(`0x2::coin::Coin<${coinType}>`), limit: 1000 }).items;
    return coins.filter((coin) => !except.has(coin.id)).slice(0, limit);
  }

  gasCoins(owner: ObjectId, except: ReadonlySet<ObjectId>, limit: number): LedgerObject[] {
    return this.largestCoins(owner, SUI, except, limit);
  }

  getTransaction(digest: Digest): TransactionRecord | undefined {
    return this.#transactions.get(new DataView(digest.buffer, digest.byteOffset).getUint32(0));
  }

  getCheckpoint(which: bigint | Digest | 'latest'): CheckpointRecord | undefined {
    if (which === 'latest') return this.#checkpoints.at(-1);
    if (typeof which === 'bigint') return this.#checkpoints[Number(which)];
    const number = new DataView(which.buffer, which.byteOffset).getUint32(0);
    return this.#checkpoints[number - 5000];
  }

  lowestCheckpoint(): bigint {
    return 0n;
  }

  listCheckpoints(from: bigint, limit: number, options: { descending?: boolean } = {}): CheckpointRecord[] {
    if (options.descending !== true) return this.#checkpoints.slice(Number(from), Number(from) + limit);
    return this.#checkpoints
      .slice(0, Number(from) + 1)
      .slice(-limit)
      .reverse();
  }

  async *subscribe({ from, signal }: { from?: bigint; signal?: AbortSignal }): AsyncIterable<CheckpointRecord> {
    this.subscribers += 1;
    signal?.addEventListener('abort', () => this.#wake());
    try {
      let next = Number(from ?? BigInt(this.#checkpoints.length));
      for (;;) {
        const { promise } = this.#tip;
        for (; next < this.#checkpoints.length; next += 1) yield this.#checkpoints[next] as CheckpointRecord;
        if (this.#closed || signal?.aborted === true) return;
        await promise;
      }
    } finally {
      this.subscribers -= 1;
    }
  }

  execute(bytes: Uint8Array, signatures: readonly Uint8Array[]): Promise<TransactionRecord> {
    return Promise.resolve().then(() => this.#execution(bytes, signatures));
  }

  simulate(transaction: TransactionData | Uint8Array, options?: { checks?: 'enabled' | 'disabled' }): SimulationResult {
    if (transaction instanceof Uint8Array) throw new TypeError('the service resolves transactions itself');
    this.simulated.push({ transaction, checks: options?.checks ?? 'enabled' });
    return this.#simulation(transaction);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    return Promise.resolve();
  }
}

function page<T>(items: readonly T[], cursor: Uint8Array | undefined, limit: number): Page<T> {
  const start = cursor === undefined ? 0 : new DataView(cursor.buffer, cursor.byteOffset).getUint32(0);
  const end = start + limit;
  const nextCursor = new Uint8Array(4);
  new DataView(nextCursor.buffer).setUint32(0, end);
  return { items: items.slice(start, end), nextCursor: end < items.length ? nextCursor : undefined };
}
