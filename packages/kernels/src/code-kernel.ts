/**
 * Reed-Solomon codewords and Merkle trees in WebAssembly memory.
 *
 * The kernel works on areas of its own memory that the caller fills and empties between calls; nothing else is kept, so
 * jobs that alternate on one kernel cannot disturb each other as long as each lays out, fills, computes and empties
 * without a pause. Memory only grows while an instance lives; {@link CodeKernel.trim} drops an instance that has grown
 * large.
 *
 * Symbols are addressed as (lane, slot): the position in a codeword, and which of several independent codewords.
 */
import { type DecodePlan, type LineCode, isHighRate, powerOfTwoFrom } from './code-points.ts';
import { fieldTables, multiply } from './field.ts';
import { codeRelaxedWasm } from './generated/code-relaxed-wasm.ts';
import { codeTriplesWasm } from './generated/code-triples-wasm.ts';
import { codeWasm } from './generated/code-wasm.ts';
import { KEPT_MEMORY_SIZE, MAX_STRIP_SIZE, MIN_STRIP_SIZE, WORK_SIZE } from './limits.ts';
import { FIRST_PAGES, MAX_PAGES, instantiateOn, suited } from './wasm.ts';

interface CodeExports {
  heapBase(): number;
  products(): number;
  lift(): number;
  finishTables(): void;
  encodeLanes(k: number, r: number): number;
  setSource(base: number, laneStep: number, slotStep: number, size: number, slots: number): void;
  setTarget(base: number, laneStep: number, slotStep: number): void;
  encode(k: number, r: number, nonZero: number, work: number, width: number): void;
  decode(
    plan: number,
    received: number,
    missing: number,
    size: number,
    limit: number,
    start: number,
    end: number,
    work: number,
    width: number,
  ): void;
  hashLeaves(
    base: number,
    laneStep: number,
    slotStep: number,
    size: number,
    lanes: number,
    slots: number,
    out: number,
  ): void;
  reduceRows(nodes: number, rows: number, length: number, out: number): void;
  reduceColumns(nodes: number, length: number, slots: number, sameFrom: number, sameTo: number, same: number): void;
  ownSize(): number;
  useOwn(address: number): void;
  makeLeafTable(table: number): void;
  useLeafTable(table: number): void;
  copySymbols(
    from: number,
    fromLane: number,
    fromSlot: number,
    to: number,
    toLane: number,
    toSlot: number,
    size: number,
    lanes: number,
    slots: number,
  ): void;
}

/** Where symbols are: the one of (lane, slot) is at `address + lane * laneStep + slot * slotStep`. */
export interface SymbolArray {
  readonly address: number;
  readonly laneStep: number;
  readonly slotStep: number;
}

/** Size of the symbols of a call, in bytes (even), and how many codewords there are. */
export interface SymbolShape {
  readonly symbolSize: number;
  readonly slots: number;
}

const PAGE_SIZE = 65_536;
/** Areas keep this far apart: kernels may read a byte before an area, and cache lines are not shared. */
const AREA_GAP = 64;
/** Lanes may lie this much further apart than they are wide. */
const LANE_GAP = 64;
/** What kernels keep in memory while they run: padded blocks and states of hashes, tails of symbols. */
const OWN_SIZE = 8 * 1024;

interface Instance {
  readonly wasm: CodeExports;
  readonly memory: WebAssembly.Memory;
  bytes: Uint8Array<ArrayBuffer>;
}

/** WebAssembly memory could not grow: its addresses end at 4 GiB, the machine's memory perhaps before. */
export class KernelMemoryError extends RangeError {
  override readonly name = 'KernelMemoryError';
  /** Bytes that the memory should have had. */
  readonly sizeBytes: number;

  constructor(sizeBytes: number, cause: unknown) {
    super(`kernel memory cannot grow to ${sizeBytes} bytes`, { cause });
    this.sizeBytes = sizeBytes;
  }
}

/** A memory, which threads may share, and the part of it that one kernel works in: {@link kernelAreaSize} bytes at `area`. */
export interface SharedPlace {
  readonly memory: WebAssembly.Memory;
  readonly area: number;
}

