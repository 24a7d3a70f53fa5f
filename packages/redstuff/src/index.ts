/** Red Stuff: blobs to slivers and back, recovery, inconsistency proofs, quilts. Pure; runs in browsers. */
export type {
  Codec,
  CodecOptions,
  DecodeOptions,
  DecodeStreamOptions,
  EncodedBlob,
  EncodeOptions,
  EncodeStreamOptions,
  MetadataStreamOptions,
  StreamCodecOptions,
} from './codec.ts';
export { errors as redstuffErrors } from './errors.ts';
export { createInlineCodec } from './inline-codec.ts';
export type { InlineModules } from './inline-runner.ts';
export * from './limits.ts';
export { checkIdentifier } from './quilt/identifier.ts';
export { quiltSymbolSize } from './quilt/layout.ts';
export { type QuiltPatchId, parseQuiltPatchId, quiltPatchId } from './quilt/patch-id.ts';
export { type EncodedQuilt, type Quilt, encodeQuilt, openQuilt, quiltSizeBytes } from './quilt/quilt.ts';
export {
  type QuiltIndex,
  type QuiltPatch,
  type QuiltTags,
  parseQuiltIndex,
  quiltIndexColumns,
} from './quilt/quilt-index.ts';
export {
  type QuiltPatchContents,
  type QuiltPatchInput,
  parseQuiltPatch,
  quiltPatchSizeBytes,
} from './quilt/quilt-patch.ts';
export { createSliverMemory, type SliverMemory } from './sliver-memory.ts';
export {
  checkInconsistencyProof,
  decodingSymbolFor,
  makeInconsistencyProof,
  verifyRecoverySymbol,
} from './recovery-symbols.ts';
export { type FileScratchModules, openFileScratchSpace, type ProcessTable } from './stream/file-scratch.ts';
export { type OpenSource, openFileSourceOn } from './stream/file-source.ts';
export { createMemoryScratchSpace } from './stream/memory-scratch.ts';
export type {
  BlobSource,
  Scratch,
  ScratchSpace,
  SliverRun,
  SliverSink,
  StoredSliver,
  StreamOptions,
} from './stream/ports.ts';
export { spool, type SpoolOptions } from './stream/spool.ts';
