/**
 * A page of the state tree: sixteen slots under one prefix, and the binary nodes above them.
 *
 * All hashes and keys of a page lie in one array: thousands of pages are kept and replaced all the time, and as objects
 * they would be most of what the garbage collector has to look at. Nodes are hashed when they are asked for.
 */
import { BcsWriter } from '@floe/protocol';
import { errors } from './errors.ts';
import { blake2b256 } from './hash.ts';

const SLOTS = 16;
const PAGE_VERSION = 1;
const HASH_BYTES = 32;

/** Hashes in heap order: 1 is the top, 8..15 are above the slots, 16..31 are the slots; then the keys of leaves. */
const KEYS_AT = 2 * SLOTS * HASH_BYTES;
const PAGE_BYTES = KEYS_AT + SLOTS * HASH_BYTES;

/** What stands in a slot that is not empty; arrays are views of the page. */
export type Slot =
  | { readonly kind: 'leaf'; readonly key: Uint8Array; readonly hash: Uint8Array }
  | { readonly kind: 'page'; readonly hash: Uint8Array };

export interface Node {
  readonly hash: Uint8Array;
  /** Whether it is a single leaf, which rises past empty siblings. */
  readonly single: boolean;
}

const EMPTY = new Uint8Array(HASH_BYTES);
const NODE_BYTES = 1 + 2 * HASH_BYTES;
const nodeInput = new Uint8Array(NODE_BYTES).fill(1, 0, 1);

