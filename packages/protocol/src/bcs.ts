/**
 * BCS, strictly: little-endian integers, ULEB128 lengths and enum tags in their shortest form, maps sorted by the bytes
 * of their keys, nothing after the end.
 *
 * The reader returns views of its input and never allocates by a number that the input claims: a count is checked
 * against the bytes that are left before anything is made from it.
 */
import { assert, compareBytes } from '@floe/platform';
import { errors } from './errors.ts';

const MAX_ULEB = 0xffff_ffff;
const MAX_U64 = (1n << 64n) - 1n;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names and other short texts are nearly all ASCII; setting the platform's decoder up costs more than reading them. */
const SHORT_TEXT_BYTES = 48;

/** Undefined when there is more than ASCII in it. */
function shortAscii(bytes: Uint8Array): string | undefined {
  const codes: number[] = [];
  for (const byte of bytes) {
    if (byte > 127) return undefined;
    codes.push(byte);
  }
  return String.fromCharCode.apply(undefined, codes);
}

/** Number of bytes of `value` as ULEB128. */
export function ulebSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Reads one value of BCS; `what` names it in errors. All errors are INVALID_BCS. */
export class BcsReader {
  #offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;

  constructor(bytes: Uint8Array, what: string) {
    // A plain view also of a Node.js Buffer, whose slice() would not copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(field = 'a u8'): number {
    return this.#bytes[this.#take(1, field)] as number;
  }

  u16(field = 'a u16'): number {
    return this.#view.getUint16(this.#take(2, field), true);
  }

  u32(field = 'a u32'): number {
    return this.#view.getUint32(this.#take(4, field), true);
  }

  u64(field = 'a u64'): bigint {
    return this.#view.getBigUint64(this.#take(8, field), true);
  }

  /** A u64 that must fit a double exactly. */
  u64Number(field = 'a u64 below 2^53'): number {
    const at = this.#offset;
    const value = this.u64(field);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.#fail(at, `${field} below 2^53`, value.toString());
    return Number(value);
  }

  /** `size` raw bytes, as a view. */
  fixed(size: number, field = 'bytes'): Uint8Array {
    const at = this.#take(size, field);
    return this.#bytes.subarray(at, at + size);
  }

  /** A ULEB128 up to 2^32 - 1, in its shortest form. */
  uleb(field = 'a length'): number {
    const at = this.#offset;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8(field);
      value += (byte & 0x7f) * scale;
      if (value > MAX_ULEB) this.#fail(at, `${field} up to ${MAX_ULEB}`, 'a larger one');
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) this.#fail(at, `${field} in its shortest form`, 'a longer one');
        return value;
      }
      scale *= 128;
      // Five groups hold 35 bits; a sixth could only be zero padding.
      if (scale > 2 ** 28) this.#fail(at, `${field} of at most 5 bytes`, 'more');
    }
  }

  /** Length-prefixed bytes, as a view. */
  bytes(field = 'bytes'): Uint8Array {
    return this.fixed(this.uleb(field), field);
  }

  /** Length-prefixed UTF-8. */
  string(field = 'a text'): string {
    const at = this.#offset;
    const raw = this.bytes(field);
    try {
      return raw.length <= SHORT_TEXT_BYTES ? (shortAscii(raw) ?? decoder.decode(raw)) : decoder.decode(raw);
    } catch {
      return this.#fail(at, `${field} in UTF-8`, 'other bytes');
    }
  }

  /** A length whose elements take at least `minElementBytes` each, so that it cannot exceed what is left. */
  count(minElementBytes: number, maxCount: number, field = 'a list'): number {
    const at = this.#offset;
    const count = this.uleb(field);
    if (count > maxCount) this.#fail(at, `${field} of at most ${maxCount} elements`, `${count}`);
    if (count * minElementBytes > this.remaining) {
      this.#fail(at, `${field} of at most ${Math.floor(this.remaining / minElementBytes)} elements`, `${count}`);
    }
    return count;
  }

  /** A list whose elements take at least `minElementBytes` each. */
  vector<T>(read: (reader: BcsReader) => T, minElementBytes: number, maxCount: number, field = 'a list'): T[] {
    const count = this.count(minElementBytes, maxCount, field);
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) items.push(read(this));
    return items;
  }

  /** A map, whose keys must stand in strictly ascending order of their bytes. */
  map<K, V>(
    readKey: (reader: BcsReader) => K,
    readValue: (reader: BcsReader) => V,
    minEntryBytes: number,
    maxCount: number,
    field = 'a map',
  ): [K, V][] {
    const count = this.count(minEntryBytes, maxCount, field);
    const entries: [K, V][] = [];
    let previous: Uint8Array | undefined;
    for (let i = 0; i < count; i += 1) {
      const at = this.#offset;
      const key = readKey(this);
      const keyBytes = this.#bytes.subarray(at, this.#offset);
      if (previous !== undefined && compareBytes(previous, keyBytes) >= 0) {
        this.#fail(at, `keys of ${field} in ascending order`, 'a key not after the one before it');
      }
      previous = keyBytes;
      entries.push([key, readValue(this)]);
    }
    return entries;
  }

  /** An enum tag: one of `variants` by position. */
  variant<T extends string>(variants: readonly T[], field = 'an enum tag'): T {
    const at = this.#offset;
    const tag = this.uleb(field);
    return variants[tag] ?? this.#fail(at, `${field}, one of ${variants.join(', ')}`, `tag ${tag}`);
  }

  /** Ends the value: nothing may be left. */
  end(): void {
    if (this.remaining !== 0) this.#fail(this.#offset, 'the end', `${this.remaining} more bytes`);
  }

  /** Refuses the byte or field at `offset`. */
  fail(expected: string, came: string, offset = this.#offset): never {
    return this.#fail(offset, expected, came);
  }

  #take(size: number, field: string): number {
    const at = this.#offset;
    if (at + size > this.#bytes.length)
      this.#fail(at, `${field} (${size} bytes)`, `${this.remaining} bytes and the end`);
    this.#offset = at + size;
    return at;
  }

  #fail(offset: number, expected: string, came: string): never {
    throw errors.INVALID_BCS({ what: this.#what, offset, expected, came });
  }
}

