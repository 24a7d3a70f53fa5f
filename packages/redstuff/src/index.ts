/** Red Stuff: blobs to slivers and back, recovery, inconsistency proofs, quilts. Pure; runs in browsers. */
export type { Codec, CodecOptions, EncodedBlob } from './codec.ts';
export { errors as redstuffErrors } from './errors.ts';
export { createInlineCodec } from './inline-codec.ts';
export type { InlineModules } from './inline-runner.ts';
