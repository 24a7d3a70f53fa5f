/**
 * A blob from slivers that lie somewhere, row by row and in bounded memory (Walrus encoding rules: decode paths).
 *
 * Rows that are there are handed out as they come, before the last sliver has. Once there are enough slivers of one axis,
 * what is missing is decoded: from primary slivers runs of all missing rows at a time, which wait in a scratch until their
 * turn unless they fit memory; from secondary slivers whole rows at a time. Each decoded row is compared with the
 * metadata before it is handed out, so that whatever comes is what every reader sees; a row that came is verified already.
 */
import { type DecodePlan, planDecode } from '@floe/kernels';
import { equalBytes, type FloeError, mapConcurrent } from '@floe/platform';
import { type Axis, HASH_SIZE_BYTES, orthogonal, type SliverIndex, sliverHash, sourceSymbols } from '@floe/protocol';
import type { VerifiedMetadata } from '@floe/protocol';
import { errors } from '../errors.ts';
import type { JobRunner } from '../jobs.ts';
import { lineCode } from '../line-code.ts';
import { STREAM_CALLS_AT_ONCE, STREAM_CHUNK_SIZE_BYTES } from '../limits.ts';
import { paddingHashes } from '../padding.ts';
import { allocate } from '../steps.ts';
import { guardedScratch, readSliver } from './guards.ts';
import { inOrder } from './pipeline.ts';
import type { ScratchSpace, StoredSliver } from './ports.ts';
import { restorePlace, type RestoreShape, type RestoreTask } from './restore-tasks.ts';
import { cut, numbers, type Run } from './runs.ts';
import { largest, slotAddress } from './slot.ts';
import type { StreamMemory } from './stream-memory.ts';
import { TaskRunner } from './task-runner.ts';

export interface DecodeModules {
  readonly runner: JobRunner;
  readonly memory: StreamMemory;
  readonly scratch: ScratchSpace;
  readonly memorySizeBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Whether decoded rows are compared with the metadata. */
  readonly checks: boolean;
}

/** What decodes rows: slivers of one axis, ascending, and room for `slots` tasks. */
interface Restoring {
  readonly shape: RestoreShape;
  readonly slivers: readonly StoredSliver[];
  readonly slotSize: number;
  readonly slots: number;
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
}

export class StreamDecoder {
  readonly #verified: VerifiedMetadata;
  readonly #modules: DecodeModules;
  readonly #rowSize: number;
  readonly #usedRows: number;
  readonly #kept = { primary: new Map<number, StoredSliver>(), secondary: new Map<number, StoredSliver>() };
  readonly #tasks: TaskRunner;

  constructor(verified: VerifiedMetadata, modules: DecodeModules) {
    this.#verified = verified;
    this.#modules = modules;
    this.#tasks = new TaskRunner(modules.runner);
    this.#rowSize = verified.geometry.columns * verified.symbolSize;
    this.#usedRows = Math.ceil(verified.metadata.unencodedLength / this.#rowSize);
  }