/** Decodes exactly one value from all of `bytes`. */
export function decodeBcs<T>(bytes: Uint8Array, what: string, read: (reader: BcsReader) => T): T {
  const reader = new BcsReader(bytes, what);
  const value = read(reader);
  reader.end();
  return value;
}

interface Spare {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
}

/**
 * Buffers of writers that finished, for the next ones: most values are small, and a buffer and a view for each costs more
 * than writing it. As many as writers are usually at work at once, one in the middle of another's value.
 */
const spares: Spare[] = [];
const MAX_SPARES = 4;
const SPARE_BYTES = 16_384;
const NOTHING = new Uint8Array(0);

function takeSpare(): Spare {
  const spare = spares.pop();
  if (spare !== undefined) return spare;
  const bytes = new Uint8Array(SPARE_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}

function giveBack(bytes: Uint8Array<ArrayBuffer>, view: DataView): void {
  if (spares.length < MAX_SPARES) spares.push({ bytes, view });
}

/** Writes BCS into a buffer that grows. Wrong ranges are bugs of the caller, hence assertions. */
export class BcsWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #size = 0;

  /** @param initialSizeBytes for large values, exactly or nearly what will be written */
  constructor(initialSizeBytes = 128) {
    if (initialSizeBytes > SPARE_BYTES) {
      this.#bytes = new Uint8Array(initialSizeBytes);
      this.#view = new DataView(this.#bytes.buffer);
      return;
    }
    const { bytes, view } = takeSpare();
    this.#bytes = bytes;
    this.#view = view;
  }

  u8(value: number): this {
    assertInteger(value, 0xff);
    const at = this.#grow(1); // first: it may replace the buffer
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    assertInteger(value, 0xffff);
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    assertInteger(value, 0xffff_ffff);
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number | bigint): this {
    const wide = typeof value === 'bigint' ? value : BigInt(value);
    if (wide < 0n || wide > MAX_U64) assert(false, 'a u64 is from 0 to 2^64 - 1', { value: wide });
    const at = this.#grow(8);
    this.#view.setBigUint64(at, wide, true);
    return this;
  }

  uleb(value: number): this {
    assertInteger(value, MAX_ULEB);
    let rest = value;
    while (rest >= 128) {
      this.u8((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  /** Raw bytes without a length. */
  fixed(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Length-prefixed bytes. */
  bytes(bytes: Uint8Array): this {
    return this.uleb(bytes.length).fixed(bytes);
  }

  /** Length-prefixed UTF-8. */
  string(text: string): this {
    return this.bytes(encoder.encode(text));
  }

  vector<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.uleb(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** A map; sorts by the bytes of the keys. Keys must be distinct. */
  map<K, V>(
    entries: Iterable<readonly [K, V]>,
    key: (writer: BcsWriter, key: K) => void,
    value: (writer: this, value: V) => void,
  ): this {
    const sorted = [...entries]
      .map(([k, v]) => {
        const writer = new BcsWriter(16);
        key(writer, k);
        return { bytes: writer.finish(), value: v };
      })
      .sort((a, b) => compareBytes(a.bytes, b.bytes));
    this.uleb(sorted.length);
    for (const [i, entry] of sorted.entries()) {
      const before = sorted[i - 1];
      assert(before === undefined || compareBytes(before.bytes, entry.bytes) !== 0, 'keys of a map are distinct');
      this.fixed(entry.bytes);
      value(this, entry.value);
    }
    return this;
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes;
    if (bytes.length !== SPARE_BYTES) return bytes.subarray(0, this.#size);
    // A copy of its exact size is cheaper than a buffer of its own, and the next writer takes this one.
    const written = bytes.slice(0, this.#size);
    giveBack(bytes, this.#view);
    this.#bytes = NOTHING;
    return written;
  }

  /** Hands what was written to `use` as a view that is only good during the call: for hashing without a copy. */
  with<T>(use: (bytes: Uint8Array<ArrayBuffer>) => T): T {
    const bytes = this.#bytes;
    const result = use(bytes.subarray(0, this.#size));
    if (bytes.length === SPARE_BYTES) giveBack(bytes, this.#view);
    this.#bytes = NOTHING;
    return result;
  }

  /** Makes room and gives its offset; may replace the buffer and its view. */
  #grow(size: number): number {
    const at = this.#size;
    this.#size += size;
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** Encodes one value. `sizeHintBytes`, when exact, avoids growing. */
export function encodeBcs(write: (writer: BcsWriter) => void, sizeHintBytes?: number): Uint8Array<ArrayBuffer> {
  const writer = new BcsWriter(sizeHintBytes);
  write(writer);
  return writer.finish();
}

function assertInteger(value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  // Only here: what names the failure costs more than the check, which is made for every integer written.
  assert(false, 'an integer in range', { value, max });
}
