/** Red Stuff in browsers: web workers. */
export { createWebCodec, type WebCodecOptions, yieldToEventLoop } from './web-codec.ts';