  /** The blob's bytes in order. */
  async *run(
    slivers: Iterable<StoredSliver> | AsyncIterable<StoredSliver>,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { geometry } = this.#verified;
    if (this.#modules.checks) this.#checkPadding();
    let row = 0;
    if (this.#usedRows === 0) return;
    for await (const sliver of slivers) {
      this.#modules.signal?.throwIfAborted();
      const { axis, index } = sliver;
      if (!Number.isInteger(index) || index < 0 || index >= geometry.nShards) continue;
      this.#kept[axis].set(index, sliver);
      for (; this.#kept.primary.has(row); row += 1) {
        yield* this.#presentRow(row);
        if (row + 1 === this.#usedRows) return;
      }
      if (this.#kept[axis].size < sourceSymbols(geometry, axis)) continue;
      yield* axis === 'primary' ? this.#fromPrimary(row) : this.#fromSecondary(row);
      return;
    }
    throw errors.NOT_ENOUGH_SLIVERS({
      nShards: geometry.nShards,
      primary: this.#kept.primary.size,
      secondary: this.#kept.secondary.size,
      primaryNeeded: geometry.rows,
      secondaryNeeded: geometry.columns,
    });
  }

  /** Rows that the blob does not reach must be those of zeros. */
  #checkPadding(): void {
    const { geometry, symbolSize } = this.#verified;
    const { root } = paddingHashes(geometry.nShards, symbolSize);
    for (let row = this.#usedRows; row < geometry.rows; row += 1) this.#checkRow(row, root);
  }

  #checkRow(row: number, root: Uint8Array): void {
    if (equalBytes(root, sliverHash(this.#verified, 'primary', row as SliverIndex))) return;
    throw this.#inconsistent(`the hash of the metadata for row ${row}`, 'another when it is encoded again');
  }

  #inconsistent(expected: string, came: string): FloeError {
    return errors.INCONSISTENT_BLOB({ blobId: this.#verified.blobId, expected, came });
  }

  /** Bytes of a row that belong to the blob. */
  #sizeOf(row: number): number {
    return Math.min(this.#rowSize, this.#verified.metadata.unencodedLength - row * this.#rowSize);
  }

  /** A row that came, as it is. What a writer put behind the blob's end is not padding and does not pass as such. */
  async *#presentRow(row: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const size = this.#sizeOf(row);
    if (this.#modules.checks) {
      for await (const tail of this.#piecesOf(row, size, this.#rowSize)) {
        if (tail.some((byte) => byte !== 0)) throw this.#inconsistent('zeros behind its end', 'other bytes');
      }
    }
    yield* this.#piecesOf(row, 0, size);
  }

  async *#piecesOf(row: number, from: number, to: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const sliver = this.#kept.primary.get(row) as StoredSliver;
    for (let at = from; at < to; at += STREAM_CHUNK_SIZE_BYTES) {
      const piece = allocate(Math.min(STREAM_CHUNK_SIZE_BYTES, to - at), 'decoded blob');
      await readSliver(sliver, at, piece, this.#modules.signal);
      yield piece;
    }
  }

  /** Hands out a row that lies in a slot. */
  *#copied(bytes: Uint8Array, address: number, row: number): Generator<Uint8Array<ArrayBuffer>, void> {
    const end = address + this.#sizeOf(row);
    for (let at = address; at < end; at += STREAM_CHUNK_SIZE_BYTES) {
      const chunk = allocate(Math.min(STREAM_CHUNK_SIZE_BYTES, end - at), 'decoded blob');
      chunk.set(bytes.subarray(at, at + chunk.length));
      yield chunk;
    }
  }

  /** Rows from `firstRow` on: those that are missing are decoded together, then all handed out. */
  async *#fromPrimary(firstRow: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { scratch: space, signal, memorySizeBytes, memory } = this.#modules;
    const isMissing = (row: number) => row >= firstRow && row < this.#usedRows && !this.#kept.primary.has(row);
    const sizeOfMissing = numbers(firstRow, this.#usedRows).filter(isMissing).length * this.#rowSize;
    const isHeld = sizeOfMissing <= memorySizeBytes / 2;
    const held = isHeld ? allocate(sizeOfMissing, 'decoded rows') : undefined;
    const room = isHeld ? undefined : await space.open(sizeOfMissing, signal === undefined ? {} : { signal });
    try {
      const restoring = this.#prepare('primary', isMissing, memorySizeBytes - (held?.length ?? 0));
      const scratch = room === undefined ? undefined : guardedScratch(room, signal);
      const store = {
        async put(at: number, data: Uint8Array) {
          if (scratch === undefined) held?.set(data, at);
          else await scratch.write(at, data);
        },
        async get(at: number, into: Uint8Array) {
          if (held !== undefined) into.set(held.subarray(at, at + into.length));
          else await scratch?.read(at, into);
        },
      };
      await this.#decodeRuns(restoring, (at, data) => store.put(at, data));
      yield* this.#rowsInOrder(restoring, firstRow, (at, into) => store.get(at, into));
      memory.giveBack(restoring.memory);
    } finally {
      await room?.close();
    }
  }

  /** All missing rows, which stand one after another. */
  async #decodeRuns(restoring: Restoring, put: (at: number, data: Uint8Array) => Promise<void>): Promise<void> {
    const { shape, slots, bytes } = restoring;
    const { columns } = this.#verified.geometry;
    const { symbolSize, plan } = shape;
    const decode = async (run: Run, slot: number, own: AbortSignal) =>
      await this.#decode(restoring, { type: 'runs', symbols: run.count }, run, slot, own);
    const runs = cut(0, columns, shape.symbolsPerTask);
    for await (const { item, slot } of inOrder(runs, slots, decode, this.#modules.signal)) {
      const { target } = placeOf(restoring, slot);
      const runSize = item.count * symbolSize;
      await mapConcurrent(plan.missing.keys(), STREAM_CALLS_AT_ONCE, async (lane) => {
        const at = target + lane * runSize;
        await put(lane * this.#rowSize + item.first * symbolSize, bytes.subarray(at, at + runSize));
      });
    }
  }

  async *#rowsInOrder(
    restoring: Restoring,
    firstRow: number,
    get: (at: number, into: Uint8Array) => Promise<void>,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { shape, slots, bytes } = restoring;
    const lanes = new Map(shape.plan.missing.map((row, lane) => [row, lane]));
    const prepare = async (row: number, slot: number, own: AbortSignal) => {
      const lane = lanes.get(row);
      if (lane === undefined) return;
      const { rows } = placeOf(restoring, slot);
      const load = async () => {
        await get(lane * this.#rowSize, bytes.subarray(rows, rows + this.#rowSize));
        bytes.fill(0, rows + this.#sizeOf(row), rows + this.#rowSize);
      };
      if (this.#modules.checks) await this.#compute(restoring, { type: 'roots', rows: 1 }, slot, load, own);
      else await load();
    };
    const rows = numbers(firstRow, this.#usedRows);
    for await (const { item: row, slot } of inOrder(rows, slots, prepare, this.#modules.signal)) {
      if (!lanes.has(row)) {
        yield* this.#presentRow(row);
        continue;
      }
      const place = placeOf(restoring, slot);
      if (this.#modules.checks) this.#checkRow(row, bytes.subarray(place.roots, place.roots + HASH_SIZE_BYTES));
      yield* this.#copied(bytes, place.rows, row);
    }
  }

  /** Rows from `firstRow` on, some at a time. */
  async *#fromSecondary(firstRow: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { memorySizeBytes, signal, checks, memory } = this.#modules;
    const restoring = this.#prepare('secondary', () => true, memorySizeBytes);
    const { shape, slots, bytes } = restoring;
    const decode = async (run: Run, slot: number, own: AbortSignal) => {
      const task = { type: 'rows', firstRow: run.first, rows: run.count, wantsRoots: checks } as const;
      await this.#decode(restoring, task, run, slot, own);
    };
    const runs = cut(firstRow, this.#usedRows, shape.symbolsPerTask);
    for await (const { item, slot } of inOrder(runs, slots, decode, signal)) {
      const { rows, roots } = placeOf(restoring, slot);
      for (let i = 0; i < item.count; i += 1) {
        const root = bytes.subarray(roots + i * HASH_SIZE_BYTES, roots + (i + 1) * HASH_SIZE_BYTES);
        if (checks) this.#checkRow(item.first + i, root);
        yield* this.#copied(bytes, rows + i * this.#rowSize, item.first + i);
      }
    }
    memory.giveBack(restoring.memory);
  }

  #prepare(axis: Axis, isWanted: (index: number) => boolean, memorySize: number): Restoring {
    const { geometry, symbolSize, metadata } = this.#verified;
    const { runner } = this.#modules;
    const kept = [...this.#kept[axis].values()].toSorted((a, b) => a.index - b.index);
    const slivers = kept.slice(0, sourceSymbols(geometry, axis));
    const indices = slivers.map(({ index }) => index as number);
    const plan: DecodePlan = planDecode(lineCode(geometry, orthogonal(axis)), indices, isWanted);
    const { nShards } = geometry;
    const common = { nShards, unencodedLength: metadata.unencodedLength, symbolSize, axis, indices, plan };
    const shapeOf = (symbolsPerTask: number): RestoreShape => ({ ...common, symbolsPerTask });
    const sizeOf = (count: number) => restorePlace(shapeOf(count), 0).end;
    const wanted = runner.parallelism.threads + 1;
    const most = Math.ceil((axis === 'primary' ? geometry.columns : this.#usedRows) / wanted);
    const symbolsPerTask = largest(most, (count) => wanted * sizeOf(count) <= memorySize);
    const slotSize = sizeOf(symbolsPerTask);
    const slots = Math.max(1, Math.min(wanted, Math.floor(memorySize / slotSize)));
    const memory = this.#modules.memory.take(slotAddress(slotSize, slots));
    return { shape: shapeOf(symbolsPerTask), slivers, slotSize, slots, memory, bytes: new Uint8Array(memory.buffer) };
  }

  /** Runs a task on runs of all slivers. */
  async #decode(restoring: Restoring, task: RestoreTask, { first, count }: Run, slot: number, signal: AbortSignal) {
    const { shape, slivers, bytes } = restoring;
    const { source } = placeOf(restoring, slot);
    const runSize = count * shape.symbolSize;
    const load = async () => {
      await mapConcurrent(slivers.entries(), STREAM_CALLS_AT_ONCE, async ([lane, sliver]) => {
        const at = source + lane * runSize;
        await readSliver(sliver, first * shape.symbolSize, bytes.subarray(at, at + runSize), signal);
      });
    };
    await this.#compute(restoring, task, slot, load, signal);
  }

  async #compute(
    { shape, memory, slotSize }: Restoring,
    task: RestoreTask,
    slot: number,
    load: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const job = { kind: 'restore', shape, memory, slot: slotAddress(slotSize, slot), task } as const;
    await this.#tasks.run(job, load, signal);
  }
}

function placeOf({ shape, slotSize }: Restoring, slot: number): ReturnType<typeof restorePlace> {
  return restorePlace(shape, slotAddress(slotSize, slot));
}