/** A memory for threads to share, at least `sizeBytes` large. @throws KernelMemoryError */
export function createSharedMemory(sizeBytes: number): WebAssembly.Memory {
  return createMemory(sizeBytes, { shared: true });
}

/** A memory, at least `sizeBytes` large, whose owner knows what lies where. @throws KernelMemoryError */
export function createMemory(sizeBytes: number, { shared }: { readonly shared: boolean }): WebAssembly.Memory {
  const initial = Math.max(FIRST_PAGES, Math.ceil(sizeBytes / PAGE_SIZE));
  try {
    return new WebAssembly.Memory({ initial, maximum: MAX_PAGES, shared });
  } catch (cause) {
    throw new KernelMemoryError(sizeBytes, cause);
  }
}

/** Makes a memory at least `sizeBytes` large; views of it are then to be made anew. @throws KernelMemoryError */
export function growMemory(memory: WebAssembly.Memory, sizeBytes: number): void {
  const missing = sizeBytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / PAGE_SIZE));
  } catch (cause) {
    throw new KernelMemoryError(sizeBytes, cause);
  }
}

/** Bytes at the start of every memory that the kernels' constants may take. */
export const KERNEL_CONSTANTS_SIZE = 32 * 1024;

/** Bytes that a kernel on shared memory needs of its own for these codes. */
export function kernelAreaSize(...codes: readonly LineCode[]): number {
  return OWN_SIZE + largest(codes, workSize) + largest(codes, planSize);
}

export class CodeKernel {
  readonly #place: SharedPlace | undefined;
  #instance: Instance | undefined;
  #work = 0;
  #workSize = 0;
  #plan = 0;
  #leafTable = 0;

  /**
   * @param place - a part of a memory to work in: the caller then knows what lies where, and {@link layout} is not called
   * @param codes - then the codes that {@link kernelAreaSize} was asked about
   */
  constructor(place?: SharedPlace, ...codes: readonly LineCode[]) {
    this.#place = place;
    if (place === undefined) return;
    this.#work = place.area + OWN_SIZE;
    this.#workSize = largest(codes, workSize);
    this.#plan = this.#work + this.#workSize;
    const { wasm } = this.#live();
    if (wasm.ownSize() > OWN_SIZE) throw new RangeError('OWN_SIZE is too small');
    wasm.useOwn(place.area);
  }

  /** Bytes of WebAssembly memory held now. */
  get memorySize(): number {
    return this.#instance?.bytes.length ?? 0;
  }

