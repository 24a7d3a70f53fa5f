/** The tables of the node's key-value store, and their fixed-size field codecs. All integers little-endian in values,
 * big-endian in keys, so that keys order by number. */

export const tables = {
  /** Sliver key -> where its record is. */
  slivers: 'slivers',
  /** Segment id -> what of it is durable and live. */
  segments: 'segments',
  /** Sliver key -> where a damaged record was found. */
  damaged: 'damaged',
  /** Blob id -> BCS BlobMetadata. */
  metadata: 'metadata',
  /** Blob id -> aggregate row. */
  blobs: 'blobs',
  /** Blob object id -> per-object row. */
  objects: 'objects',
  /** Storage pool id -> end epoch. */
  pools: 'pools',
  /** Shard index -> status. */
  shards: 'shards',
  /** Epoch and node -> what the challenges that this node put to it came to. */
  challenges: 'challenges',
  /** Single rows: cursor, sequence counters, ledger identity. */
  state: 'state',
} as const;

/**
 * Tables whose rows are kept when the database is damaged: they prove themselves against the key they stand under. All others are made anew from
 * segments and ledger.
 */
export const SALVAGED_TABLES: readonly string[] = [tables.metadata];

/**
 * Tables that grow with what clients send. When the database is nearly as large as it may be, their rows are refused first: what the ledger says
 * can be noted for longer, and with it what may be removed.
 */
export const REFUSED_FIRST_TABLES: readonly string[] = [tables.metadata, tables.slivers];

/** Appends fixed-size fields to a row. */
export class RowWriter {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >>> 8);
  }

  u32(value: number): this {
    return this.u16(value & 0xffff).u16(value >>> 16);
  }

  u64(value: number | bigint): this {
    const wide = BigInt(value);
    return this.u32(Number(wide & 0xffff_ffffn)).u32(Number((wide >> 32n) & 0xffff_ffffn));
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** A short text with its length. */
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    return this.u16(bytes.length).raw(bytes);
  }

  optional<T>(value: T | undefined, write: (row: this, present: T) => void): this {
    this.u8(value === undefined ? 0 : 1);
    if (value !== undefined) write(this, value);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what {@link RowWriter} wrote; calls `fail` for a row that is too short, too long or malformed. */
export class RowReader {
  readonly #bytes: Uint8Array;
  readonly #fail: (why: string) => Error;
  #offset = 0;

  constructor(bytes: Uint8Array, fail: (why: string) => Error) {
    this.#bytes = bytes;
    this.#fail = fail;
  }

  u8(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw this.#fail(`ends after ${this.#bytes.length} bytes`);
    this.#offset += 1;
    return byte;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return this.u16() + this.u16() * 65_536;
  }

  u64(): bigint {
    return BigInt(this.u32()) + (BigInt(this.u32()) << 32n);
  }

  /** A u64 that must fit a safe integer: sizes and counters. */
  size(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.#fail(`number ${value} is out of range`);
    return Number(value);
  }

  raw(length: number): Uint8Array {
    if (this.#offset + length > this.#bytes.length) throw this.#fail(`ends after ${this.#bytes.length} bytes`);
    const bytes = this.#bytes.slice(this.#offset, this.#offset + length);
    this.#offset += length;
    return bytes;
  }

  text(): string {
    return new TextDecoder().decode(this.raw(this.u16()));
  }

  optional<T>(read: (row: this) => T): T | undefined {
    const tag = this.u8();
    if (tag > 1) throw this.#fail(`option tag ${tag}`);
    return tag === 1 ? read(this) : undefined;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length)
      throw this.#fail(`has ${this.#bytes.length - this.#offset} bytes too many`);
  }
}
