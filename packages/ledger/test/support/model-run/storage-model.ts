/**
 * Space, blobs, shared blobs, attributes and storage pools, written a second time from their rules alone, for the model.
 * Every call checks all that can abort before it changes anything.
 */
import { abort, type Model, quorum } from './model.ts';

export interface ModelSpace {
  start: number;
  end: number;
  size: bigint;
}

/** Pairs in the order of their last update; undefined: no attributes at all. */
type Attributes = (readonly [string, string])[] | undefined;

interface Attributed {
  attributes: Attributes;
}

export interface ModelBlob extends Attributed {
  readonly space: ModelSpace;
  readonly size: bigint;
  readonly deletable: boolean;
  certified: number | undefined;
}

export interface ModelShared {
  readonly blob: ModelBlob;
  funds: bigint;
}

export interface ModelPooledBlob extends Attributed {
  readonly size: bigint;
  readonly deletable: boolean;
  certified: number | undefined;
}

export interface ModelPool {
  readonly space: ModelSpace;
  used: bigint;
  /** By a name of the blob id. */
  readonly blobs: Map<string, ModelPooledBlob>;
}

export interface BlobTerms {
  readonly size: bigint;
  readonly encodingType: number;
  readonly deletable: boolean;
  /** Whether root hash, size and encoding give the blob id. */
  readonly isIdRight: boolean;
}

/** What a committee says about a blob; signers by node. */
export interface ModelCertificate {
  readonly signers: readonly number[];
  readonly epoch: number;
  readonly type: number;
  readonly persistence: number;
  readonly isBlobRight: boolean;
  readonly isObjectRight: boolean;
}

/** An event, as its name and what of it is compared. */
export type Brief = readonly unknown[];

/** Bytes of all slivers and metadata. */
export function encodedLength(size: bigint, encodingType: number, shards: number): bigint {
  if (encodingType !== 1) abort('encoding::0');
  if (shards === 0) abort('ARITHMETIC_ERROR');
  const n = BigInt(shards);
  const faulty = (n - 1n) / 3n;
  const [rows, columns] = [n - 2n * faulty, n - faulty];
  let symbol = ((size > 1n ? size : 1n) - 1n) / (rows * columns) + 1n;
  symbol += symbol % 2n;
  if (symbol > 65_535n) abort('ARITHMETIC_ERROR');
  return n * ((rows + columns) * symbol + 64n * n + 32n);
}

