/** Red Stuff on Node.js: worker threads, sources and scratches in files. */
export { openFileSource, openScratchSpace, scratchOnDemand } from './scratch.ts';
export { createWorkerCodec, type WorkerCodecOptions, yieldToEventLoop } from './worker-codec.ts';
