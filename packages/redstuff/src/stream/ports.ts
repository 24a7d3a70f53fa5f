/**
 * What the streaming codec reads from and writes to: places that hold more bytes than memory should.
 *
 * Arrays that are handed over belong to the callee only until its promise settles; they may be views of memory that
 * threads share. A failure that is not a `FloeError` is wrapped (SOURCE_FAILED, SINK_FAILED, SCRATCH_FAILED).
 */
import type { Axis, SliverIndex } from '@floe/protocol';

export interface StreamOptions {
  readonly signal?: AbortSignal;
}

/** Bytes of known length that can be read again and anywhere; several reads may be under way. */
export interface BlobSource {
  readonly sizeBytes: number;
  /** Exactly `into.length` bytes from `offset`. @throws SOURCE_CHANGED when there are fewer */
  read(offset: number, into: Uint8Array, options?: StreamOptions): Promise<void>;
  /** Rejects with SOURCE_CHANGED if the bytes may no longer be those that were there when the source was made. */
  check?(options?: StreamOptions): Promise<void>;
}

/** Consecutive bytes of one sliver. */
export interface SliverRun {
  readonly axis: Axis;
  readonly index: SliverIndex;
  /** Of the run within the sliver. */
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Takes slivers as they are finished. */
export interface SliverSink {
  /**
   * Runs of one sliver come in order, each after the one before was taken; writes of other slivers may be under way
   * meanwhile. The encoder waits, so a slow sink slows it down.
   */
  write(run: SliverRun, options?: StreamOptions): Promise<void>;
  /**
   * Whether a sliver should come at all; without it, all but the systematic primary ones, which are slices of the source
   * and never come.
   */
  wants?(axis: Axis, index: SliverIndex): boolean;
}

/** Bytes put aside; what was not written reads as zeros. */
export interface Scratch {
  /** @throws SCRATCH_FULL */
  write(offset: number, data: Uint8Array): Promise<void>;
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Gives the space back. May be called twice. */
  close(): Promise<void>;
}

/** Where scratches are made. */
export interface ScratchSpace {
  /** @throws SCRATCH_FULL when there is no room for so many bytes */
  open(sizeBytes: number, options?: StreamOptions): Promise<Scratch>;
  /** Closes all that are open. May be called twice. */
  close(): Promise<void>;
}

/** A verified sliver that lies somewhere; reads of several may be under way. */
export interface StoredSliver {
  readonly axis: Axis;
  readonly index: SliverIndex;
  /** Exactly `into.length` bytes from `offset`. */
  read(offset: number, into: Uint8Array): Promise<void>;
}
