/**
 * Encodes a blob that is larger than memory should be: reads the source twice, puts half a blob of repair columns aside,
 * and hands slivers out as strips of columns are finished (Walrus encoding rules: message matrix, expansion, sliver
 * hashes).
 *
 * Memory is that of a few slots and one node for each row and block of columns, whatever the size. Without a place to put
 * repair columns aside, as many as memory holds are made at a time, each time from the whole source.
 */
import { mapConcurrent } from '@floe/platform';
import { HASH_SIZE_BYTES, PAIR_HASHES_SIZE_BYTES, type SliverIndex } from '@floe/protocol';
import { primaryHashAt, secondaryHashAt, setPaddingHashes } from '../column-block.ts';
import type { JobRunner } from '../jobs.ts';
import { STREAM_CALLS_AT_ONCE, TREE_TASK_ROWS } from '../limits.ts';
import { paddingHashes } from '../padding.ts';
import { allocate } from '../steps.ts';
import { checkSource, readSource, writeSink } from './guards.ts';
import { type StreamPlan, type Strip, stripsOf } from './encode-plan.ts';
import type { StreamTask } from './encode-tasks.ts';
import { inOrder } from './pipeline.ts';
import type { BlobSource, SliverRun, SliverSink } from './ports.ts';
import type { RepairColumns } from './repair-columns.ts';
import { cut, numbers, type Run } from './runs.ts';
import { slotAddress } from './slot.ts';
import { TaskRunner } from './task-runner.ts';

/** What a streamed encode works with. */
export interface StreamModules {
  readonly runner: JobRunner;
  readonly plan: StreamPlan;
  readonly memory: WebAssembly.Memory;
  readonly slots: number;
  readonly source: BlobSource;
  /** Missing when only hashes are wanted. */
  readonly sink: SliverSink | undefined;
  readonly signal: AbortSignal | undefined;
  /** Shares of the work, which add up to 1. */
  readonly onDone: (share: number) => void;
}

/** Columns whose repair part is made and used at a time: blocks [firstBlock, endBlock). */
export interface ColumnGroup {
  readonly firstBlock: number;
  readonly endBlock: number;
  /** Missing when none of the columns is a repair column. */
  readonly repair: RepairColumns | undefined;
}

/** Of the work: extending all rows, all columns, and their trees. */
const ROW_SHARE = 0.15;
const COLUMN_SHARE = 0.8;
const TREE_SHARE = 0.05;

export class StreamEncoder {
  readonly #modules: StreamModules;
  readonly #bytes: Uint8Array;
  readonly #rowNodes: Uint8Array<ArrayBuffer>;
  readonly #pairHashes: Uint8Array<ArrayBuffer>;
  readonly #tasks: TaskRunner;

  constructor(modules: StreamModules) {
    const { layout } = modules.plan;
    const { nShards } = layout.geometry;
    this.#modules = modules;
    this.#tasks = new TaskRunner(modules.runner);
    this.#bytes = new Uint8Array(modules.memory.buffer);
    this.#rowNodes = allocate(layout.blocks * nShards * HASH_SIZE_BYTES, 'row tree nodes');
    this.#pairHashes = allocate(nShards * PAIR_HASHES_SIZE_BYTES, 'sliver hashes');
  }

  /** The slivers to the sink; the hashes of all pairs. `groups` cover all columns, in order. */
  async run(groups: readonly ColumnGroup[]): Promise<Uint8Array<ArrayBuffer>> {
    const { source, signal, plan } = this.#modules;
    const passes = groups.filter(({ repair }) => repair !== undefined).length;
    for (const group of groups) {
      if (group.repair !== undefined) await this.#extendRows(group.repair, ROW_SHARE / passes);
      await checkSource(source, signal); // before slivers go out that the next check would make worthless
      await this.#extendColumns(group);
      await checkSource(source, signal);
    }
    const { nShards, rows } = plan.layout.geometry;
    setPaddingHashes(plan.layout, paddingHashes(nShards, plan.layout.symbolSize).root, this.#pairHashes);
    await this.#finishTrees(0, plan.layout.usedRows);
    await this.#finishTrees(rows, nShards);
    return this.#pairHashes;
  }

  async #extendRows(repair: RepairColumns, share: number): Promise<void> {
    const { plan, slots, signal, onDone } = this.#modules;
    const { rowSize, usedRows, rowCode, symbolSize } = plan.layout;
    const runs = cut(0, usedRows, plan.shape.rowsPerTask);
    const extend = async ({ first, count }: Run, slot: number, own: AbortSignal) => {
      const { source } = plan.rowsPlace(slotAddress(plan.slotSize, slot));
      const load = () => this.#load(first * rowSize, source, count * rowSize, own);
      await this.#compute({ type: 'rows', rows: count }, slot, load, own);
    };
    for await (const { item, slot } of inOrder(runs, slots, extend, signal)) {
      const { target } = plan.rowsPlace(slotAddress(plan.slotSize, slot));
      const size = item.count * rowCode.recoveryCount * symbolSize;
      await repair.put(item.first, this.#bytes.subarray(target, target + size));
      onDone((share * item.count) / usedRows);
    }
  }

  async #extendColumns({ firstBlock, endBlock, repair }: ColumnGroup): Promise<void> {
    const { plan, slots, signal, onDone, sink } = this.#modules;
    const { layout, shape } = plan;
    const strips = stripsOf(layout, shape.blocksPerStrip, firstBlock, endBlock);
    const extend = async (strip: Strip, slot: number, own: AbortSignal) => {
      const load = () => this.#loadStrip(strip, slot, repair, own);
      await this.#compute({ type: 'strip', strip }, slot, load, own);
    };
    for await (const { item: strip, slot } of inOrder(strips, slots, extend, signal)) {
      this.#keepHashes(strip, slot);
      if (sink !== undefined) {
        const runs = this.#finishedRuns(strip, slot, sink);
        await mapConcurrent(runs, STREAM_CALLS_AT_ONCE, (run) => writeSink(sink, run, signal));
      }
      onDone((COLUMN_SHARE * strip.blocks) / layout.blocks);
    }
  }