  /** The whole memory; valid until the next {@link layout} or {@link trim}. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#live().bytes;
  }

  /**
   * Lays out areas of the given sizes and, for the codes given, room to work in. All earlier areas become invalid.
   *
   * @returns the address of each area, 64-byte aligned
   * @throws KernelMemoryError when the memory cannot grow that far
   */
  layout(sizes: readonly number[], ...codes: readonly LineCode[]): number[] {
    if (this.#place !== undefined) throw new RangeError('shared memory is laid out by whoever shares it');
    const instance = this.#live();
    let next = KERNEL_CONSTANTS_SIZE + (this.#leafTable === 0 ? 0 : LEAF_TABLE_SIZE) + AREA_GAP;
    const take = (size: number): number => {
      const address = next;
      next = align(address + size + AREA_GAP);
      return address;
    };
    this.#workSize = Math.max(0, ...codes.map(workSize));
    this.#work = take(this.#workSize);
    this.#plan = take(Math.max(0, ...codes.map(planSize)));
    const addresses = sizes.map(take);
    growTo(instance, next);
    return addresses;
  }

  /** Lets go of the instance if it has grown beyond what is worth keeping. */
  trim(): void {
    if (this.memorySize > KEPT_MEMORY_SIZE) this.release();
  }

  /** Lets go of the instance; the next call makes a new one. */
  release(): void {
    this.#instance = undefined;
    this.#leafTable = 0;
  }

  /**
   * Makes, once, a table of the leaf hashes of all symbols of two bytes, which {@link hashLeaves} then looks up: worth it
   * when far more than 65,536 are to be hashed. On shared memory the table is made by one thread and used by all.
   *
   * All areas become invalid, as by {@link layout}.
   */
  keepLeafTable(): void {
    if (this.#leafTable !== 0) return;
    const instance = this.#live();
    growTo(instance, KERNEL_CONSTANTS_SIZE + LEAF_TABLE_SIZE);
    this.makeLeafTable(KERNEL_CONSTANTS_SIZE);
    this.useLeafTable(KERNEL_CONSTANTS_SIZE);
  }

  /** Writes the table, {@link LEAF_TABLE_SIZE} bytes, to an address. */
  makeLeafTable(address: number): void {
    this.#live().wasm.makeLeafTable(address);
  }

  /** Uses the table at an address; 0 for none. */
  useLeafTable(address: number): void {
    this.#leafTable = address;
    this.#live().wasm.useLeafTable(address);
  }

  /**
   * Recovery symbols of codewords.
   *
   * @param nonZero - source lanes from here on are zero and are not read
   * @param source - lanes 0..sourceCount-1
   * @param target - lanes 0..recoveryCount-1
   */
  encode(code: LineCode, shape: SymbolShape, nonZero: number, source: SymbolArray, target: SymbolArray): void {
    const { wasm } = this.#live();
    this.#arrange(wasm, shape, source, target);
    const lanes = wasm.encodeLanes(code.sourceCount, code.recoveryCount);
    wasm.encode(code.sourceCount, code.recoveryCount, nonZero, this.#work, this.#width(lanes));
  }

  /**
   * Missing source symbols of codewords.
   *
   * @param source - one lane for each received symbol, in the order given to the plan
   * @param target - one lane for each of `plan.missing`
   */
  decode(plan: DecodePlan, shape: SymbolShape, source: SymbolArray, target: SymbolArray): void {
    if (plan.missing.length === 0) return;
    const { wasm, bytes } = this.#live();
    new Uint32Array(bytes.buffer, this.#plan, plan.pairs.length).set(plan.pairs);
    this.#arrange(wasm, shape, source, target);
    wasm.decode(
      this.#plan,
      plan.receivedCount,
      plan.missing.length,
      plan.size,
      plan.limit,
      plan.start,
      plan.end,
      this.#work,
      this.#width(plan.size),
    );
  }

  /** Merkle leaf hashes of `lanes` x `slots` symbols to `out`, 32 bytes each, in the order lane, slot. */
  hashLeaves(shape: SymbolShape, lanes: number, symbols: SymbolArray, out: number): void {
    const { address, laneStep, slotStep } = symbols;
    this.#live().wasm.hashLeaves(address, laneStep, slotStep, shape.symbolSize, lanes, shape.slots, out);
  }

  /**
   * One level up in `rows` Merkle trees whose nodes lie row by row, `length` in each: ceil(length / 2) in each to `out`,
   * which may be `nodes`. A node without a sibling is paired with the empty one, also when it is alone.
   */
  reduceRows(nodes: number, rows: number, length: number, out: number): void {
    this.#live().wasm.reduceRows(nodes, rows, length, out);
  }

  /**
   * Roots of `slots` Merkle trees whose nodes lie at (index, slot), `length` indices, in place: `slots` roots.
   *
   * @param same - a run of nodes that are the same in all trees, which are neither read nor all hashed
   */
  reduceColumns(nodes: number, length: number, slots: number, same: SameNodes = NONE_SAME): void {
    this.#live().wasm.reduceColumns(nodes, length, slots, same.from, same.to, same.address);
  }

  /** Copies `lanes` x `slots` symbols to another arrangement. */
  copySymbols(shape: SymbolShape, lanes: number, from: SymbolArray, to: SymbolArray): void {
    this.#live().wasm.copySymbols(
      from.address,
      from.laneStep,
      from.slotStep,
      to.address,
      to.laneStep,
      to.slotStep,
      shape.symbolSize,
      lanes,
      shape.slots,
    );
  }

  #arrange(wasm: CodeExports, shape: SymbolShape, source: SymbolArray, target: SymbolArray): void {
    wasm.setSource(source.address, source.laneStep, source.slotStep, shape.symbolSize, shape.slots);
    wasm.setTarget(target.address, target.laneStep, target.slotStep);
  }

  /** Widest strip for which `lanes` fit the work area. */
  #width(lanes: number): number {
    const width = stripSize(lanes);
    if ((width + LANE_GAP) * lanes > this.#workSize)
      throw new RangeError(`layout() was not told of a code of ${lanes} lanes`);
    return width;
  }

  #live(): Instance {
    this.#instance ??= makeInstance(this.#place?.memory);
    return this.#instance;
  }
}

/** Nodes `from` to `to` - 1 of a level are equal; at `address` is, for each level from there up, what such nodes make. */
export interface SameNodes {
  readonly from: number;
  readonly to: number;
  readonly address: number;
}

const NONE_SAME: SameNodes = { from: 0, to: 0, address: 0 };

/** Bytes of the leaf hashes of all symbols of two bytes. */
export const LEAF_TABLE_SIZE = 65_536 * 32;

function makeInstance(shared: WebAssembly.Memory | undefined): Instance {
  const memory = shared ?? new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MAX_PAGES });
  const wasm = instantiateOn<CodeExports>(
    suited({ plain: codeWasm, relaxed: codeRelaxedWasm, triples: codeTriplesWasm }),
    memory,
  );
  if (wasm.heapBase() > KERNEL_CONSTANTS_SIZE) throw new RangeError('KERNEL_CONSTANTS_SIZE is too small');
  // Views of shared memory are typed as if it were not: they are used alike, but for what only the owner may transfer.
  const bytes = new Uint8Array(memory.buffer as ArrayBuffer);
  const { products, lift } = subfieldTables();
  bytes.set(products, wasm.products());
  bytes.set(lift, wasm.lift());
  wasm.finishTables();
  return { wasm, memory, bytes };
}

