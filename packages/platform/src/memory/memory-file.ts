/**
 * Bytes of one simulated file: what programs see, what the disk holds, and the writes between the two.
 *
 * Crash model: data is kept in sectors of 512 bytes. Of the writes since the last sync each sector is kept or lost by
 * itself, whatever the order in which they were written; a length that grew may be kept without its data (which then
 * reads as zeros), a truncation may be lost. Of a page of 4 KiB that broke nothing can
 * be read any more: programs see a disk through a cache of such pages.
 */
import { assert } from '../errors.ts';
import type { Rng } from '../time.ts';

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

export class MemoryFile {
  readonly #seen = new GrowingBytes();
  readonly #durable = new GrowingBytes();
  #unsynced: Change[] = [];
  readonly #broken = new Set<number>();
  #changes = 0;

  /** Writes and truncations so far. */
  get changes(): number {
    return this.#changes;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Undefined when a broken page is among what there is to read. */
  read(target: Uint8Array, offset: number): number | undefined {
    const end = Math.min(offset + target.length, this.size);
    for (const page of this.#broken) {
      if (page * PAGE_BYTES < end && (page + 1) * PAGE_BYTES > offset) return undefined;
    }
    const found = this.#seen.view().subarray(offset, offset + target.length);
    target.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#changes += 1;
    this.#seen.write(bytes, offset);
    this.#unsynced.push({ kind: 'write', offset, bytes: bytes.slice() });
  }

  truncate(size: number): void {
    this.#changes += 1;
    this.#seen.resize(size);
    this.#unsynced.push({ kind: 'truncate', size });
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.#durable, change);
    this.#unsynced = [];
  }

  /** What is found after a crash. */
  crash(rng: Rng): void {
    for (const change of this.#unsynced) {
      if (change.kind === 'truncate') {
        if (rng.below(2) === 0) apply(this.#durable, change);
      } else {
        this.#keepSomeSectors(change.offset, change.bytes, rng);
      }
    }
    this.#unsynced = [];
    this.#seen.become(this.#durable);
  }

  /** Turns one bit over, on the disk and in what programs see. */
  flipBit(offset: number, bit: number): void {
    assert(offset < this.size, 'a flipped bit must lie inside the file', { offset, size: this.size });
    for (const bytes of [this.#seen, this.#durable]) {
      if (offset < bytes.size) (bytes.view()[offset] as number) ^= 1 << bit;
    }
  }

  /** Breaks the page that the byte at `offset` is in. */
  breakPage(offset: number): void {
    assert(offset < this.size, 'a broken page must lie inside the file', { offset, size: this.size });
    this.#broken.add(Math.floor(offset / PAGE_BYTES));
  }

  #keepSomeSectors(offset: number, bytes: Uint8Array, rng: Rng): void {
    // Often all or nothing, because that is what disks mostly do; else a mixture.
    const fate = rng.below(4);
    if (fate === 0) return;
    let position = 0;
    while (position < bytes.length) {
      const inSector = SECTOR_BYTES - ((offset + position) % SECTOR_BYTES);
      const part = bytes.subarray(position, position + inSector);
      if (fate === 1 || rng.below(2) === 0) this.#durable.write(part, offset + position);
      position += part.length;
    }
    // The length may outlive the data.
    if (rng.below(4) === 0) this.#durable.resize(Math.max(this.#durable.size, offset + bytes.length));
  }
}

function apply(target: GrowingBytes, change: Change): void {
  if (change.kind === 'write') target.write(change.bytes, change.offset);
  else target.resize(change.size);
}

/** An array whose length changes; gaps read as zeros. */
class GrowingBytes {
  #buffer = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.#size) this.resize(offset + bytes.length);
    this.#buffer.set(bytes, offset);
  }

  resize(size: number): void {
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, this.#buffer.length * 2));
      larger.set(this.view());
      this.#buffer = larger;
    }
    if (size < this.#size) this.#buffer.fill(0, size, this.#size);
    this.#size = size;
  }

  become(other: GrowingBytes): void {
    this.#buffer = other.view().slice();
    this.#size = other.size;
  }
}
