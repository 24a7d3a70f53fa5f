/** Red Stuff on Node.js: worker threads. */
export { createWorkerCodec, type WorkerCodecOptions, yieldToEventLoop } from './worker-codec.ts';
