/** The contracts and the model side by side: what a run holds of both, and how a call is made on both. */
import { dynamicFieldId, type layouts } from '@floe/contracts';
import type { ObjectId } from '@floe/protocol';
import { expect } from 'vitest';
import type { Ref } from '../../../src/execution/call.ts';
import type { Coin } from '../../../src/natives/framework.ts';
import { Chain } from '../chain.ts';
import { outcomeOf } from '../native-call.ts';
import { CreditsModel, ExchangeModel, SubsidiesModel } from './companions-model.ts';
import { Model, ModelAbort, type ModelStake } from './model.ts';
import { type ModelBlob, type ModelPool, type ModelShared, type ModelSpace, StorageModel } from './storage-model.ts';

export const SUPPLY = 5_000_000_000_000_000_000n;
export const WAL = 1_000_000_000n;
export const DURATION_MS = 1000;
/** FROST that a buyer offers. */
export const OFFER = 10n ** 12n;
const SUI = 10n ** 18n;

/** Something on the chain and the same in the model. */
export interface Twin<C, M> {
  chain: C;
  model: M;
}

/** A pool that the caller holds, or one in a bucket. */
export interface PoolTwin extends Twin<layouts.StoragePool, ModelPool> {
  readonly bucket?: { readonly chain: layouts.BlobBucket; readonly cap: layouts.BlobBucketCap };
  /** Root hashes by name of a blob id. */
  readonly roots: Map<string, bigint>;
}

/** A blob, and the root hash that it was registered with. */
export interface BlobTwin extends Twin<layouts.Blob, ModelBlob> {
  readonly root: bigint;
}

/** Name, what the contracts do, what the model does; both return what can be compared. The model comes second. */
export type PairCall = readonly [name: string, onChain: () => unknown, onModel: () => unknown];

/** Numbers of a seed (xorshift32). */
function numbersOf(seed: number): (limit: number) => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}

export class Pair {
  readonly chain: Chain;
  readonly model: Model;
  readonly storage: StorageModel;
  readonly pick: (limit: number) => number;
  readonly caps: Ref<layouts.StorageNodeCap>[];
  readonly stakes: Twin<layouts.StakedWal, ModelStake>[] = [];
  readonly spaces: Twin<layouts.Storage, ModelSpace>[] = [];
  readonly blobs: BlobTwin[] = [];
  readonly shared: Twin<layouts.SharedBlob, ModelShared>[] = [];
  readonly pools: PoolTwin[] = [];
  readonly slashing: Ref<layouts.SlashingManager>;
  readonly exchange: Twin<Ref<layouts.Exchange>, ExchangeModel> & { readonly cap: layouts.ExchangeAdminCap };
  readonly credits: Twin<Ref<layouts.Subsidies>, CreditsModel> & { readonly cap: layouts.SubsidiesAdminCap };
  readonly subsidies: Twin<Ref<layouts.WalrusSubsidies>, SubsidiesModel> & { readonly cap: layouts.SubsidiesAdminCap };
  readonly #subsidiesField: ObjectId;
  /** FROST and MIST in coins. */
  wallet = SUPPLY;
  sui = SUI;
  /** Counts up, so that no two blobs have the same root hash. */
  roots = 0n;

  constructor(seed: number) {
    const pick = numbersOf(seed);
    this.pick = pick;
    const shards = [4, 7, 10, 31, 50][pick(5)]!;
    const epochsAhead = [1, 2, 5, 9][pick(4)]!;
    const nodes = Array.from({ length: 1 + pick(7) }, () => ({ rate: [0, 500, 10_000][pick(3)]! }));
    const isAmended = pick(2) === 0;
    this.chain = new Chain({ nShards: shards, epochDurationMs: DURATION_MS, maxEpochsAhead: epochsAhead, isAmended });
    this.model = new Model({ shards, durationMs: DURATION_MS, epochsAhead, nodes, isAmended });
    this.storage = new StorageModel(this.model);
    this.caps = nodes.map(({ rate }) => ({ value: this.chain.register({ commissionRate: rate }) }));
    this.slashing = {
      value: { id: this.chain.call.freshId(), slashingCandidates: { id: this.chain.call.freshId(), size: 0n } },
    };
    this.exchange = this.#makeExchange();
    this.credits = this.#makeCredits();
    this.subsidies = this.#makeSubsidies();
    const key = `${this.chain.call.addresses.walrus_subsidies}::walrus_subsidies::SubsidiesInnerKey`;
    this.#subsidiesField = dynamicFieldId(this.subsidies.chain.value.id, key, Uint8Array.of(0));
  }