/** blake2b256(01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return blake2b256(nodeInput);
}

export class TreePage {
  readonly #bytes: Uint8Array;
  /** Bits by heap index: what is there; what is a single leaf; which nodes are up to date. */
  #filled: number;
  #single: number;
  #known: number;

  private constructor(bytes: Uint8Array, filled: number, single: number, known: number) {
    this.#bytes = bytes;
    this.#filled = filled;
    this.#single = single;
    this.#known = known;
  }

  static empty(): TreePage {
    return new TreePage(new Uint8Array(PAGE_BYTES), 0, 0, 0);
  }

  copy(): TreePage {
    return new TreePage(this.#bytes.slice(), this.#filled, this.#single, this.#known);
  }

  /** Whether the slot is the hash of a page below. */
  hasPage(slot: number): boolean {
    return bit(this.#filled, SLOTS + slot) && !bit(this.#single, SLOTS + slot);
  }

  slot(slot: number): Slot | undefined {
    const index = SLOTS + slot;
    if (!bit(this.#filled, index)) return undefined;
    const hash = this.#hashAt(index);
    return bit(this.#single, index) ? { kind: 'leaf', key: this.#keyAt(slot), hash } : { kind: 'page', hash };
  }

  set(slot: number, value: Slot | undefined): void {
    const index = SLOTS + slot;
    this.#mark(index, value !== undefined, value?.kind === 'leaf');
    if (value !== undefined) this.#bytes.set(value.hash, index * HASH_BYTES);
    if (value?.kind === 'leaf') this.#bytes.set(value.key, KEYS_AT + slot * HASH_BYTES);
    for (let above = index >> 1; above >= 1; above >>= 1) this.#known &= ~(1 << above);
  }

  /** False when what it holds, nothing or one leaf, stands in the page above instead. */
  get isWorthKeeping(): boolean {
    const slots = this.#filled >>> SLOTS;
    const isOne = (slots & (slots - 1)) === 0;
    return slots !== 0 && !(isOne && this.#single >>> SLOTS === slots);
  }

  /** Whether pages stand below it and no leaf in it: then all it holds follows from those pages. */
  get isDerivable(): boolean {
    const slots = this.#filled >>> SLOTS;
    return slots !== 0 && this.#single >>> SLOTS === 0;
  }

  firstSlot(): Slot | undefined {
    const slots = this.#filled >>> SLOTS;
    return slots === 0 ? undefined : this.slot(31 - Math.clz32(slots & -slots));
  }

  /** A node, or a slot, by its heap index; undefined when it is empty. The hash is a view. */
  node(index: number): Node | undefined {
    this.#fill();
    return bit(this.#filled, index) ? { hash: this.#hashAt(index), single: bit(this.#single, index) } : undefined;
  }

  /** The hash of all that stands here, 32 zero bytes when nothing does. A view. */
  hash(): Uint8Array {
    this.#fill();
    return bit(this.#filled, 1) ? this.#hashAt(1) : EMPTY;
  }

  /** `version ‖ bitmap of leaves u16be ‖ bitmap of pages u16be ‖ per slot in order: leaf key ‖ hash, or hash`. */
  encode(): Uint8Array {
    const leaves = this.#single >>> SLOTS;
    const pages = (this.#filled >>> SLOTS) & ~leaves;
    const writer = new BcsWriter(5 + 2 * HASH_BYTES * SLOTS).u8(PAGE_VERSION);
    writer.u8(leaves >> 8).u8(leaves & 255);
    writer.u8(pages >> 8).u8(pages & 255);
    for (let slot = 0; slot < SLOTS; slot += 1) {
      if (bit(leaves, slot)) writer.fixed(this.#keyAt(slot));
      if (bit(leaves | pages, slot)) writer.fixed(this.#hashAt(SLOTS + slot));
    }
    return writer.finish();
  }

  /** The inverse of {@link encode}. @throws LEDGER_CORRUPT */
  static decode(path: string, bytes: Uint8Array): TreePage {
    const corrupt = (reason: string) => errors.LEDGER_CORRUPT({ what: `page ${path} of the state tree`, reason });
    if (bytes[0] !== PAGE_VERSION || bytes.length < 5) throw corrupt(`format ${bytes[0]}`);
    const leaves = ((bytes[1] as number) << 8) | (bytes[2] as number);
    const pages = ((bytes[3] as number) << 8) | (bytes[4] as number);
    const page = TreePage.empty();
    let at = 5;
    const take = () => bytes.subarray(at, (at += HASH_BYTES));
    for (let slot = 0; slot < SLOTS; slot += 1) {
      if (!bit(leaves | pages, slot)) continue;
      if (bytes.length < at + (bit(leaves, slot) ? 2 : 1) * HASH_BYTES) throw corrupt(`${bytes.length} bytes`);
      page.set(slot, bit(leaves, slot) ? { kind: 'leaf', key: take(), hash: take() } : { kind: 'page', hash: take() });
    }
    if (at !== bytes.length) throw corrupt(`${bytes.length} bytes, expected ${at}`);
    return page;
  }

  #hashAt(index: number): Uint8Array {
    return this.#bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  #keyAt(slot: number): Uint8Array {
    return this.#bytes.subarray(KEYS_AT + slot * HASH_BYTES, KEYS_AT + (slot + 1) * HASH_BYTES);
  }

  #mark(index: number, isFilled: boolean, isSingle: boolean): void {
    const mask = 1 << index;
    this.#filled = isFilled ? this.#filled | mask : this.#filled & ~mask;
    this.#single = isSingle ? this.#single | mask : this.#single & ~mask;
  }

  #fill(): void {
    // Heap order: children stand after their parent, so that filling from the end sees them first.
    for (let index = SLOTS - 1; index >= 1; index -= 1) {
      if (bit(this.#known, index)) continue;
      this.#known |= 1 << index;
      this.#fillNode(index);
    }
  }

  #fillNode(index: number): void {
    const [left, right] = [2 * index, 2 * index + 1];
    const [hasLeft, hasRight] = [bit(this.#filled, left), bit(this.#filled, right)];
    if (hasLeft !== hasRight && bit(this.#single, hasLeft ? left : right)) {
      const only = hasLeft ? left : right;
      this.#mark(index, true, true);
      this.#bytes.copyWithin(index * HASH_BYTES, only * HASH_BYTES, (only + 1) * HASH_BYTES);
      return;
    }
    this.#mark(index, hasLeft || hasRight, false);
    if (!hasLeft && !hasRight) return;
    const [from, middle] = [left * HASH_BYTES, right * HASH_BYTES];
    // The two lie side by side; an empty one counts as zeros.
    nodeInput.set(this.#bytes.subarray(from, middle + HASH_BYTES), 1);
    if (!hasLeft) nodeInput.fill(0, 1, 1 + HASH_BYTES);
    if (!hasRight) nodeInput.fill(0, 1 + HASH_BYTES);
    this.#bytes.set(blake2b256(nodeInput), index * HASH_BYTES);
  }
}

function bit(bits: number, index: number): boolean {
  return ((bits >>> index) & 1) === 1;
}