  async #compute(task: StreamTask, slot: number, load: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { plan, memory } = this.#modules;
    const address = slotAddress(plan.slotSize, slot);
    await this.#tasks.run({ kind: 'stream', shape: plan.shape, memory, slot: address, task }, load, signal);
  }

  /** Bytes of the matrix from the source; those after the blob's end are zero. */
  async #load(offset: number, address: number, size: number, signal: AbortSignal): Promise<void> {
    const { source } = this.#modules;
    const present = Math.max(0, Math.min(size, source.sizeBytes - offset));
    const to = this.#bytes.subarray(address, address + present);
    if (present > 0) await readSource(source, offset, to, signal);
    this.#bytes.fill(0, address + present, address + size);
  }

  async #loadStrip(strip: Strip, slot: number, repair: RepairColumns | undefined, signal: AbortSignal): Promise<void> {
    const { plan } = this.#modules;
    const { rowSize, symbolSize, usedRows, geometry } = plan.layout;
    const { matrix, rowStep } = plan.stripPlace(slotAddress(plan.slotSize, slot), strip);
    const ownSize = strip.systematic * symbolSize;
    await mapConcurrent(numbers(0, usedRows), STREAM_CALLS_AT_ONCE, async (row) => {
      signal.throwIfAborted();
      const at = matrix + row * rowStep;
      if (ownSize > 0) await this.#load(row * rowSize + strip.first * symbolSize, at, ownSize, signal);
      if (ownSize < rowStep) {
        const column = strip.first + strip.systematic - geometry.columns;
        await repair?.get(row, column, this.#bytes.subarray(at + ownSize, at + rowStep));
      }
    });
  }

  #keepHashes(strip: Strip, slot: number): void {
    const { plan } = this.#modules;
    const { layout } = plan;
    const { rowNodes, roots } = plan.stripPlace(slotAddress(plan.slotSize, slot), strip);
    const size = layout.geometry.nShards * HASH_SIZE_BYTES;
    const nodes = this.#bytes.subarray(rowNodes, rowNodes + strip.blocks * size);
    this.#rowNodes.set(nodes, strip.firstBlock * size);
    for (let i = 0; i < strip.columns; i += 1) {
      const root = this.#bytes.subarray(roots + i * HASH_SIZE_BYTES, roots + (i + 1) * HASH_SIZE_BYTES);
      this.#pairHashes.set(root, secondaryHashAt(layout, strip.first + i));
    }
  }

  /** Whole secondary slivers, and runs of repair primary ones. */
  #finishedRuns(strip: Strip, slot: number, sink: SliverSink): SliverRun[] {
    const { plan } = this.#modules;
    const { symbolSize, columnSize, geometry, columnCode } = plan.layout;
    const place = plan.stripPlace(slotAddress(plan.slotSize, slot), strip);
    const runs: SliverRun[] = [];
    const add = (axis: 'primary' | 'secondary', index: number, offset: number, at: number, size: number) => {
      if (sink.wants?.(axis, index as SliverIndex) === false) return;
      runs.push({ axis, index: index as SliverIndex, offset, data: this.#bytes.subarray(at, at + size) });
    };
    for (let i = 0; place.gathers && i < strip.columns; i += 1) {
      add('secondary', strip.first + i, 0, place.columns + i * columnSize, columnSize);
    }
    for (let j = 0; place.keepsRepairRows && j < columnCode.recoveryCount; j += 1) {
      const [offset, at] = [strip.first * symbolSize, place.repair + j * place.repairStep];
      add('primary', geometry.rows + j, offset, at, strip.systematic * symbolSize);
    }
    return runs;
  }

  /** Roots of rows [from, to). */
  async #finishTrees(from: number, to: number): Promise<void> {
    const { plan, slots, signal, onDone } = this.#modules;
    const { blocks, geometry } = plan.layout;
    const size = geometry.nShards * HASH_SIZE_BYTES;
    const finish = async ({ first, count }: Run, slot: number, own: AbortSignal) => {
      const { nodes } = plan.treesPlace(slotAddress(plan.slotSize, slot));
      const runSize = count * HASH_SIZE_BYTES;
      const load = async () => {
        for (let block = 0; block < blocks; block += 1) {
          const at = block * size + first * HASH_SIZE_BYTES;
          this.#bytes.set(this.#rowNodes.subarray(at, at + runSize), nodes + block * runSize);
        }
      };
      await this.#compute({ type: 'trees', rows: count }, slot, load, own);
    };
    for await (const { item, slot } of inOrder(cut(from, to, TREE_TASK_ROWS), slots, finish, signal)) {
      const { nodes } = plan.treesPlace(slotAddress(plan.slotSize, slot));
      for (let i = 0; i < item.count; i += 1) {
        const at = nodes + i * HASH_SIZE_BYTES;
        this.#pairHashes.set(this.#bytes.subarray(at, at + HASH_SIZE_BYTES), primaryHashAt(item.first + i));
      }
      onDone((TREE_SHARE * item.count) / geometry.nShards);
    }
  }
}