  #makeExchange(): Pair['exchange'] {
    const funds = 1_000_000n * WAL;
    const purse = { value: this.chain.coin(funds) };
    const cap = this.chain.run<layouts.ExchangeAdminCap>('wal_exchange::wal_exchange::new_funded', purse, funds);
    this.wallet -= funds;
    return { chain: { value: this.made<layouts.Exchange>() }, model: new ExchangeModel(funds), cap };
  }

  #makeCredits(): Pair['credits'] {
    const packageId = this.chain.call.addresses.walrus;
    const cap = this.chain.run<layouts.SubsidiesAdminCap>('subsidies::subsidies::new', packageId);
    return { chain: { value: this.made<layouts.Subsidies>() }, model: new CreditsModel(this.model), cap };
  }

  #makeSubsidies(): Pair['subsidies'] {
    const args = [this.chain.system.value, this.chain.staking.value, 0, 0n, 0n];
    const cap = this.chain.run<layouts.SubsidiesAdminCap>('walrus_subsidies::walrus_subsidies::new', ...args);
    return { chain: { value: this.made<layouts.WalrusSubsidies>() }, model: new SubsidiesModel(this.model), cap };
  }

  /** What the last call shared. */
  made<T>(): T {
    return this.chain.call.transferred.at(-1) as T;
  }

  /** An element by chance; undefined without one. */
  some<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.pick(list.length)];
  }

  coin(balance: bigint): Ref<Coin> {
    return { value: this.chain.coin(balance) };
  }

  /** What the pool of the nodes' subsidies holds on the chain. */
  subsidiesPool(): bigint {
    return (this.chain.fields.get(this.#subsidiesField) as layouts.WalrusSubsidiesInnerV1).subsidyPool;
  }

  /** Makes the call on both; an aborted one leaves nothing behind on the chain. Whether it succeeded. */
  run([, onChain, onModel]: PairCall, where: string): boolean {
    const { chain, storage } = this;
    chain.call.events.length = 0;
    chain.call.transferred.length = 0;
    storage.events.length = 0;
    chain.fields.begin();
    const outcome = outcomeOf(onChain);
    if ('abort' in outcome) chain.fields.rollBack();
    const expected = modelOutcome(onModel);
    if (!isSame(outcome, expected)) expect(outcome, where).toEqual(expected);
    if ('abort' in outcome) return false;
    const events = chain.call.events.flatMap(briefOf);
    if (!isSame(events, storage.events)) expect(events, where).toEqual(storage.events);
    return true;
  }
}

function modelOutcome(run: () => unknown): { value: unknown } | { abort: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof ModelAbort) return { abort: error.message };
    throw error;
  }
}

/** What of the events of storage is compared: all that does not name an object. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  BlobRegistered: ['epoch', 'size', 'endEpoch', 'deletable'],
  BlobCertified: ['epoch', 'endEpoch', 'deletable', 'isExtension'],
  BlobDeleted: ['epoch', 'endEpoch', 'wasCertified'],
  StoragePoolCreated: ['epoch', 'reservedEncodedCapacityBytes', 'startEpoch', 'endEpoch'],
  StoragePoolExtended: ['epoch', 'newEndEpoch'],
  PooledBlobRegistered: ['epoch', 'unencodedSize', 'deletable'],
  PooledBlobCertified: ['epoch', 'deletable'],
  PooledBlobDeleted: ['epoch', 'wasCertified'],
};

function briefOf(event: unknown): unknown[][] {
  const fields = event as Record<string, unknown>;
  const kind = fields['kind'] as string;
  const compared = COMPARED[kind];
  return compared === undefined ? [] : [[kind, ...compared.map((name) => fields[name])]];
}

/** Deep equality of plain values; `expect` says what differs, this is what makes long runs short. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => isSame(value, b[i]));
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
}
