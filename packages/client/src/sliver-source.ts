/**
 * Where an upload takes a blob's slivers from: the memory that they were encoded into, or a file and scratch space.
 *
 * Invariant: a sliver can be had as often as it is asked for (retries, other committees), until `release`.
 */
import {
  type Axis,
  type Sliver,
  sliverDataEnds,
  sliverDataSize,
  type SliverIndex,
  sliverSize,
  type VerifiedMetadata,
} from '@floe/protocol';
import type { EncodedBlob } from '@floe/redstuff';

export interface SliverName {
  readonly axis: Axis;
  readonly index: SliverIndex;
}

export interface SliverSource {
  readonly verified: VerifiedMetadata;
  /** The bytes of its symbols in order. A part is the reader's until it asks for the next. */
  parts(name: SliverName, signal: AbortSignal): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Lets go of what the slivers are in. Called again it does nothing. */
  release(): Promise<void>;
}

/** The slivers of a blob that was encoded into memory, as views. */
export function sliversInMemory(encoded: EncodedBlob): SliverSource {
  return {
    verified: encoded.verified,
    parts: ({ axis, index }) => [encoded.sliver(axis, index).data],
    release: async () => encoded.release(),
  };
}

/** Bytes of a sliver's symbols. */
export function sizeOfSliver({ geometry, symbolSize }: VerifiedMetadata, { axis }: Pick<Sliver, 'axis'>): number {
  return sliverSize(geometry, axis, symbolSize);
}

/** Bytes of a sliver's BCS `SliverData`. */
export function sliverDataSizeOf(verified: VerifiedMetadata, name: Pick<Sliver, 'axis'>): number {
  return sliverDataSize(sizeOfSliver(verified, name));
}

/** A sliver's BCS `SliverData`, in parts as the source gives them. */
export async function* sliverDataParts(
  source: SliverSource,
  name: SliverName,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { symbolSize } = source.verified;
  const { head, tail } = sliverDataEnds({ symbolSize, index: name.index }, sizeOfSliver(source.verified, name));
  yield head;
  yield* source.parts(name, signal);
  yield tail;
}

/** The same slivers; a failure to read one aborts the scope with it. */
export function sliversOrAbort(source: SliverSource, scope: { abort(reason: unknown): void }): SliverSource {
  return {
    verified: source.verified,
    async *parts(name, signal) {
      try {
        yield* source.parts(name, signal);
      } catch (error) {
        scope.abort(error);
        throw error;
      }
    },
    release: () => source.release(),
  };
}