function growTo(instance: Instance, sizeBytes: number): void {
  if (sizeBytes <= instance.bytes.length) return;
  growMemory(instance.memory, sizeBytes);
  instance.bytes = new Uint8Array(instance.memory.buffer as ArrayBuffer);
}

/** What the most demanding of the codes needs, and a gap. */
function largest(codes: readonly LineCode[], sizeOf: (code: LineCode) => number): number {
  return align(Math.max(0, ...codes.map(sizeOf)) + AREA_GAP);
}

function align(address: number): number {
  return Math.ceil(address / AREA_GAP) * AREA_GAP;
}

/** Bytes of one lane's strip: all lanes together stay in the second-level cache, and no strip is too short to be worth it. */
function stripSize(lanes: number): number {
  const fitting = Math.floor(WORK_SIZE / lanes / 64) * 64;
  return Math.min(MAX_STRIP_SIZE, Math.max(MIN_STRIP_SIZE, fitting));
}

/** Room for encoding and decoding with a code. */
function workSize(code: LineCode): number {
  const { sourceCount, recoveryCount } = code;
  const size = powerOfTwoFrom(isHighRate(code) ? recoveryCount : sourceCount);
  const points = isHighRate(code) ? size + sourceCount : size + recoveryCount;
  const [encoding, decoding] = [2 * size, powerOfTwoFrom(points)];
  return Math.max(encoding * (stripSize(encoding) + LANE_GAP), decoding * (stripSize(decoding) + LANE_GAP));
}

/** Bytes of the largest decoding plan of a code: a pair of u32 for each received and each missing symbol. */
function planSize({ sourceCount, recoveryCount }: LineCode): number {
  return 8 * (sourceCount + Math.min(sourceCount, recoveryCount));
}

let subfield: { products: Uint8Array; lift: Uint8Array } | undefined;

/**
 * Products of each element of the subfield GF(2^8) (coordinates below 256) with 16 low and 16 high nibbles; and for each
 * high byte h the low byte that h * u adds, u being element 0x100, which the tower form takes out.
 */
function subfieldTables(): { products: Uint8Array; lift: Uint8Array } {
  if (subfield !== undefined) return subfield;
  fieldTables();
  const products = new Uint8Array(256 * 32);
  const lift = new Uint8Array(256);
  for (let element = 0; element < 256; element += 1) {
    lift[element] = (element << 8) ^ multiply(element, 0x100);
    for (let nibble = 0; nibble < 16; nibble += 1) {
      products[element * 32 + nibble] = multiply(element, nibble);
      products[element * 32 + 16 + nibble] = multiply(element, nibble << 4);
    }
  }
  subfield = { products, lift };
  return subfield;
}
