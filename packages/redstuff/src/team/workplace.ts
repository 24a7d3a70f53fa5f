/**
 * Memory of a caller's for slivers that encoding can work in: it is laid out as memory that threads share is, so slivers
 * are made where they are wanted, and no pass over them is left.
 */
import { createMemory } from '@floe/kernels';
import type { Geometry } from '@floe/protocol';
import type { EncodedParts } from '../encode.ts';
import { SLIVER_MEMORY_MEMBERS } from '../limits.ts';
import type { SliverMemory } from '../sliver-memory.ts';
import type { Steps } from '../steps.ts';
import { type ArenaLayout, arenaLayout, fitsArena } from './arena.ts';
import { clearRows, copyIn, partsIn, prepare, sliversIn, takePairHashes } from './hand-over.ts';
import { shareSteps } from './share.ts';

export interface Workplace {
  readonly memory: WebAssembly.Memory;
  readonly isShared: boolean;
  /** Members for which it has room. */
  readonly members: number;
}

const workplaces = new WeakMap<SliverMemory, Workplace>();

/** Memory for all slivers of a blob of that size that can be worked in; undefined when it would be too large for that. */
export function createWorkplace(geometry: Geometry, blobSize: number, isShared: boolean): SliverMemory | undefined {
  const members = isShared ? SLIVER_MEMORY_MEMBERS : 1;
  const layouts = Array.from({ length: members }, (_, i) => layoutFor(geometry, blobSize, i + 1));
  if (!layouts.every(fitsArena)) return undefined;
  const memory = createMemory(Math.max(...layouts.map(({ sizeBytes }) => sizeBytes)), { shared: isShared });
  const slivers = sliversIn(layouts[0] as ArenaLayout, memory, geometry);
  workplaces.set(slivers, { memory, isShared, members });
  return slivers;
}

/** Where to encode into the memory of a caller's, if it was made for that. */
export function workplaceOf(slivers: SliverMemory | undefined): Workplace | undefined {
  return slivers === undefined ? undefined : workplaces.get(slivers);
}

/** An encode into such memory in one thread. */
export function* encodeInPlaceSteps(geometry: Geometry, blob: Uint8Array, { memory }: Workplace): Steps<EncodedParts> {
  const shape = { nShards: geometry.nShards, blobSize: blob.length, wantSlivers: true, members: 1 };
  const layout = layoutFor(geometry, blob.length, 1);
  prepare(layout, memory);
  clearRows(layout, memory);
  yield* copyIn(layout, memory, blob);
  yield* shareSteps({ kind: 'share', shape, memory, member: 0 }, { mayBlock: false });
  return { pairHashes: takePairHashes(layout, memory), ...partsIn(layout, memory) };
}

function layoutFor({ nShards }: Geometry, blobSize: number, members: number): ArenaLayout {
  return arenaLayout({ nShards, blobSize, wantSlivers: true, members });
}