export class StorageModel {
  readonly events: Brief[] = [];
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  get #epoch(): number {
    return this.#model.epoch;
  }

  /** Shards of the committee; none before the first epoch. */
  get #shards(): number {
    return [...this.#model.committee.values()].reduce((sum, { length }) => sum + length, 0);
  }

  encodedLength(size: bigint, encodingType: number): bigint {
    return encodedLength(size, encodingType, this.#shards);
  }

  reserve(size: bigint, from: number, to: number, funds: bigint): { space: ModelSpace; cost: bigint } {
    const start = Math.max(from, this.#epoch);
    if (to <= start || to > this.#epoch + this.#model.epochsAhead) abort('system_state_inner::2');
    const cost = this.#model.buy(size, start, to, funds, { mayBeEmpty: false });
    return { space: { start, end: to, size }, cost };
  }

  reserveAhead(size: bigint, epochs: number, funds: bigint): { space: ModelSpace; cost: bigint } {
    if (epochs === 0 || epochs > this.#model.epochsAhead) abort('system_state_inner::2');
    return this.reserve(size, this.#epoch, this.#epoch + epochs, funds);
  }

  splitByEpoch(space: ModelSpace, at: number): ModelSpace {
    if (at <= space.start || at >= space.end) abort('storage_resource::0');
    const rest = { start: at, end: space.end, size: space.size };
    space.end = at;
    return rest;
  }

  splitBySize(space: ModelSpace, size: bigint): ModelSpace {
    if (space.size < size) abort('storage_resource::2');
    const rest = { ...space, size: space.size - size };
    space.size = size;
    return rest;
  }

  fusePeriods(space: ModelSpace, other: ModelSpace): void {
    if (space.size !== other.size) abort('storage_resource::2');
    if (space.end === other.start) space.end = other.end;
    else if (space.start === other.end) space.start = other.start;
    else abort('storage_resource::1');
  }

  fuseAmount(space: ModelSpace, other: ModelSpace): void {
    if (space.start !== other.start || space.end !== other.end) abort('storage_resource::1');
    space.size += other.size;
  }

  fuse(space: ModelSpace, other: ModelSpace): void {
    if (space.start === other.start) this.fuseAmount(space, other);
    else this.fusePeriods(space, other);
  }

  register(space: ModelSpace, terms: BlobTerms, funds: bigint): { blob: ModelBlob; cost: bigint } {
    if (this.#epoch < space.start || this.#epoch >= space.end) abort('blob::2');
    const encoded = this.encodedLength(terms.size, terms.encodingType);
    if (encoded > space.size) abort('blob::3');
    if (!terms.isIdRight) abort('blob::6');
    const cost = this.#model.writeFee(encoded, funds);
    this.#model.give(this.#epoch, cost);
    const { size, deletable } = terms;
    this.events.push(['BlobRegistered', this.#epoch, size, space.end, deletable]);
    return { blob: { space, size, deletable, certified: undefined, attributes: undefined }, cost };
  }

  /** What is checked of every certificate. */
  #verify(certificate: ModelCertificate): void {
    const { committee } = this.#model;
    const weight = certificate.signers.reduce((sum, signer) => sum + committee.get(signer)!.length, 0);
    if (!quorum(weight, this.#shards)) abort('bls_aggregate::2');
    if (certificate.epoch !== this.#epoch) abort('messages::1');
    if (certificate.type !== 1) abort('messages::2');
    if (certificate.persistence > 1) abort('messages::4');
  }

  certify(blob: ModelBlob, certificate: ModelCertificate): void {
    this.#verify(certificate);
    if (!certificate.isBlobRight) abort('blob::6');
    if (blob.certified !== undefined) abort('blob::5');
    if (this.#epoch >= blob.space.end) abort('blob::2');
    if ((certificate.persistence === 1) !== blob.deletable) abort('blob::9');
    if (blob.deletable && !certificate.isObjectRight) abort('blob::10');
    blob.certified = this.#epoch;
    this.#certified(blob, false);
  }

  #certified(blob: ModelBlob, isExtension: boolean): void {
    this.events.push(['BlobCertified', blob.certified, blob.space.end, blob.deletable, isExtension]);
  }

  #requireCertified(blob: ModelBlob): void {
    if (blob.certified === undefined) abort('blob::0');
    if (this.#epoch >= blob.space.end) abort('blob::2');
  }

  extend(blob: ModelBlob, epochs: number, funds: bigint): bigint {
    this.#requireCertified(blob);
    const { end, size } = blob.space;
    if (epochs === 0 || end + epochs > this.#epoch + this.#model.epochsAhead) abort('system_state_inner::2');
    const cost = this.#model.buy(size, end, end + epochs, funds, { mayBeEmpty: true });
    blob.space.end += epochs;
    this.#certified(blob, true);
    return cost;
  }

  extendWithSpace(blob: ModelBlob, space: ModelSpace): void {
    this.#requireCertified(blob);
    if (space.end <= blob.space.end) abort('blob::2');
    this.fusePeriods(blob.space, space);
    this.#certified(blob, true);
  }

  /** The space it had. */
  delete(blob: ModelBlob): ModelSpace {
    if (!blob.deletable) abort('blob::1');
    if (blob.space.end <= this.#epoch) abort('blob::2');
    this.events.push(['BlobDeleted', this.#epoch, blob.space.end, blob.certified !== undefined]);
    return blob.space;
  }

  extendShared(shared: ModelShared, epochs: number): void {
    shared.funds -= this.extend(shared.blob, epochs, shared.funds);
  }

  /** The calls that change attributes, and what they return; `module` is whose aborts they have. */
  changeAttributes(on: Attributed, call: AttributeCall, module: 'blob' | 'storage_pool'): unknown {
    const [duplicate, missing] = module === 'blob' ? [7, 8] : [12, 13];
    const { attributes } = on;
    const without = (key: string) => (attributes ?? []).filter(([other]) => other !== key);
    switch (call.kind) {
      case 'add':
        if (attributes !== undefined) abort(`${module}::${duplicate}`);
        on.attributes = pairsOf(call.pairs);
        return null;
      case 'replace':
        on.attributes = pairsOf(call.pairs);
        return attributes ?? null;
      case 'take':
        if (attributes === undefined) abort(`${module}::${missing}`);
        on.attributes = undefined;
        return attributes;
      case 'put':
        on.attributes = [...without(call.key), [call.key, call.value]];
        return null;
      default: {
        if (attributes === undefined) abort(`${module}::${missing}`);
        const value = attributes.find(([key]) => key === call.key)?.[1];
        if (value === undefined && call.kind === 'remove') abort('vec_map::1');
        on.attributes = without(call.key);
        return call.kind === 'remove' ? call.key : (value ?? null);
      }
    }
  }

  createPool(space: ModelSpace): ModelPool {
    this.events.push(['StoragePoolCreated', this.#epoch, space.size, space.start, space.end]);
    return { space, used: 0n, blobs: new Map() };
  }

  createPoolWithSpace(space: ModelSpace): ModelPool {
    if (space.size === 0n) abort('system_state_inner::11');
    if (space.start > this.#epoch || space.end <= this.#epoch) abort('system_state_inner::2');
    return this.createPool(space);
  }

  extendPool({ space }: ModelPool, epochs: number, funds: bigint): bigint {
    const isPossible =
      epochs > 0 && space.end > this.#epoch && space.end + epochs <= this.#epoch + this.#model.epochsAhead;
    if (!isPossible) abort('system_state_inner::2');
    const cost = this.#model.buy(space.size, space.end, space.end + epochs, funds, { mayBeEmpty: true });
    space.end += epochs;
    this.events.push(['StoragePoolExtended', this.#epoch, space.end]);
    return cost;
  }

  #requireLive({ space }: ModelPool): void {
    if (space.end <= this.#epoch) abort('system_state_inner::2');
  }

  growPool(pool: ModelPool, size: bigint, funds: bigint): bigint {
    if (size === 0n) abort('system_state_inner::11');
    this.#requireLive(pool);
    const cost = this.#model.buy(size, this.#epoch, pool.space.end, funds, { mayBeEmpty: true });
    pool.space.size += size;
    return cost;
  }

  growPoolWithSpace(pool: ModelPool, space: ModelSpace): void {
    this.#requireLive(pool);
    if (space.start > this.#epoch) abort('storage_pool::1');
    if (space.end !== pool.space.end) abort('storage_pool::11');
    pool.space.size += space.size;
  }

  shrinkPool(pool: ModelPool, size: bigint): ModelSpace {
    this.#requireLive(pool);
    if (size === 0n) abort('system::2');
    if (pool.space.size - pool.used < size) abort('storage_pool::6');
    pool.space.size -= size;
    return { ...pool.space, size };
  }

  shrinkPoolByPercent(pool: ModelPool, percent: number): ModelSpace {
    if (percent > 100) abort('storage_pool::14');
    this.#requireLive(pool);
    return this.shrinkPool(pool, ((pool.space.size - pool.used) * BigInt(percent)) / 100n);
  }

  destroyPool(pool: ModelPool): ModelSpace {
    if (pool.blobs.size > 0) abort('storage_pool::7');
    return pool.space;
  }

  registerPooled(pool: ModelPool, name: string, terms: BlobTerms, funds: bigint): bigint {
    const { space, blobs } = pool;
    if (space.start > this.#epoch || space.end <= this.#epoch) abort('system_state_inner::2');
    const encoded = this.encodedLength(terms.size, terms.encodingType);
    if (!terms.isIdRight) abort('storage_pool::3');
    if (pool.used + encoded > space.size) abort('storage_pool::6');
    if (blobs.has(name)) abort('dynamic_field::0');
    const cost = this.#model.writeFee(encoded, funds);
    this.#model.give(this.#epoch, cost);
    pool.used += encoded;
    const { size, deletable } = terms;
    blobs.set(name, { size, deletable, certified: undefined, attributes: undefined });
    this.events.push(['PooledBlobRegistered', this.#epoch, size, deletable]);
    return cost;
  }

  pooled(pool: ModelPool, name: string): ModelPooledBlob {
    return pool.blobs.get(name) ?? abort('dynamic_field::1');
  }

  certifyPooled(pool: ModelPool, name: string, certificate: ModelCertificate): void {
    this.#verify(certificate);
    const blob = this.pooled(pool, name);
    if (!certificate.isBlobRight) abort('storage_pool::3');
    if (this.#epoch >= pool.space.end) abort('storage_pool::1');
    if (blob.certified !== undefined) abort('storage_pool::2');
    if ((certificate.persistence === 1) !== blob.deletable) abort('storage_pool::4');
    if (blob.deletable && !certificate.isObjectRight) abort('storage_pool::5');
    blob.certified = this.#epoch;
    this.events.push(['PooledBlobCertified', this.#epoch, blob.deletable]);
  }

  deletePooled(pool: ModelPool, name: string): void {
    this.#requireLive(pool);
    const blob = this.pooled(pool, name);
    if (!blob.deletable) abort('storage_pool::0');
    this.#removePooled(pool, name);
    this.events.push(['PooledBlobDeleted', this.#epoch, blob.certified !== undefined]);
  }

  burnExpired(pool: ModelPool, name: string): void {
    if (pool.space.end > this.#epoch) abort('system_state_inner::2');
    this.#removePooled(pool, name);
  }

  #removePooled(pool: ModelPool, name: string): void {
    pool.used -= this.encodedLength(this.pooled(pool, name).size, 1);
    pool.blobs.delete(name);
  }

  /** What buckets require before anything else. */
  requireBucket(pool: ModelPool, isCapRight: boolean): void {
    if (!isCapRight) abort('blob_bucket::0');
    if (pool.space.end <= this.#epoch) abort('blob_bucket_inner_v1::0');
  }
}

export type AttributeCall =
  | { readonly kind: 'add' | 'replace'; readonly pairs: readonly (readonly [string, string])[] }
  | { readonly kind: 'take' }
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'remove' | 'remove if exists'; readonly key: string };

/** Pairs as insertion after insertion leaves them. */
function pairsOf(pairs: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return pairs.filter(([key], i) => !pairs.slice(i + 1).some(([later]) => later === key));
}
