/** The codec in the calling thread. */
import type { Codec } from './codec.ts';
import { type InlineModules, InlineRunner } from './inline-runner.ts';
import { createJobCodec } from './job-codec.ts';

/**
 * A codec that computes in the calling thread, in steps of a few milliseconds.
 *
 * @example
 * const codec = createInlineCodec();
 * const { verified } = await codec.encode(geometryOf(10), blob);
 * console.log(verified.blobId);
 */
export function createInlineCodec(modules: InlineModules = {}): Codec {
  return createJobCodec(new InlineRunner(modules));
}
